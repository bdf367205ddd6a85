"""The gate checks a client's password: SCRAM as the server has it, errors included; failures by address."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.workers.counts import SharedCounts
from proxy.session import (
    AuthType,
    Close,
    Credential,
    FindCredential,
    LoginFailed,
    Phase,
    Report,
    TlsInfo,
    ToClient,
    Unavailable,
)
from proxy.session.authentication.attempts import Attempts, source_of
from proxy.wire.backend import decode_authentication
from proxy.wire.channelbinding import end_point
from proxy.wire.frontend import encode_password, encode_query, encode_sasl_response
from proxy.wire.scram import client_first, make_verifier
from tests.relay.certificates import Authority
from tests.session.logins import (
    CREDENTIAL,
    PLUS,
    SCRAM,
    SECRET,
    START,
    VERIFIER,
    Login,
    checking,
    connects,
    refusal,
    to_client,
)
from tests.session.wired import Clock

UNKNOWN = Credential(make_verifier(SECRET, b"made", 1), known=False)


@pytest.fixture(scope="module")
def tls(certificate: bytes) -> TlsInfo:
    return TlsInfo("TLSv1.3", "AES", own_certificate=certificate)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file, _ = Authority(tmp_path_factory.mktemp("authority"), "trusted").certify("localhost")
    return ssl.PEM_cert_to_DER_cert(file.read_text())


def mechanisms(login: Login, credential: Credential = CREDENTIAL) -> tuple[str, ...]:
    ((kind, body),) = to_client(login.offered(credential))
    assert kind == "R"
    return decode_authentication(body).mechanisms


@pytest.mark.defect_16
def test_plus_is_offered_first_where_there_is_tls(tls: TlsInfo) -> None:
    assert mechanisms(Login(checking(), tls=tls)) == (PLUS, SCRAM)
    assert mechanisms(Login(checking(AuthType.MANAGED))) == (SCRAM,)
    odd = TlsInfo("TLSv1.3", "AES", own_certificate=b"no certificate that a hash is known of")
    assert mechanisms(Login(checking(), tls=odd)) == (SCRAM,)


@pytest.mark.defect_16
@pytest.mark.parametrize("binding", ["n", "p"])
def test_a_right_password_connects(tls: TlsInfo, certificate: bytes, binding: str) -> None:
    login = Login(checking(), tls=tls)
    login.offered()
    mechanism = PLUS if binding == "p" else SCRAM
    commands = login.prove(flag=binding, mechanism=mechanism, channel=end_point(certificate))
    ((kind, body),) = to_client(commands)
    assert (kind, decode_authentication(body).code) == ("R", 12)
    assert connects(commands)
    assert login.session.phase is Phase.CONNECTING


def test_the_flag_y_is_right_where_nothing_can_be_bound() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.offered()
    assert connects(login.prove(flag="y"))


MALFORMED = "malformed SCRAM message"


@pytest.mark.defect_16
def test_a_downgrade_is_noticed(tls: TlsInfo) -> None:
    login = Login(checking(), tls=tls)
    login.offered()
    assert refusal(login.prove(flag="y")) == (
        "28000",
        "SCRAM channel binding negotiation error",
        "The client supports SCRAM channel binding but thinks the server does not.  However, this server "
        "does support channel binding.",
    )


UNBOUND = (
    "08P01",
    MALFORMED,
    "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
)
BOUND = (
    "08P01",
    MALFORMED,
    "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel "
    "binding data.",
)
INVALID = ("08P01", "client selected an invalid SASL authentication mechanism", "")


@pytest.mark.defect_16
@pytest.mark.parametrize(
    ("mechanism", "flag", "told"),
    [
        (PLUS, "n", UNBOUND),
        (PLUS, "y", UNBOUND),
        (SCRAM, "p", BOUND),
        (PLUS, "p", ("28000", "SCRAM channel binding check failed", "")),
        ("SCRAM-SHA-1", "n", INVALID),
        ("", "n", INVALID),
    ],
)
def test_flags_and_mechanisms_that_do_not_go_together(
    tls: TlsInfo, mechanism: str, flag: str, told: tuple[str, str, str]
) -> None:
    login = Login(checking(), tls=tls)
    login.offered()
    assert refusal(login.prove(flag=flag, mechanism=mechanism, channel=b"another channel's")) == told


def test_plus_without_an_offer() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.offered()
    assert refusal(login.prove(flag="p", mechanism=PLUS, channel=b"x")) == INVALID


@pytest.mark.defect_17
@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("c=eSws,r={nonce},p={proof}",
         ("08P01", "unexpected SCRAM channel-binding attribute in client-final-message", "")),
        ("c=biws,r=other,p={proof}", ("08P01", "invalid SCRAM response", "Nonce does not match.")),
        ("c=biws,r=ä,p={proof}", ("08P01", "invalid SCRAM response", "Nonce does not match.")),
        ("c=biws,r={nonce},p=AAAA", ("08P01", MALFORMED, "Malformed proof in client-final-message.")),
        ("c=biws,r={nonce},p={proof}", ("28P01", 'password authentication failed for user "ada"', "")),
        ("", ("08P01", MALFORMED, "The message is empty.")),
        ("x" * 2000, ("08P01", MALFORMED, "The message is longer than 1024 bytes.")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("credential", [CREDENTIAL, UNKNOWN], ids=["known", "unknown"])
def test_last_messages_that_will_not_do(
    credential: Credential, last: str, told: tuple[str, str, str]
) -> None:
    login = Login(checking(AuthType.MANAGED))
    login.offered(credential)
    commands = login.choose(SCRAM, client_first("n", "abc").encode())
    ((_, challenge),) = to_client(commands)
    nonce = challenge[4:].decode().split(",")[0][2:]
    data = last.format(nonce=nonce, proof="A" * 43 + "=").encode()
    assert refusal(login.session.client_data(encode_sasl_response(data))) == told


@pytest.mark.parametrize("credential", [CREDENTIAL, UNKNOWN], ids=["known", "unknown"])
def test_known_and_unknown_users_get_the_same_messages(credential: Credential) -> None:
    """Even the password that the made-up verifier would fit lets nobody in."""
    login = Login(checking(AuthType.MANAGED))
    kinds = [kind for kind, _ in to_client(login.offered(credential))]
    secret = SECRET if credential is UNKNOWN else b"wrong"
    commands = login.prove(secret)
    assert [*kinds, *(kind for kind, _ in to_client(commands))] == ["R", "E"]
    assert refusal(commands) == ("28P01", 'password authentication failed for user "ada"', "")
    assert next(c.event for c in commands if isinstance(c, Report)) == LoginFailed(
        "ada", "shop", "192.0.2.1", "password", 'password authentication failed for user "ada"'
    )
    assert login.gate.tally.login_failures["password"] == 1


def test_who_cannot_be_looked_up_is_not_let_in() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.start()
    commands = login.session.credential_found(Unavailable("The gate cannot look up users now."))
    assert refusal(commands) == ("57P03", "The gate cannot look up users now.", "")
    assert login.gate.tally.login_failures["unavailable"] == 1


def test_what_the_client_sends_ahead_waits_its_turn() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.start()
    first = client_first("n", "abc").encode()
    assert login.choose(SCRAM, first) == []
    commands = login.session.credential_found(CREDENTIAL)
    assert [kind for kind, _ in to_client(commands)] == ["R", "R"]


def test_a_client_that_is_gone_is_not_looked_up_for() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.start()
    login.session.client_eof()
    assert login.session.credential_found(CREDENTIAL) == []


@pytest.mark.parametrize("message", [encode_query(b"SELECT 1"), b"X\0\0\0\4", b"p\0\1\0\0"])
def test_anything_but_an_answer_ends_the_login(message: bytes) -> None:
    login = Login(checking(AuthType.MANAGED))
    login.offered()
    assert refusal(login.session.client_data(message))[0] == "08P01"


def test_anything_but_an_answer_sent_ahead_ends_the_login_when_the_user_was_found() -> None:
    login = Login(checking(AuthType.MANAGED))
    login.start(START + encode_query(b"SELECT 1"))
    commands = login.session.credential_found(CREDENTIAL)
    assert refusal(commands)[:2] == ("08P01", "invalid client message type 81")


def test_a_password_in_clear_is_asked_for_over_tls_alone(tls: TlsInfo) -> None:
    plain = Login(checking(AuthType.PASSWORD)).start()
    assert refusal(plain)[:2] == (
        "28000",
        "This gate asks for the password in clear, and takes it over TLS alone.",
    )
    login = Login(checking(AuthType.PASSWORD), tls=tls)
    ((_, body),) = to_client(login.start())
    assert decode_authentication(body).code == 3
    assert connects(login.session.client_data(encode_password(b"secret")))
    login = Login(checking(AuthType.PASSWORD), tls=tls)
    login.start()
    told = refusal(login.session.client_data(encode_password(b"")))
    assert told == ("28P01", "empty password returned by client", "")


# -- failures --------------------------------------------------------------------------------------------


def fail(login: Login) -> None:
    login.offered()
    assert refusal(login.prove(b"wrong"))[0] == "28P01"


@pytest.mark.defect_25
def test_an_address_that_fails_too_often_waits_and_others_do_not() -> None:
    clock = Clock()
    gate = checking(AuthType.MANAGED, clock, limit=3)
    under_way = Login(gate)
    under_way.offered()
    for _ in range(3):
        clock.now += 1
        fail(Login(gate))
    told = ("28000", "Too many logins from this address have failed.", "3 within 60 s.")
    assert refusal(Login(gate).start()) == told
    assert refusal(under_way.prove()) == told  # it had begun before, and its password is right
    assert Login(gate, "192.0.2.2").start() == [FindCredential("ada")]
    clock.now += 57.9
    assert refusal(Login(gate).start()) == told
    clock.now += 0.1
    assert Login(gate).start() == [FindCredential("ada")]
    assert gate.tally.login_failures["throttled"] == 3


def test_a_clock_set_back_locks_nobody_out() -> None:
    clock = Clock()
    gate = checking(AuthType.MANAGED, clock, limit=1)
    fail(Login(gate))
    clock.now -= 3600
    assert Login(gate).start() == [FindCredential("ada")]


def test_wrong_messages_count_too() -> None:
    gate = checking(AuthType.MANAGED, limit=1)
    login = Login(gate)
    login.offered()
    assert refusal(login.choose("nothing", b""))[0] == "08P01"
    assert refusal(Login(gate).start())[0] == "28000"
    assert gate.tally.login_failures["protocol"] == 1


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (None, "local"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("strange", "strange"),
    ],
)
def test_whom_failures_count_against(address: str | None, source: str) -> None:
    assert source_of(address) == source


@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.floats(-100, 100)), max_size=60), limit=st.integers(0, 3)
)
def test_attempts_are_bounded_and_nobody_waits_longer_than_a_window(
    steps: list[tuple[int, float]], limit: int
) -> None:
    attempts, now = Attempts(limit, 60, most_keys=3), 1e9
    for key, pause in steps:
        now += pause
        assert 0 <= attempts.wait_s(key, now) <= 60
        attempts.failed(key, now)
        assert len(attempts._windows) <= 3
        assert bool(attempts.wait_s(key, now)) >= (limit == 1)


def test_failures_count_wherever_they_were_seen() -> None:
    """And nobody waits longer for what another process has seen: its minute ends by itself."""
    counts = SharedCounts(2)
    one, other = (Attempts(3, 60, name="failures", elsewhere=counts.of(number)) for number in (0, 1))
    apart = Attempts(3, 60, name="refusals", elsewhere=counts.of(1))
    now = 600.0
    one.failed("ada", now)
    one.failed("ada", now)
    assert (one.wait_s("ada", now), other.wait_s("ada", now)) == (0, 0)
    other.failed("ada", now + 20)
    assert (one.wait_s("ada", now + 20), other.wait_s("ada", now + 20)) == (40, 40)
    assert (one.wait_s("eve", now + 20), apart.wait_s("ada", now + 20)) == (0, 0)
    assert (one.wait_s("ada", now + 60), other.wait_s("ada", now + 60)) == (0, 0)
    other.failed("eve", now + 60)
    assert counts.of(0).count("failures", 10, "ada") == 0


PIECES = st.sampled_from(
    [client_first("n", "abc").encode(), b"n,,", b"y,,", b"p=tls-server-end-point,,", b"n=", b"r=abc", b",",
     b"c=biws", b"p=", b"\0", b"=", SCRAM.encode(), PLUS.encode(), b"\0\0\0\x07", b"\xff\xff\xff\xff"]
)  # fmt: skip


@pytest.mark.defect_17
@given(
    bodies=st.lists(st.lists(PIECES | st.binary(max_size=6), max_size=8).map(b"".join), max_size=4),
    credential=st.sampled_from([CREDENTIAL, UNKNOWN]),
    auth_type=st.sampled_from(list(AuthType)),
)
def test_whatever_a_client_says_it_is_refused_and_never_connects(
    bodies: list[bytes], credential: Credential, auth_type: AuthType
) -> None:
    tls = TlsInfo("TLSv1.3", "AES")
    login = Login(checking(auth_type), tls=tls)
    commands = login.start()
    if auth_type is not AuthType.PASSWORD:
        commands = login.session.credential_found(credential)
    for body in bodies:
        if auth_type is AuthType.PASSWORD and body.find(b"\0") == len(body) - 1 > 0:
            return  # that is a password, and the server's to judge
        commands = login.session.client_data(encode_sasl_response(body))
        assert not connects(commands)
        if login.session.phase is Phase.CLOSED:
            assert refusal(commands)[0] in {"08P01", "28P01", "28000", "0A000"}
            return
        assert all(isinstance(command, ToClient) for command in commands)
    assert not any(isinstance(command, Close) for command in commands)


def test_no_secret_shows_in_what_is_passed_around() -> None:
    credential = Credential(VERIFIER, password=b"hunter2")
    assert repr(credential) == f"Credential(verifier={VERIFIER!r}, known=True, role=None)"
    assert "hunter2" not in repr(checking().authentication)
    assert b"secret".decode() not in repr(checking().authentication)
