"""What functions do: built-ins and the extensions that everyone knows, by name.

In: a function's qualified name and the server's major version. Out: what a call causes, or that it is not
known. The volatile built-ins of 15 to 18 are each classified here, or listed as harmless with their kind;
every other built-in (immutable or stable, so by the server's own rules without effect) is harmless by being
in builtins.py, unless the table says otherwise. Deliberately absent: users' functions, which need a
catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from proxy.sql import builtins
from proxy.sql.effects import Risk


@dataclass(frozen=True, slots=True)
class Cause:
    """One effect of a call.

    argument is the index of the argument that names the target, -1 for none; a target of this kind is then
    named when the argument is a constant, and unknown when not.
    """

    effect: str
    kind: str = ""
    argument: int = -1
    risk: Risk | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a known function does.

    runs are the arguments that are SQL text which it runs; parameters the names that its first arguments may
    be given by. names_type is the argument that names a type, whose input function and checks run, or -1.
    of_extension: known by its name alone, so it may as well be a user's.
    """

    causes: tuple[Cause, ...] = ()
    runs: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    changes_settings: bool = False
    names_type: int = -1
    of_extension: bool = False


HARMLESS = Known()

# Volatile by the server's word, yet without effect beyond the call: clocks, random values, the session's own
# locks, cursors of large objects, monitoring, and handlers and trigger functions that no SQL can call.
_QUIET = """
amvalidate array_sample array_shuffle bernoulli brinhandler bthandler clock_timestamp current_query currtid2
currval dsnowball_init dsnowball_lexize gen_random_uuid ginhandler gisthandler hashhandler
heap_tableam_handler lastval lo_close lo_get lo_lseek lo_lseek64 lo_open lo_tell lo_tell64 loread
pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_available_wal_summaries pg_blocking_pids
pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
pg_database_collation_actual_version pg_database_size pg_export_snapshot pg_get_aios
pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_multixact_members pg_get_sequence_data
pg_get_shmem_allocations pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_replay_pause_state
pg_get_wal_resource_managers pg_get_wal_summarizer_state pg_hba_file_rules pg_ident_file_mappings
pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused pg_isolation_test_session_is_blocked
pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn
pg_last_xact_replay_timestamp pg_lock_status pg_notification_queue_usage pg_partition_ancestors
pg_partition_tree pg_prepared_xact pg_relation_size pg_replication_origin_progress
pg_replication_origin_session_is_setup pg_replication_origin_session_progress
pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_show_all_file_settings
pg_show_replication_origin_status pg_sleep pg_sleep_for pg_sleep_until pg_stat_clear_snapshot
pg_stat_force_next_flush pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io
pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit
pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time pg_stat_get_xact_function_total_time
pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted
pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated
pg_stat_have_stats pg_table_size pg_tablespace_size pg_total_relation_size pg_try_advisory_lock
pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
pg_wal_summary_contents pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status
plpgsql_call_handler plpgsql_inline_handler plpgsql_validator random random_normal setseed spghandler
suppress_redundant_updates_trigger system timeofday tsvector_update_trigger
tsvector_update_trigger_column txid_status unique_key_recheck uuidv4 uuidv7
RI_FKey_cascade_del RI_FKey_cascade_upd RI_FKey_check_ins RI_FKey_check_upd RI_FKey_noaction_del
RI_FKey_noaction_upd RI_FKey_restrict_del RI_FKey_restrict_upd RI_FKey_setdefault_del
RI_FKey_setdefault_upd RI_FKey_setnull_del RI_FKey_setnull_upd
"""


def _each(
    names: str, *causes: Cause, runs: tuple[int, ...] = (), parameters: str = "", names_type: int = -1
) -> Mapping[str, Known]:
    known_as = Known(causes, runs, tuple(parameters.split()), names_type=names_type)
    return dict.fromkeys(names.split(), known_as)


_LOW, _MEDIUM, _HIGH = Risk.LOW, Risk.MEDIUM, Risk.HIGH
_OPAQUE = Cause("code.opaque")

# Sources: the manual's chapters on system administration, sequence, XML, text search and large object
# functions, and the source of each function where the manual has none.
_BUILT_IN: Mapping[str, Known] = MappingProxyType(
    {
        # functions-sequence
        **_each("nextval", Cause("sequence.advance", "sequence", 0)),
        **_each("setval", Cause("sequence.reset", "sequence", 0)),
        # functions-xml: these run the text they are given, or read what they are named
        **_each("query_to_xml query_to_xmlschema query_to_xml_and_xmlschema", runs=(0,), parameters="query"),
        # the cursor's query was judged when it was declared
        **_each(
            "cursor_to_xml cursor_to_xmlschema", Cause("statement.fetch", "cursor", 0), parameters="cursor"
        ),
        **_each(
            "table_to_xml table_to_xmlschema table_to_xml_and_xmlschema",
            Cause("row.read", "table", 0),
            parameters="tbl",
        ),
        **_each("schema_to_xml schema_to_xml_and_xmlschema", Cause("row.read", "table"), _OPAQUE),
        **_each("database_to_xml database_to_xml_and_xmlschema", Cause("row.read", "table"), _OPAQUE),
        # textsearch-features: ts_rewrite runs its second argument in the form with two
        **_each("ts_stat", runs=(0,), parameters="query"),
        **_each("ts_rewrite", runs=(1,)),
        # functions-info, and input functions of whole kinds of types: a domain's checks run
        **_each(
            "pg_input_is_valid pg_input_error_info domain_in array_in record_in range_in multirange_in",
            names_type=1,
        ),
        # functions-admin: configuration
        "set_config": Known((Cause("session.set", "setting", 0),), changes_settings=True),
        **_each("pg_reload_conf", Cause("server.signal", detail="reload")),
        **_each(
            "pg_rotate_logfile pg_rotate_logfile_old", Cause("server.signal", risk=_LOW, detail="rotate")
        ),
        # functions-admin: signals
        **_each(
            "pg_terminate_backend pg_cancel_backend",
            Cause("server.signal", "process", 0),
            parameters="pid",
        ),
        **_each("pg_log_backend_memory_contexts", Cause("server.signal", "process", 0, _LOW)),
        # functions-admin: WAL, backup, recovery, replication
        **_each("pg_switch_wal pg_create_restore_point pg_log_standby_snapshot", Cause("server.checkpoint")),
        **_each("pg_backup_start pg_backup_stop", Cause("server.replication", risk=_MEDIUM, detail="backup")),
        **_each(
            "pg_promote pg_wal_replay_pause pg_wal_replay_resume",
            Cause("server.replication", detail="recovery"),
        ),
        **_each(
            "pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot"
            " pg_replication_slot_advance pg_logical_slot_get_changes pg_logical_slot_get_binary_changes",
            Cause("server.replication", "slot", 0),
            parameters="slot_name",
        ),
        **_each(
            "pg_copy_physical_replication_slot pg_copy_logical_replication_slot",
            Cause("server.replication", "slot", 1),
            parameters="src_slot_name dst_slot_name",
        ),
        **_each(
            "pg_logical_slot_peek_changes pg_logical_slot_peek_binary_changes",
            Cause("server.replication", "slot", 0, _LOW),
            parameters="slot_name",
        ),
        **_each(
            "pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_advance"
            " pg_replication_origin_session_setup pg_replication_origin_session_reset"
            " pg_replication_origin_xact_setup pg_replication_origin_xact_reset",
            Cause("server.replication", detail="origin"),
        ),
        **_each("pg_logical_emit_message", Cause("server.replication", risk=_MEDIUM, detail="message")),
        **_each("pg_sync_replication_slots", Cause("server.replication", detail="slots")),
        # functions-admin: files
        **_each(
            "pg_read_file pg_read_binary_file pg_read_file_old pg_ls_dir",
            Cause("server.file_read", "file", 0),
        ),
        **_each("pg_stat_file", Cause("server.file_read", "file", 0), parameters="filename"),
        **_each(
            "pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir pg_ls_logicalmapdir"
            " pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir",
            Cause("server.file_read", risk=_LOW),
        ),
        # lo-funcs
        **_each("lo_creat", Cause("large_object.create", "large_object")),
        **_each("lo_create lo_from_bytea", Cause("large_object.create", "large_object", 0)),
        **_each("lo_unlink lo_put", Cause("server.large_object", "large_object", 0)),
        # their first argument is a descriptor, which says nothing of the object
        **_each("lo_truncate lo_truncate64 lowrite", Cause("server.large_object", "large_object")),
        **_each(
            "lo_import",
            Cause("server.file_read", "file", 0),
            Cause("large_object.create", "large_object", 1),
        ),
        **_each("lo_export", Cause("server.file_write", "file", 1)),
        # monitoring-stats, functions-admin: statistics
        **_each(
            "pg_stat_reset pg_stat_reset_shared pg_stat_reset_slru pg_stat_reset_replication_slot"
            " pg_stat_reset_subscription_stats pg_stat_reset_backend_stats"
            " pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters"
            " pg_clear_attribute_stats pg_clear_relation_stats"
            " pg_restore_attribute_stats pg_restore_relation_stats",
            Cause("server.statistics"),
        ),
        # functions-admin: indexes
        **_each(
            "brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list",
            Cause("index.alter", "index", 0, _LOW),
        ),
        # functions-admin, and internal ones
        **_each("pg_notify", Cause("session.notify", "channel", 0)),
        **_each("pg_import_system_collations", Cause("collation.create", "collation")),
        **_each("pg_extension_config_dump", Cause("extension.alter", "extension")),
        **_each("pg_nextoid pg_stop_making_pinned_objects", _OPAQUE),
    }
)

# Functions of extensions that do more than compute and read, whatever schema they were put into. What
# else an extension brings stays unknown: a user's function may have that name.
_OF_EXTENSIONS: Mapping[str, Known] = MappingProxyType(
    {
        # contrib-dblink: another server, and text that it runs
        **_each(
            "dblink dblink_connect dblink_connect_u dblink_exec dblink_open dblink_fetch dblink_close"
            " dblink_send_query dblink_get_result dblink_build_sql_insert dblink_build_sql_update"
            " dblink_build_sql_delete dblink_cancel_query",
            Cause("server.network"),
            Cause("code.dynamic", detail="dblink"),
        ),
        **_each(
            "dblink_disconnect dblink_get_connections dblink_is_busy dblink_error_message",
            Cause("server.network", risk=_LOW),
        ),
        # tablefunc, xml2: crosstab(text, text) runs both, the second of crosstab(text, int) is a number
        **_each("crosstab", runs=(0, 1)),
        **_each("crosstab2 crosstab3 crosstab4", runs=(0,)),
        **_each("connectby xpath_table", Cause("code.dynamic")),
        # adminpack
        **_each(
            "pg_file_write pg_file_rename pg_file_unlink pg_file_sync", Cause("server.file_write", "file", 0)
        ),
        **_each("pg_file_read pg_file_length pg_logdir_ls", Cause("server.file_read", "file", 0)),
        # lo, spi: trigger functions that remove large objects, and that pass deletions on
        **_each("lo_manage", Cause("server.large_object", "large_object")),
        **_each("check_foreign_key", Cause("row.delete", "table", risk=_HIGH)),
        **_each("autoinc", Cause("sequence.advance", "sequence")),
        # tcn
        **_each("triggered_change_notification", Cause("session.notify", "channel")),
        # pg_surgery, pg_visibility
        **_each("heap_force_kill heap_force_freeze", Cause("row.delete", "table", 0, _HIGH)),
        **_each("pg_truncate_visibility_map", Cause("table.alter", "table", 0)),
        # pg_stat_statements
        **_each("pg_stat_statements_reset", Cause("server.statistics")),
        # postgres_fdw
        **_each("postgres_fdw_disconnect postgres_fdw_disconnect_all", Cause("server.network", risk=_LOW)),
        # timescaledb, citus, pg_cron, pg_net, http
        **_each("drop_chunks", Cause("table.drop", "table", 0)),
        **_each(
            "run_command_on_workers run_command_on_shards run_command_on_placements run_command_on_all_nodes",
            Cause("code.dynamic"),
        ),
        **_each("schedule_in_database", Cause("code.dynamic")),
        **_each("http http_get http_post http_put http_delete http_patch", Cause("server.network")),
    }
)

_EXTENSIONS: Mapping[str, Known] = MappingProxyType(
    {name: replace(known, of_extension=True) for name, known in _OF_EXTENSIONS.items()}
)

_UPGRADE = "binary_upgrade_"
_QUIET_NAMES = frozenset(_QUIET.split())


def known(schema: str | None, name: str, server_major: int) -> Known | None:
    """What a call of this function does, or None when it may be a user's.

    Args:
        schema: as written; None leaves it to search_path, where a built-in is taken to come first.
        name: as the server knows it, unquoted and folded.
        server_major: 0 when not known.
    """
    if schema is None or schema == "pg_catalog":
        found = _BUILT_IN.get(name)
        if found is not None and (found.names_type < 0 or is_built_in(name, server_major)):
            return found
        if name.startswith(_UPGRADE):
            return Known((_OPAQUE,))
        if is_built_in(name, server_major) or (schema is not None and name in builtins.VERSIONED):
            return HARMLESS
    if schema == "information_schema" and name in builtins.INFORMATION_SCHEMA:
        return HARMLESS
    return _EXTENSIONS.get(name)


def as_field(name: str, server_major: int) -> Known | None:
    """What `x.name` does if there is no such column, and the server takes it for name(x); None: nothing.

    A row has columns of any name; so `http`, whose argument no constant can be, counts as one.
    """
    found = known(None, name, server_major)
    return None if found is None or found == HARMLESS or name == "http" else found


def may_be_volatile(schema: str | None, name: str, server_major: int) -> bool:
    """Whether a call may give another value for each row: volatile by the server's word, or not known."""
    return name in _QUIET_NAMES or known(schema, name, server_major) != HARMLESS


def is_built_in(name: str, server_major: int) -> bool:
    """Whether every server of this version has a function of this name; of every version when it is 0."""
    if name in builtins.FUNCTIONS:
        return True
    span = builtins.VERSIONED.get(name)
    return span is not None and server_major > 0 and span[0] <= server_major <= span[1]


def effective() -> frozenset[str]:
    """The names of the functions that do more than compute and read, whatever the server's version."""
    told = {name for table in (_BUILT_IN, _EXTENSIONS) for name, found in table.items() if found != HARMLESS}
    return frozenset(told | {name for name in _built_in_names() if name.startswith(_UPGRADE)})


def harmless(server_major: int) -> frozenset[str]:
    """The names of the built-ins that do nothing but compute and read, on servers of this version."""
    return frozenset(name for name in _built_in_names() if known(None, name, server_major) == HARMLESS)


def _built_in_names() -> frozenset[str]:
    return builtins.FUNCTIONS | builtins.VERSIONED.keys()


def classified() -> Iterable[str]:
    """Every name that this module says something about (for the tests)."""
    return _BUILT_IN.keys() | _EXTENSIONS.keys() | _QUIET_NAMES


# What is under an effect's name where a function runs the text that it is given.
RUN_TEXT = "the effects of its text"


def by_effect() -> Mapping[str, tuple[list[str], list[str]]]:
    """Effect -> the built-in functions that cause it, and those of extensions, by name."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for column, table in enumerate((_BUILT_IN, _EXTENSIONS)):
        for name, does in sorted(table.items()):
            effects = {cause.effect for cause in does.causes} | ({RUN_TEXT} if does.runs else set())
            for effect in effects:
                found.setdefault(effect, ([], []))[column].append(name)
    found["code.opaque"][0].append(f"{_UPGRADE}*")
    return dict(sorted(found.items()))
