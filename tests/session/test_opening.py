"""From the first byte to the first ReadyForQuery: encryption requests, parameters, every way to log in."""

import base64
import hashlib
import hmac
import struct
from collections.abc import Sequence

import pytest

from proxy.backup.cluster import Auth, Cluster
from proxy.session import CancelAnother, Close, Connect, Peer, Phase, Session, ToClient, UpstreamFailure
from proxy.session.opening import major_version
from proxy.wire.backend import decode_error, encode_authentication, encode_sasl_mechanisms
from proxy.wire.frontend import (
    SASLInitialResponse,
    encode_password,
    encode_sasl_initial,
    encode_sasl_response,
)
from proxy.wire.startup import encode_cancel, encode_gssenc_request, encode_ssl_request, encode_startup
from tests.conftest import Programs
from tests.servers.database import Database
from tests.servers.postgres import memory_directory
from tests.session.conftest import Clients
from tests.session.messages import Q
from tests.session.wired import Wired, answers, gate_of

START = encode_startup(3, 0, [("user", "postgres"), ("database", "postgres")])


def opened(*data: bytes) -> tuple[Session, list[object]]:
    session = Session(gate_of(), Peer("127.0.0.1"))
    return session, [command for piece in data for command in session.client_data(piece)]


def refusal(commands: Sequence[object]) -> tuple[str, str, str]:
    """The FATAL that a session ends with."""
    (said,) = [command for command in commands if isinstance(command, ToClient)]
    assert isinstance(commands[-1], Close)
    fields = decode_error(bytes(said.data[5:]))
    return fields["V"], fields["C"], fields["M"]


def test_encryption_is_answered_no_once_each() -> None:
    _, commands = opened(encode_gssenc_request(), encode_ssl_request())
    assert commands == [ToClient(b"N"), ToClient(b"N")]


def test_bytes_behind_an_encryption_request_are_refused() -> None:
    _, commands = opened(encode_ssl_request() + START)
    assert refusal(commands) == ("FATAL", "08P01", "received unencrypted data after an encryption request")


def test_a_second_ssl_request_is_refused() -> None:
    _, commands = opened(encode_ssl_request(), encode_ssl_request())
    assert refusal(commands[1:]) == ("FATAL", "08P01", "encryption was requested again")


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0\0\0\0", b"\xff" * 8, b"\0" * 64]
)
def test_garbage_on_the_port_gets_an_error_and_the_door(garbage: bytes) -> None:
    session, commands = opened(garbage)
    assert refusal(commands)[:2] == ("FATAL", "08P01")
    assert session.phase is Phase.CLOSED


def test_every_split_of_the_startup_packet(database: Database) -> None:
    for cut in range(1, len(START)):
        session, commands = opened(START[:cut])
        assert commands == []
        assert session.client_data(START[cut:]) == [Connect("postgres", "postgres")]


@pytest.mark.parametrize("secret", [b"\0\0\0\x63", b"k" * 32, b"k" * 256])
def test_a_cancel_request_names_a_key_and_is_all_that_a_client_says(secret: bytes) -> None:
    key = struct.pack(">I", 17) + secret
    session, commands = opened(encode_cancel(key))
    assert commands == [CancelAnother(key, "127.0.0.1")]
    assert session.phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ((1, 0), b"EFATAL:  unsupported frontend protocol 1.0: server supports 3.0 to 3.2\n\0"),
        ((2, 0), b"EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.2\n\0"),
    ],
)
def test_clients_of_old_protocols_are_told_in_their_own(version: tuple[int, int], said: bytes) -> None:
    """Byte for byte what PostgreSQL 18 says."""
    session, commands = opened(encode_startup(*version, [("user", "u")]))
    assert commands[0] == ToClient(said)
    assert session.phase is Phase.CLOSED


@pytest.mark.parametrize("version", [(0, 0), (4, 0), (1234, 1)])
def test_protocols_that_nobody_speaks_are_refused_as_the_server_does(version: tuple[int, int]) -> None:
    _, commands = opened(encode_startup(*version, [("user", "u")]))
    text = "unsupported frontend protocol {}.{}: server supports 3.0 to 3.2".format(*version)
    assert refusal([c for c in commands if isinstance(c, ToClient | Close)]) == ("FATAL", "0A000", text)


def test_a_server_that_cannot_be_reached_is_told_at_once_with_a_hint() -> None:
    session, _ = opened(START)
    commands = session.server_failed(
        UpstreamFailure("Cannot reach the server: connection refused.", "Start it.")
    )
    assert refusal([command for command in commands if not isinstance(command, Close)] + [commands[-1]]) == (
        "FATAL",
        "08001",
        "Cannot reach the server: connection refused.",
    )


CALLS = "{version: 1, name: t, rules: [{id: no-calls, match: {effects: [code.call]}, deny: No calls.}]}"
SETTINGS = """
version: 1
name: settings
rules:
  - id: no-replica-role
    match: {effects: [session.set], targets: ['setting:session_replication_role']}
    deny: "{targets} stays as it is."
"""


@pytest.mark.parametrize(
    "parameters",
    [
        [("session_replication_role", "replica")],
        [("Session_Replication_Role", "replica")],
        [("options", "-c session_replication_role=replica")],
        [("options", "-c geqo=on --session-replication-role=replica")],
        [("options", r"-c session_replication_role=repl\ica")],
    ],
)
def test_what_startup_parameters_set_is_judged_like_set(parameters: list[tuple[str, str]]) -> None:
    session = Session(gate_of(SETTINGS), Peer("127.0.0.1"))
    commands = session.client_data(encode_startup(3, 0, [("user", "u"), *parameters]))
    severity, code, message = refusal([c for c in commands if isinstance(c, ToClient | Close)])
    assert (severity, code) == ("FATAL", "42501")
    assert message.endswith("[rule no-replica-role]")


def test_messages_pipelined_behind_the_startup_packet_wait_for_the_login(
    table: Database, clients: Clients
) -> None:
    client = Wired(table.port, table.name)
    client._send(client.startup() + Q("SELECT 1") + Q("DROP TABLE t"))
    client.wait(3)
    told = [answer for answer in answers(client.inbox) if answer[0] not in ("R", "S", "K")]
    client.close()
    assert told == [
        ("Z", "I"),
        ("T",),
        ("D", b"1"),
        ("C", "SELECT 1"),
        ("Z", "I"),
        ("E", "42501", "DROP TABLE on t would lose data. [rule no-drop]"),
        ("Z", "I"),
    ]


def scram_answers(password: str, mechanism_answer: bytes, nonce: str, server_first: bytes) -> bytes:
    """The client's final message, by RFC 5802."""
    bare = mechanism_answer[3:].decode()
    first = server_first.decode()
    parts = dict(part.split("=", 1) for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    final = "c=biws,r=" + parts["r"]
    signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    assert nonce in parts["r"]
    return f"{final},p={proof}".encode()


@pytest.mark.parametrize("auth", ["password", "md5", "scram-sha-256"])
def test_passwords_are_relayed(auth: Auth, programs: Programs) -> None:
    with Cluster(programs(), memory_directory(), auth=auth, password="s3cret") as cluster:
        told = [last_of_login(cluster, secret) for secret in ("s3cret", "wrong")]
    assert told == [("Z", "I"), ("E", "28P01", 'password authentication failed for user "postgres"')]


def last_of_login(cluster: Cluster, secret: str) -> object:
    """The server's last message to a client that logs in with this password."""
    client = Wired(cluster.port, "postgres", gate=gate_of())
    client._send(client.startup())
    answer_login(client, secret)
    client.close()
    return answers(client.inbox)[-1]


def answer_login(client: Wired, secret: str) -> None:
    """Play the client's part in whichever authentication the server asks for."""
    nonce = "abcdefghijklmnop"
    first = f"n,,n=,r={nonce}".encode()
    while not client.closed and answers(client.inbox)[-1:] != [("Z", "I")]:
        start = len(client.inbox)
        client.until(lambda start=start: len(client.inbox) > start)  # type: ignore[misc]
        if client.inbox[start : start + 1] != b"R":
            continue
        code = int.from_bytes(client.inbox[start + 5 : start + 9], "big")
        data = client.inbox[
            start + 9 : start + 1 + int.from_bytes(client.inbox[start + 1 : start + 5], "big")
        ]
        if code == 3:
            client._send(encode_password(secret.encode()))
        elif code == 5:
            inner = hashlib.md5(secret.encode() + b"postgres").hexdigest()  # noqa: S324 - the protocol's own
            outer = hashlib.md5(inner.encode() + data).hexdigest()  # noqa: S324
            client._send(encode_password(b"md5" + outer.encode()))
        elif code == 10:
            client._send(encode_sasl_initial(SASLInitialResponse("SCRAM-SHA-256", first)))
        elif code == 11:
            client._send(encode_sasl_response(scram_answers(secret, first, nonce, data)))


def login_of(server_says: bytes) -> list[object]:
    session, _ = opened(START)
    session.server_connected()
    return list(session.server_data(server_says))


def test_channel_binding_is_taken_out_of_the_offer() -> None:
    for order in (["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]):
        assert login_of(encode_sasl_mechanisms(order)) == [
            ToClient(encode_sasl_mechanisms(["SCRAM-SHA-256"]))
        ]


def test_an_offer_of_channel_binding_alone_cannot_be_relayed() -> None:
    commands = login_of(encode_sasl_mechanisms(["SCRAM-SHA-256-PLUS"]))
    said = [command for command in commands if isinstance(command, ToClient | Close)]
    assert refusal(said)[1] == "08P01"


@pytest.mark.parametrize("code", [2, 6, 7, 8, 9, 99])
def test_a_login_that_cannot_be_relayed_ends(code: int) -> None:
    said = [
        command for command in login_of(encode_authentication(code)) if isinstance(command, ToClient | Close)
    ]
    assert refusal(said)[1] == "08P01"


def test_a_query_in_place_of_the_password_ends_the_login() -> None:
    session, _ = opened(START)
    session.server_connected()
    session.server_data(encode_authentication(3))
    commands = session.client_data(Q("SELECT 1"))
    assert refusal([command for command in commands if isinstance(command, ToClient | Close)])[1] == "08P01"


@pytest.mark.parametrize(
    ("reported", "major"),
    [
        ("17.10 (Debian 17.10-1.pgdg13+1)", 17),
        ("18beta1", 18),
        ("15.18", 15),
        ("9.6.24", 9),
        ("devel", 0),
        ("", 0),
    ],
)
def test_the_servers_major_version(reported: str, major: int) -> None:
    assert major_version(reported) == major


def test_what_a_text_means_depends_on_the_servers_version(every_table: Database, clients: Clients) -> None:
    """json_scalar is a key word from 16 on; before, it is whatever function the team gives that name."""
    client = clients.wired(every_table, gate_of(CALLS))
    told = client.exchange(Q("SELECT json_scalar('x')"))
    version = int(every_table.execute("SHOW server_version_num")) // 10_000
    assert told[0] == (("E", "42501", "No calls. [rule no-calls]") if version < 17 else ("T",))


@pytest.mark.parametrize(
    "parameters", [[("role", "evil")], [("options", "-c role=evil")], [("Role", "evil")]]
)
def test_a_role_named_at_the_start_is_judged_like_set_role(parameters: list[tuple[str, str]]) -> None:
    policy = "{version: 1, name: t, rules: [{id: no-roles, match: {effects: [role.set]}, deny: No roles.}]}"
    session = Session(gate_of(policy), Peer("127.0.0.1"))
    commands = session.client_data(encode_startup(3, 0, [("user", "u"), *parameters]))
    said = [command for command in commands if isinstance(command, ToClient | Close)]
    assert refusal(said) == ("FATAL", "42501", "No roles. [rule no-roles]")


def test_an_upstream_that_is_no_postgresql_is_told_as_such() -> None:
    gate = gate_of()
    session = Session(gate, Peer("127.0.0.1"))
    session.client_data(START)
    session.server_connected()
    commands = session.server_data(b"HTTP/1.1 400 Bad Request\r\n")
    said = [command for command in commands if isinstance(command, ToClient | Close)]
    assert refusal(said) == ("FATAL", "08P01", "The upstream does not answer as a PostgreSQL server does.")
    assert gate.tally.upstream_failures == {"connect": 0, "lost": 0, "protocol": 1}


@pytest.mark.parametrize(("before", "transaction"), [("SELECT 1", "none"), ("BEGIN", "open")])
def test_what_no_client_may_send_is_counted_and_reported(
    before: str, transaction: str, table: Database, clients: Clients
) -> None:
    client = clients.wired(table)
    client.exchange(Q(before))
    client._send(b"z\0\0\0\4")
    assert client.closed
    assert [(event.rule, event.sqlstate, event.message) for event in client.judged] == [
        ("protocol", "08P01", "invalid client message type 122")
    ]
    assert client.judged[0].origin.transaction == transaction
    assert client.gate.tally.blocked["protocol", "enforce"].value == 1


def test_garbage_before_anybody_has_a_name_is_counted() -> None:
    gate = gate_of()
    Session(gate, Peer("127.0.0.1")).client_data(b"GET / HTTP/1.1\r\n\r\n")
    assert gate.tally.blocked["protocol", "enforce"].value == 1
