"""The queries by which a database's catalogue is read, on servers of 15 to 18.

They run with search_path at pg_catalog, which is all that unqualified names in them mean. None casts through
a user's type, evaluates a stored expression or calls a user's function: pg_get_expr() and its family only
write out what the server has parsed.
"""

from __future__ import annotations

from typing import Final

# What initdb made has oids below FirstNormalObjectId.
_WORDS: Final = {
    ":users": "16384",
    ":temporary": "(SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_')",
    ":support": "aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn,"
    " aggminvtransfn, aggmfinalfn",
}


def _sql(text: str) -> str:
    for word, meaning in _WORDS.items():
        text = text.replace(word, meaning)
    return text


def _state(catalogue: str, condition: str = "true") -> str:
    """Of new rows the xmin is greater than of any old one: equal count and sum, equal rows."""
    return _sql(
        f"SELECT '{catalogue}' AS catalogue, count(*), sum(xmin::text::bigint)"  # noqa: S608 - constants below
        f" FROM {catalogue} AS c WHERE {condition}"
    )


_WHOLE: Final = """
pg_proc pg_aggregate pg_operator pg_cast pg_opclass pg_amproc pg_range pg_attrdef pg_constraint pg_trigger
pg_rewrite pg_policy pg_index pg_statistic_ext pg_partitioned_table pg_inherits pg_event_trigger pg_extension
pg_language
"""
STATE: Final = " UNION ALL ".join(
    [
        _state("pg_namespace", "nspname !~ '^pg_(toast_)?temp_'"),
        _state("pg_class", "relnamespace NOT IN :temporary AND relkind <> 't'"),
        _state(
            "pg_attribute",
            "attnum > 0 AND attrelid IN (SELECT oid FROM pg_class AS r WHERE r.oid >= :users"
            " AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND r.relnamespace NOT IN :temporary)",
        ),
        _state("pg_type", "typnamespace NOT IN :temporary"),
        _state("pg_depend", "deptype IN ('e', 'x')"),
        *(_state(catalogue) for catalogue in _WHOLE.split()),
    ]
)
"""Changes whenever anything changes that is read below, and costs milliseconds."""

SERVER: Final = "SELECT current_setting('server_version_num')::int / 10000"

SCHEMAS: Final = _sql(
    "SELECT oid, nspname FROM pg_namespace WHERE oid >= :users OR nspname = 'public' ORDER BY 1"
)

EXTENSIONS: Final = "SELECT oid, extname FROM pg_extension ORDER BY 1"

RELATIONS: Final = _sql("""
SELECT c.oid, n.nspname, c.relname, c.relkind::text,
       array(SELECT DISTINCT a.atttypid FROM pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= :users AND n.oid NOT IN :temporary
ORDER BY c.oid
""")

INHERITS: Final = """
SELECT i.inhrelid, i.inhparent FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE c.relkind IN ('r', 'p', 'f') ORDER BY 1, 2
"""

# Users' functions, and those of the server that users' objects call. A range type's constructors are the
# server's code under another name: language internal, and equal prosrc.
FUNCTIONS: Final = _sql("""
WITH aliases AS (
    SELECT p.oid, b.oid AS own FROM pg_proc AS p JOIN pg_proc AS b ON b.prosrc = p.prosrc
    WHERE p.oid >= :users AND b.oid < :users
    AND ARRAY[p.prolang, b.prolang] <@ (SELECT array_agg(oid) FROM pg_language WHERE lanname = 'internal')
), called AS (
    SELECT oprcode::oid AS oid FROM pg_operator WHERE oid >= :users
    UNION SELECT castfunc FROM pg_cast WHERE oid >= :users
    UNION SELECT tgfoid FROM pg_trigger WHERE NOT tgisinternal
    UNION SELECT evtfoid FROM pg_event_trigger
    UNION SELECT amproc::oid FROM pg_amproc WHERE amprocfamily >= :users
    UNION SELECT f::oid FROM pg_aggregate AS a, unnest(ARRAY[:support]) AS f
          WHERE a.aggfnoid >= :users
    UNION SELECT own FROM aliases
), members AS (
    SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e'
), found AS (
    SELECT p.*, l.lanname, p.oid IN (SELECT objid FROM members) AS member,
           l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'p') AND p.oid >= :users AS readable,
           p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) AS fires
    FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.oid >= :users OR p.oid IN (SELECT oid FROM called)
)
SELECT p.oid, n.nspname, p.proname, p.prokind::text, p.lanname,
       CASE WHEN p.readable AND (p.fires OR NOT p.member) THEN pg_get_functiondef(p.oid) ELSE '' END,
       p.proargtypes::oid[], p.pronargs - p.pronargdefaults, p.prorettype, p.provolatile::text,
       p.member AND NOT (p.readable AND p.fires),
       array(SELECT f::oid FROM pg_aggregate AS a, unnest(ARRAY[:support]) AS f
             WHERE a.aggfnoid = p.oid AND f::oid <> 0
             UNION ALL SELECT own FROM aliases WHERE aliases.oid = p.oid)
FROM found AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.oid NOT IN :temporary ORDER BY p.oid
""")

DEFAULTS: Final = _sql("""
SELECT d.adrelid, CASE a.attgenerated WHEN '' THEN 'default' ELSE 'generated' END, a.attname,
       CASE a.attgenerated WHEN '' THEN '{insert,update}' WHEN 's' THEN '{insert,update,maintain}'
            ELSE '{read,insert,update,maintain}' END::text[],
       'SELECT ' || pg_get_expr(d.adbin, d.adrelid), false
FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid >= :users
""")

CHECKS: Final = _sql("""
SELECT greatest(c.conrelid, c.contypid), 'check', c.conname,
       CASE c.conrelid WHEN 0 THEN '{coerce}' ELSE '{insert,update,maintain}' END::text[],
       'SELECT ' || pg_get_expr(c.conbin, c.conrelid), false
FROM pg_constraint AS c WHERE c.contype = 'c' AND c.oid >= :users
UNION ALL
SELECT t.oid, 'default', t.typname, '{coerce}', 'SELECT ' || pg_get_expr(t.typdefaultbin, 0), false
FROM pg_type AS t WHERE t.typdefaultbin IS NOT NULL AND t.oid >= :users
""")

POLICIES: Final = """
SELECT p.polrelid, 'policy', p.polname,
       CASE p.polcmd WHEN 'r' THEN '{read,update,delete}' WHEN 'a' THEN '{insert}' WHEN 'w' THEN '{update}'
            WHEN 'd' THEN '{delete}' ELSE '{read,insert,update,delete}' END::text[],
       'SELECT ' || concat_ws(', ', pg_get_expr(p.polqual, p.polrelid),
                              pg_get_expr(p.polwithcheck, p.polrelid)),
       false
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
WHERE c.relrowsecurity AND NOT (p.polqual IS NULL AND p.polwithcheck IS NULL)
"""

INDEXES: Final = _sql("""
SELECT i.indrelid, 'index', c.relname, '{insert,update,maintain,refresh}'::text[],
       'SELECT ' || concat_ws(', ', pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)),
       false
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid >= :users AND NOT (i.indexprs IS NULL AND i.indpred IS NULL)
UNION ALL
SELECT s.stxrelid, 'statistics', s.stxname, '{maintain}', 'SELECT ' || pg_get_expr(s.stxexprs, s.stxrelid),
       false
FROM pg_statistic_ext AS s WHERE s.stxexprs IS NOT NULL
UNION ALL
SELECT p.partrelid, 'partition', '', '{route,maintain}', 'SELECT ' || pg_get_expr(p.partexprs, p.partrelid),
       false
FROM pg_partitioned_table AS p WHERE p.partexprs IS NOT NULL
""")

# Users' functions of operator classes that an index or a partition key names. An expression's type tells
# nothing of these, and a read compares, too.
CLASSES: Final = _sql("""
WITH used AS (
    SELECT i.indrelid AS owner, 'index' AS kind, c.relname AS name, unnest(i.indclass::oid[]) AS class
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid >= :users
    UNION ALL
    SELECT p.partrelid, 'partition', '', unnest(p.partclass::oid[]) FROM pg_partitioned_table AS p
)
SELECT u.owner, u.kind, u.name, '{read,insert,update,delete,maintain,refresh,route}'::text[],
       'SELECT ' || string_agg(DISTINCT format('%I.%I()', n.nspname, p.proname), ', '), false
FROM used AS u JOIN pg_opclass AS c ON c.oid = u.class
JOIN pg_proc AS p ON p.oid IN (
    SELECT m.amproc FROM pg_amproc AS m WHERE m.amprocfamily = c.opcfamily
    UNION ALL
    SELECT o.oprcode FROM pg_amop AS m JOIN pg_operator AS o ON o.oid = m.amopopr
    WHERE m.amopfamily = c.opcfamily
)
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid >= :users AND p.oid NOT IN (
    SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e'
)
GROUP BY u.owner, u.kind, u.name
""")

VIEWS: Final = _sql("""
SELECT c.oid, 'view', '',
       CASE c.relkind WHEN 'v' THEN '{read,insert,update,delete}' ELSE '{refresh}' END::text[],
       'CREATE VIEW it AS ' || pg_get_viewdef(c.oid), false
FROM pg_class AS c WHERE c.relkind IN ('v', 'm') AND c.oid >= :users AND c.relnamespace NOT IN :temporary
""")

RULES: Final = _sql("""
SELECT r.ev_class, 'rule', r.rulename,
       ARRAY[CASE r.ev_type WHEN '1' THEN 'read' WHEN '2' THEN 'update' WHEN '3' THEN 'insert'
             ELSE 'delete' END],
       pg_get_ruledef(r.oid), r.is_instead
FROM pg_rewrite AS r WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D' AND r.oid >= :users
""")

TRIGGERS: Final = """
SELECT t.tgrelid, 'trigger', t.tgname,
       array_remove(ARRAY[CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' END,
                          CASE WHEN t.tgtype & 8 <> 0 THEN 'delete' END,
                          CASE WHEN t.tgtype & 16 <> 0 THEN 'update' END,
                          CASE WHEN t.tgtype & 32 <> 0 THEN 'truncate' END], NULL),
       pg_get_triggerdef(t.oid), t.tgtype & 64 <> 0
FROM pg_trigger AS t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
"""

CODE: Final = (DEFAULTS, CHECKS, POLICIES, INDEXES, CLASSES, VIEWS, RULES, TRIGGERS)
"""Each gives owner, kind, name, events, text, instead."""

FOREIGN_KEYS: Final = """
SELECT c.conname, c.conrelid, c.confrelid, c.confdeltype::text, c.confupdtype::text,
       array(SELECT a.attname::text FROM unnest(c.conkey) AS k JOIN pg_attribute AS a
             ON a.attrelid = c.conrelid AND a.attnum = k ORDER BY 1),
       array(SELECT a.attname::text FROM unnest(c.confkey) AS k JOIN pg_attribute AS a
             ON a.attrelid = c.confrelid AND a.attnum = k ORDER BY 1)
FROM pg_constraint AS c WHERE c.contype = 'f' ORDER BY c.oid
"""

OPERATORS: Final = _sql("""
SELECT n.nspname, o.oprname, o.oprcode::oid
FROM pg_operator AS o JOIN pg_namespace AS n ON n.oid = o.oprnamespace
WHERE o.oid >= :users AND o.oprcode::oid <> 0 ORDER BY o.oid
""")

CASTS: Final = _sql("""
SELECT c.castsource, c.casttarget, c.castfunc FROM pg_cast AS c
WHERE c.oid >= :users AND c.castfunc <> 0 ORDER BY c.oid
""")

# A type of the server's own is here for the functions of a user's operator class.
TYPES: Final = _sql("""
WITH uses AS (
    SELECT c.opcintype AS type, p.amproc::oid AS function
    FROM pg_opclass AS c JOIN pg_amproc AS p ON p.amprocfamily = c.opcfamily
    WHERE c.oid >= :users
    UNION ALL
    SELECT c.opcintype, o.oprcode::oid
    FROM pg_opclass AS c JOIN pg_amop AS m ON m.amopfamily = c.opcfamily
    JOIN pg_operator AS o ON o.oid = m.amopopr
    WHERE c.oid >= :users
    UNION ALL
    SELECT r.rngtypid, f::oid FROM pg_range AS r, unnest(ARRAY[r.rngcanonical, r.rngsubdiff]) AS f
    UNION ALL
    SELECT t.oid, f::oid FROM pg_type AS t,
           unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout]) AS f
    WHERE t.oid >= :users
), functions AS (
    SELECT type, array_agg(DISTINCT function ORDER BY function) AS functions
    FROM uses WHERE function >= :users GROUP BY type
)
SELECT t.oid, n.nspname, t.typname, t.typtype::text,
       CASE WHEN t.oid < :users THEN '{}'
            WHEN t.typtype = 'c' THEN array(SELECT DISTINCT a.atttypid FROM pg_attribute AS a
                 WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1)
            ELSE array_remove(ARRAY[t.typbasetype, t.typelem,
                                    (SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid),
                                    (SELECT r.rngtypid FROM pg_range AS r WHERE r.rngmultitypid = t.oid)],
                              0::oid)
       END::oid[],
       t.typrelid, coalesce(f.functions, '{}')::oid[]
FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace LEFT JOIN functions AS f ON f.type = t.oid
WHERE (t.oid >= :users OR f.type IS NOT NULL) AND n.oid NOT IN :temporary
ORDER BY t.oid
""")

EVENT_TRIGGERS: Final = """
SELECT evtname, evtevent, coalesce(evttags, '{}'), evtfoid FROM pg_event_trigger
WHERE evtenabled <> 'D' ORDER BY oid
"""

# Of what goes with its owner without a word only relations, types and an extension's members are here: the
# rest is a part of it. A table's row type stands for the table; a view's rule, and a generated column's
# expression, take their owner along.
DEPENDANTS: Final = _sql("""
WITH edges AS (
    SELECT refclassid, refobjid, refobjsubid, classid, objid, objsubid, deptype FROM pg_depend
    WHERE (refobjid >= :users OR refobjid = to_regnamespace('public')) AND objid >= :users
    AND (deptype IN ('n', 'e')
         OR deptype <> 'x' AND (
            classid = 'pg_class'::regclass
            AND objid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'f', 'm', 'v', 'S'))
            OR classid = 'pg_type'::regclass AND objid IN (SELECT oid FROM pg_type WHERE typrelid = 0)))
    UNION ALL
    SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype FROM pg_depend
    WHERE refobjid >= :users AND objid >= :users AND deptype = 'i'
    AND classid IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)
), resolved AS (
    SELECT DISTINCT
           CASE WHEN r.oid IS NULL THEN e.refclassid ELSE 'pg_class'::regclass END AS on_class,
           coalesce(r.typrelid, e.refobjid) AS on_oid, e.refobjsubid AS on_sub,
           e.classid, e.objid, e.objsubid, e.deptype
    FROM edges AS e LEFT JOIN pg_type AS r
    ON e.refclassid = 'pg_type'::regclass AND r.oid = e.refobjid AND r.typrelid <> 0
), objects AS (
    SELECT o.classid, o.objid, o.objsubid, i.type AS what, coalesce(n.nspname, i.schema) AS schema,
           coalesce(c.relname, p.proname, k.conname, i.name, i.identity) AS name
    FROM (SELECT DISTINCT classid, objid, objsubid FROM resolved) AS o
    LEFT JOIN pg_class AS c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid
    LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_proc AS p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
    LEFT JOIN pg_constraint AS k ON o.classid = 'pg_constraint'::regclass AND k.oid = o.objid,
    LATERAL pg_identify_object(o.classid, o.objid, o.objsubid) AS i
    WHERE (c.oid IS NULL OR c.relkind NOT IN ('i', 'I', 't')) AND i.type IS NOT NULL
)
SELECT on_class::regclass::text, on_oid, on_sub, e.classid::regclass::text, e.objid, e.objsubid,
       e.deptype::text, o.what, o.schema, o.name
FROM resolved AS e JOIN objects AS o USING (classid, objid, objsubid)
WHERE (on_class, on_oid) <> (e.classid, e.objid)
ORDER BY on_oid, on_sub, objid, objsubid, deptype
""")
