-- (facet, object, whose it is, value): one row for each thing that may change.
WITH space AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
rel AS (SELECT c.*, s.nspname FROM pg_class c JOIN space s ON s.oid = c.relnamespace)
SELECT 'schema', nspname, '', pg_get_userbyid(nspowner) || coalesce(nspacl::text, '')
FROM pg_namespace JOIN space USING (oid, nspname)
UNION ALL SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview' WHEN 'S' THEN 'sequence'
    WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'c' THEN 'type' ELSE 'table' END,
    relname, coalesce((SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = rel.oid), ''),
    nspname || relpersistence::text || relispopulated::text || coalesce(pg_get_viewdef(oid), '')
FROM rel WHERE relkind NOT IN ('t')
UNION ALL SELECT 'owner', relname, '', pg_get_userbyid(relowner) || coalesce(relacl::text, '')
FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
UNION ALL SELECT 'security', relname, '', relrowsecurity::text || relforcerowsecurity::text FROM rel
UNION ALL SELECT 'column', attname, relname, format_type(atttypid, atttypmod)
FROM pg_attribute JOIN rel ON rel.oid = attrelid WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'c')
UNION ALL SELECT 'not_null', attname, relname, attnotnull::text
FROM pg_attribute JOIN rel ON rel.oid = attrelid WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p')
UNION ALL SELECT 'default', attname, relname, coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute JOIN rel ON rel.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v')
UNION ALL SELECT 'constraint', conname, coalesce(relname, typname, ''), pg_get_constraintdef(k.oid)
FROM pg_constraint k LEFT JOIN rel ON rel.oid = conrelid LEFT JOIN pg_type t ON t.oid = contypid
WHERE connamespace IN (SELECT oid FROM space) AND contype <> 'n'
UNION ALL SELECT 'trigger', tgname, relname, tgenabled::text || tgfoid::regproc::text
FROM pg_trigger JOIN rel ON rel.oid = tgrelid WHERE NOT tgisinternal
UNION ALL SELECT 'keys', tgfoid::regproc::text, relname, string_agg(tgenabled::text, '')
FROM pg_trigger JOIN rel ON rel.oid = tgrelid WHERE tgisinternal GROUP BY 2, 3
UNION ALL SELECT 'policy', polname, relname, coalesce(pg_get_expr(polqual, polrelid), '')
FROM pg_policy JOIN rel ON rel.oid = polrelid
UNION ALL SELECT 'rule', rulename, relname, ev_enabled::text || pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN rel ON rel.oid = ev_class WHERE rulename <> '_RETURN'
UNION ALL SELECT 'statistics', stxname, '', nspname FROM pg_statistic_ext JOIN space ON space.oid = stxnamespace
UNION ALL SELECT 'inherits', inhrelid::regclass::text, inhparent::regclass::text, '' FROM pg_inherits
UNION ALL SELECT 'function', proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '',
    nspname || prosrc || prosecdef::text || provolatile::text || pg_get_userbyid(proowner) || coalesce(proconfig::text, '')
FROM pg_proc p JOIN space ON space.oid = pronamespace
UNION ALL SELECT 'type', typname, '', nspname || coalesce(typdefault, '') || typnotnull::text
FROM pg_type t JOIN space ON space.oid = typnamespace WHERE typtype IN ('e', 'd')
UNION ALL SELECT 'label', enumlabel, typname, '' FROM pg_enum JOIN pg_type t ON t.oid = enumtypid
UNION ALL SELECT 'comment', c.relname, '', description FROM pg_description JOIN rel c ON c.oid = objoid WHERE objsubid = 0
UNION ALL SELECT 'role', rolname, '', rolsuper::text || rolcanlogin::text FROM pg_roles WHERE rolname !~ '^pg_'
