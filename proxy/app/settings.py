"""The settings of a gate: one table of names, kinds, defaults and meanings.

Enters: what `sources.py` gathered from flags, the environment and the config file. Leaves: a frozen
`Settings`. Flags, PGWARDEN_* variables, the config file's keys and the pages that list them are all derived
from the fields here. Deliberately absent: passwords (clients log in with their own), reading files, the
environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticUndefinedType

from proxy.app import kinds
from proxy.app.catalogue.address import parse_catalogue, parse_role
from proxy.app.kinds import Address, Addresses, Networks
from proxy.app.ledger.address import ledger_place
from proxy.app.notices.targets import Target, targets
from proxy.backup.places import place_url
from proxy.relay import NoAuthority, parse_upstream

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
PlainText = Annotated[str, PlainValidator(kinds.text)]
FilePath = Annotated[str, PlainValidator(kinds.text)]
PlaceUrl = Annotated[str, PlainValidator(kinds.place)]
AddressText = Annotated[Address, PlainValidator(kinds.address)]
AuthTypeText = Annotated[str, PlainValidator(kinds.auth_type)]
RoleText = Annotated[str, PlainValidator(kinds.role)]
QueryText = Annotated[str, PlainValidator(kinds.auth_query)]
ClientTlsMode = Annotated[str, PlainValidator(kinds.client_tls_mode)]
RolesByName = Annotated[Mapping[str, frozenset[str]], PlainValidator(kinds.roles_by_name)]
AddressTexts = Annotated[Addresses, PlainValidator(kinds.addresses)]
NetworkTexts = Annotated[Networks, PlainValidator(kinds.networks)]
ProxyVersions = Annotated[frozenset[int], PlainValidator(kinds.proxy_protocol)]
Counts = Annotated[Mapping[str, int], PlainValidator(kinds.counts)]
NamedCounts = Annotated[Mapping[str, int], PlainValidator(kinds.named_counts)]
Milliseconds = Annotated[int, PlainValidator(kinds.milliseconds)]
# MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of Linux.
KeepAliveSeconds = Annotated[int, PlainValidator(kinds.up_to(32_767))]
KeepAliveCount = Annotated[int, PlainValidator(kinds.up_to(127))]
FileMode = Annotated[int, PlainValidator(kinds.file_mode)]
PeerId = Annotated[int, PlainValidator(kinds.peer_id)]
IssuerUrl = Annotated[str, PlainValidator(kinds.issuer_url)]
PublicUrl = Annotated[str, PlainValidator(kinds.public_url)]
OtlpEndpoint = Annotated[str, PlainValidator(kinds.otlp_endpoint)]
LogLevel = Annotated[str, PlainValidator(kinds.log_level)]
LogFormat = Annotated[str, PlainValidator(kinds.log_format)]


def upstream_text(value: object) -> str:
    """Read the server's URL, postgresql://HOST:PORT; what may be a password in it is never echoed."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be postgresql://HOST:PORT")
    with suppress(NoAuthority):  # the setting sslrootcert may name them
        parse_upstream(value)
    return value.strip()


def catalogue_text(value: object) -> str:
    """Read who reads the catalogues, postgresql://ROLE@; what may be a password in it is never echoed."""
    parse_catalogue(value)
    return str(value).strip()


def backup_text(value: object) -> str:
    """Read who dumps databases, postgresql://ROLE@; what may be a password in it is never echoed."""
    parse_role(value, "backup_password_file")
    return str(value).strip()


def places(value: object) -> tuple[str, ...]:
    """Read where copies of backups go: a list, or a text with blanks between them."""
    if isinstance(value, tuple):
        return value
    found = tuple(place_url(text) for text in kinds.texts(value))
    if len(set(found)) < len(found):
        raise ValueError("names one place twice: two copies in one place are one copy")
    return found


def recipients(value: object) -> tuple[str, ...]:
    """Read age's public keys: a list, or a text with blanks between them; those of SSH have one inside."""
    if not isinstance(value, str):
        return tuple(kinds.texts(value))
    return tuple(re.findall(r"ssh-\S+\s+\S+|\S+", value))


def peers_map(value: object) -> dict[int, str]:
    """Read the other replicas, each with the URL of a listener."""
    found = kinds.peers(value)
    for number, url in found.items():
        try:
            parse_upstream(url)
        except ValueError as error:
            raise ValueError(f"peer {number} {error}") from None
    return found


Peers = Annotated[dict[int, str], PlainValidator(peers_map)]


def ledger_text(value: object) -> str:
    """Read where the ledger lies; what may be a password in it is never echoed."""
    text = kinds.text(value).strip()
    ledger_place(text)
    return text


BackupText = Annotated[str, PlainValidator(backup_text)]
Places = Annotated[tuple[str, ...], PlainValidator(places)]
Recipients = Annotated[tuple[str, ...], PlainValidator(recipients)]
LedgerText = Annotated[str, PlainValidator(ledger_text)]
UpstreamText = Annotated[str, PlainValidator(upstream_text)]
NotifyTargets = Annotated[tuple[Target, ...], PlainValidator(targets)]
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

    listen: AddressTexts = Field(
        description="HOST:PORT where clients connect, or /DIRECTORY:PORT (a Unix socket); several with commas"
    )
    upstream: UpstreamText = Field(
        description="postgresql://HOST:PORT of the server, with ?sslmode=… if need be"
    )
    policy: FilePath = Field(description="the policy file to enforce")
    catalogue: CatalogueText | None = Field(
        default=None,
        description="postgresql://ROLE@, the role that reads what databases hold; off unless set",
    )
    backup: BackupText | None = Field(
        default=None,
        description="postgresql://ROLE@, the role that dumps what `else: backup` asks for; off unless set",
    )
    client_tls_sslmode: ClientTlsMode | None = Field(
        default=None,
        description="TLS with clients: disable, allow, require, verify-ca or verify-full; "
        "allow with a certificate, else disable",
    )
    client_tls_cert_file: FilePath | None = Field(
        default=None, description="the certificate that clients are shown, with its chain, in PEM"
    )
    client_tls_key_file: FilePath | None = Field(default=None, description="its key, without a passphrase")
    client_tls_ca_file: FilePath | None = Field(
        default=None, description="who signs clients' certificates; they are asked for one where it is set"
    )
    client_tls_roles: RolesByName | None = Field(
        default=None,
        description="NAME=ROLE,… for verify-full: the roles of a certificate's name; else it is its own",
    )

    auth_type: AuthTypeText = Field(
        default="passthrough",
        description="how clients log in: passthrough (as at the server), managed (the gate's own users) or "
        "password (in clear, over TLS)",
    )
    auth_file: FilePath | None = Field(
        default=None, description="file of users and their verifiers, as pgwarden user writes it; mode 0600"
    )
    auth_user: RoleText | None = Field(
        default=None, description="the role that asks the server for users' verifiers; off unless set"
    )
    auth_query: QueryText | None = Field(
        default=None,
        description="what it asks: $1 is the user, a row its name and its verifier; pg_authid unless set",
    )
    auth_dbname: RoleText | None = Field(
        default=None, description="the database in which it asks; postgres unless set"
    )
    auth_password_file: FilePath | None = Field(
        default=None, description="file with that role's password, mode 0600"
    )

    @property
    def client_tls_mode(self) -> str:
        """What is asked of clients: as PostgreSQL's ssl=on, a certificate alone makes TLS possible."""
        default = "disable" if self.client_tls_cert_file is None else "allow"
        return self.client_tls_sslmode or default

    keep_statements: Switch = Field(
        default=False,
        description="have the server keep what is prepared again and again without a name",
    )
    proxy_protocol: ProxyVersions = Field(
        default=frozenset(),
        description="PROXY header that every connection begins with, from a balancer: off, v1, v2, any",
    )
    proxy_protocol_from: NetworkTexts | None = Field(
        default=None, description="networks of the balancers that may say so, as 10.0.0.0/8, or unix"
    )


class Settings(BaseModel):
    """Everything that can be set, beside the listeners."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    listeners: tuple[ListenerSettings, ...] = Field(min_length=1)
    admin: AddressText | None = Field(
        None, description="HOST:PORT for /metrics, /healthz and /readyz; none unless set"
    )
    console: AddressText | None = Field(
        None,
        description="HOST:PORT for the pages that show what was blocked and why; none unless set",
    )
    console_auth_file: FilePath | None = Field(
        None, description="file of console tokens, as pgwarden console token writes it; mode 0600"
    )
    console_tls_cert_file: FilePath | None = Field(
        None, description="the certificate that browsers are shown there, with its chain, in PEM"
    )
    console_tls_key_file: FilePath | None = Field(None, description="its key, without a passphrase")
    console_database: RoleText = Field(
        "pgwarden",
        description="the database by whose name psql reaches the console, where console_auth_file is set",
    )
    console_url: PublicUrl | None = Field(
        None, description="https://HOST:PORT of the console as browsers have it; for console_oidc_issuer"
    )
    console_oidc_issuer: IssuerUrl | None = Field(
        None,
        description="URL of an OpenID Connect provider where people log in (pgwarden[oidc]); none unless set",
    )
    console_oidc_client_id: PlainText | None = Field(None, description="what the provider calls the gate")
    console_oidc_secret_file: FilePath | None = Field(
        None, description="file with the client's secret, mode 0600; none of a public client"
    )
    console_oidc_scopes: PlainText = Field(
        "openid email profile", description="the scopes that it is asked for, openid among them"
    )
    console_oidc_name_claim: PlainText | None = Field(
        None,
        description="the claim that names somebody; else email if verified, preferred_username, or sub",
    )
    console_oidc_role_claim: PlainText = Field(
        "groups", description="the claim, a word or a list, that says somebody's role"
    )
    console_oidc_roles: RolesByName | None = Field(
        None, description="WORD=ROLE,… of that claim; the roles' own words unless set"
    )
    console_oidc_default_role: PlainText | None = Field(
        None, description="the role of those of whom it says none; they are not let in unless set"
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
    ledger: LedgerText = Field(
        default_factory=default_ledger,
        description="the ledger: a file, or postgresql://USER@HOST:PORT/DATABASE for several gates",
    )
    ledger_password_file: FilePath | None = Field(
        None, description="file with the password of the role that keeps the ledger, mode 0600"
    )
    ledger_key: FilePath | None = Field(
        None,
        description="file with the key that signs the ledger's heads, made at first use; the ledger's name "
        "with .key unless set",
    )
    ledger_heads: FilePath | None = Field(
        None,
        description="file for a line of each signed head, beside the gate's own log; best on another disk",
    )
    ledger_heads_store: PlaceUrl | None = Field(
        None,
        description="folder or store (s3://, gs://, az://) for an object of each head (pgwarden[backup])",
    )
    ledger_head_rows: Positive = Field(100, description="how many entries may be without a signed head")
    ledger_head_interval_s: SomeSeconds = Field(
        300.0, description="how long an entry may be without a signed head"
    )
    sslrootcert: FilePath | None = Field(None, description="CA file for every upstream whose URL names none")
    connect_timeout_s: SomeSeconds = Field(
        10.0, description="how long a server may take to accept a connection"
    )
    login_timeout_s: SomeSeconds = Field(60.0, description="how long a client may take to log in")
    login_failures: Count = Field(
        20, description="failed logins from one address in a minute, after which it waits; 0 is any number"
    )
    login_secret: FilePath | None = Field(
        None,
        description="file with random text by which unknown users are made up, the same for all replicas; "
        "made beside the ledger unless set",
    )
    client_idle_timeout_s: Seconds = Field(
        0.0, description="how long a session may stand idle between transactions; 0 is for ever, as below"
    )
    idle_transaction_timeout_s: Seconds = Field(
        0.0, description="how long a session may stand idle inside a transaction or a COPY"
    )
    query_timeout_s: Seconds = Field(0.0, description="how long the server may work at what it was sent")
    client_write_timeout_s: Seconds = Field(
        900.0, description="how long a client may read nothing of what waits for it"
    )
    drain_timeout_s: Seconds = Field(30.0, description="how long busy sessions may go on after SIGTERM")
    drain_idle_s: Seconds = Field(0.0, description="how long sessions without work may stay after SIGTERM")
    max_client_conn: Count = Field(
        0, description="most clients at once; 0 is as many as the process may open files for"
    )
    reserved_connections: NamedCounts = Field(
        default_factory=dict, description="of max_client_conn, how many are kept for a role: NAME=NUMBER, …"
    )
    max_user_connections: Counts = Field(
        default_factory=dict,
        description="most connections to a server for each role: NUMBER, or NAME=NUMBER, …, *=NUMBER",
    )
    max_db_connections: Counts = Field(default_factory=dict, description="the same for each database")
    max_logins: Count = Field(1000, description="most clients at once that have not logged in; 0 is any")
    max_logins_per_address: Count = Field(0, description="the same for each client address")
    tcp_keepalive: Switch = Field(True, description="whether the kernel asks if the other host is there")
    tcp_keepidle: KeepAliveSeconds = Field(
        60, description="seconds of silence before it asks; 0 is the system's, as below"
    )
    tcp_keepintvl: KeepAliveSeconds = Field(10, description="seconds until it asks again")
    tcp_keepcnt: KeepAliveCount = Field(6, description="questions without an answer that end the connection")
    tcp_user_timeout: Milliseconds = Field(
        0, description="milliseconds without acknowledgement of what was sent that end it"
    )
    unix_socket_mode: FileMode = Field(0o777, description="who may connect to Unix sockets")
    stale_after_s: SomeSeconds = Field(
        10.0, description="age at which facts from the ledger, and from catalogues, count as stale"
    )
    stale_writes_after_s: SomeSeconds = Field(
        30.0, description="age of facts at which all writes are refused, since a freeze may have been missed"
    )
    record_timeout_s: SomeSeconds = Field(
        5.0, description="how long recording a change may take before it is refused"
    )
    catalogue_interval_s: SomeSeconds = Field(
        5.0, description="how often to look whether what a database holds has changed"
    )
    catalogue_password_file: FilePath | None = Field(
        None, description="file with the password of the role that reads catalogues, mode 0600"
    )
    backup_password_file: FilePath | None = Field(
        None, description="file with the password of the role that dumps, mode 0600"
    )
    backup_to: Places = Field(
        (), description="where the gate's backups go: folders, s3://, gs:// or az:// URLs; a copy in each"
    )
    backup_recipients: Recipients = Field(
        (), description="age's public keys that they are encrypted to; not encrypted unless set"
    )
    backup_identity: FilePath | None = Field(
        None, description="file with age's private key, to prove what is encrypted further than its checksum"
    )
    backup_scratch: PlainText | None = Field(
        None, description="URL of a server to restore into for proof; else one is started for the while"
    )
    backup_bin_dir: FilePath | None = Field(
        None, description="where pg_dump, pg_restore and psql are; else those that fit the server"
    )
    backups_at_once: Positive = Field(1, description="how many backups the gate takes at a time")
    max_statement_bytes: StatementSize = Field(
        16 * 1024 * 1024, description="longest statement; a longer one is refused"
    )
    parsers: Positive = Field(2, description="how many long statements may be read at a time")
    parse_timeout_s: SomeSeconds = Field(5.0, description="how long reading a long statement may take")
    parse_memory_bytes: ParserMemory = Field(
        512 * 1024 * 1024, description="how much memory reading a long statement may take"
    )
    peer_id: PeerId = Field(
        0, description="this replica's number, from 1, where several share an address; 0 for none"
    )
    peers: Peers | None = Field(
        None, description="the other replicas, {NUMBER: HOST:PORT or URL}, to which they pass cancel requests"
    )
    refusal_log: FilePath = Field(
        STANDARD_OUTPUT, description="file for a JSON line of each refusal; - is standard output"
    )
    statement_log: FilePath | None = Field(
        None, description="file for a JSON line of each statement that passes; off unless set"
    )
    notify: NotifyTargets = Field(
        (), description="whom to tell of refusals, freezes …: a list of targets, or https URLs that take JSON"
    )
    otlp_endpoint: OtlpEndpoint | None = Field(
        None,
        description="http(s)://HOST:4318 of an OpenTelemetry collector that takes spans (pgwarden[otel]); "
        "off unless set",
    )
    otlp_statements: Switch = Field(
        False, description="spans of statements that pass, too; then the screen passes nothing unread"
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

    @property
    def psql_console(self) -> str:
        """The name of the console's database; "" where nobody could log in there."""
        return "" if self.console_auth_file is None else self.console_database

    @property
    def any_console(self) -> bool:
        """Whether anybody could look at what was refused."""
        return self.console is not None or bool(self.psql_console)


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
        "backup_password_file",
        "backup_identity",
        "backup_bin_dir",
        "runtime_dir",
        "ledger",
        "ledger_password_file",
        "ledger_key",
        "ledger_heads",
        "ledger_heads_store",
        "client_tls_cert_file",
        "client_tls_key_file",
        "client_tls_ca_file",
        "auth_file",
        "auth_password_file",
        "console_auth_file",
        "console_tls_cert_file",
        "console_tls_key_file",
        "console_oidc_secret_file",
        "login_secret",
        "sslrootcert",
        "refusal_log",
        "statement_log",
    }
)


def table() -> Iterator[Setting]:
    """Every setting, a listener's first."""
    for name, field in ListenerSettings.model_fields.items():
        yield Setting(name, field.description or "", _default_text(name, field.default), of_listener=True)
    for name, field in Settings.model_fields.items():
        if name != "listeners":
            yield Setting(
                name, field.description or "", _default_text(name, field.default), of_listener=False
            )


def _default_text(name: str, default: object) -> str:
    return "~/.local/state/pgwarden/ledger.sqlite" if name == "ledger" else written(name, default)


def written(name: str, value: object) -> str:
    """The value of a setting as people write it."""
    match value:
        case None | PydanticUndefinedType():
            return ""
        case frozenset():
            return " ".join(sorted(map(str, value))) or "off"
        case tuple() if type(value) is tuple:
            return " ".join(map(str, value))
        case Mapping():
            return ", ".join(f"{key}={written(name, each)}" for key, each in value.items())
        case _ if name == "unix_socket_mode":
            return f"{value:04o}"
        case bool():
            return "on" if value else "off"
        case int() if name.endswith("_bytes") and value % 1024**2 == 0:
            return f"{value // 1024**2}MiB"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
