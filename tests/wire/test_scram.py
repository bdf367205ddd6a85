"""SCRAM: the RFC's own example, verifiers, and messages that nobody should send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import ProtocolViolation
from proxy.wire.scram import (
    MOST_ITERATIONS,
    ClientFirst,
    Verifier,
    auth_message,
    binding_of,
    client_final,
    client_first,
    client_proof,
    decode_client_final,
    decode_client_first,
    decode_server_final,
    decode_server_first,
    keys_of,
    make_verifier,
    recover_client_key,
    salted_password,
    server_final,
    server_first,
    server_signature,
    with_proof,
)

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
WHOLE_NONCE = NONCE + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = f"r={WHOLE_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
WITHOUT_PROOF = f"c=biws,r={WHOLE_NONCE}"
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNATURE = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_example_of_the_rfc() -> None:
    challenge = decode_server_first(SERVER_FIRST, NONCE)
    assert challenge.iterations == 4096
    keys = keys_of(salted_password(b"pencil", challenge.salt, challenge.iterations))
    covered = auth_message(f"n=user,r={NONCE}", challenge.text, client_final("biws", challenge.nonce))
    last = with_proof(WITHOUT_PROOF, client_proof(keys.client_key, covered))
    assert last == f"{WITHOUT_PROOF},p={PROOF}".encode()
    assert server_final(server_signature(keys.server_key, covered)) == SIGNATURE
    assert decode_server_final(SIGNATURE) == server_signature(keys.server_key, covered)


def test_a_proof_shows_the_client_key_and_a_wrong_one_nothing() -> None:
    verifier = make_verifier(b"pencil", b"salt", 4096)
    keys = keys_of(salted_password(b"pencil", b"salt", 4096))
    wrong = keys_of(salted_password(b"pencil2", b"salt", 4096))
    assert (
        recover_client_key(verifier.stored_key, b"m", client_proof(keys.client_key, b"m")) == keys.client_key
    )
    assert recover_client_key(verifier.stored_key, b"m", client_proof(wrong.client_key, b"m")) is None
    assert recover_client_key(verifier.stored_key, b"m", client_proof(keys.client_key, b"n")) is None


@given(
    password=st.binary(min_size=1, max_size=20),
    salt=st.binary(min_size=1, max_size=40),
    iterations=st.integers(1, 3),
    flag=st.sampled_from("nyp"),
    channel=st.binary(min_size=32, max_size=64),
)
def test_both_sides_agree_on_everything(
    password: bytes, salt: bytes, iterations: int, flag: str, channel: bytes
) -> None:
    verifier = Verifier.parse(make_verifier(password, salt, iterations).written())
    first = decode_client_first(client_first(flag, "abc").encode())
    assert first == client_first(flag, "abc")
    challenge = decode_server_first(server_first(first.nonce + "def", verifier).text.encode(), "abc")
    assert (challenge.salt, challenge.iterations) == (salt, iterations)
    keys = keys_of(salted_password(password, challenge.salt, challenge.iterations))
    without_proof = client_final(binding_of(flag, channel), challenge.nonce)
    covered = auth_message(first.bare, challenge.text, without_proof)
    last = decode_client_final(with_proof(without_proof, client_proof(keys.client_key, covered)))
    assert (last.without_proof, last.binding) == (without_proof, binding_of(flag, channel))
    assert recover_client_key(verifier.stored_key, covered, last.proof) == keys.client_key
    assert server_signature(verifier.server_key, covered) == server_signature(keys.server_key, covered)


def test_no_secret_shows_in_a_repr() -> None:
    verifier = make_verifier(b"pencil", b"salt", 4096)
    keys = keys_of(salted_password(b"pencil", b"salt", 4096))
    last = decode_client_final(f"{WITHOUT_PROOF},p={PROOF}".encode())
    assert repr(verifier) == "Verifier(iterations=4096, salt=b'salt')"
    assert repr(keys) == "Keys()"
    shown = f"binding='biws', nonce='{WHOLE_NONCE}', without_proof='{WITHOUT_PROOF}'"
    assert repr(last) == f"ClientFinal({shown})"


GOOD = make_verifier(b"pencil", b"salt", 4096).written()
WRONG_LENGTH = "is a SCRAM-SHA-256 verifier with a part of a wrong length"
WRONG_COUNT = f"has an iteration count that is not from 1 to {MOST_ITERATIONS}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no SCRAM-SHA-256 verifier"),
        ("pencil", "is no SCRAM-SHA-256 verifier"),
        ("md5" + "0" * 32, "is no SCRAM-SHA-256 verifier"),
        (GOOD + "x", "is a SCRAM-SHA-256 verifier with a part that is not base64"),
        (GOOD.replace("c2FsdA==", "c2Fs!A=="), "is a SCRAM-SHA-256 verifier with a part that is not base64"),
        (GOOD.replace("4096", "0"), WRONG_COUNT),
        (GOOD.replace("4096", "9999999999"), WRONG_COUNT),
        (GOOD.replace("4096", "99999999999"), "is no SCRAM-SHA-256 verifier"),
        (GOOD.replace("4096", "-1"), "is no SCRAM-SHA-256 verifier"),
        ("SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:c2FsdA==", WRONG_LENGTH),
        (GOOD.replace("c2FsdA==", "QUFB" * 100), WRONG_LENGTH),
    ],
)  # fmt: skip
def test_what_is_no_verifier(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"SCRAM|iteration") as raised:
        Verifier.parse(text)
    assert str(raised.value) == complaint


MALFORMED = "malformed SCRAM message"
NO_TYPE = 'Expected attribute "p" with a channel-binding type.'


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, (MALFORMED, "The message is empty.", "08P01")),
        (b"", (MALFORMED, "The message is empty.", "08P01")),
        (b"n,,n=,r=" + b"x" * 1017, (MALFORMED, "The message is longer than 1024 bytes.", "08P01")),
        (b"n,,n=,r=a\0b", (MALFORMED, "Message length does not match input length.", "08P01")),
        (b"n,,n=\xff,r=ab", (MALFORMED, "The message is not UTF-8.", "08P01")),
        (b"x,,n=,r=ab", (MALFORMED, "Unexpected channel-binding flag.", "08P01")),
        (b"n", (MALFORMED, "Comma expected behind the channel-binding flag.", "08P01")),
        (b"nn,,n=,r=ab", (MALFORMED, "Comma expected behind the channel-binding flag.", "08P01")),
        (b"n,n=,r=ab", (MALFORMED, "Unexpected attribute in client-first-message.", "08P01")),
        (b"n,", (MALFORMED, "Unexpected attribute in client-first-message.", "08P01")),
        (b"n,,", (MALFORMED, 'Expected attribute "n".', "08P01")),
        (b"n,,r=ab,n=", (MALFORMED, 'Expected attribute "n".', "08P01")),
        (b"n,,n=", (MALFORMED, 'Expected attribute "r".', "08P01")),
        (b"n,,n=,r=ab,", None),
        (b"n,,n=,r=ab,x=1", None),
        (b"n,,n=,r=ab,1=1", (MALFORMED, "An attribute is expected, and none found.", "08P01")),
        (b"n,,n=,r=ab,x", (MALFORMED, "An attribute is expected, and none found.", "08P01")),
        (b"n,,n=,r=", ("non-printable characters in SCRAM nonce", "", "08P01")),
        (b"n,,n=,r=a b", ("non-printable characters in SCRAM nonce", "", "08P01")),
        ("n,,n=,r=ä".encode(), ("non-printable characters in SCRAM nonce", "", "08P01")),
        ("n,,n=ä,r=ab".encode(), None),
        (b"n,a=bob,n=,r=ab", ("client uses authorization identity, but it is not supported", "", "0A000")),
        (b"n,,m=x,n=,r=ab", ("client requires an unsupported SCRAM extension", "", "0A000")),
        (b"p=tls-unique,,n=,r=ab", ("unsupported SCRAM channel-binding type", "", "08P01")),
        (b"p,,n=,r=ab", (MALFORMED, NO_TYPE, "08P01")),
        (b"p=tls-server-end-point", (MALFORMED, NO_TYPE, "08P01")),
        (b"p=tls-server-end-point,,n=,r=ab", None),
    ],
)  # fmt: skip
def test_a_first_message(data: bytes | None, complaint: tuple[str, str, str] | None) -> None:
    if complaint is None:
        assert isinstance(decode_client_first(data), ClientFirst)
        return
    with pytest.raises(ProtocolViolation) as raised:
        decode_client_first(data)
    assert (str(raised.value), raised.value.detail, raised.value.sqlstate) == complaint


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ("", "The message is empty."),
        (f"r={WHOLE_NONCE},c=biws,p={PROOF}", 'Expected attribute "c".'),
        (f"c=biws,p={PROOF}", 'Expected attribute "r".'),
        (WITHOUT_PROOF, "An attribute is expected, and none found."),
        (f"{WITHOUT_PROOF},x=1", "An attribute is expected, and none found."),
        (f"{WITHOUT_PROOF},p=", "Malformed proof in client-final-message."),
        (f"{WITHOUT_PROOF},p=!!!!", "Malformed proof in client-final-message."),
        (f"{WITHOUT_PROOF},p=ä", "Malformed proof in client-final-message."),
        (f"{WITHOUT_PROOF},p=QUFB", "Malformed proof in client-final-message."),
        (f"{WITHOUT_PROOF},p={PROOF},x=1", "Garbage found at the end of client-final-message."),
    ],
)
def test_a_last_message(data: str, detail: str) -> None:
    with pytest.raises(ProtocolViolation, match=MALFORMED) as raised:
        decode_client_final(data.encode())
    assert raised.value.detail == detail


def test_extensions_before_the_proof_are_covered_by_it() -> None:
    last = decode_client_final(f"{WITHOUT_PROOF},x=1,y=,p={PROOF}".encode())
    assert last.without_proof == f"{WITHOUT_PROOF},x=1,y="


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("r=abcd,s=c2FsdA==", (MALFORMED, 'Expected attribute "i".')),
        ("r=abcd,i=1,s=c2FsdA==", (MALFORMED, 'Expected attribute "s".')),
        ("r=abc,s=c2FsdA==,i=1", ("invalid SCRAM response", "Nonce does not match.")),
        ("r=xbcd,s=c2FsdA==,i=1", ("invalid SCRAM response", "Nonce does not match.")),
        ("r=abc\x01,s=c2FsdA==,i=1", ("non-printable characters in SCRAM nonce", "")),
        ("r=abcd,s=!,i=1", (MALFORMED, "Invalid salt.")),
        ("r=abcd,s=,i=1", (MALFORMED, "Invalid salt.")),
        (f"r=abcd,s={'QUFB' * 100},i=1", (MALFORMED, "Invalid salt.")),
        *(
            (
                f"r=abcd,s=c2FsdA==,i={number}",
                (MALFORMED, f"The iteration count is not a number from 1 to {MOST_ITERATIONS}."),
            )
            for number in ("", "0", "-1", "+1", "1e3", "4096x", "2147483647", "9" * 400, "٣")
        ),
        ("m=x,r=abcd,s=c2FsdA==,i=1", ("the server requires an unsupported SCRAM extension", "")),
        (f"r=abc{'d' * 2000},s=c2FsdA==,i=1", (MALFORMED, "The message is longer than 1024 bytes.")),
    ],
)
def test_a_challenge(data: str, complaint: tuple[str, str]) -> None:
    with pytest.raises(ProtocolViolation) as raised:
        decode_server_first(data.encode(), "abc")
    assert (str(raised.value), raised.value.detail) == complaint


@pytest.mark.parametrize("data", ["", "v", "v=", "v=!", "v=QUFB", "x=1", SIGNATURE.decode() + ",x=1", "e"])
def test_a_signature_that_is_none(data: str) -> None:
    with pytest.raises(ProtocolViolation, match=MALFORMED):
        decode_server_final(data.encode())


def test_the_server_may_say_that_it_has_failed() -> None:
    assert decode_server_final(b"e=invalid-proof") is None


PIECES = st.lists(
    st.sampled_from(
        ["n", "y", "p=tls-server-end-point", ",", "=", "n=", "r=", "s=", "i=", "c=biws", "p=", "v=", "m=",
         "a=", "abc", "4096", PROOF, "c2FsdA==", "\0", "ä", " "]
    )
    | st.text(max_size=4),
    max_size=12,
)  # fmt: skip


@given(data=st.binary(max_size=1100) | PIECES.map("".join).map(str.encode))
def test_garbage_gives_a_message_or_a_violation(data: bytes) -> None:
    for decode in (
        decode_client_first,
        decode_client_final,
        lambda data: decode_server_first(data, "abc"),
        decode_server_final,
    ):
        try:
            decode(data)
        except ProtocolViolation as violation:
            assert violation.sqlstate in {"08P01", "0A000"}


@given(text=st.text(max_size=100) | PIECES.map("".join).map("SCRAM-SHA-256$".__add__))
def test_garbage_gives_a_verifier_or_a_complaint_that_does_not_repeat_it(text: str) -> None:
    try:
        verifier = Verifier.parse(text)
    except ValueError as error:
        assert str(error).startswith(("is ", "has "))
    else:
        assert Verifier.parse(verifier.written()) == verifier
