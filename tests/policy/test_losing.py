"""Sessions that lose data, or what protects it: each is refused by the three packs alone.

`losing/*.sql` holds one session after the other, ended by a line of four dashes; its texts are parted by
`-- then`, and one of them at least must be refused. `losing/by-database.txt` holds what goes through the
database's own code: `===`, what the owner made, `---`, then one text a line, judged with the catalogue.
Each session was run once on a bare PostgreSQL 15 or 18, over a schema of that kind with rows in it, and the
rows, objects and settings compared with those before: it had lost some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.sql.analyse import analyse
from tests.conftest import ServerAt
from tests.policy.build import judge, refusing
from tests.policy.test_everyday import PACKS, POLICIES
from tests.servers.database import Database
from tests.sql.database.golden import held_by

FOLDER = Path(__file__).parent / "losing"
FIXTURE = (FOLDER / "fixture.sql").read_text()


def sessions() -> Iterator[tuple[str, list[str]]]:
    """(family, the texts of a session)."""
    for path in sorted(FOLDER.glob("*.sql")):
        if path.name != "fixture.sql":
            for part in path.read_text(encoding="utf-8").removesuffix("\n").split("\n----\n"):
                yield path.stem, part.split("\n-- then\n")


def databases() -> Iterator[tuple[str, list[str]]]:
    """(what the owner made, the texts that run it)."""
    for part in (FOLDER / "by-database.txt").read_text().removeprefix("=== ").split("\n=== "):
        setup, _, texts = part.partition("\n---\n")
        yield setup, texts.splitlines()


SESSIONS = [pytest.param(texts, id=f"{family}-{place}") for place, (family, texts) in enumerate(sessions())]


@pytest.fixture(scope="module")
def packs() -> Policy:
    """The three packs by themselves."""

    def read(path: str) -> str:
        return PACKS if path.endswith("packs.yaml") else Path(path).read_text(encoding="utf-8")

    return load_policy(str(POLICIES / "packs.yaml"), read)


@pytest.mark.parametrize("major", [15, 18])
@pytest.mark.parametrize("texts", SESSIONS)
def test_is_refused(packs: Policy, texts: list[str], major: int) -> None:
    assert any(refusing(judge(packs, *analyse(text, major).effects)) for text in texts)


@pytest.mark.parametrize(("setup", "texts"), list(databases()))
def test_is_refused_with_the_catalogue(
    packs: Policy,
    setup: str,
    texts: list[str],
    server_at: ServerAt,
    new_database: Callable[[Cluster], Database],
) -> None:
    database = new_database(server_at(15))
    database.execute(FIXTURE + setup)
    held = held_by(database.dsn, database.name)
    for text in texts:
        analysis = analyse(text, 15)
        effects = held.expand(analysis.effects, analysis.mentions, ("public",))
        assert refusing(judge(packs, *effects)), text


def test_there_are_many() -> None:
    assert len(SESSIONS) > 1190
    assert sum(len(texts) for _, texts in databases()) > 30
