"""Who reads catalogues, as people write it: the settings, and the line that says what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.app.sources import Loaded, SettingsError, load_settings

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5433", "policy": "p.yaml"}
FILES = {"pw": "s3cret\n", "two": "a\nb\n", "none": "", "open": "s3cret\n"}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
        Path(name).chmod(0o644 if name == "open" else 0o600)


def load(environment: Mapping[str, str] | None = None, **flags: str) -> Loaded:
    return load_settings({**SHORT, **flags}, environment or {})


def test_nothing_is_read_unless_it_is_asked_for() -> None:
    assert load().catalogues == (None,)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://reader@", ("127.0.0.1", 5433, "reader")),
        ("postgres://re%40der@/", ("127.0.0.1", 5433, "re@der")),
        ("postgresql://reader@localhost:6000?sslmode=disable", ("localhost", 6000, "reader")),
        ("postgresql://reader@[::1]", ("::1", 5432, "reader")),
        ("postgresql://reader@?host=/run/postgresql", ("/run/postgresql", 5432, "reader")),
    ],
)
def test_the_address_is_the_upstream_s_unless_it_says_another(url: str, wanted: tuple[str, int, str]) -> None:
    (source,) = load(catalogue=url).catalogues
    assert source is not None
    assert (source.server.host, source.server.port, source.role) == wanted
    assert source.password is None


def test_the_password_comes_from_a_file_or_the_environment_and_is_never_shown() -> None:
    from_environment = {"PGWARDEN_CATALOGUE_PASSWORD": "other"}
    (filed,) = load(from_environment, catalogue="postgresql://r@", catalogue_password_file="pw").catalogues
    (given,) = load(from_environment, catalogue="postgresql://r@").catalogues
    assert filed is not None and given is not None
    assert callable(filed.password)
    assert (filed.password(), given.password) == ("s3cret", "other")
    assert "s3cret" not in repr(filed)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"catalogue": ""}, "--catalogue: must be postgresql://ROLE@, or postgresql://ROLE@HOST:PORT"),
        ({"catalogue": "mysql://r@"}, "--catalogue: must begin with postgresql://"),
        (
            {"catalogue": "postgresql://127.0.0.1"},
            "--catalogue: must name the role that reads: postgresql://ROLE@, or postgresql://ROLE@HOST:PORT",
        ),
        (
            {"catalogue": "postgresql://r:hunter2@h"},
            "--catalogue: must not hold a password: put it into a file, and name that in"
            " catalogue_password_file",
        ),
        (
            {"catalogue": "postgresql://r@h/shop"},
            "--catalogue: must not name a database: each is read that clients choose",
        ),
        (
            {"catalogue": "postgresql://r@h?sslmode=allow"},
            "--catalogue: has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full",
        ),
        (
            {"catalogue": "postgresql://r@", "catalogue_password_file": "gone"},
            "--catalogue-password-file: gone cannot be read: No such file or directory",
        ),
        (
            {"catalogue": "postgresql://r@", "catalogue_password_file": "two"},
            "--catalogue-password-file: two must hold the password in one line, and nothing else",
        ),
        (
            {"catalogue": "postgresql://r@", "catalogue_password_file": "none"},
            "--catalogue-password-file: none must hold the password in one line, and nothing else",
        ),
        (
            {"catalogue": "postgresql://r@", "catalogue_password_file": "open"},
            "--catalogue-password-file: open may be read or written by others: run chmod 0600 on it",
        ),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(flags: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(None, **flags)
    assert raised.value.problems == (line,)
