"""The kinds of objects PostgreSQL names, and how the grammar spells each of them.

Out: OBJECTS with the SQL keyword, manual page and examples of each kind; OBJECT_TYPES from the parser's
ObjectType to a kind's name. Deliberately absent: roles, columns and constraints, whose effects have verbs
of their own (table.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_ALTERS: Mapping[str, str] = MappingProxyType(
    {
        "drop": "DROP {keyword} {name}",
        "rename": "ALTER {keyword} {name} RENAME TO y",
        "move": "ALTER {keyword} {name} SET SCHEMA s",
        "owner": "ALTER {keyword} {name} OWNER TO r",
    }
)


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of object: name in effects, SQL keyword, and an example for every verb it knows."""

    name: str
    keyword: str
    examples: Mapping[str, str]

    def page(self, verb: str) -> str:
        """The manual's page on this verb (`sql-droptable.html`)."""
        word = _PAGE_WORDS.get(self.name, self.keyword.replace(" ", "").lower())
        if (self.name, verb) in _PAGES:
            return _PAGES[self.name, verb]
        return f"sql-{verb}{word}.html"


_PAGE_WORDS = {
    "function": "function",
    "operator_class": "opclass",
    "operator_family": "opfamily",
    "foreign_server": "server",
    "text_search_configuration": "tsconfig",
    "text_search_dictionary": "tsdictionary",
    "text_search_parser": "tsparser",
    "text_search_template": "tstemplate",
}
_PAGES = {
    ("cast", "alter"): "sql-createcast.html",
    ("access_method", "alter"): "sql-create-access-method.html",
    ("access_method", "create"): "sql-create-access-method.html",
    ("access_method", "drop"): "sql-drop-access-method.html",
    ("text_search_configuration", "create"): "sql-createtsconfig.html",
}


def _kind(name: str, keyword: str, ref: str, verbs: str, **examples: str) -> ObjectKind:
    made = {verb: _ALTERS[verb].format(keyword=keyword, name=ref) for verb in verbs.split()}
    return ObjectKind(name, keyword, MappingProxyType({**examples, **made}))


_FULL = "drop rename move owner"

OBJECTS: tuple[ObjectKind, ...] = (
    _kind(
        "table",
        "TABLE",
        "t",
        _FULL,
        create="CREATE TABLE t (a int)",
        alter="ALTER TABLE t SET (fillfactor = 70)",
    ),
    _kind(
        "view",
        "VIEW",
        "v",
        _FULL,
        create="CREATE VIEW v AS SELECT 1",
        alter="ALTER VIEW v SET (security_barrier)",
        replace="CREATE OR REPLACE VIEW v AS SELECT 1",
    ),
    _kind(
        "matview",
        "MATERIALIZED VIEW",
        "m",
        _FULL,
        create="CREATE MATERIALIZED VIEW m AS SELECT 1",
        alter="ALTER MATERIALIZED VIEW m SET (fillfactor = 70)",
    ),
    _kind(
        "sequence", "SEQUENCE", "s", _FULL, create="CREATE SEQUENCE s", alter="ALTER SEQUENCE s INCREMENT 2"
    ),
    _kind(
        "index",
        "INDEX",
        "i",
        "drop rename",
        create="CREATE INDEX i ON t (a)",
        alter="ALTER INDEX i SET (fillfactor = 70)",
        owner="ALTER INDEX i OWNER TO r",
    ),
    _kind(
        "type", "TYPE", "x", _FULL, create="CREATE TYPE x AS ENUM ('a')", alter="ALTER TYPE x ADD VALUE 'b'"
    ),
    _kind(
        "domain", "DOMAIN", "d", _FULL, create="CREATE DOMAIN d AS int", alter="ALTER DOMAIN d SET NOT NULL"
    ),
    _kind("schema", "SCHEMA", "s", "drop rename owner", create="CREATE SCHEMA s"),
    _kind(
        "database",
        "DATABASE",
        "d",
        "drop rename owner",
        create="CREATE DATABASE d",
        alter="ALTER DATABASE d CONNECTION LIMIT 5",
    ),
    _kind(
        "extension",
        "EXTENSION",
        "e",
        "drop move",
        create="CREATE EXTENSION e",
        alter="ALTER EXTENSION e UPDATE",
    ),
    _kind(
        "function",
        "FUNCTION",
        "f(int)",
        _FULL,
        create="CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        replace="CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        alter="ALTER FUNCTION f(int) STRICT",
    ),
    _kind(
        "procedure",
        "PROCEDURE",
        "f(int)",
        _FULL,
        create="CREATE PROCEDURE f() LANGUAGE sql BEGIN ATOMIC END",
        replace="CREATE OR REPLACE PROCEDURE f() LANGUAGE sql BEGIN ATOMIC END",
        alter="ALTER PROCEDURE f(int) SECURITY DEFINER",
    ),
    _kind(
        "aggregate",
        "AGGREGATE",
        "a(int)",
        _FULL,
        create="CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int)",
        replace="CREATE OR REPLACE AGGREGATE a(int) (sfunc = int4pl, stype = int)",
    ),
    _kind(
        "trigger",
        "TRIGGER",
        "x ON t",
        "drop rename",
        create="CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()",
        replace="CREATE OR REPLACE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()",
        alter="ALTER TRIGGER x ON t DEPENDS ON EXTENSION e",
    ),
    _kind(
        "event_trigger",
        "EVENT TRIGGER",
        "x",
        "drop rename owner",
        create="CREATE EVENT TRIGGER x ON sql_drop EXECUTE FUNCTION f()",
    ),
    _kind(
        "rule",
        "RULE",
        "x ON t",
        "drop rename",
        create="CREATE RULE x AS ON INSERT TO t DO INSTEAD NOTHING",
        replace="CREATE OR REPLACE RULE x AS ON INSERT TO t DO INSTEAD NOTHING",
    ),
    _kind(
        "policy",
        "POLICY",
        "x ON t",
        "drop rename",
        create="CREATE POLICY x ON t",
        alter="ALTER POLICY x ON t USING (true)",
    ),
    _kind(
        "publication",
        "PUBLICATION",
        "p",
        "drop rename owner",
        create="CREATE PUBLICATION p",
        alter="ALTER PUBLICATION p ADD TABLE t",
    ),
    _kind(
        "subscription",
        "SUBSCRIPTION",
        "s",
        "drop rename owner",
        create="CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
        alter="ALTER SUBSCRIPTION s ENABLE",
    ),
    _kind(
        "foreign_table",
        "FOREIGN TABLE",
        "t",
        _FULL,
        create="CREATE FOREIGN TABLE t (a int) SERVER s",
        alter="ALTER FOREIGN TABLE t OPTIONS (SET a 'b')",
    ),
    _kind(
        "foreign_server",
        "SERVER",
        "s",
        "drop rename owner",
        create="CREATE SERVER s FOREIGN DATA WRAPPER w",
        alter="ALTER SERVER s OPTIONS (SET host 'x')",
    ),
    _kind(
        "foreign_data_wrapper",
        "FOREIGN DATA WRAPPER",
        "w",
        "drop rename owner",
        create="CREATE FOREIGN DATA WRAPPER w",
        alter="ALTER FOREIGN DATA WRAPPER w OPTIONS (SET a 'b')",
    ),
    _kind(
        "user_mapping",
        "USER MAPPING",
        "FOR u SERVER s",
        "drop",
        create="CREATE USER MAPPING FOR u SERVER s",
        alter="ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'x')",
    ),
    _kind(
        "tablespace",
        "TABLESPACE",
        "x",
        "drop rename owner",
        create="CREATE TABLESPACE x LOCATION '/x'",
        alter="ALTER TABLESPACE x SET (seq_page_cost = 1)",
    ),
    _kind(
        "collation",
        "COLLATION",
        "c",
        _FULL,
        create="CREATE COLLATION c (locale = 'C')",
        alter="ALTER COLLATION c REFRESH VERSION",
    ),
    _kind("conversion", "CONVERSION", "c", _FULL, create="CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM f"),
    _kind("cast", "CAST", "(a AS b)", "drop", create="CREATE CAST (a AS b) WITHOUT FUNCTION"),
    _kind(
        "operator",
        "OPERATOR",
        "+ (int, int)",
        "drop move owner",
        create="CREATE OPERATOR + (leftarg = int, rightarg = int, function = f)",
        alter="ALTER OPERATOR + (int, int) SET (restrict = none)",
    ),
    _kind(
        "operator_class",
        "OPERATOR CLASS",
        "o USING btree",
        _FULL,
        create="CREATE OPERATOR CLASS o FOR TYPE x USING btree AS STORAGE int",
    ),
    _kind(
        "operator_family",
        "OPERATOR FAMILY",
        "o USING btree",
        _FULL,
        create="CREATE OPERATOR FAMILY o USING btree",
        alter="ALTER OPERATOR FAMILY o USING btree DROP FUNCTION 1 (int, int)",
    ),
    _kind(
        "text_search_configuration",
        "TEXT SEARCH CONFIGURATION",
        "c",
        _FULL,
        create="CREATE TEXT SEARCH CONFIGURATION c (parser = p)",
        alter="ALTER TEXT SEARCH CONFIGURATION c DROP MAPPING FOR word",
    ),
    _kind(
        "text_search_dictionary",
        "TEXT SEARCH DICTIONARY",
        "d",
        _FULL,
        create="CREATE TEXT SEARCH DICTIONARY d (template = simple)",
        alter="ALTER TEXT SEARCH DICTIONARY d (stopwords = x)",
    ),
    _kind(
        "text_search_parser",
        "TEXT SEARCH PARSER",
        "p",
        "drop rename move",
        create="CREATE TEXT SEARCH PARSER p (start = a, gettoken = b, end = c, lextypes = d)",
    ),
    _kind(
        "text_search_template",
        "TEXT SEARCH TEMPLATE",
        "t",
        "drop rename move",
        create="CREATE TEXT SEARCH TEMPLATE t (lexize = a)",
    ),
    _kind(
        "language",
        "LANGUAGE",
        "l",
        "drop rename owner",
        create="CREATE LANGUAGE l HANDLER h",
        replace="CREATE OR REPLACE LANGUAGE l HANDLER h",
    ),
    _kind(
        "transform",
        "TRANSFORM",
        "FOR x LANGUAGE l",
        "drop",
        create="CREATE TRANSFORM FOR x LANGUAGE l (FROM SQL WITH FUNCTION f(internal))",
        replace="CREATE OR REPLACE TRANSFORM FOR x LANGUAGE l (FROM SQL WITH FUNCTION f(internal))",
    ),
    _kind(
        "access_method", "ACCESS METHOD", "a", "drop", create="CREATE ACCESS METHOD a TYPE TABLE HANDLER h"
    ),
    _kind(
        "statistics",
        "STATISTICS",
        "s",
        _FULL,
        create="CREATE STATISTICS s ON a, b FROM t",
        alter="ALTER STATISTICS s SET STATISTICS 100",
    ),
    _kind("large_object", "LARGE OBJECT", "1", "owner"),
)

# ObjectType of the grammar -> the kind's name; a missing one is statement.unknown.
OBJECT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "OBJECT_ACCESS_METHOD": "access_method",
        "OBJECT_AGGREGATE": "aggregate",
        "OBJECT_CAST": "cast",
        "OBJECT_COLLATION": "collation",
        "OBJECT_CONVERSION": "conversion",
        "OBJECT_DATABASE": "database",
        "OBJECT_DOMAIN": "domain",
        "OBJECT_EVENT_TRIGGER": "event_trigger",
        "OBJECT_EXTENSION": "extension",
        "OBJECT_FDW": "foreign_data_wrapper",
        "OBJECT_FOREIGN_SERVER": "foreign_server",
        "OBJECT_FOREIGN_TABLE": "foreign_table",
        "OBJECT_FUNCTION": "function",
        "OBJECT_INDEX": "index",
        "OBJECT_LANGUAGE": "language",
        "OBJECT_LARGEOBJECT": "large_object",
        "OBJECT_MATVIEW": "matview",
        "OBJECT_OPCLASS": "operator_class",
        "OBJECT_OPERATOR": "operator",
        "OBJECT_OPFAMILY": "operator_family",
        "OBJECT_POLICY": "policy",
        "OBJECT_PROCEDURE": "procedure",
        "OBJECT_PUBLICATION": "publication",
        "OBJECT_ROLE": "role",
        # ROUTINE may be any of three kinds: definitions.py notes the other two besides.
        "OBJECT_ROUTINE": "function",
        "OBJECT_RULE": "rule",
        "OBJECT_SCHEMA": "schema",
        "OBJECT_SEQUENCE": "sequence",
        "OBJECT_STATISTIC_EXT": "statistics",
        "OBJECT_SUBSCRIPTION": "subscription",
        "OBJECT_TABLE": "table",
        "OBJECT_TABLESPACE": "tablespace",
        "OBJECT_TRANSFORM": "transform",
        "OBJECT_TRIGGER": "trigger",
        "OBJECT_TSCONFIGURATION": "text_search_configuration",
        "OBJECT_TSDICTIONARY": "text_search_dictionary",
        "OBJECT_TSPARSER": "text_search_parser",
        "OBJECT_TSTEMPLATE": "text_search_template",
        "OBJECT_TYPE": "type",
        "OBJECT_USER_MAPPING": "user_mapping",
        "OBJECT_VIEW": "view",
    }
)
