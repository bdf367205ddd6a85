"""Each kind of object in each form that names one: its effect and target, where servers take the statement.

The forms are DROP, RENAME TO, OWNER TO, SET SCHEMA, DEPENDS ON EXTENSION, COMMENT ON and SECURITY LABEL ON.
Which kinds have which of them, the servers say; the parser must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from pglast import enums

from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.effects import EFFECT_KINDS, Target
from tests.conftest import ServerAt
from tests.servers.database import Database

MAJORS = (15, 18)
SETUP = """
CREATE ROLE form_owner SUPERUSER;
CREATE ROLE form_role;
CREATE SCHEMA s;
CREATE SCHEMA other;
CREATE SCHEMA form_schema;
CREATE EXTENSION file_fdw;
CREATE EXTENSION citext;
CREATE ACCESS METHOD form_am TYPE TABLE HANDLER heap_tableam_handler;
CREATE AGGREGATE s.agg (int) (sfunc = int4pl, stype = int);
CREATE TYPE s.comp AS (x int, y text);
CREATE FUNCTION s.to_text(s.comp) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.y';
CREATE CAST (s.comp AS text) WITH FUNCTION s.to_text(s.comp);
CREATE COLLATION s.coll (locale = 'C');
CREATE CONVERSION s.conv FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE DOMAIN s.dom AS int CONSTRAINT dc CHECK (value > 0);
CREATE FUNCTION s.evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER form_evt ON ddl_command_end WHEN TAG IN ('CREATE CAST') EXECUTE FUNCTION s.evt();
CREATE FOREIGN DATA WRAPPER form_fdw;
CREATE SERVER form_server FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE s.ft (a text) SERVER form_server OPTIONS (filename '/x');
CREATE USER MAPPING FOR form_role SERVER form_server;
CREATE FUNCTION s.func(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE s.proc(int) LANGUAGE sql AS 'SELECT 1';
CREATE LANGUAGE form_lang HANDLER plpgsql_call_handler;
CREATE TABLE s.t (id int PRIMARY KEY, a int, CONSTRAINT ck CHECK (a > 0));
CREATE INDEX ix ON s.t (a);
CREATE MATERIALIZED VIEW s.mv AS SELECT 1 AS a;
CREATE OPERATOR FAMILY s.fam USING btree;
CREATE OPERATOR CLASS s.cls FOR TYPE int USING hash AS OPERATOR 1 =;
CREATE OPERATOR s.=== (leftarg = int, rightarg = int, function = int4eq);
CREATE POLICY po ON s.t;
CREATE PUBLICATION form_pub;
CREATE FUNCTION s.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.trg();
CREATE RULE ru AS ON INSERT TO s.t DO ALSO NOTHING;
CREATE SEQUENCE s.seq;
CREATE SUBSCRIPTION form_sub CONNECTION '' PUBLICATION p WITH (connect = false);
CREATE STATISTICS s.stat ON id, a FROM s.t;
CREATE FUNCTION s.from_sql(internal) RETURNS internal LANGUAGE internal AS 'prsd_start' IMMUTABLE;
CREATE TRANSFORM FOR s.comp LANGUAGE sql (FROM SQL WITH FUNCTION s.from_sql(internal));
CREATE TEXT SEARCH CONFIGURATION s.cfg (parser = "default");
CREATE TEXT SEARCH DICTIONARY s.dict (template = simple);
CREATE TEXT SEARCH PARSER s.prs
    (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE s.tmpl (lexize = dsimple_lexize);
CREATE TYPE s.enm AS ENUM ('a');
CREATE VIEW s.vw AS SELECT 1 AS a;
SELECT lo_create(4242);
"""
# Of the whole server, or not to be made within a transaction.
OUTSIDE = ("CREATE DATABASE form_db", "CREATE TABLESPACE form_space LOCATION ''")


@dataclass(frozen=True, slots=True)
class Kind:
    """A value of ObjectType: how SQL names one such object, and the target that this is."""

    object_type: str
    keyword: str
    reference: str
    target: Target
    detail: str = ""


def _kind(object_type: str, keyword: str, reference: str, kind: str, name: str, on: str = "") -> Kind:
    schema, _, last = ("", "", name) if " AS " in name else name.rpartition(".")
    return Kind(f"OBJECT_{object_type}", keyword, reference, Target(kind, schema or None, last), on)


KINDS = (
    _kind("ACCESS_METHOD", "ACCESS METHOD", "form_am", "access_method", "form_am"),
    _kind("AGGREGATE", "AGGREGATE", "s.agg(int)", "aggregate", "s.agg"),
    _kind("CAST", "CAST", "(s.comp AS text)", "cast", "s.comp AS text"),
    _kind("COLLATION", "COLLATION", "s.coll", "collation", "s.coll"),
    _kind("CONVERSION", "CONVERSION", "s.conv", "conversion", "s.conv"),
    _kind("DATABASE", "DATABASE", "form_db", "database", "form_db"),
    _kind("DOMAIN", "DOMAIN", "s.dom", "domain", "s.dom"),
    _kind("EVENT_TRIGGER", "EVENT TRIGGER", "form_evt", "event_trigger", "form_evt"),
    _kind("EXTENSION", "EXTENSION", "citext", "extension", "citext"),
    _kind("FDW", "FOREIGN DATA WRAPPER", "form_fdw", "foreign_data_wrapper", "form_fdw"),
    _kind("FOREIGN_SERVER", "SERVER", "form_server", "foreign_server", "form_server"),
    _kind("FOREIGN_TABLE", "FOREIGN TABLE", "s.ft", "foreign_table", "s.ft"),
    _kind("FUNCTION", "FUNCTION", "s.func(int)", "function", "s.func"),
    _kind("INDEX", "INDEX", "s.ix", "index", "s.ix"),
    _kind("LANGUAGE", "LANGUAGE", "form_lang", "language", "form_lang"),
    _kind("LARGEOBJECT", "LARGE OBJECT", "4242", "large_object", "4242"),
    _kind("MATVIEW", "MATERIALIZED VIEW", "s.mv", "matview", "s.mv"),
    _kind("OPCLASS", "OPERATOR CLASS", "s.cls USING hash", "operator_class", "s.cls"),
    _kind("OPERATOR", "OPERATOR", "s.=== (int, int)", "operator", "s.==="),
    _kind("OPFAMILY", "OPERATOR FAMILY", "s.fam USING btree", "operator_family", "s.fam"),
    _kind("POLICY", "POLICY", "po ON s.t", "policy", "s.po", "on s.t"),
    _kind("PROCEDURE", "PROCEDURE", "s.proc(int)", "procedure", "s.proc"),
    _kind("PUBLICATION", "PUBLICATION", "form_pub", "publication", "form_pub"),
    _kind("ROLE", "ROLE", "form_role", "role", "form_role"),
    _kind("ROUTINE", "ROUTINE", "s.func(int)", "function", "s.func"),
    _kind("RULE", "RULE", "ru ON s.t", "rule", "s.ru", "on s.t"),
    _kind("SCHEMA", "SCHEMA", "form_schema", "schema", "form_schema"),
    _kind("SEQUENCE", "SEQUENCE", "s.seq", "sequence", "s.seq"),
    _kind("SUBSCRIPTION", "SUBSCRIPTION", "form_sub", "subscription", "form_sub"),
    _kind("STATISTIC_EXT", "STATISTICS", "s.stat", "statistics", "s.stat"),
    _kind("TABLE", "TABLE", "s.t", "table", "s.t"),
    _kind("TABLESPACE", "TABLESPACE", "form_space", "tablespace", "form_space"),
    _kind("TRANSFORM", "TRANSFORM", "FOR s.comp LANGUAGE sql", "transform", "s.comp AS sql"),
    _kind("TRIGGER", "TRIGGER", "tr ON s.t", "trigger", "s.tr", "on s.t"),
    _kind("TSCONFIGURATION", "TEXT SEARCH CONFIGURATION", "s.cfg", "text_search_configuration", "s.cfg"),
    _kind("TSDICTIONARY", "TEXT SEARCH DICTIONARY", "s.dict", "text_search_dictionary", "s.dict"),
    _kind("TSPARSER", "TEXT SEARCH PARSER", "s.prs", "text_search_parser", "s.prs"),
    _kind("TSTEMPLATE", "TEXT SEARCH TEMPLATE", "s.tmpl", "text_search_template", "s.tmpl"),
    _kind("TYPE", "TYPE", "s.enm", "type", "s.enm"),
    _kind("USER_MAPPING", "USER MAPPING", "FOR form_role SERVER form_server", "user_mapping", "form_role"),
    _kind("VIEW", "VIEW", "s.vw", "view", "s.vw"),
    # Parts: only some of the forms know them.
    _kind("COLUMN", "COLUMN", "s.t.a", "column", "s.a", "on s.t"),
    _kind("ATTRIBUTE", "COLUMN", "s.comp.x", "column", "s.x", "on s.comp"),
    _kind("TABCONSTRAINT", "CONSTRAINT", "ck ON s.t", "constraint", "s.ck", "on s.t"),
    _kind("DOMCONSTRAINT", "CONSTRAINT", "dc ON DOMAIN s.dom", "constraint", "s.dc", "on domain s.dom"),
)
# No statement of these forms names them: they are members of a family, of a publication, or privileges.
NEVER_NAMED = {
    "OBJECT_AMOP",
    "OBJECT_AMPROC",
    "OBJECT_DEFACL",
    "OBJECT_DEFAULT",
    "OBJECT_PARAMETER_ACL",
    "OBJECT_PUBLICATION_NAMESPACE",
    "OBJECT_PUBLICATION_REL",
}

FORMS = (
    ("drop", "DROP {keyword} {reference}"),
    ("drop", "DROP {keyword} IF EXISTS {reference} CASCADE"),
    ("rename", "ALTER {keyword} {reference} RENAME TO renamed"),
    ("owner", "ALTER {keyword} {reference} OWNER TO form_owner"),
    ("move", "ALTER {keyword} {reference} SET SCHEMA other"),
    ("alter", "ALTER {keyword} {reference} DEPENDS ON EXTENSION citext"),
    ("alter", "ALTER {keyword} {reference} NO DEPENDS ON EXTENSION citext"),
    ("comment", "COMMENT ON {keyword} {reference} IS 'x'"),
    ("label", "SECURITY LABEL ON {keyword} {reference} IS 'x'"),
)
_NAMES = {"comment": "comment.set", "label": "security_label.set"}
SYNTAX_ERROR = "42601"
# What a server says of a statement that it understands: not within a transaction; no provider of labels is
# loaded; others depend on it.
UNDERSTOOD = {"25001", "22023", "2BP01"}


def statements() -> Iterator[tuple[Kind, str, str]]:
    for kind in KINDS:
        for verb, form in FORMS:
            yield kind, verb, form.format(keyword=kind.keyword, reference=kind.reference)


STATEMENTS = [pytest.param(*row, id=row[2]) for row in statements()]


def test_every_object_type_is_here() -> None:
    assert {kind.object_type for kind in KINDS} | NEVER_NAMED == {value.name for value in enums.ObjectType}


@pytest.fixture(scope="module", params=MAJORS)
def prepared(request: pytest.FixtureRequest, server_at: ServerAt) -> Iterator[tuple[int, Database]]:
    """A database with one of everything, which no test changes for good."""
    cluster = server_at(request.param)
    cluster.execute("CREATE DATABASE forms")
    database = Database(cluster, "forms")
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute(SETUP)
        for statement in OUTSIDE:
            connection.execute(statement.encode())
    yield request.param, database
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("ALTER SUBSCRIPTION form_sub SET (slot_name = NONE)")
        connection.execute("DROP SUBSCRIPTION form_sub")
    for statement in ("DATABASE forms WITH (FORCE)", "DATABASE form_db", "TABLESPACE form_space"):
        cluster.execute(f"DROP {statement}")
    for role in ("form_owner", "form_role"):
        cluster.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(("kind", "verb", "sql"), STATEMENTS)
def test_the_effect_is_that_of_the_kind(
    prepared: tuple[int, Database], kind: Kind, verb: str, sql: str
) -> None:
    major, database = prepared
    state = answer(database, sql)
    try:
        effects = analyse(sql, major).effects
    except SqlSyntaxError:
        assert state == SYNTAX_ERROR
        return
    assert state is None or state in UNDERSTOOD
    (effect, *others) = effects
    assert (effect.name, effect.target) == (_NAMES.get(verb, f"{kind.target.kind}.{verb}"), kind.target)
    assert [other.name for other in others] == besides(kind, verb, sql)
    assert effect.name in EFFECT_KINDS
    assert effect.detail.startswith(kind.detail)
    assert effect.traits >= ({"cascade", "if_exists"} if "CASCADE" in sql else set())


def besides(kind: Kind, verb: str, sql: str) -> list[str]:
    """The effects that a form has besides: a routine may be of three kinds, a subscription has a server."""
    if kind.object_type == "OBJECT_ROUTINE" and verb not in _NAMES:
        return [name for name in (f"procedure.{verb}", f"aggregate.{verb}") if name in EFFECT_KINDS]
    return ["server.network"] if sql.startswith("DROP SUBSCRIPTION") else []


def answer(database: Database, sql: str) -> str | None:
    """The server's SQLSTATE, None when it ran."""
    with psycopg.connect(database.dsn) as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return None
