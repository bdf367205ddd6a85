"""Roles that may log in and do what the gate is there to stop, if they connect to the server itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.app.catalogue.reader import Rows
from proxy.app.doctor.finding import Finding, note, warning

ROLES: Final = """
SELECT r.rolname, r.rolsuper, r.rolcreaterole, r.rolbypassrls, r.rolreplication,
       coalesce(r.rolvaliduntil, 'infinity') = 'infinity',
       ARRAY(SELECT g.rolname::text FROM pg_roles g
             WHERE g.rolname IN ('pg_write_server_files', 'pg_read_server_files', 'pg_execute_server_program',
                                 'pg_write_all_data')
               AND pg_has_role(r.oid, g.oid, 'MEMBER')
             ORDER BY 1)
FROM pg_roles r WHERE r.rolcanlogin ORDER BY 1
"""


def examine_roles(rows: Rows) -> Iterator[Finding]:
    """One finding for each role that may do more than its tables' owner: by password for ever, or not."""
    for name, superuser, creates, bypasses, replicates, for_ever, groups in rows:
        named = {"CREATEROLE": creates, "BYPASSRLS": bypasses, "REPLICATION": replicates}
        powers = ["SUPERUSER"] if superuser else [*(word for word, has in named.items() if has), *groups]
        if not powers:
            continue
        what = f"{name} may log in, and has {', '.join(powers)}"
        if for_ever:
            yield warning(
                "roles",
                f"{what}; its password never expires",
                f"take away what {name} does not need, or log in as it by the gate alone and "
                f"set ALTER ROLE … VALID UNTIL",
            )
        else:
            yield note("roles", what, f"see that {name} is used by people you know")
