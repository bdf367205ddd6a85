"""Settings: where they come from, which wins, and the one line that says what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proxy.app.kinds import Address, Addresses
from proxy.app.settings import ListenerSettings, Settings, table
from proxy.app.sources import SettingsError, load_settings

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5432", "policy": "p.yaml"}
LISTENER = ListenerSettings(
    listen=Addresses([Address("127.0.0.1", 6432)]), upstream="postgresql://127.0.0.1:5432", policy="p.yaml"
)


def load(
    flags: Mapping[str, str | None] = SHORT,
    environment: Mapping[str, str] | None = None,
    config: str | None = None,
) -> Settings:
    files = {} if config is None else {"etc/config.yaml": config}
    if config is not None:
        flags = {**flags, "config": "etc/config.yaml"}
    return load_settings(flags, environment or {}, files.__getitem__).settings


def problems(
    flags: Mapping[str, str | None] = SHORT,
    environment: Mapping[str, str] | None = None,
    config: str | None = None,
) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(flags, environment, config)
    return raised.value.problems


def test_the_short_form_is_one_listener() -> None:
    assert load().listeners == (LISTENER,)


def test_defaults() -> None:
    values = load({**SHORT, "ledger": "/l"}).model_dump(exclude={"listeners"})
    assert values == {
        "admin": None,
        "console": None,
        "console_auth_file": None,
        "console_tls_cert_file": None,
        "console_tls_key_file": None,
        "console_database": "pgwarden",
        "console_url": None,
        "console_oidc_issuer": None,
        "console_oidc_client_id": None,
        "console_oidc_secret_file": None,
        "console_oidc_scopes": "openid email profile",
        "console_oidc_name_claim": None,
        "console_oidc_role_claim": "groups",
        "console_oidc_roles": None,
        "console_oidc_default_role": None,
        "workers": 1,
        "so_reuseport": False,
        "runtime_dir": None,
        "ledger": "/l",
        "ledger_password_file": None,
        "ledger_key": None,
        "ledger_heads": None,
        "ledger_heads_store": None,
        "ledger_head_rows": 100,
        "ledger_head_interval_s": 300.0,
        "sslrootcert": None,
        "connect_timeout_s": 10.0,
        "login_timeout_s": 60.0,
        "login_failures": 20,
        "login_secret": None,
        "client_idle_timeout_s": 0.0,
        "idle_transaction_timeout_s": 0.0,
        "query_timeout_s": 0.0,
        "client_write_timeout_s": 900.0,
        "drain_timeout_s": 30.0,
        "drain_idle_s": 0.0,
        "max_client_conn": 0,
        "reserved_connections": {},
        "max_user_connections": {},
        "max_db_connections": {},
        "max_logins": 1000,
        "max_logins_per_address": 0,
        "tcp_keepalive": True,
        "tcp_keepidle": 60,
        "tcp_keepintvl": 10,
        "tcp_keepcnt": 6,
        "tcp_user_timeout": 0,
        "unix_socket_mode": 0o777,
        "stale_after_s": 10.0,
        "stale_writes_after_s": 30.0,
        "record_timeout_s": 5.0,
        "catalogue_interval_s": 5.0,
        "catalogue_password_file": None,
        "backup_password_file": None,
        "backup_to": (),
        "backup_recipients": (),
        "backup_identity": None,
        "backup_scratch": None,
        "backup_bin_dir": None,
        "backups_at_once": 1,
        "max_statement_bytes": 16777216,
        "parsers": 2,
        "parse_timeout_s": 5.0,
        "parse_memory_bytes": 536870912,
        "peer_id": 0,
        "peers": None,
        "refusal_log": "-",
        "statement_log": None,
        "notify": (),
        "otlp_endpoint": None,
        "otlp_statements": False,
        "log_rotate_bytes": 67108864,
        "log_keep": 5,
        "log_sql_chars": 4000,
        "log_unreadable": False,
        "log_queue": 10000,
        "log_level": "info",
        "log_format": "text",
    }


def test_flags_win_over_variables_over_the_file_over_defaults() -> None:
    config = "drain_timeout_s: 1\nlogin_timeout_s: 2\nconnect_timeout_s: 3\n"
    environment = {"PGWARDEN_DRAIN_TIMEOUT_S": "10", "PGWARDEN_LOGIN_TIMEOUT_S": "20", "HOME": "/root"}
    settings = load({**SHORT, "drain_timeout_s": "100"}, environment, config)
    assert (settings.drain_timeout_s, settings.login_timeout_s, settings.connect_timeout_s) == (
        100.0,
        20.0,
        3.0,
    )
    assert settings.stale_after_s == 10.0


def test_several_listeners_come_from_the_file() -> None:
    config = """\
listeners:
  - {listen: "127.0.0.1:6432", upstream: "postgresql://pooler:6543?sslmode=disable", policy: production.yaml}
  - listen: "[::1]:6433"
    upstream: postgresql://direct:5432?sslmode=disable
    policy: /etc/pgwarden/production.yaml
"""
    assert load({}, {}, config).listeners == (
        ListenerSettings(
            listen=Addresses([Address("127.0.0.1", 6432)]),
            upstream="postgresql://pooler:6543?sslmode=disable",
            policy="etc/production.yaml",
        ),
        ListenerSettings(
            listen=Addresses([Address("::1", 6433)]),
            upstream="postgresql://direct:5432?sslmode=disable",
            policy="/etc/pgwarden/production.yaml",
        ),
    )


def test_the_short_form_changes_the_files_only_listener() -> None:
    config = "listeners: [{listen: '127.0.0.1:1', upstream: 'postgresql://127.0.0.1:5432', policy: q.yaml}]"
    assert load({"listen": "127.0.0.1:6432", "policy": "p.yaml"}, {}, config).listeners == (LISTENER,)


def test_paths_in_the_file_are_relative_to_it() -> None:
    settings = load(
        {**SHORT, "ledger": "here"}, {}, "statement_log: all.jsonl\nrefusal_log: '-'\nledger: there\n"
    )
    assert (settings.statement_log, settings.refusal_log, settings.ledger) == ("etc/all.jsonl", "-", "here")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_statement_bytes", "1MiB", 1048576),
        ("max_statement_bytes", "1 MB", 1000000),
        ("max_statement_bytes", "1024", 1024),
        ("parse_memory_bytes", "64MiB", 67108864),
        ("log_rotate_bytes", "64KiB", 65536),
        ("drain_timeout_s", "2min", 120.0),
        ("drain_timeout_s", "250ms", 0.25),
        ("drain_timeout_s", "0", 0.0),
        ("workers", "4", 4),
        ("workers", "AUTO", 0),
        ("so_reuseport", "on", True),
        ("drain_idle_s", "10", 10.0),
        ("log_keep", "0", 0),
        ("log_unreadable", "on", True),
        ("log_unreadable", "FALSE", False),
        ("admin", ":9187", Address("*", 9187)),
        ("admin", "*:9187", Address("*", 9187)),
        ("admin", "[::]:9187", Address("::", 9187)),
        ("admin", "gate.internal:0", Address("gate.internal", 0)),
        ("log_level", "WARNING", "warning"),
    ],
)
def test_values(name: str, text: str, value: object) -> None:
    assert getattr(load(environment={f"PGWARDEN_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("DRAIN_TIMEOUT_S", "abc", '"abc" is not a number of seconds'),
        ("DRAIN_TIMEOUT_S", "-1", '"-1" is not a number of seconds'),
        ("DRAIN_TIMEOUT_S", "inf", '"inf" is not a number of seconds'),
        ("LOGIN_TIMEOUT_S", "0", "must be more than 0 seconds"),
        ("MAX_STATEMENT_BYTES", "1023", '"1023" is too little: at least 1KiB'),
        ("PARSE_MEMORY_BYTES", "1", '"1" is too little: at least 64MiB'),
        ("LOG_ROTATE_BYTES", "1KiB", '"1KiB" is too little: at least 64KiB'),
        ("MAX_STATEMENT_BYTES", "16 MIB", '"16 MIB" is not a size (say 16MiB, or a number of bytes)'),
        ("WORKERS", "0", '"0" is neither a whole number from 1 nor auto'),
        ("WORKERS", "many", '"many" is neither a whole number from 1 nor auto'),
        ("WORKERS", "1000", '"1000" is too many: at most 63'),
        ("LOG_KEEP", "many", '"many" is not a whole number from 0'),
        ("LOG_SQL_CHARS", "0", "must be at least 1"),
        ("LOG_UNREADABLE", "maybe", '"maybe" is neither on nor off'),
        ("ADMIN", "localhost", '"localhost" is not HOST:PORT'),
        ("ADMIN", "localhost:99999", '"localhost:99999" is not HOST:PORT'),
        ("ADMIN", "me:hunter2@localhost:80", '"***@localhost:80" is not HOST:PORT'),
        ("LEDGER", " ", '" " is not a path'),
        ("LOG_LEVEL", "loud", '"loud" is none of debug, info, warning, error'),
        ("LOG_FORMAT", "xml", '"xml" is neither text nor json'),
    ],
)
def test_a_wrong_variable(name: str, text: str, message: str) -> None:
    assert problems(environment={f"PGWARDEN_{name}": text}) == (f"PGWARDEN_{name}: {message}",)


def test_an_empty_variable_counts_as_not_set() -> None:
    """So do the substitutions of compose files and the lines of .env files that nobody filled in."""
    names = [setting.variable for setting in table()]
    assert load(SHORT, dict.fromkeys([*names, "PGWARDEN_CONFIG", "PGWARDEN_OTHER"], "")) == load()


def test_a_wrong_flag() -> None:
    assert problems({**SHORT, "drain_timeout_s": "soon"}) == (
        '--drain-timeout-s: "soon" is not a number of seconds',
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            "listeners:\n  - upstream: postgresql://127.0.0.1\n    lisen: 127.0.0.1:1\n    policy: p\n",
            (
                'etc/config.yaml:3:5: unknown setting "lisen", did you mean "listen"?',
                'etc/config.yaml:2:5: this listener has no "listen"',
            ),
        ),
        ("ledgr: x\n", ('etc/config.yaml:1:1: unknown setting "ledgr", did you mean "ledger"?',)),
        ("colour: x\n", ('etc/config.yaml:1:1: unknown setting "colour"',)),
        ("policy: x\n", ('etc/config.yaml:1:1: "policy" belongs to an entry under "listeners:"',)),
        ("listeners: 5\n", ("etc/config.yaml:1:1: listeners is a list of {listen, upstream, policy}",)),
        ("listeners: [5]\n", ("etc/config.yaml:1:13: a listener is {listen, upstream, policy}",)),
        (
            "listeners:\n  - ledger: x\n",
            (
                'etc/config.yaml:2:5: "ledger" is a setting of the whole gate, not of one listener',
                'etc/config.yaml:2:5: this listener has no "listen"',
                'etc/config.yaml:2:5: this listener has no "upstream"',
                'etc/config.yaml:2:5: this listener has no "policy"',
            ),
        ),
        ("- 1\n", ("etc/config.yaml:1:1: a config file is a mapping of settings",)),
        ("drain_timeout_s: [1]\n", ("etc/config.yaml:1:18: a list is not a number of seconds",)),
        ("drain_timeout_s: true\n", ('etc/config.yaml:1:18: "true" is not a number of seconds',)),
        ("drain_timeout_s:\n", ("etc/config.yaml:1:17: nothing is not a number of seconds",)),
        (
            "log_keep: x\nadmin: 1\n",
            (
                'etc/config.yaml:2:8: "1" is not HOST:PORT',
                'etc/config.yaml:1:11: "x" is not a whole number from 0',
            ),
        ),
    ],
)
def test_a_wrong_file(config: str, expected: tuple[str, ...]) -> None:
    assert problems({} if "listeners" in config else SHORT, {}, config) == expected


def test_a_file_that_is_not_yaml_shows_no_line_of_it() -> None:
    config = "listeners:\n  - upstream: postgresql://me:hunter2@db\n    policy: [\n"
    (problem,) = problems({}, {}, config)
    assert problem.startswith("etc/config.yaml:")
    assert "hunter2" not in problem
    assert "\n" not in problem


def test_a_key_given_twice_hides_no_other_mistake() -> None:
    assert problems(config="log_keep: x\nlog_keep: 2\nlog_level: loud\n") == (
        'etc/config.yaml:2:1: the key "log_keep" was already given in line 1',
        'etc/config.yaml:3:12: "loud" is none of debug, info, warning, error',
    )


def test_a_file_that_is_not_there() -> None:
    def absent(path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory")

    for flags, environment, origin in (
        ({**SHORT, "config": "c.yaml"}, {}, "--config"),
        (SHORT, {"PGWARDEN_CONFIG": "c.yaml"}, "PGWARDEN_CONFIG"),
    ):
        with pytest.raises(SettingsError) as raised:
            load_settings(flags, environment, absent)
        assert raised.value.problems == (f"{origin}: c.yaml cannot be read: No such file or directory",)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://ada:hunter2@db:5432",
            "must not hold a user or a password: clients log in with their own",
        ),
        ("postgresql://ada@db:5432", "must not hold a user or a password: clients log in with their own"),
        ("ada:hunter2@db:5432", "must begin with postgresql://"),
        ("postgresql://db/shop", "must not name a database: clients choose their own"),
        ("mysql://db", "must begin with postgresql://"),
        ("", "must be postgresql://HOST:PORT"),
    ],
)
def test_a_wrong_upstream_is_never_repeated(url: str, message: str) -> None:
    assert problems({**SHORT, "upstream": url}) == (f"--upstream: {message}",)
    config = f"listeners: [{{listen: ':1', policy: p, upstream: {url!r}}}]"
    assert problems({}, {}, config) == (f"etc/config.yaml:1:49: {message}",)


def test_an_authority_file_that_is_not_there() -> None:
    flags = {**SHORT, "upstream": "postgresql://db.example:5432"}
    assert problems(flags, {"PGWARDEN_SSLROOTCERT": "/nonexistent/ca.pem"}) == (
        "PGWARDEN_SSLROOTCERT: /nonexistent/ca.pem cannot be read: No such file or directory",
    )


def test_an_authority_file_that_nobody_reads_must_be_there_too() -> None:
    flags = {**SHORT, "upstream": "postgresql://127.0.0.1:5432", "sslrootcert": "/nonexistent/ca.pem"}
    assert problems(flags) == (
        "--sslrootcert: /nonexistent/ca.pem cannot be read: No such file or directory",
    )
    assert problems({**flags, "sslrootcert": "/dev"}) == (
        "--sslrootcert: /dev cannot be read: Is a directory",
    )


def test_the_ledger_of_whom_no_account_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert load().ledger == "/var/lib/pgwarden/ledger.sqlite"


def test_nothing_to_serve() -> None:
    assert problems({}) == (
        "nothing to serve: give --listen, --upstream and --policy, or a config file with listeners",
    )


def test_a_part_of_the_short_form_missing() -> None:
    assert problems({"listen": ":1", "upstream": "postgresql://127.0.0.1"}) == (
        "--policy: is missing (or set PGWARDEN_POLICY): the policy file to enforce",
    )


def test_the_short_form_cannot_choose_among_several() -> None:
    entry = "{listen: ':1', upstream: 'postgresql://127.0.0.1', policy: p}"
    entries = f"listeners: [{entry}, {entry.replace(':1', ':3')}]"
    assert problems({"listen": ":2"}, {"PGWARDEN_POLICY": "q"}, entries) == (
        "PGWARDEN_POLICY: the config file has 2 listeners; change it there",
        "--listen: the config file has 2 listeners; change it there",
    )


def test_two_listeners_at_one_address() -> None:
    entry = "{listen: ':1', upstream: 'postgresql://127.0.0.1', policy: p}"
    assert problems({}, {}, f"listeners: [{entry}, {entry}]") == (
        "etc/config.yaml:1:85: *:1 is taken by etc/config.yaml:1:22",
    )


def test_an_empty_config_file() -> None:
    assert problems({}, {}, "") == ("etc/config.yaml:1:1: the config file is empty: it needs listeners",)


@pytest.mark.parametrize(("one", "other"), [("x", "./x"), ("x", "y/../x"), ("-", "-")])
def test_both_logs_in_one_file(one: str, other: str) -> None:
    assert problems({**SHORT, "refusal_log": one, "statement_log": other}) == (
        "--statement-log: the statement log and the refusal log need a file each",
    )


def test_unknown_variables() -> None:
    assert problems(environment={"PGWARDEN_DRAIN_TIMEOUT": "3"}) == (
        'PGWARDEN_DRAIN_TIMEOUT: unknown setting, did you mean "PGWARDEN_DRAIN_TIMEOUT_S"?',
    )
    loaded = load_settings(
        SHORT,
        {
            "PGWARDEN_COLOUR": "red",
            "PGWARDEN_SERVICE_HOST": "10.0.0.7",
            "PGWARDEN_PORT": "tcp://10.0.0.7:5432",
            "PGWARDEN_PORT_5432_TCP_ADDR": "10.0.0.7",
            "PGWARDEN_ADMIN_SERVICE_PORT": "9187",
        },
    )
    assert loaded.warnings == ("PGWARDEN_COLOUR is no setting and does nothing",)


def test_every_problem_at_once() -> None:
    environment = {"PGWARDEN_LOG_KEEP": "x", "PGWARDEN_ADMIN": "y"}
    assert problems({**SHORT, "listen": "z"}, environment) == (
        '--listen: "z" is not HOST:PORT',
        'PGWARDEN_ADMIN: "y" is not HOST:PORT',
        'PGWARDEN_LOG_KEEP: "x" is not a whole number from 0',
    )


def test_every_setting_says_what_it_means() -> None:
    assert [setting.name for setting in table() if not setting.meaning] == []


@pytest.mark.parametrize(
    ("flags", "config"),
    [
        ({"peers": "2=10.0.0.2:6432, 3=postgresql://gate-3:6432?sslmode=disable", "peer_id": "1"}, None),
        ({}, "peer_id: 1\npeers: {2: 10.0.0.2:6432, 3: postgresql://gate-3:6432?sslmode=disable}\n"),
    ],
)
def test_peers(flags: Mapping[str, str], config: str | None) -> None:
    settings = load({**SHORT, **flags}, {}, config)
    assert (settings.peer_id, settings.peers) == (
        1,
        {2: "postgresql://10.0.0.2:6432", 3: "postgresql://gate-3:6432?sslmode=disable"},
    )


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("peers: {2: h:1}", "3:8: peers need a peer_id of this replica's own"),
        ("peer_id: 256", '3:10: "256" is too much: a peer_id is at most 255'),
        ("peer_id: 1\npeers: {0: h:1}", '4:8: "0" is no peer_id of its own: each replica has one, from 1'),
        ("peer_id: 1\npeers: {two: h:1}", '4:8: "two" is not a whole number from 0'),
        ("peer_id: 1\npeers: {2: 'u:secret@h:1'}", "4:8: peer 2 must not hold a user or a password"),
        ("peer_id: 1\npeers: [h:1]", "4:8: must be {NUMBER: HOST:PORT, …}"),
    ],
)
def test_wrong_peers(config: str, problem: str) -> None:
    listener = "listeners:\n  - {listen: ':1', upstream: 'postgresql://127.0.0.1:5', policy: p}\n"
    (told,) = problems({}, {}, listener + config + "\n")
    assert told.startswith(f"etc/config.yaml:{problem}")
    assert "secret" not in told
