"""The settings of a gate: one table of names, kinds, defaults and meanings.

Enters: what `sources.py` gathered from flags, the environment and the config file. Leaves: a frozen
`Settings`. Flags, PGWARDEN_* variables, the config file's keys and the pages that list them are all derived
from the fields here. Deliberately absent: passwords (clients log in with their own), reading files, the
environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from proxy.app import kinds
from proxy.app.catalogue.address import parse_catalogue
from proxy.app.kinds import Address
from proxy.relay.address import parse_upstream

STANDARD_OUTPUT = "-"

Seconds = Annotated[float, PlainValidator(kinds.seconds)]
SomeSeconds = Annotated[float, PlainValidator(kinds.some_seconds)]
# No statement would fit, nothing could be parsed, each line would have a file of its own: nobody means that.
StatementSize = Annotated[int, PlainValidator(kinds.at_least(1024, "1KiB"))]
ParserMemory = Annotated[int, PlainValidator(kinds.at_least(64 * 1024 * 1024, "64MiB"))]
LogSize = Annotated[int, PlainValidator(kinds.at_least(64 * 1024, "64KiB"))]
Positive = Annotated[int, PlainValidator(kinds.positive)]
Count = Annotated[int, PlainValidator(kinds.count)]
Workers = Annotated[int, PlainValidator(kinds.workers)]
Switch = Annotated[bool, PlainValidator(kinds.switch)]
FilePath = Annotated[str, PlainValidator(kinds.text)]
AddressText = Annotated[Address, PlainValidator(kinds.address)]
LogLevel = Annotated[str, PlainValidator(kinds.log_level)]
LogFormat = Annotated[str, PlainValidator(kinds.log_format)]


def upstream_text(value: object) -> str:
    """Read the server's URL, postgresql://HOST:PORT; what may be a password in it is never echoed."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be postgresql://HOST:PORT")
    parse_upstream(value)
    return value.strip()


def catalogue_text(value: object) -> str:
    """Read who reads the catalogues, postgresql://ROLE@; what may be a password in it is never echoed."""
    parse_catalogue(value)
    return str(value).strip()


UpstreamText = Annotated[str, PlainValidator(upstream_text)]
CatalogueText = Annotated[str, PlainValidator(catalogue_text)]


def default_ledger() -> str:
    """The ledger of the user who runs the command, so that `backup record` and `serve` find the same one.

    A user id that no account has, as containers give them, has no home either.
    """
    try:
        state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    except RuntimeError:
        state = "/var/lib"
    return str(Path(state) / "pgwarden" / "ledger.sqlite")


class ListenerSettings(BaseModel):
    """One door: where clients come in, which server stands behind, by which policy."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    listen: AddressText = Field(description="HOST:PORT where clients connect")
    upstream: UpstreamText = Field(
        description="postgresql://HOST:PORT of the server, with ?sslmode=… if need be"
    )
    policy: FilePath = Field(description="the policy file to enforce")
    catalogue: CatalogueText | None = Field(
        default=None,
        description="postgresql://ROLE@, the role that reads what databases hold; off unless set",
    )


class Settings(BaseModel):
    """Everything that can be set, beside the listeners."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    listeners: tuple[ListenerSettings, ...] = Field(min_length=1)
    admin: AddressText | None = Field(
        None, description="HOST:PORT for /metrics, /healthz and /readyz; none unless set"
    )
    workers: Workers = Field(
        1, description="how many processes serve clients; auto is one for each usable CPU"
    )
    so_reuseport: Switch = Field(
        False, description="let another gate of this user listen on the same addresses, to take over"
    )
    runtime_dir: FilePath | None = Field(
        None, description="folder for the gate's private runtime folder; else $XDG_RUNTIME_DIR or $TMPDIR"
    )
    ledger: FilePath = Field(default_factory=default_ledger, description="the ledger's file")
    sslrootcert: FilePath | None = Field(None, description="CA file for every upstream whose URL names none")
    connect_timeout_s: SomeSeconds = Field(
        10.0, description="how long a server may take to accept a connection"
    )
    login_timeout_s: SomeSeconds = Field(60.0, description="how long a client may take to log in")
    drain_timeout_s: Seconds = Field(30.0, description="how long busy sessions may go on after SIGTERM")
    drain_idle_s: Seconds = Field(0.0, description="how long sessions without work may stay after SIGTERM")
    stale_after_s: SomeSeconds = Field(
        10.0, description="age at which facts from the ledger, and from catalogues, count as stale"
    )
    catalogue_interval_s: SomeSeconds = Field(
        5.0, description="how often to look whether what a database holds has changed"
    )
    catalogue_password_file: FilePath | None = Field(
        None, description="file with the password of the role that reads catalogues"
    )
    max_statement_bytes: StatementSize = Field(
        16 * 1024 * 1024, description="longest statement; a longer one is refused"
    )
    parsers: Positive = Field(2, description="how many long statements may be read at a time")
    parse_timeout_s: SomeSeconds = Field(5.0, description="how long reading a long statement may take")
    parse_memory_bytes: ParserMemory = Field(
        512 * 1024 * 1024, description="how much memory reading a long statement may take"
    )
    refusal_log: FilePath = Field(
        STANDARD_OUTPUT, description="file for a JSON line of each refusal; - is standard output"
    )
    statement_log: FilePath | None = Field(
        None, description="file for a JSON line of each statement that passes; off unless set"
    )
    log_rotate_bytes: LogSize = Field(64 * 1024 * 1024, description="size at which such a file is rotated")
    log_keep: Count = Field(5, description="how many rotated files to keep")
    log_sql_chars: Positive = Field(4000, description="longest SQL in a JSON line; the rest is cut")
    log_unreadable: Switch = Field(False, description="log texts that cannot be read, which may hold secrets")
    log_queue: Positive = Field(
        10_000, description="JSON lines that may wait for the disk; more are dropped and counted"
    )
    log_level: LogLevel = Field(
        "info", description="what the gate says of itself: debug, info, warning, error"
    )
    log_format: LogFormat = Field("text", description="the gate's own log on standard error: text or json")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings."""

    name: str
    meaning: str
    default: str
    of_listener: bool

    @property
    def flag(self) -> str:
        """As a flag of `serve`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As a variable of the environment."""
        return "PGWARDEN_" + self.name.upper()


# Settings that name a file: in the config file they are relative to that file.
PATHS = frozenset(
    {
        "policy",
        "catalogue_password_file",
        "runtime_dir",
        "ledger",
        "sslrootcert",
        "refusal_log",
        "statement_log",
    }
)


def table() -> Iterator[Setting]:
    """Every setting, a listener's first."""
    for name, field in ListenerSettings.model_fields.items():
        yield Setting(name, field.description or "", "", of_listener=True)
    for name, field in Settings.model_fields.items():
        if name != "listeners":
            yield Setting(
                name, field.description or "", _default_text(name, field.default), of_listener=False
            )


def _default_text(name: str, default: object) -> str:
    match default:
        case _ if name == "ledger":
            return "~/.local/state/pgwarden/ledger.sqlite"
        case None:
            return ""
        case bool():
            return "on" if default else "off"
        case int() if name.endswith("_bytes"):
            return f"{default // 1024**2}MiB"
        case float():
            return f"{default:g}"
        case _:
            return str(default)
