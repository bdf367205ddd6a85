"""policies/README.md's two written parts: the table of rules, and refusals as psql prints them.

In: the packs, a PostgreSQL with a gate in front of it. Out: Markdown. `python -m tests.policies.page` writes
both parts into the page anew; the tests beside compare.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proxy.backup.cluster import Cluster
from proxy.backup.programs import find_binaries
from proxy.policy.loading.trials import ToldRule, told_rules
from tests.clients.gate import serving, upstream_of
from tests.clients.programs import Program

POLICIES = Path(__file__).resolve().parents[2] / "policies"
PAGE = POLICIES / "README.md"

# The statements whose refusals the page shows; the last is sent in peak hours.
STATEMENTS = (
    "DROP TABLE users",
    "ALTER TABLE users DROP COLUMN name",
    "DELETE FROM users",
    "ALTER TABLE users ADD COLUMN email text",
    "SELECT purge_everything()",
    "DO $$ BEGIN EXECUTE 'DROP TABLE ' || current_user; END $$",
    "SET session_replication_role = replica",
    "COPY users TO PROGRAM 'sh'",
    "SELEC name FROM users",
)
IN_PEAK = ("CREATE INDEX ON users (name)",)
_PACKS = ("no-data-loss", "unscoped-writes", "guard-the-guards", "backups")
_SEED = "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL); INSERT INTO users VALUES (1, 'Ada')"

Ask = Callable[[str], str]


def rules_table() -> str:
    """Every rule of every pack: what it stops, why, and what to do instead."""
    lines = ["| rule | for example | why | instead |", "| --- | --- | --- | --- |"]
    for pack in sorted((POLICIES / "rules").glob("*.yaml")):
        lines.append(f"| **[{pack.name}](rules/{pack.name})** | | | |")
        lines += [_row(rule) for rule in told_rules(pack.read_text("utf-8"), pack.name)]
    return "\n".join(lines) + "\n"


def _row(rule: ToldRule) -> str:
    example = " ".join(rule.refuse[0].sql.split())
    cells = (f"`{rule.id}`", f"`{example}`", rule.why, re.sub(r"\{[\w.]+\}", "…", rule.fix))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


@contextmanager
def two_gates(cluster: Cluster, folder: Path, psql: Program) -> Iterator[tuple[Ask, Ask]]:
    """Ask psql through a gate out of peak hours, and through one in them."""
    cluster.execute("CREATE DATABASE shop")
    cluster.execute(_SEED, "shop")
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 1))
    packs = [f"{POLICIES}/rules/{pack}.yaml" for pack in _PACKS]
    head = "version: 1\nname: production\n"
    peak = f'time: {{timezone: UTC, windows: {{peak: {{from: "{start}", to: "{end}"}}}}}}\n'
    texts = {
        "quiet": f"{head}include: {packs}\n",
        "peak": f"{head}include: [{POLICIES}/rules/peak-hours.yaml]\n{peak}",
    }
    with ExitStack() as stack:
        asks: list[Ask] = []
        for name, text in texts.items():
            home = folder / name
            home.mkdir()
            (home / "policy.yaml").write_text(text)
            gate = stack.enter_context(serving(home, home / "policy.yaml", upstream_of(cluster)))
            asks.append(_asker(psql, gate.url("shop")))
        quiet, busy = asks
        yield quiet, busy


def _asker(psql: Program, url: str) -> Ask:
    return lambda sql: psql(url, "-c", sql).err


def refusals(quiet: Ask, busy: Ask) -> str:
    """The refusals as the page shows them; only the hour is put in."""
    told = [(sql, quiet(sql)) for sql in STATEMENTS] + [(sql, _usual(busy(sql))) for sql in IN_PEAK]
    blocks = [f"```console\n$ psql -c {_quoted(sql)}\n{text}```\n" for sql, text in told]
    return "\n".join(blocks)


def _usual(text: str) -> str:
    """The hours that a reader expects in place of those of the test."""
    text = re.sub(r"\(daily [\d:-]+ UTC\)", "(Mon-Fri 08:00-20:00 UTC)", text)
    moment = r"\w{3} \d+ \w{3} \d{4} \d\d:\d\d UTC"
    text = re.sub(f"At {moment}", "At Tue 24 Nov 2026 15:00 UTC", text)
    return re.sub(f"after {moment}", "after Tue 24 Nov 2026 20:00 UTC", text)


def _quoted(sql: str) -> str:
    return f"'{sql}'" if "'" not in sql else '"' + sql.replace("$", r"\$") + '"'


def part(page: str, name: str) -> str:
    """What stands between the marks of a part."""
    _, _, rest = page.partition(f"<!-- {name}: begin -->\n")
    return rest.partition(f"<!-- {name}: end -->")[0].strip("\n") + "\n"


def put(page: str, name: str, text: str) -> str:
    """The page with another text in a part."""
    before, begin, rest = page.partition(f"<!-- {name}: begin -->\n")
    _, end, after = rest.partition(f"<!-- {name}: end -->")
    if not (begin and end):
        raise ValueError(f"the page has no part {name}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def main() -> None:
    """Write both parts anew."""
    with tempfile.TemporaryDirectory() as folder, Cluster(find_binaries()) as cluster:
        psql = Program(find_binaries() / "psql", ("--no-psqlrc",))
        with two_gates(cluster, Path(folder), psql) as (quiet, busy):
            told = refusals(quiet, busy)
    page = put(PAGE.read_text("utf-8"), "rules", rules_table())
    PAGE.write_text(put(page, "refusals", told), encoding="utf-8")


if __name__ == "__main__":
    main()
