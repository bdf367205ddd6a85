"""The file of users: what stands in it, who may read it, how it is kept fresh, which commands write it."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.cli.exitcodes import CommandError
from proxy.app.cli.user import _ask, _put
from proxy.app.settings import ListenerSettings, Settings
from proxy.app.users.directory import Directory
from proxy.app.users.keeper import UserFile, UserKeeper
from proxy.app.users.private import (
    PrivateFileError,
    installation_secret,
    read_password,
    read_private,
    write_private,
)
from proxy.app.users.query import QueryFailed, QuerySource, VerifierQuery
from proxy.app.users.setup import LogInError, listener_log_in
from proxy.app.users.userlist import User, UserListError, parse_userlist, with_line, without_user
from proxy.backup.cluster import Cluster
from proxy.relay.address import parse_upstream
from proxy.session import Credential, Unavailable
from proxy.wire.scram import make_verifier
from tests.app.commands import Done, pgwarden
from tests.conftest import ServerAt
from tests.servers.database import Database

VERIFIER = make_verifier(b"secret", b"salt" * 4, 4096)
TEXT = VERIFIER.written()
ADA = f'"ada" "{TEXT}" role="app" password_env="APP_PASSWORD"'
BOB = f'"bob" "{TEXT}"'
LOG = structlog.stdlib.get_logger()


def private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


# -- lines ----------------------------------------------------------------------------------------------


def test_what_stands_in_a_file() -> None:
    text = f'; PgBouncer\'s\n\n# ours\n{ADA}\n  {BOB}  \n"o""k" "md5{"0" * 32}"\n'
    assert parse_userlist(text, "users") == {
        "ada": User("ada", VERIFIER, "app", None, "APP_PASSWORD", 4),
        "bob": User("bob", VERIFIER, line=5),
        'o"k': User('o"k', None, line=6),
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ada", 'is not "user" "SCRAM-SHA-256$…", each in double quotes'),
        ('"ada"', 'is not "user" "SCRAM-SHA-256$…", each in double quotes'),
        (f'"ada" "{TEXT}" more', 'is not "user" "SCRAM-SHA-256$…", each in double quotes'),
        (f'"" "{TEXT}"', "a user's name has 1 to 63 bytes"),
        (f'"{"x" * 64}" "{TEXT}"', "a user's name has 1 to 63 bytes"),
        (f'"a\tb" "{TEXT}"', "a user's name has no control characters in it"),
        ('"ada" "secret"', "has no verifier; a password in clear is not taken: pgwarden user add, or learn"),
        ('"ada" ""', "has no verifier; a password in clear is not taken: pgwarden user add, or learn"),
        ('"ada" "SCRAM-SHA-256$x"', "is no SCRAM-SHA-256 verifier"),
        (f'{BOB} rolle="app"', "has an unknown rolle=: there are role, password_file, password_env"),
        (f'{ADA} role="b"', "has role= twice"),
        (f'{BOB} role=""', "has a role= that is empty, or has control characters in it"),
        (f'{BOB} role="app"', "has a role, and no password_file or password_env for it"),
        (f'{ADA} password_file="x"', "has both password_file and password_env: leave one out"),
        (f'"ada" "md5{"0" * 32}" password_env="X"',
         "has an md5 hash; a user of the gate's own needs a SCRAM-SHA-256 verifier"),
    ],
)  # fmt: skip
def test_a_wrong_line(line: str, complaint: str) -> None:
    with pytest.raises(UserListError) as raised:
        parse_userlist(f"{BOB.replace('bob', 'first')}\n{line}\nx\n", "users")
    assert raised.value.problems[0] == f"users:2: {complaint}"
    assert raised.value.problems[1].startswith("users:3: is not")
    assert "secret" not in str(raised.value)


def test_a_user_stands_once() -> None:
    with pytest.raises(UserListError, match="users:2: the user stands in line 1 already"):
        parse_userlist(f"{BOB}\n{BOB}\n", "users")


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=15)


@given(names=st.lists(NAMES, unique=True, max_size=5), role=st.none() | NAMES, where=NAMES)
def test_what_is_written_is_read_again(names: list[str], role: str | None, where: str) -> None:
    text = "; kept\n"
    for name in names:
        text = with_line(text, name, User(name, VERIFIER, role, where).written())
    users = parse_userlist(text, "users")
    assert [(user.name, user.role, user.password_file) for user in users.values()] == [
        (name, role, where) for name in names
    ]
    for name in names:
        assert with_line(text, name, User(name, VERIFIER, role, where).written()) == text
        text = without_user(text, name) or ""
        assert without_user(text, name) is None
    assert text == "; kept\n"


PIECES = st.sampled_from(['"', "a", " ", "\n", TEXT, "role=", ";", "="])


@given(text=st.text(max_size=80) | st.lists(PIECES).map("".join))
def test_garbage_gives_users_or_complaints_without_a_verifier(text: str) -> None:
    try:
        parse_userlist(text, "users")
    except UserListError as error:
        assert TEXT not in str(error)


# -- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_what_others_may_read_is_not_read(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "users", BOB)
    assert read_private(path) == BOB
    Path(path).chmod(mode)
    with pytest.raises(PrivateFileError) as raised:
        read_private(path)
    assert str(raised.value) == f"{path} may be read or written by others: run chmod 0600 on it"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, why in (
        (tmp_path / "absent", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
    ):
        with pytest.raises(PrivateFileError) as raised:
            read_private(str(path))
        assert str(raised.value) == f"{path} {why}"
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(PrivateFileError, match="is not UTF-8 text"):
        read_private(str(tmp_path / "binary"))
    with pytest.raises(PrivateFileError, match="must hold the password in one line, and nothing else"):
        read_password(private(tmp_path / "two", "one\ntwo\n"))


def test_a_file_is_written_whole_and_for_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "users"
    path.symlink_to(tmp_path / "real" / "users")
    (tmp_path / "real" / "users").write_text("old")
    write_private(str(path), "new")
    assert path.is_symlink()
    assert (tmp_path / "real" / "users").read_text() == "new"
    assert (tmp_path / "real" / "users").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in (tmp_path / "real").iterdir()] == ["users"]
    with pytest.raises(PrivateFileError, match="cannot be written"):
        write_private(str(tmp_path / "absent" / "users"), "new")


def test_many_who_make_the_secret_at_once_have_one(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "login.secret")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(installation_secret(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in Path(path).parent.iterdir()] == ["login.secret"]
    with pytest.raises(PrivateFileError, match="must hold at least 32 characters"):
        installation_secret(private(tmp_path / "short", "x"))


# -- keeping it fresh -----------------------------------------------------------------------------------


async def test_a_changed_file_is_read_again_and_a_bad_one_is_not(tmp_path: Path) -> None:
    private(tmp_path / "role", "first\n")
    line = f'"ada" "{TEXT}" role="app" password_file="role"'
    file = UserFile(private(tmp_path / "users", line), True, {})
    keeper = UserKeeper(file, file.load(), LOG)
    first = Credential(VERIFIER, True, "app", b"first")
    assert keeper.users == {"ada": first}
    private(tmp_path / "role", "second\n")
    await keeper.reload(only_changed=True)
    second = Credential(VERIFIER, True, "app", b"second")
    assert keeper.users == {"ada": second}
    private(tmp_path / "users", "nonsense")
    await keeper.reload(only_changed=True)
    assert keeper.users == {"ada": second}
    private(tmp_path / "users", f"{line}\n{line.replace('ada', 'bob')}")
    await keeper.reload(only_changed=True)
    assert keeper.users == {"ada": second, "bob": second}
    (tmp_path / "users").unlink()
    await keeper.reload(only_changed=False)
    assert keeper.users == {"ada": second, "bob": second}


async def test_who_is_not_known_is_made_up_and_stays_the_same(tmp_path: Path) -> None:
    slow = make_verifier(b"secret", b"salt", 8192).written()
    file = UserFile(private(tmp_path / "users", f'"ada" "{slow}"\n"bob" "{slow}"'), False, {})
    one = Directory(UserKeeper(file, file.load(), LOG), None, b"s" * 32, LOG)
    other = Directory(UserKeeper(file, file.load(), LOG), None, b"s" * 32, LOG)
    elsewhere = Directory(None, None, b"t" * 32, LOG)
    made = await one.find("eve")
    assert isinstance(made, Credential)
    assert made.verifier is not None
    assert (made.known, made.verifier.iterations, len(made.verifier.salt)) == (False, 8192, 16)
    assert await other.find("eve") == made
    assert await one.find("eva") != made
    assert await elsewhere.find("eve") != made
    assert isinstance(await one.find("b\udcffd"), Credential)


# -- asking the server ----------------------------------------------------------------------------------


def asking(cluster: Cluster, **more: object) -> QuerySource:
    source = {"host": "127.0.0.1", "port": cluster.port, "role": "postgres", "database": "postgres",
              "password": None, **more}  # fmt: skip
    return QuerySource(**source)  # type: ignore[arg-type]


async def test_the_server_is_asked_each_time(server: Cluster) -> None:
    query = VerifierQuery(asking(server))
    directory = Directory(None, query, b"s" * 32, LOG)
    server.execute(
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE asked LOGIN PASSWORD 'secret'; "
        "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'; CREATE ROLE bare LOGIN"
    )
    try:
        kept = server.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'asked'")
        assert await query.find("asked") == kept
        found = await directory.find("asked")
        assert isinstance(found, Credential)
        assert (found.known, found.verifier and found.verifier.written()) == (True, kept)
        assert await directory.find("old") == Credential(None)
        for unknown in ("bare", "nobody", "pg_monitor", "x' OR true --", "b\udcffd"):
            made_up = await directory.find(unknown)
            assert isinstance(made_up, Credential)
            assert made_up.known is False
        asks = "application_name = 'pgwarden auth'"
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {asks}")
        assert await query.find("asked") == kept
    finally:
        await query.close()
        server.execute("DROP ROLE asked, old, bare")


@pytest.mark.parametrize(("major", "iterations"), [(15, 4096), (18, 8192)])
async def test_who_is_made_up_has_the_iterations_of_those_whom_the_server_knows(
    server_at: ServerAt, major: int, iterations: int
) -> None:
    server = server_at(major)
    more = " SET scram_iterations = 8192" if major > 15 else " SET work_mem = '4MB'"
    server.execute(f"CREATE ROLE asker SUPERUSER LOGIN; ALTER ROLE asker{more}")
    query = VerifierQuery(asking(server, role="asker"))
    try:
        made = await Directory(None, query, b"s" * 32, LOG).find("nobody")
        assert isinstance(made, Credential)
        assert made.verifier is not None
        assert (made.known, made.verifier.iterations) == (False, iterations)
    finally:
        await query.close()
        server.execute("DROP ROLE asker")


async def test_a_function_may_be_asked_and_no_schema_of_somebody_elses(database: Database) -> None:
    database.cluster.execute(
        "CREATE FUNCTION public.known(name text, OUT who text, OUT what text) SECURITY DEFINER "
        "SET search_path = pg_catalog RETURN ROW(name, 'md5' || repeat('0', 32)); "
        "CREATE TABLE public.pg_authid (rolname name, rolpassword text, rolcanlogin bool)",
        database.name,
    )
    for text, outcome in (
        ("SELECT * FROM public.known($1)", "md5" + "0" * 32),
        ("SELECT * FROM known($1)", QueryFailed("function known(unknown) does not exist")),
        ("SELECT $1::text", QueryFailed("the auth_query does not give one row of a name and a verifier")),
        ("SELECT $1::text, 1", QueryFailed("the auth_query does not give one row of a name and a verifier")),
        ("SELECT $1::text, 'a' FROM generate_series(1, 2)",
         QueryFailed("the auth_query does not give one row of a name and a verifier")),
        ("DELETE FROM public.pg_authid WHERE rolname = $1 RETURNING 1, 'a'",
         QueryFailed("cannot execute DELETE in a read-only transaction")),
    ):  # fmt: skip
        query = VerifierQuery(asking(database.cluster, database=database.name, query=text))
        try:
            if isinstance(outcome, str):
                assert await query.find("ada") == outcome
                continue
            with pytest.raises(QueryFailed) as raised:
                await query.find("ada")
            assert str(raised.value) == str(outcome)
        finally:
            await query.close()


async def test_who_goes_away_takes_no_answer_from_others(server: Cluster) -> None:
    query = VerifierQuery(asking(server, query="SELECT $1::text, $1 FROM pg_catalog.pg_sleep(0.02)"))
    try:
        assert await query.find("first") == "first"
        which = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgwarden auth'"
        before = server.execute(which)
        gone = [asyncio.create_task(query.find(f"gone{number}")) for number in range(3)]
        stays = asyncio.create_task(query.find("stays"))
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        assert await stays == "stays"
        assert (
            server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgwarden auth'")
            == before
        )
    finally:
        await query.close()


async def test_a_server_that_cannot_be_asked_is_not_asked_again_at_once(server: Cluster) -> None:
    said = len(server.log)
    query = VerifierQuery(asking(server, role="absent"))
    directory = Directory(None, query, b"s" * 32, LOG)
    answers = await asyncio.gather(*(directory.find("ada") for _ in range(20)))
    assert answers == [Unavailable("The gate cannot look up users now.")] * 20
    assert server.log[said:].count('role "absent" does not exist') == 1


# -- settings -------------------------------------------------------------------------------------------


def settings(tmp_path: Path, **given: object) -> Settings:
    listener = {
        "listen": "127.0.0.1:0",
        "upstream": "postgresql://127.0.0.1:5432",
        "policy": "p.yaml",
        **given,
    }
    return Settings.model_validate({"listeners": [listener], "ledger": str(tmp_path / "ledger")})


def log_in(tmp_path: Path, **given: object) -> object:
    chosen = settings(tmp_path, **given)
    listener: ListenerSettings = chosen.listeners[0]
    environment = {"APP_PASSWORD": "hunter2", "PGWARDEN_AUTH_PASSWORD": "asking"}
    return listener_log_in(listener, chosen, parse_upstream(listener.upstream), environment)


@pytest.mark.parametrize(
    ("given", "setting", "complaint"),
    [
        ({"auth_type": "managed"}, "auth_type", "managed needs auth_file, which pgwarden user add writes"),
        ({"auth_type": "managed", "auth_file": "{ada}", "auth_user": "u"}, "auth_user",
         "does nothing with auth_type managed: its users are those of auth_file"),
        ({"auth_type": "password", "auth_file": "{ada}"}, "auth_file",
         "does nothing with auth_type password: the server alone checks passwords"),
        ({"auth_type": "password"}, "auth_type",
         "password needs TLS with clients: client_tls_cert_file and its key"),
        ({"auth_query": "SELECT $1"}, "auth_query", "does nothing without auth_user, the role that asks"),
        ({"auth_file": "{ada}"}, "auth_file",
         "{ada}:1: has a password for the server, which is for auth_type managed"),
        ({"auth_type": "managed", "auth_file": "{bob}"}, "auth_file",
         "{bob}:1: has no password_file and no password_env, as auth_type managed needs"),
        ({"auth_type": "managed", "auth_file": "{unset}"}, "auth_file",
         "{unset}:1: the variable UNSET is not set"),
        ({"auth_user": "u", "auth_password_file": "{open}"}, "auth_password_file",
         "{open} may be read or written by others: run chmod 0600 on it"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together(
    tmp_path: Path, given: dict[str, str], setting: str, complaint: str
) -> None:
    paths = {
        "ada": private(tmp_path / "ada", ADA),
        "bob": private(tmp_path / "bob", BOB),
        "unset": private(tmp_path / "unset", ADA.replace("APP_PASSWORD", "UNSET")),
        "open": str(tmp_path / "open"),
    }
    (tmp_path / "open").write_text("secret")
    with pytest.raises(LogInError) as raised:
        log_in(tmp_path, **{name: value.format(**paths) for name, value in given.items()})
    assert (raised.value.setting, str(raised.value)) == (setting, complaint.format(**paths))


def test_no_secret_shows_in_what_settings_mean(tmp_path: Path) -> None:
    own = log_in(tmp_path, auth_type="managed", auth_file=private(tmp_path / "ada", ADA))
    asked = log_in(tmp_path, auth_user="asker")
    for secret in ("hunter2", "asking", TEXT, (tmp_path / "login.secret").read_text().strip()):
        assert secret not in repr(own) + repr(asked)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("auth_type", "scram", '"scram" is none of passthrough, managed, password'),
        ("auth_query", "SELECT 1", "must be a query in which $1 stands for the user"),
        ("auth_user", "", '"" is no name of a role or a database'),
        ("auth_user", "x" * 64, "is no name of a role or a database"),
    ],
)
def test_a_wrong_value(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="2 validation errors") as raised:
        settings(tmp_path, **{name: value})
    assert complaint in str(raised.value)


# -- commands -------------------------------------------------------------------------------------------


def user(folder: Path, *arguments: str, script: str = "") -> Done:
    return pgwarden("user", *arguments, "--auth-file", str(folder / "users"), script=script)


def test_users_are_added_changed_listed_and_removed(tmp_path: Path) -> None:
    own = ("--password-env", "APP_PASSWORD", "--role", "app")
    assert user(tmp_path, "add", "ada", *own, script="secret\n").out == f"added ada in {tmp_path}/users\n"
    first = (tmp_path / "users").read_text()
    known = parse_userlist(first, "users")["ada"]
    assert known.verifier is not None
    assert known.verifier == make_verifier(b"secret", known.verifier.salt, 4096)
    assert user(tmp_path, "add", "ada", *own, script="other").out == f"changed ada in {tmp_path}/users\n"
    done = user(tmp_path, "add", "bob", "--password-env", "B", "--generate")
    made, said = done.out.splitlines()
    bob = parse_userlist((tmp_path / "users").read_text(), "users")["bob"]
    assert bob.verifier == make_verifier(made.encode(), bob.verifier.salt, 4096) if bob.verifier else None
    assert (len(made), said) == (32, f"added bob in {tmp_path}/users")
    assert user(tmp_path, "list").out == (
        "user\tverifier\titerations\trole\tpassword from\n"
        "ada\tSCRAM-SHA-256\t4096\tapp\tvariable APP_PASSWORD\n"
        "bob\tSCRAM-SHA-256\t4096\tbob\tvariable B\n"
    )
    listed = json.loads(user(tmp_path, "list", "--json").out)
    assert listed[0] == {"user": "ada", "verifier": "SCRAM-SHA-256", "iterations": 4096, "role": "app",
                         "password_from": "variable APP_PASSWORD"}  # fmt: skip
    assert user(tmp_path, "remove", "ada").out == f"removed ada from {tmp_path}/users\n"
    assert user(tmp_path, "remove", "ada") == Done(
        1, "", f"pgwarden: there is no user ada in {tmp_path}/users\n"
    )
    assert "ada" not in (tmp_path / "users").read_text()


def test_many_commands_at_once_lose_no_user(tmp_path: Path) -> None:
    def add(name: str) -> None:
        _put(str(tmp_path / "users"), User(name, VERIFIER, None, None, "X"))

    threads = [threading.Thread(target=add, args=(f"user{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(parse_userlist((tmp_path / "users").read_text(), "")) == [f"user{n}" for n in range(8)]


@pytest.mark.parametrize(
    ("arguments", "script", "complaint"),
    [
        (("add", "ada"), "s",
         "--password-file, --password-env: give one of them: where the role's password is"),
        (("add", "ada", "--password-env", "X", "--role", "a\nb"), "s",
         "--role: is empty, or has control characters in it"),
        (("add", "ada", "--password-env", "X"), "", "standard input must hold the password in one line"),
        (("add", "ada", "--password-env", "X"), "a\nb", "standard input must hold the password in one line"),
        (("add", "", "--password-env", "X"), "s", "USER: a user's name has 1 to 63 bytes"),
        (("learn", "ada"), "s", "--upstream: is missing (or set PGWARDEN_UPSTREAM): postgresql://HOST:PORT"),
        (("learn", "ada", "--upstream", "postgresql://a:pw@h"), "s",
         "--upstream: must not hold a user or a password: clients log in with their own"),
    ],
)  # fmt: skip
def test_commands_that_do_nothing(
    tmp_path: Path, arguments: tuple[str, ...], script: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGWARDEN_UPSTREAM", raising=False)
    assert user(tmp_path, *arguments, script=script) == Done(2, "", f"pgwarden: {complaint}\n")
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PGWARDEN_AUTH_FILE", raising=False)
    said = "pgwarden: --auth-file: is missing (or set PGWARDEN_AUTH_FILE): the file of users\n"
    assert pgwarden("user", "list") == Done(2, "", said)
    monkeypatch.setenv("PGWARDEN_AUTH_FILE", private(tmp_path / "users", BOB))
    assert pgwarden("user", "list").out.splitlines()[1] == "bob\tSCRAM-SHA-256\t4096\t\t"


def test_at_a_terminal_the_password_is_asked_for_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[str] = []
    given = iter(["one", "two", "three", "three"])

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(given)

    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(CommandError, match="the two passwords differ; nothing was done"):
        _ask("Password for ada: ", twice=True)
    assert _ask("Password for ada: ", twice=True) == "three"
    assert asked == ["Password for ada: ", "Again: "] * 2
