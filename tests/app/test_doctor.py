"""`pgwarden doctor`: what it finds at the gate, at real servers and at Supabase, and what it says to do."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from proxy.app.doctor.finding import Finding
from proxy.app.doctor.hba import examine_hba
from proxy.app.doctor.networks import LOOPBACK, Networks, network_of
from proxy.app.doctor.restrictions import examine_restrictions, judge
from proxy.app.doctor.server import examine_server, parse_server
from proxy.backup.cluster import Cluster
from proxy.backup.providers.supabase import Project, Restrictions
from proxy.policy.facts import Verification
from proxy.records import NewBackup, open_ledger
from tests.app.commands import Command
from tests.conftest import Programs, ServerAt
from tests.relay.certificates import Authority

REF = "abcdefghijklmnopqrst"
GATE = network_of("10.0.0.5")
assert GATE is not None
GATES: Networks = (GATE,)


def said(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.severity.name.lower(), each.what) for each in findings]


# -- the gate ----------------------------------------------------------------------------------------------


@pytest.fixture
def gate(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str]]]:
    """`gate(listener…)` is what is found of a gate whose config file has these lines."""
    for name in [name for name in os.environ if name.startswith(("PGWARDEN_", "SUPABASE_"))]:
        monkeypatch.delenv(name)
    (command.folder / "enforcing.yaml").write_text(
        "version: 1\nname: shop\nrules:\n  - {id: no-drop, match: {effects: [table.drop]}}\n"
    )

    def found(
        *lines: str, listen: str = "127.0.0.1:0", common: str = "", free: str = "1B"
    ) -> list[tuple[str, str]]:
        listener = [f"listen: '{listen}'", "upstream: postgresql://127.0.0.1:1", *lines]
        if not any(line.startswith("policy:") for line in lines):
            listener.append("policy: enforcing.yaml")
        text = "listeners:\n  - " + "\n    ".join(listener) + f"\nledger: ledger\n{common}\n"
        (command.folder / "gate.yaml").write_text(text)
        code, out, err = command("doctor", "--config", "gate.yaml", "--free", free, "--json")
        rows = json.loads("\n".join(out))
        assert [row["what"] for row in rows if row["severity"] != "fine" and not row["do"]] == []
        bad = sum(row["severity"] in ("critical", "warning") for row in rows)
        wants = [f"pgwarden: {bad} of {len(rows)} findings want something done"] if bad else []
        assert (code, err) == (1 if bad else 0, wants)
        return [(row["severity"], row["what"]) for row in rows]

    return found


def backed_up(
    folder: Path, hours: float, level: Verification = Verification.FULL_READ, places: int = 2
) -> None:
    ledger = open_ledger(folder / "ledger")
    finished = datetime.now(UTC) - timedelta(hours=hours)
    for place in range(places):
        ledger.record_backup(NewBackup("shop", finished, f"file:///{place}", level, "ada"))
    ledger.close()


Gate = Callable[..., list[tuple[str, str]]]


def test_all_is_well(gate: Gate, command: Command) -> None:
    backed_up(command.folder, 1)
    assert [severity for severity, _ in gate()] == ["note", "note", "note", "fine", "fine", "fine"]


@pytest.mark.parametrize(
    ("hours", "level", "places", "severity", "what"),
    [
        (30, Verification.FULL_READ, 2, "warning", "the newest backup of shop is 30 hours old"),
        (1, Verification.TOC, 2, "warning", "nobody has read the newest backup of shop to its end (toc)"),
        (1, Verification.FULL_READ, 1, "note", "the newest backup of shop lies in one place"),
    ],
)
def test_backups(
    gate: Gate, command: Command, hours: float, level: Verification, places: int, severity: str, what: str
) -> None:
    backed_up(command.folder, hours, level, places)
    assert (severity, what) in gate()


def test_no_ledger_and_no_backup(gate: Gate, command: Command) -> None:
    ((severity, what), *_) = gate()
    assert (severity, "ledger" in what) == ("critical", True)
    assert not (command.folder / "ledger").exists()
    open_ledger(command.folder / "ledger").close()
    assert ("warning", "the ledger knows of no backup") in gate()


def test_a_ledger_that_was_changed_and_writes_that_rest(gate: Gate, command: Command) -> None:
    backed_up(command.folder, 1)
    ledger = open_ledger(command.folder / "ledger")
    ledger.freeze("ada", "incident 12")
    ledger.close()
    assert ("note", "writes are frozen by ada: incident 12") in gate()
    with sqlite3.connect(command.folder / "ledger") as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in tables:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE entry SET recorded_by = 'eve' WHERE sequence = 1")
    raw.close()
    ((severity, what), *_) = gate()
    assert (severity, what) == ("critical", "it is not as it was written: entry 1 has been changed")


def test_no_room(gate: Gate, command: Command) -> None:
    backed_up(command.folder, 1)
    severity, what = gate(free="9000000GiB")[0]
    assert (severity, what.partition(" are free where ")[2]) == (
        "critical",
        f"the ledger lies, {command.folder}",
    )


@pytest.mark.parametrize(
    ("text", "severity", "what"),
    [
        ("defaults: {mode: shadow}\n", "warning", "watched.yaml refuses nothing: its mode is shadow"),
        ("", "note", "watched.yaml only watches with no-drop"),
        ("nonsense: 1\n", "critical", "watched.yaml does not load"),
    ],
)
def test_policies(gate: Gate, command: Command, text: str, severity: str, what: str) -> None:
    mode = "shadow" if not text else "enforce"
    rule = f"rules:\n  - {{id: no-drop, match: {{effects: [table.drop]}}, mode: {mode}}}\n"
    (command.folder / "watched.yaml").write_text(f"version: 1\nname: shop\n{text}{rule}")
    assert (severity, what) in gate("policy: watched.yaml")


@pytest.mark.parametrize(
    ("days", "severity", "what"),
    [
        (-1, "critical", "has expired"),
        (5, "warning", "expires in 4 days"),
        (60, "fine", "is good for 59 days"),
    ],
)
def test_certificates(gate: Gate, command: Command, days: int, severity: str, what: str) -> None:
    certificate, key = Authority(command.folder, "authority").certify("localhost", days=days)
    lines = (
        f"client_tls_cert_file: {certificate}",
        f"client_tls_key_file: {key}",
        "client_tls_sslmode: require",
    )
    assert (severity, f"the certificate of 0.0.0.0:0 {what}") in gate(*lines, listen="0.0.0.0:0")
    common = f"console: 127.0.0.1:0\nconsole_tls_cert_file: {certificate}\nconsole_tls_key_file: {key}"
    assert (severity, f"the certificate of the console {what}") in gate(common=common)


def test_listeners_in_the_clear_and_servers_that_anybody_may_pose_as(gate: Gate) -> None:
    found = gate(listen="0.0.0.0:0")
    clear = "clients at 0.0.0.0:0 speak in the clear: statements, rows and logins can be read"
    assert ("critical", clear) in found
    assert ("critical", clear) not in gate(listen="127.0.0.1:0")


def test_nobody_answers_at_the_admin_address(gate: Gate) -> None:
    assert ("warning", "no gate answers at 127.0.0.1:1: Connection refused") in gate(
        common="admin: 127.0.0.1:1"
    )


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--gate", "nowhere"),
         '--gate: "nowhere" is no address or network, such as 10.0.0.5 or 10.0.0.0/28'),
        (("--free", "much"), '--free: "much" is not a size (say 16MiB, or a number of bytes)'),
        (("--url", "postgresql://127.0.0.1/x"), "--url: must name a role and a database: "
         "postgresql://***@HOST:PORT/DATABASE"),
        (("--url", "postgresql://a:b@h/x"),
         "--url: must not hold a password: put it into PGPASSWORD or ~/.pgpass"),
        (("--project", REF), "SUPABASE_ACCESS_TOKEN: is not set: make a token at "
         "https://supabase.com/dashboard/account/tokens"),
    ],
)  # fmt: skip
def test_wrong_flags(gate: Gate, command: Command, flags: tuple[str, ...], line: str) -> None:
    gate()
    assert command("doctor", "--config", "gate.yaml", *flags) == (2, [], [f"pgwarden: {line}"])


def test_people_read_it_worst_first(gate: Gate, command: Command) -> None:
    gate(listen="0.0.0.0:0")
    code, out, _ = command("doctor", "--config", "gate.yaml")
    assert (code, out[2:4]) == (
        1,
        [
            "critical: ledger: " + out[2].removeprefix("critical: ledger: "),
            "    start the gate once, which makes it; or mend what is told here",
        ],
    )
    order = [line.partition(":")[0] for line in out if not line.startswith("    ")]
    assert order == sorted(order, key=["critical", "warning", "note", "fine"].index)


# -- the server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "severity", "faults"),
    [
        (("hostssl", "0.0.0.0", "0.0.0.0", "scram-sha-256"), "critical", "lets in any host"),
        (("hostssl", "all", None, "scram-sha-256"), "critical", "lets in any host"),
        (("hostssl", "10.0.0.0", "255.255.255.0", "scram-sha-256"), "critical",
         "lets in others than the gate"),
        (("hostssl", "app.example.com", None, "cert"), "critical", "lets in others than the gate"),
        (("host", "10.0.0.5", "255.255.255.255", "scram-sha-256"), "warning", "does not ask for TLS"),
        (("hostssl", "10.0.0.5", "255.255.255.255", "md5"), "warning",
         "takes MD5 hashes, which are as good as the password (md5)"),
        (("hostssl", "10.0.0.5", "255.255.255.255", "trust"), "critical", "asks for no proof (trust)"),
        (("hostnossl", "10.0.0.5", "255.255.255.255", "password"), "warning",
         "has passwords sent as they are (password), and does not ask for TLS"),
        (("local", None, None, "trust"), "warning", "asks for no proof (trust)"),
        (("host", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "scram-sha-256"), "fine", ""),
        (("hostssl", "10.0.0.5", "255.255.255.255", "scram-sha-256"), "fine", ""),
    ],
)  # fmt: skip
def test_lines_of_pg_hba(line: tuple[str, str | None, str | None, str], severity: str, faults: str) -> None:
    kind, address, netmask, method = line
    (found,) = examine_hba([(7, kind, "all", "all", address, netmask, method, None)], GATES)
    assert found.severity.name.lower() == severity
    assert found.what.endswith(
        f") {faults}" if faults else "pg_hba.conf lets in 10.0.0.5 alone, each with a proof"
    )


@pytest.mark.parametrize(
    ("method", "by_socket", "severity", "faults", "better"),
    [
        ("peer", False, "fine", "", ""),
        ("peer", True, "warning", "takes whoever reaches the gate for the gate's own account (peer)",
         "scram-sha-256"),
        ("trust", False, "warning", "asks for no proof (trust)", "peer"),
        ("trust", True, "warning", "asks for no proof (trust)", "scram-sha-256"),
        ("scram-sha-256", True, "fine", "", ""),
    ],
)  # fmt: skip
def test_what_is_peer_for_others_is_nobody_for_a_gate_at_the_socket(
    method: str, by_socket: bool, severity: str, faults: str, better: str
) -> None:
    row = (7, "local", "all", "all", None, None, method, None)
    (found,) = examine_hba([row], GATES, by_socket=by_socket)
    assert found.severity.name.lower() == severity
    assert found.what.endswith(f") {faults}" if faults else "each with a proof")
    assert found.do == (
        f"write local all all {better} instead, then SELECT pg_reload_conf()" if better else ""
    )


def test_what_is_rejected_before_is_moot_and_what_is_wrong_is_told() -> None:
    rows = [
        (1, "hostssl", "all", "all", "10.0.0.5", "255.255.255.255", "scram-sha-256", None),
        (2, "host", "all", "all", "0.0.0.0", "0.0.0.0", "reject", None),
        (3, "host", "all", "all", "192.168.0.0", "255.255.0.0", "trust", None),
        (4, None, None, None, None, None, None, "invalid connection type"),
    ]
    assert said(list(examine_hba(rows, GATES))) == [
        ("warning", "pg_hba.conf:4 is wrong: invalid connection type")
    ]


@pytest.fixture(scope="module")
def open_server(programs: Programs) -> Iterator[Cluster]:
    """A server that has been left open."""
    hba = (
        "host all all 127.0.0.1/32 trust",
        "host all all 0.0.0.0/0 md5",
        "hostnossl shop all 10.0.0.0/24 password",
    )
    settings = {"password_encryption": "md5"}
    with Cluster(programs(18), hba=hba, settings=settings) as cluster:
        cluster.execute(
            """
            CREATE ROLE deploy LOGIN CREATEROLE BYPASSRLS;
            CREATE ROLE loader LOGIN VALID UNTIL '2099-01-01';
            GRANT pg_write_server_files TO loader;
            CREATE ROLE app LOGIN;
            SELECT pg_create_physical_replication_slot('forgotten', true);
            CREATE FUNCTION keep() RETURNS event_trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
            CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE NOTICE 'x'; END $$;
            CREATE EVENT TRIGGER guard ON sql_drop EXECUTE FUNCTION keep();
            CREATE EVENT TRIGGER asleep ON sql_drop EXECUTE FUNCTION note();
            ALTER EVENT TRIGGER asleep DISABLE;
            """
        )
        yield cluster


async def examined(cluster: Cluster, role: str = "postgres", given: Networks = ()) -> list[tuple[str, str]]:
    source, database = parse_server(cluster.url(user=role), None)
    return said(await examine_server(source, database, given))


async def test_a_server_that_was_left_open(open_server: Cluster) -> None:
    found = await examined(open_server)
    expected = [
        ("fine", "it is PostgreSQL 18"),
        ("note", "the server speaks no TLS (ssl = off)"),
        ("warning", "new passwords are kept as md5"),
        ("note", "the server does not log who connects (log_connections)"),
        ("fine", "the server's clock and this host's agree"),
        ("fine", "nobody else is connected than from 127.0.0.0/8, ::1"),
        ("critical", "pg_hba.conf:2 (host all all 0.0.0.0 0.0.0.0 md5) lets in any host, and takes MD5 "
         "hashes, which are as good as the password (md5), and does not ask for TLS"),
        ("critical", "pg_hba.conf:3 (hostnossl shop all 10.0.0.0 255.255.255.0 password) lets in others "
         "than the gate, and has passwords sent as they are (password), and does not ask for TLS"),
        ("warning", "deploy may log in, and has CREATEROLE, BYPASSRLS; its password never expires"),
        ("note", "loader may log in, and has pg_write_server_files"),
        ("warning", "postgres may log in, and has SUPERUSER; its password never expires"),
        ("fine", "the event trigger guard may refuse, at sql_drop, whoever comes round the gate"),
        ("note", "the event trigger asleep at sql_drop is off"),
    ]  # fmt: skip
    assert [each for each in expected if each not in found] == []
    assert [what for _, what in found if "forgotten" in what and "nobody reads" in what] != []
    assert [what for _, what in found if "app may" in what or "could not be seen" in what] == []


@pytest.mark.parametrize(("console", "told"), [("", False), ("pgwarden", False), ("postgres", True)])
async def test_a_database_by_the_consoles_name(open_server: Cluster, console: str, told: bool) -> None:
    source, database = parse_server(open_server.url(user="app"), None)
    what = "no client reaches the database postgres: that name opens the gate's console"
    assert (("warning", what) in said(await examine_server(source, database, (), console))) is told


async def test_what_a_role_may_not_see_is_told(open_server: Cluster) -> None:
    found = await examined(open_server, "app")
    assert ("note", "who else is connected could not be seen as app") in found
    assert (
        "note",
        "pg_hba.conf could not be seen as app: permission denied for view pg_hba_file_rules",
    ) in found
    assert (
        "warning",
        "deploy may log in, and has CREATEROLE, BYPASSRLS; its password never expires",
    ) in found


@pytest.mark.parametrize("major", [15, 17])
async def test_every_question_is_one_that_the_server_knows(server_at: ServerAt, major: int) -> None:
    found = await examined(server_at(major))
    assert ("fine", f"it is PostgreSQL {major}") in found
    assert [what for _, what in found if "could not be seen" in what] == []


async def test_nobody_there() -> None:
    source, database = parse_server("postgresql://a@127.0.0.1:1/x", None)
    ((severity, what),) = said(await examine_server(source, database, LOOPBACK))
    assert (severity, what.partition(": ")[0]) == ("warning", "127.0.0.1:1 could not be asked as a")


# -- Supabase ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entitled", "networks", "applied", "expected"),
    [
        (False, None, False, [("critical", "this project's plan cannot restrict who connects")]),
        (True, None, False, 
         [("critical", "Supabase lets in any host that has a password (nothing is restricted)")]),
        (True, ("0.0.0.0/0", "::/0"), True,
         [("critical", "Supabase lets in any host that has a password (0.0.0.0/0, ::/0)")]),
        (True, ("10.0.0.5/32", "10.9.0.0/16"), True,
         [("critical", "Supabase lets in 10.9.0.0/16, where the gate is not")]),
        (True, ("10.0.0.5/32",), True, [("fine", "Supabase lets in the gate alone")]),
        (True, (), True, [("fine", "Supabase lets in nobody")]),
        (True, ("10.0.0.5/32",), False, [("fine", "Supabase lets in the gate alone"),
         ("warning", "these restrictions are stored, and not applied yet")]),
    ],
)  # fmt: skip
def test_restrictions(
    entitled: bool, networks: tuple[str, ...] | None, applied: bool, expected: list[tuple[str, str]]
) -> None:
    assert said(list(judge(Restrictions(entitled, networks, applied), GATES, REF))) == expected


@pytest.fixture
async def api() -> AsyncIterator[str]:
    """Answers as Supabase's Management API documents it."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sbp_secret":
            return web.json_response({"message": "Unauthorized"}, status=401)
        config = {"dbAllowedCidrs": ["0.0.0.0/0"], "dbAllowedCidrsV6": ["::/0"]}
        return web.json_response({"entitlement": "allowed", "config": config, "status": "applied"})

    application = web.Application()
    application.router.add_get(f"/v1/projects/{REF}/network-restrictions", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_supabase_is_asked(api: str) -> None:
    found = await examine_restrictions(Project(REF, "sbp_secret", api), GATES)
    assert said(found) == [("critical", "Supabase lets in any host that has a password (0.0.0.0/0, ::/0)")]
    ((severity, what),) = said(await examine_restrictions(Project(REF, "wrong", api), GATES))
    assert (severity, "SUPABASE_ACCESS_TOKEN is not valid" in what) == ("note", True)
