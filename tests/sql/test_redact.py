"""No secret of a statement is shown, and nothing else of it is lost."""

from __future__ import annotations

import pytest

from proxy.sql.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT 'not a secret', password FROM users WHERE id = 1", None),
        ("INSERT INTO t VALUES ('x')", None),
        ("COPY t FROM PROGRAM 'cat x'", None),
        ("ALTER ROLE r NOLOGIN VALID UNTIL '2030-01-01'", None),
        ("SET application_name = 'x'", None),
        ("CREATE ROLE r PASSWORD 's3cret'", "CREATE ROLE r PASSWORD '***'"),
        (
            "CREATE ROLE é LOGIN ENCRYPTED PASSWORD 's3cret' SUPERUSER",
            "CREATE ROLE é LOGIN ENCRYPTED PASSWORD '***' SUPERUSER",
        ),
        ("ALTER USER r WITH PASSWORD E's3\\'cret' LOGIN", "ALTER USER r WITH PASSWORD '***' LOGIN"),
        ("ALTER USER r PASSWORD $a$s3cret$a$", "ALTER USER r PASSWORD '***'"),
        ("ALTER USER r PASSWORD U&'s3cret'", "ALTER USER r PASSWORD '***'"),
        ("ALTER USER r PASSWORD 's3''cr\\'; SELECT 's3cret'", "ALTER USER r PASSWORD '***'; SELECT 's3cret'"),
        ("ALTER USER r PASSWORD 's3'\n 'cret'", "ALTER USER r PASSWORD '***'"),
        ("ALTER USER r PASSWORD NULL", None),
        (
            "SELECT 1; CREATE ROLE a PASSWORD 'x'; CREATE ROLE b PASSWORD 'y'",
            "SELECT 1; CREATE ROLE a PASSWORD '***'; CREATE ROLE b PASSWORD '***'",
        ),
        (
            "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 's3cret')",
            "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password '***')",
        ),
        (
            "ALTER SERVER s OPTIONS (SET host 'h', ADD sslkey 's3cret')",
            "ALTER SERVER s OPTIONS (SET host 'h', ADD sslkey '***')",
        ),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=s3cret' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION p",
        ),
        ("ALTER SUBSCRIPTION s CONNECTION 'password=s3cret'", "ALTER SUBSCRIPTION s CONNECTION '***'"),
        ("SET app.jwt_secret = 's3cret'", "SET app.jwt_secret = '***'"),
        ("ALTER ROLE r SET my.password TO 's3cret'", "ALTER ROLE r SET my.password TO '***'"),
        ("ALTER SYSTEM SET ldap.token = 's3cret'", "ALTER SYSTEM SET ldap.token = '***'"),
        (
            "SELECT set_config('app.password', 's3cret', true)",
            "SELECT set_config('app.password', '***', true)",
        ),
        ("SELECT set_config('search_path', 'x', true)", None),
        (
            "SELECT * FROM dblink('host=h password=s3cret', 'SELECT 1') AS t(a int)",
            "SELECT * FROM dblink('***', '***') AS t(a int)",
        ),
        ("SELECT crypt('s3cret', gen_salt('bf'))", "SELECT crypt('***', gen_salt('***'))"),
    ],
)
def test_redact(text: str, shown: str | None) -> None:
    assert redact(text) == (text if shown is None else shown)


def test_a_text_that_cannot_be_read_is_not_shown() -> None:
    assert redact("CREATE ROLE r PASSWORD 's3cret") == "<unreadable statement, 30 characters>"
    assert redact("SELECT '\ud800'") == "<unreadable statement, 10 characters>"


@pytest.mark.parametrize(("limit", "shown"), [(None, "SELECT 1"), (8, "SELECT 1"), (7, "SELECT…"), (1, "…")])
def test_limit(limit: int | None, shown: str) -> None:
    assert redact("SELECT 1", limit) == shown


def test_the_mask_comes_before_the_cut() -> None:
    assert redact("CREATE ROLE r PASSWORD 's3cret-and-long'", 30) == "CREATE ROLE r PASSWORD '***'"
