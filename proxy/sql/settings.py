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
        "default_transaction_read_only": _ON,
        "transaction_read_only": _ON,
        "allow_system_table_mods": _OFF,
        "check_function_bodies": _ON,
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

# BEGIN READ WRITE and SET TRANSACTION READ WRITE are what every driver may send: they undo a client's own
# READ ONLY, which is no wall; the settings below are only grave when set for later transactions.
_OF_TRANSACTION = frozenset({"transaction_read_only"})


def risk_of(name: str | None, value: str | None) -> Risk:
    """The risk of setting `name` to `value`; None is what is not known."""
    if name is None:
        return Risk.HIGH
    if name in _NOTABLE:
        return _NOTABLE[name]
    if name in _OF_TRANSACTION:
        return Risk.LOW
    safe = _GUARDS.get(name)
    if safe is None:
        return Risk.LOW
    return Risk.LOW if value is not None and value.strip().lower() in safe else Risk.HIGH


def reset_risk(name: str | None) -> Risk:
    """The risk of returning a setting to its default, which a file or a role may have weakened."""
    return Risk.MEDIUM if name is None or name in _GUARDS or name in _NOTABLE else Risk.LOW


def is_guard(name: str) -> bool:
    """Whether some value of this setting weakens a protection."""
    return name in _GUARDS or name in _NOTABLE
