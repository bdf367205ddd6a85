"""Where a ledger lies, as people write it."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from proxy.app.asking import PasswordFile
from proxy.app.ledger.address import default_key, ledger_place
from proxy.app.sources import SettingsError, load_settings
from proxy.records import PostgresAddress

URL = "postgresql://keeper@127.0.0.1:5433/evidence"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/var/lib/l.sqlite", "/var/lib/l.sqlite"),
        ("ledger@home", "ledger@home"),
        (URL, PostgresAddress("127.0.0.1", 5433, "keeper", "evidence", "pw")),
        ("postgres://a%40b@localhost/e%20f", PostgresAddress("localhost", 5432, "a@b", "e f", "pw")),
        ("postgresql://k@/e?host=/run", PostgresAddress("/run", 5432, "k", "e", "pw")),
    ],
)
def test_a_file_or_a_database(text: str, place: object) -> None:
    assert ledger_place(text, "pw") == place


def test_a_distant_server_is_asked_for_its_certificate() -> None:
    place = ledger_place("postgresql://k@db.example.com/e")
    assert isinstance(place, PostgresAddress)
    assert isinstance(place.tls.mode, ssl.SSLContext)
    assert place.tls.mode.check_hostname
    near = ledger_place(URL)
    assert isinstance(near, PostgresAddress)
    assert near.tls.mode is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mysql://k@h/e", "must be a file, or postgresql://USER@HOST:PORT/DATABASE"),
        (
            "postgresql://k:hunter2@h/e",
            "must not hold a password: put it into a file, and name that in ledger_password_file",
        ),
        ("postgresql://h/e", "must name a user and a database: postgresql://USER@HOST:PORT/DATABASE"),
        ("postgresql://k@h", "must name a user and a database: postgresql://USER@HOST:PORT/DATABASE"),
        ("postgresql://k@h/e/f", "must name a user and a database: postgresql://USER@HOST:PORT/DATABASE"),
        ("postgresql://k@[h/e", "is not a URL: write postgresql://USER@HOST:PORT/DATABASE"),
        ("postgresql://k@h/e?password=hunter2", "has the parameter 'password', which is not one of "),
    ],
)
def test_what_is_no_place(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        ledger_place(text)
    assert str(raised.value).startswith(problem)
    assert "hunter2" not in str(raised.value)


def load(tmp_path: Path, environment: dict[str, str] | None = None, **common: str) -> object:
    listener = {"listen": ":6432", "upstream": "postgresql://127.0.0.1", "policy": "p.yaml"}
    (tmp_path / "gate.yaml").write_text(json.dumps({"listeners": [listener], **common}))
    return load_settings({"config": str(tmp_path / "gate.yaml")}, environment or {}).ledger


def test_in_a_config_file_a_file_is_relative_and_a_database_is_not(tmp_path: Path) -> None:
    assert load(tmp_path, ledger="l.sqlite") == str(tmp_path / "l.sqlite")
    assert load(tmp_path, ledger=URL) == PostgresAddress("127.0.0.1", 5433, "keeper", "evidence")


def test_the_password_comes_from_a_file_or_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\n")
    file.chmod(0o600)
    variable = {"PGWARDEN_LEDGER_PASSWORD": "from variable"}
    for given, password in (
        ({"ledger_password_file": "password"}, PasswordFile(str(file))),
        ({}, "from variable"),
    ):
        place = load(tmp_path, variable, ledger=URL, **given)
        assert isinstance(place, PostgresAddress)
        assert place.password == password
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, ledger=URL, ledger_password_file="absent")
    assert [problem.partition(": ")[2] for problem in raised.value.problems] == [
        f"{tmp_path / 'absent'} cannot be read: No such file or directory"
    ]


def test_a_wrong_place_is_told_with_where_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, {"PGWARDEN_LEDGER": "postgresql://k:hunter2@h/e"})
    (problem,) = raised.value.problems
    assert problem.startswith(
        "PGWARDEN_LEDGER: must not hold a password: put it into a file, and name that in "
    )


def test_the_key_lies_beside_the_file_or_where_a_file_would() -> None:
    assert default_key("/l/ledger.sqlite", "/home/l.sqlite") == Path("/l/ledger.sqlite.key")
    assert default_key(PostgresAddress("h", 1, "u", "d"), "/home/l.sqlite") == Path("/home/ledger.key")
