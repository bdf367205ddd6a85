"""Settings that can weaken what protects the data, or change how a text is read.

In: a setting's name and value. Out: the risk of setting it. Deliberately absent: every setting that only
tunes.
"""

from __future__ import annotations

import re
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
        # Whose scripts CREATE EXTENSION runs (18).
        "extension_control_path": frozenset({"$system"}),
        "fsync": _ON,
        "full_page_writes": _ON,
        "createrole_self_grant": frozenset({""}),
        "transform_null_equals": _OFF,
        "array_nulls": _ON,
        # Code that runs when the language is first used.
        "plperl.on_init": frozenset({""}),
        "plperl.on_plperl_init": frozenset({""}),
        "plperl.on_plperlu_init": frozenset({""}),
        "pltcl.start_proc": frozenset({""}),
        "pltclu.start_proc": frozenset({""}),
        "plv8.start_proc": frozenset({""}),
        # Hypertables are written as if they had no chunks.
        "timescaledb.restoring": _OFF,
    }
)

# Encodings in which bytes below 128 mean what they mean in UTF-8, as the server spells them once it has
# thrown away all but letters and digits (clean_encoding_name() and pg_encname_tbl of src/common/encnames.c).
# What is not ASCII in such a text the session holds back; in the others a character can hide a quote.
_LATIN = {1: 1, 2: 2, 3: 3, 4: 4, 9: 5, 10: 6, 13: 7, 14: 8, 15: 9, 16: 10}
_WINDOWS = (866, 874, *range(1250, 1259))
_PLAIN_ENCODINGS = frozenset(
    {
        "utf8",
        "unicode",
        "sqlascii",
        "koi8",
        "koi8r",
        "koi8u",
        "alt",
        "win",
        "abc",
        "tcvn",
        "tcvn5712",
        "vscii",
    }
    | {f"iso8859{part}" for part in (*_LATIN, 5, 6, 7, 8)}
    | {f"latin{number}" for number in _LATIN.values()}
    | {f"{word}{page}" for word in ("win", "windows") for page in _WINDOWS}
)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")

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
    if name == "client_encoding":
        return Risk.LOW if plain is not None and _is_plain(plain) else Risk.HIGH
    if name in _READ_ONLY:
        return Risk.LOW if plain in _ON else _READ_ONLY[name]
    safe = _GUARDS.get(name)
    return Risk.LOW if safe is None or plain in safe else Risk.HIGH


def _is_plain(encoding: str) -> bool:
    """Whether texts in this encoding cannot hide a quote: asyncpg says `'utf-8'`, with the quotes."""
    return encoding.isascii() and _NOT_IN_NAMES.sub("", encoding) in _PLAIN_ENCODINGS


def _leads_to_the_system(search_path: str) -> bool:
    """Whether pg_catalog comes first, as where it is not named: else anyone's lower() is the system's."""
    schemas = [schema.strip().strip('"') for schema in search_path.split(",")]
    return "pg_catalog" not in schemas or schemas[0] == "pg_catalog"
