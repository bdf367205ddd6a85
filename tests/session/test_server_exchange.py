"""The gate logs in at the server for its client: every way to ask, and servers that are not to be trusted."""

from __future__ import annotations

import gc
import hashlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.session import (
    AuthType,
    Close,
    Command,
    Credential,
    DeriveKey,
    LoginFailed,
    Opened,
    Phase,
    Report,
    Session,
    TlsInfo,
    ToClient,
    ToServer,
)
from proxy.session.authentication.server_exchange import ServerExchange
from proxy.wire.backend import (
    decode_error,
    encode_authentication,
    encode_error,
    encode_notice,
    encode_parameter_status,
    encode_ready,
    encode_sasl_mechanisms,
)
from proxy.wire.channelbinding import end_point
from proxy.wire.frontend import decode_password, decode_sasl_initial
from proxy.wire.scram import (
    Verifier,
    auth_message,
    binding_of,
    decode_client_final,
    decode_client_first,
    make_verifier,
    recover_client_key,
    salted_password,
    server_final,
    server_first,
    server_signature,
)
from proxy.wire.startup import StartupMessage, decode_startup
from tests.relay.certificates import Authority
from tests.session.logins import (
    CREDENTIAL,
    PLUS,
    SCRAM,
    START,
    VERIFIER,
    Login,
    checking,
    connects,
    refusal,
    to_client,
    to_server,
)

OK = encode_authentication(0)
CLEAR = encode_authentication(3)
MD5 = encode_authentication(5, b"salt")
READY = encode_parameter_status("server_version", "17.0") + encode_ready("I")
ROLE_SECRET = b"the role's"
MANAGED = Credential(VERIFIER, True, "app", ROLE_SECRET)
AT_SERVER = make_verifier(ROLE_SECRET, b"other salt", 2)
NO = encode_error({"S": "FATAL", "V": "FATAL", "C": "28P01", "M": "no"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file, _ = Authority(tmp_path_factory.mktemp("authority"), "trusted").certify("localhost")
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def connected(credential: Credential = CREDENTIAL, tls: TlsInfo | None = None, hint: str = "") -> Session:
    """A session whose client has proved itself, and whose server speaks next."""
    login = Login(
        checking(AuthType.PASSTHROUGH if credential.password is None else AuthType.MANAGED, hint=hint)
    )
    login.session.admission.client_tls = TlsInfo("TLSv1.3", "AES")
    login.offered(credential)
    assert connects(login.prove())
    login.session.server_connected(tls)
    return login.session


def answer(session: Session, data: bytes) -> bytes:
    """What the server gets for this; keys are derived on the way."""
    commands = session.server_data(data)
    for command in list(commands):
        if isinstance(command, DeriveKey):
            commands += session.key_derived(
                salted_password(command.password, command.salt, command.iterations)
            )
    assert not any(isinstance(command, Close) for command in commands), commands
    return b"".join(body for _, body in to_server(commands))


def serve(session: Session, verifier: Verifier, offer: tuple[str, ...], channel: bytes | None = None) -> str:
    """Play a server that does SCRAM; the mechanism that the gate has chosen, and its flag."""
    chosen = decode_sasl_initial(answer(session, encode_sasl_mechanisms(offer)))
    first = decode_client_first(chosen.data)
    challenge = server_first(first.nonce + "xyz", verifier)
    last = decode_client_final(answer(session, encode_authentication(11, challenge.text.encode())))
    assert last.binding == binding_of(first.flag, channel)
    covered = auth_message(first.bare, challenge.text, last.without_proof)
    assert recover_client_key(verifier.stored_key, covered, last.proof) is not None
    signature = server_final(server_signature(verifier.server_key, covered))
    assert answer(session, encode_authentication(12, signature)) == b""
    return f"{chosen.mechanism} {first.flag}"


def reachable(session: Session) -> list[object]:
    """What the session still holds of its login: a password there could be read out of a memory dump."""
    admission = session._admission  # once the client is in, there is none
    way_in = () if admission is None else (admission, admission.login, admission._entrance)
    return [
        found
        for holder in (session, *way_in)
        for found in gc.get_referents(holder, getattr(holder, "__dict__", {}))
    ]


def let_in(session: Session) -> None:
    commands = session.server_data(OK + READY)
    assert [kind for kind, _ in to_client(commands)] == ["R", "S", "K", "Z"]
    assert commands[-1] == Report(Opened("ada", "shop", ""))
    assert not any(isinstance(found, ServerExchange | Credential) for found in reachable(session))


@pytest.mark.defect_16
@pytest.mark.parametrize(
    ("offer", "encrypted", "chosen"),
    [
        ((SCRAM,), False, "SCRAM-SHA-256 n"),
        ((SCRAM,), True, "SCRAM-SHA-256 y"),
        ((PLUS, SCRAM), True, "SCRAM-SHA-256-PLUS p"),
        ((SCRAM, PLUS), True, "SCRAM-SHA-256-PLUS p"),
        (("SCRAM-SHA-512", SCRAM, "OAUTHBEARER", PLUS), True, "SCRAM-SHA-256-PLUS p"),
        (("OAUTHBEARER", SCRAM), False, "SCRAM-SHA-256 n"),
    ],
)
@pytest.mark.parametrize("credential", [CREDENTIAL, MANAGED], ids=["recovered", "managed"])
def test_the_list_of_mechanisms_in_any_order(
    certificate: bytes, credential: Credential, offer: tuple[str, ...], encrypted: bool, chosen: str
) -> None:
    tls = TlsInfo("TLSv1.3", "AES", peer_certificate=certificate) if encrypted else None
    session = connected(credential, tls)
    verifier = VERIFIER if credential.password is None else AT_SERVER
    assert serve(session, verifier, offer, end_point(certificate)) == chosen
    let_in(session)


def test_a_certificate_without_a_hash_binds_nothing() -> None:
    session = connected(tls=TlsInfo("TLSv1.3", "AES", peer_certificate=b"none"))
    assert serve(session, VERIFIER, (PLUS, SCRAM)) == "SCRAM-SHA-256 n"
    let_in(session)


def test_trust() -> None:
    let_in(connected())


def test_md5_and_clear_passwords() -> None:
    tls = TlsInfo("TLSv1.3", "AES")
    session = connected(MANAGED)
    inner = hashlib.md5(ROLE_SECRET + b"app", usedforsecurity=False).hexdigest().encode()
    wanted = b"md5" + hashlib.md5(inner + b"salt", usedforsecurity=False).hexdigest().encode()
    assert decode_password(answer(session, MD5)) == wanted
    let_in(session)
    session = connected(MANAGED, tls)
    assert decode_password(answer(session, CLEAR)) == ROLE_SECRET
    let_in(session)


def test_a_managed_users_packet_names_the_role_and_keeps_all_else() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.offered(MANAGED)
    login.prove()
    (sent,) = login.session.server_connected(None)
    assert isinstance(sent, ToServer)
    packet = decode_startup(bytes(sent.data))
    assert isinstance(packet, StartupMessage)
    assert dict(packet.parameters) == {"user": "app", "database": "shop"}


CANNOT = "The server asks the gate to log in "


@pytest.mark.parametrize(
    ("credential", "asked", "told"),
    [
        (MANAGED, CLEAR, f"{CANNOT}by the password in clear, and the connection to it is not encrypted."),
        (CREDENTIAL, CLEAR, f"{CANNOT}by the password in clear, which the gate does not have."),
        (CREDENTIAL, MD5, f"{CANNOT}by md5, and the gate knows a SCRAM verifier alone."),
        (MANAGED, encode_authentication(7), f"{CANNOT}in a way that the gate does not know (method 7)."),
        (MANAGED, encode_authentication(99), f"{CANNOT}in a way that the gate does not know (method 99)."),
        (
            MANAGED,
            encode_sasl_mechanisms(("OAUTHBEARER",)),
            f"{CANNOT}by a SASL mechanism that the gate does not know.",
        ),
    ],
)  # fmt: skip
def test_ways_that_are_not_gone(credential: Credential, asked: bytes, told: str) -> None:
    commands = connected(credential).server_data(asked)
    assert to_server(commands) == []
    assert refusal(commands) == ("28000", told, "")


def continued(text: str) -> bytes:
    return encode_authentication(11, text.encode())


GOOD = "r={}xyz,s=c2FsdA==,i=1"


@pytest.mark.defect_17
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([continued(GOOD)], "the server goes on with SCRAM out of turn"),
        ([encode_authentication(12, b"v=")], "the server ends SCRAM out of turn"),
        ([encode_sasl_mechanisms((PLUS, SCRAM))], "the server offers SCRAM-SHA-256-PLUS without TLS"),
        (["offer", encode_sasl_mechanisms((SCRAM,))], "the server begins SCRAM twice"),
        (["offer", OK], "the server ends the login without its SCRAM signature"),
        (["offer", CLEAR], "the server asks for another way to log in amid SCRAM"),
        (["offer", continued("r=other,s=c2FsdA==,i=1")], "invalid SCRAM response"),
        (["offer", continued("r={},s=c2FsdA==,i=1")], "invalid SCRAM response"),
        (["offer", continued("r={}xyz,s=c2FsdA==,i=2147483647")], "malformed SCRAM message"),
        (["offer", continued("r={}xyz,s=!,i=1")], "malformed SCRAM message"),
        (["offer", continued("r={}" + "x" * 2000)], "malformed SCRAM message"),
        (["offer", encode_authentication(12, b"v=AAAA")], "the server ends SCRAM out of turn"),
        (["offer", continued(GOOD), continued(GOOD)], "the server goes on with SCRAM out of turn"),
        (["offer", continued(GOOD), OK], "the server ends the login without its SCRAM signature"),
        (["offer", continued(GOOD), encode_authentication(12, b"v=AAAA")], "malformed SCRAM message"),
        (
            ["offer", continued(GOOD), encode_authentication(12, b"v=" + b"A" * 43 + b"=")],
            "the server does not know the password: its SCRAM signature is wrong",
        ),
    ],
)
def test_a_server_that_is_not_believed(said: list[bytes | str], told: str) -> None:
    session = connected()
    commands: list[Command] = []
    nonce = ""
    for data in said:
        if isinstance(data, str):
            initial = decode_sasl_initial(answer(session, encode_sasl_mechanisms((SCRAM,))))
            nonce = decode_client_first(initial.data).nonce
            continue
        if b"{}" in data:
            data = continued(data[9:].decode().format(nonce))
        commands = session.server_data(data)
        if session.phase is Phase.CLOSED:
            break
    code, message, _ = refusal(commands)
    assert (code, message) == ("08P01", told)
    assert to_server(commands) == []


def test_a_server_that_does_not_wait_for_the_derivation() -> None:
    session = connected(MANAGED)
    initial = decode_sasl_initial(answer(session, encode_sasl_mechanisms((SCRAM,))))
    nonce = decode_client_first(initial.data).nonce
    commands = session.server_data(continued(GOOD.format(nonce)))
    assert commands == [DeriveKey(ROLE_SECRET, b"salt", 1)]
    assert repr(commands[0]) == "DeriveKey(salt=b'salt', iterations=1)"
    notice = encode_notice({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "wait"})
    assert session.server_data(notice) == [ToClient(notice)]
    assert refusal(session.server_data(OK))[0] == "08P01"
    assert session.key_derived(b"x" * 32) == []


def test_another_verifier_at_the_server_is_noticed_before_anything_is_proved() -> None:
    session = connected(hint="Learn it.")
    initial = decode_sasl_initial(answer(session, encode_sasl_mechanisms((SCRAM,))))
    nonce = decode_client_first(initial.data).nonce
    commands = session.server_data(continued(f"r={nonce}xyz,s=AAAA,i=1"))
    assert to_server(commands) == []
    (fields,) = [decode_error(body) for kind, body in to_client(commands) if kind == "E"]
    assert (fields["C"], fields["M"]) == ("28P01", 'password authentication failed for user "ada"')
    assert (
        fields["D"]
        == "The password is the one that the gate knows, but the server keeps another verifier by now."
    )
    assert fields["H"] == "Learn it."


@pytest.mark.parametrize(
    "said", [NO, encode_error({"S": "FATAL", "M": "go away"})], ids=["28P01", "no SQLSTATE"]
)
def test_an_error_is_passed_on_with_what_to_do(said: bytes) -> None:
    """An ErrorResponse without SQLSTATE is one (CVE-2026-6666)."""
    session = connected(hint="Learn it.")
    commands = session.server_data(said)
    ((kind, body),) = to_client(commands)
    assert kind == "E"
    assert decode_error(body) == {**decode_error(said[5:]), "H": "Learn it."}
    (event,) = [c.event for c in commands if isinstance(c, Report)]
    assert isinstance(event, LoginFailed)
    assert event.reason == "stale"
    assert isinstance(session.server_eof()[-1], Close)


def test_of_a_role_of_the_gates_own_nothing_is_told() -> None:
    session = connected(MANAGED)
    commands = session.server_data(NO)
    ((_, body),) = to_client(commands)
    fields = decode_error(body)
    assert (fields["C"], fields["M"]) == (
        "28000",
        'The server has refused the role that stands behind user "ada".',
    )
    assert [c.event for c in commands if isinstance(c, Report)] == [
        LoginFailed("ada", "shop", "192.0.2.1", "stale", "the server said: no")
    ]


@pytest.mark.defect_18
@pytest.mark.parametrize(
    "said",
    [
        encode_notice({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "hello"}),
        encode_parameter_status("TimeZone", "UTC"),
    ],
)
def test_notices_and_settings_pass_at_any_time(said: bytes) -> None:
    session = connected()
    assert session.server_data(said) == [ToClient(said)]
    initial = decode_sasl_initial(answer(session, said + encode_sasl_mechanisms((SCRAM,))))
    assert initial.mechanism == SCRAM


@pytest.mark.defect_25
def test_a_server_that_says_no_three_times_is_not_asked_a_fourth() -> None:
    gate = checking(AuthType.MANAGED)
    for _ in range(3):
        login = Login(gate)
        login.offered(MANAGED)
        assert connects(login.prove())
        login.session.server_connected(None)
        login.session.server_data(NO)
    login = Login(gate, address="192.0.2.9")  # whoever asks: it is the role that the server refuses
    login.offered(MANAGED)
    commands = login.prove()
    assert not connects(commands)
    assert refusal(commands)[0] == "28P01"
    other = Login(gate)
    other.offered(Credential(VERIFIER, True, "app", b"another password"))
    assert connects(other.prove())


@pytest.mark.defect_25
def test_a_stale_verifier_is_tried_three_times() -> None:
    gate = checking()
    for _ in range(3):
        login = Login(gate, tls=TlsInfo("TLSv1.3", "AES"))
        login.offered()
        assert connects(login.prove())
        login.session.server_connected(None)
        initial = decode_sasl_initial(answer(login.session, encode_sasl_mechanisms((SCRAM,))))
        nonce = decode_client_first(initial.data).nonce
        assert refusal(login.session.server_data(continued(f"r={nonce}xyz,s=AAAA,i=1")))[0] == "28P01"
    login = Login(gate, tls=TlsInfo("TLSv1.3", "AES"))
    login.offered()
    assert not connects(login.prove())
    learnt = Login(gate, tls=TlsInfo("TLSv1.3", "AES"))
    learnt.offered(Credential(make_verifier(b"secret", b"new salt", 1)))
    assert connects(learnt.prove())
    assert gate.tally.login_failures["stale"] == 3


@pytest.mark.parametrize("code", ["3D000", "53300", "57P03", "55000"])
def test_what_says_nothing_against_the_login_counts_for_nothing(code: str) -> None:
    gate = checking(AuthType.MANAGED)
    for _ in range(5):
        login = Login(gate)
        login.offered(MANAGED)
        assert connects(login.prove())
        login.session.server_connected(None)
        said = encode_error({"S": "FATAL", "V": "FATAL", "C": code, "M": "no"})
        assert login.session.server_data(said) == [ToClient(said)]


def test_relayed_logins_are_counted_by_what_the_server_says() -> None:
    """Wrong passwords are not retried upstream in a storm, also where the gate cannot tell them itself."""
    gate = checking()
    gate.authentication = type(gate.authentication)()
    for _ in range(3):
        login = Login(gate)
        assert connects(login.start())
        login.session.server_connected(None)
        login.session.server_data(NO)
    told = refusal(Login(gate).start())
    assert told[:2] == ("28P01", 'password authentication failed for user "ada"')
    assert connects(Login(gate).start(START.replace(b"ada", b"eve")))
    assert connects(Login(gate, address="192.0.2.9").start())
    assert gate.tally.login_failures == {
        **dict.fromkeys(gate.tally.login_failures, 0),
        "refused": 3,
        "throttled": 1,
    }


MESSAGES = st.sampled_from(
    [OK, CLEAR, MD5, NO, encode_sasl_mechanisms((SCRAM,)), encode_sasl_mechanisms((PLUS, SCRAM)), READY,
     continued(GOOD), encode_authentication(12, b"v=")]
)  # fmt: skip
CHALLENGES = st.binary(max_size=40).map(lambda data: encode_authentication(11, data)) | st.binary(
    max_size=40
).map(lambda data: encode_authentication(12, data))


@pytest.mark.defect_17
@given(
    said=st.lists(MESSAGES | CHALLENGES | st.binary(max_size=20), max_size=6),
    credential=st.sampled_from([CREDENTIAL, MANAGED]),
)
def test_whatever_a_server_says_no_password_leaves_in_clear_and_scram_is_never_cut_short(
    said: list[bytes], credential: Credential
) -> None:
    session = connected(credential)
    began = False
    for data in said:
        commands = session.server_data(data)
        for command in list(commands):
            if isinstance(command, DeriveKey):
                commands += session.key_derived(b"k" * 32)
        sent = b"".join(body for _, body in to_server(commands))
        assert ROLE_SECRET not in sent
        began = began or b"n,,n=,r=" in sent
        if session.phase is Phase.CLOSED:
            assert any(kind == "E" for kind, _ in to_client(commands))
            return
        assert not (began and session.phase is Phase.READY)
