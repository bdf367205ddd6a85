"""Settings that can weaken what protects the data, or change how a text is read.

In: a setting's name and value. Out: the risk of setting it. Deliberately absent: every setting that only
tunes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.sql.effects import Risk

# How the server's lexer reads the next text.
LEXING: frozenset[str] = frozenset({"standard_conforming_strings", "client_encoding", "backslash_quote"})

_ON = frozenset({"on", "true", "t", "tr", "tru", "yes", "y", "ye", "1"})
_OFF = frozenset({"off", "of", "false", "f", "fa", "fal", "fals", "no", "n", "0"})

# row_security is not here: off makes a query fail that a policy would have filtered, it never lifts one.
# name -> the values that weaken nothing; anything else, a value not known included, is high.
_GUARDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "standard_conforming_strings": _ON,
        "backslash_quote": frozenset({"safe_encoding"}) | _OFF,
        "client_encoding": frozenset({"utf8", "utf-8", "unicode"}),
        "session_replication_role": frozenset({"origin"}),
        "allow_system_table_mods": _OFF,
        "ignore_system_indexes": _OFF,
        "zero_damaged_pages": _OFF,
        "ignore_checksum_failure": _OFF,
        "ignore_invalid_pages": _OFF,
        "lo_compat_privileges": _OFF,
        "event_triggers": _ON,
        "local_preload_libraries": frozenset({""}),
        "session_preload_libraries": frozenset({""}),
        "shared_preload_libraries": frozenset({""}),
        "dynamic_library_path": frozenset({"$libdir"}),
        "fsync": _ON,
        "full_page_writes": _ON,
        "createrole_self_grant": frozenset({""}),
        "transform_null_equals": _OFF,
        "array_nulls": _ON,
    }
)

# Whose value may be anything, but which change who acts, or what an unqualified name means.
_NOTABLE: Mapping[str, Risk] = MappingProxyType(
    {"role": Risk.MEDIUM, "session_authorization": Risk.HIGH, "search_path": Risk.LOW}
)

# Drivers send READ WRITE as a matter of course (JDBC's setReadOnly(false)): no wall, yet worth a rule. For
# the transaction at hand it only undoes the client's own READ ONLY.
_READ_ONLY: Mapping[str, Risk] = MappingProxyType(
    {"default_transaction_read_only": Risk.MEDIUM, "transaction_read_only": Risk.LOW}
)


def risk_of(name: str | None, value: str | None) -> Risk:
    """The risk of setting `name` to `value`; None is what is not known."""
    if name is None:
        return Risk.HIGH
    if name == "search_path" and (value is None or not _leads_to_the_system(value)):
        return Risk.HIGH
    if name in _NOTABLE:
        return _NOTABLE[name]
    plain = None if value is None else value.strip().lower()
    if name in _READ_ONLY:
        return Risk.LOW if plain in _ON else _READ_ONLY[name]
    safe = _GUARDS.get(name)
    return Risk.LOW if safe is None or plain in safe else Risk.HIGH


def _leads_to_the_system(search_path: str) -> bool:
    """Whether pg_catalog comes first, as where it is not named: else anyone's lower() is the system's."""
    schemas = [schema.strip().strip('"') for schema in search_path.split(",")]
    return "pg_catalog" not in schemas or schemas[0] == "pg_catalog"
