"""No secret of a statement is shown, and nothing else of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sql import redact as redact_module
from proxy.sql.parse import SqlSyntaxError, parse
from proxy.sql.redact import redact
from proxy.sql.secrets import may_hold_secrets
from tests.sql import golden
from tests.sql.secret_shapes import RANDOM, SECRET, SECRETS, WRAPS, shapes

_CASES: list[tuple[str, str | None]] = [
    ("SELECT 'plain', password FROM users WHERE id = 1 AND name = 'a'", None),
    ("INSERT INTO t VALUES ('x')", None),
    ("COPY t FROM PROGRAM 'curl -u me:hunter2'", "COPY t FROM PROGRAM '***'"),
    ("COPY t TO PROGRAM /* to */ E'nc \\n'", "COPY t TO PROGRAM /* to */ '***'"),
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
    ("ALTER ROLE a PASSWORD 'hun' -- c\n 'ter2'", "ALTER ROLE a PASSWORD '***'"),
    ("ALTER ROLE a PASSWORD 'hun' -- c\n --d\n\n 'ter2' LOGIN", "ALTER ROLE a PASSWORD '***' LOGIN"),
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
        "SELECT set_config('***', '***', true)",
    ),
    ("SELECT set_config('search_path', 'x', true)", None),
    (
        "SELECT * FROM dblink('host=h password=s3cret', 'SELECT 1') AS t(a int)",
        "SELECT * FROM dblink('***', '***') AS t(a int)",
    ),
    # Bodies and texts that speak of secrets go as a whole.
    ("DO $$BEGIN ALTER ROLE a PASSWORD 'hunter2'; END$$", "DO '***'"),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER ROLE a PASSWORD ''hunter2'''",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '***'",
    ),
    (
        "SELECT query_to_xml('ALTER ROLE a PASSWORD ''hunter2''', true, false, '')",
        "SELECT query_to_xml('***', true, false, '***')",
    ),
    ("SELECT 'https://me:hunter2@host/x', 'https://host:80/x'", "SELECT '***', 'https://host:80/x'"),
    ("DO $$BEGIN COPY t FROM PROGRAM 'curl -u a:b'; END$$", "DO '***'"),
    # Settings by name: connection strings, command lines, keys.
    (
        "ALTER SYSTEM SET primary_conninfo = 'host=x user=y'",
        "ALTER SYSTEM SET primary_conninfo = '***'",
    ),
    (
        "ALTER SYSTEM SET ssl_passphrase_command = 'echo hunter2'",
        "ALTER SYSTEM SET ssl_passphrase_command = '***'",
    ),
    ("SET my.pass = 'hunter2'", "SET my.pass = '***'"),
    ("SET pgsodium.key = 'hunter2'; SELECT 'x'", "SET pgsodium.key = '***'; SELECT 'x'"),
    ("SET my.pass = hunter2; SELECT 'x'", "SET my.pass = '***'; SELECT 'x'"),
    ("SET my.pass = -5", "SET my.pass = '***'"),
    ("SELECT crypt(N'hunter2', 'x')", "SELECT crypt('***', '***')"),
    # Columns by name.
    (
        "UPDATE pg_authid SET rolpassword = 'hunter2' WHERE rolname = 'a'",
        "UPDATE pg_authid SET rolpassword = '***' WHERE rolname = 'a'",
    ),
    (
        "UPDATE users SET (name, password) = ('a', 'hunter2') WHERE id = 1",
        "UPDATE users SET (name, password) = ('***', '***') WHERE id = 1",
    ),
    (
        "UPDATE pg_settings SET setting = 'hunter2' WHERE name = 'my.token'",
        "UPDATE pg_settings SET setting = '***' WHERE name = '***'",
    ),
    (
        "INSERT INTO users (name, password) VALUES ('a', 'hunter2')",
        "INSERT INTO users (name, password) VALUES ('***', '***')",
    ),
    (
        "DELETE FROM sessions WHERE sessions.token = lower('hunter2') AND a = 'b'",
        "DELETE FROM sessions WHERE sessions.token = lower('***') AND a = 'b'",
    ),
    ("SELECT crypt('s3cret', gen_salt('bf'))", "SELECT crypt('***', gen_salt('***'))"),
]


_CASES += [(text, "\n".join(shown)) for _, text, shown in golden.cases(SECRETS)]


@pytest.mark.parametrize(("text", "shown"), _CASES)
def test_redact(text: str, shown: str | None) -> None:
    assert redact(text) == (text if shown is None else shown)


@pytest.mark.parametrize("text", [text for text, _ in _CASES])
def test_what_is_masked_can_still_be_read(text: str) -> None:
    kinds = [list(raw["stmt"]) for raw in parse(text)]
    assert [list(raw["stmt"]) for raw in parse(redact(text))] == kinds


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_secret_is_masked_wherever_its_statement_stands(wrap: str) -> None:
    for text in (wrap.format(shape) for shape in shapes()):
        shown = redact(text)
        assert SECRET not in shown
        assert not shown.startswith("<") or not _is_sql(text)


def _is_sql(text: str) -> bool:
    try:
        parse(text)
    except SqlSyntaxError:
        return False
    return True


@given(shape=st.sampled_from(shapes()), secret=RANDOM)
def test_a_random_secret_is_never_shown(shape: str, secret: str) -> None:
    text = shape.replace(SECRET, secret)
    shown = redact(text)
    assert secret not in shown
    assert len(parse(shown)) == len(parse(text))


@pytest.mark.parametrize(
    "text",
    """
    SELECT id, token FROM users WHERE id = 7 AND name = 'bob'
    CREATE TABLE t (id int PRIMARY KEY, status text DEFAULT 'new')
    SELECT 'shipping', 'compass', 'keyboard' FROM monkeys WHERE key = 'theme'
    UPDATE orders SET shipping = 'express', pinned = true WHERE id = 3
    INSERT INTO settings (key, value) VALUES ('theme', 'dark')
    SELECT count(*) FROM passengers WHERE spin = 'left' AND author = 'bob'
    DO $$ BEGIN CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); END $$
    """.strip().splitlines(),
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redact(text.strip()) == text.strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT 1 /* for the PASSWORD hunter2 */ + 1", "SELECT 1 /***/ + 1"),
        ("SELECT 1 -- token: hunter2\n + 1 -- plain", "SELECT 1 /***/\n + 1 /***/"),
        ("/* pwd=hunter2 */ SET my.pass = 'x'", "/***/ SET my.pass = '***'"),
    ],
)
def test_a_comment_that_speaks_of_secrets_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


# What each sentence about secrets looks for, and words like them.
_WORDS = """
SELECT UPDATE SET t users a name key my.key password rolpassword pwd = 'x' 'hunter2' $1 ( ) , crypt hmac
dblink http http_get digest encrypt set_config pg_settings OPTIONS CONNECTION SUBSCRIPTION s WHERE AND
FROM INSERT INTO VALUES program PROGRAM COPY TO 'https://me:hunter2@host' ALTER SYSTEM ROLE r PASSWORD
primary_conninfo archive_command CREATE SERVER f FOREIGN DATA WRAPPER host 'h' ADD token api_key apikey
pin user_pin otp pw cvv card_number login auth.login sign_in EXECUTE p RETURNING 'api_key'
'{"token":1}' settings tokens
"""


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=12))
def test_what_is_shown_without_a_parse_holds_nothing_to_mask(words: list[str]) -> None:
    text = " ".join(words)
    assert may_hold_secrets(text) or shown_after_a_parse(text) in {text, None}


@pytest.mark.parametrize("text", [text for text, _ in _CASES])
def test_whatever_is_masked_takes_a_parse(text: str) -> None:
    assert may_hold_secrets(text) or shown_after_a_parse(text) == text


def shown_after_a_parse(text: str) -> str | None:
    """The text masked as if it might hold secrets; None when it cannot be read."""
    try:
        return redact_module._shown(text)
    except SqlSyntaxError:
        return None


def test_a_text_that_cannot_be_read_is_not_shown() -> None:
    assert redact("CREATE ROLE r PASSWORD 's3cret") == "<unreadable statement, 30 characters>"
    assert redact("SELECT '\ud800'") == "<unreadable statement, 10 characters>"


@pytest.mark.parametrize(("limit", "shown"), [(None, "SELECT 1"), (8, "SELECT 1"), (7, "SELECT…"), (1, "…")])
def test_limit(limit: int | None, shown: str) -> None:
    assert redact("SELECT 1", limit) == shown


def test_the_mask_comes_before_the_cut() -> None:
    assert redact("CREATE ROLE r PASSWORD 's3cret-and-long'", 30) == "CREATE ROLE r PASSWORD '***'"


def test_what_is_between_two_pieces_of_a_literal_costs_no_more_than_its_length() -> None:
    """A reader that tries each newline again would take 10^12 steps here: hours."""
    text = "ALTER ROLE app PASSWORD 's3cret'" + "\n" * 1_000_000
    assert redact(text) == text.replace("s3cret", "***")


def test_many_secrets_cost_no_more_than_their_number() -> None:
    """A reader that counts characters anew for each would take 10^10 steps here."""
    text = "SELECT " + ", ".join(["crypt('é', 'x')"] * 20_000)
    assert redact(text) == "SELECT " + ", ".join(["crypt('***', '***')"] * 20_000)


def test_a_deep_tree_costs_no_more_than_its_nodes() -> None:
    text = "SELECT password" + " || 'x'" * 2_000
    assert redact(text) == text.replace("'x'", "'***'")
