"""Signed heads, and the key that signs them."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proxy.records import Head, LedgerError, Position, SigningKey
from proxy.records.heads import heads_in, read_public_key, trusted, use_key

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
HEAD = KEY.sign(Position(7, "ab" * 32), NOON)


def test_a_head_is_one_line_of_canonical_json() -> None:
    assert HEAD.line() == (
        f'{{"hash":"{"ab" * 32}","key":"{KEY.public.id}","sequence":7,'
        f'"signature":"{HEAD.signature}","signed_at":"2026-11-22T12:00:00.000000+00:00"}}'
    )
    assert list(heads_in([HEAD.line()])) == [HEAD]


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 8},
        {"hash": "00" * 32},
        {"signed_at": "2026-11-22T12:00:00.000001+00:00"},
        {"signature": OTHER.sign(Position(7, "ab" * 32), NOON).signature},
        {"signature": "é"},
        {"signature": ""},
    ],
)
def test_a_changed_head_is_not_believed(change: dict[str, Any]) -> None:
    head = replace(HEAD, **change)
    assert KEY.public.signed(HEAD)
    assert not KEY.public.signed(head)
    ((_, wrong),) = trusted([head], {KEY.public.id: KEY.public})
    assert wrong == f"the head of entry {head.sequence} has a signature that is not the key's"


def test_a_head_by_a_key_that_was_not_given() -> None:
    ((_, wrong),) = trusted([HEAD], {OTHER.public.id: OTHER.public})
    assert wrong == f"the head of entry 7 is signed by the key {KEY.public.id}, which was not given"
    assert list(trusted([HEAD], {KEY.public.id: KEY.public})) == [(HEAD, "")]
    assert not OTHER.public.signed(HEAD)


def test_heads_are_found_among_the_lines_of_a_log() -> None:
    lines = [
        "pgwarden 0.1.0 serves",
        '{"event": "policy in force"}',
        '{"event": "ledger head", "level": "info", ' + HEAD.line()[1:],
        '{"signature": "broken',
        '{"signature": 1, "sequence": 1, "hash": "", "key": "", "signed_at": ""}',
        '{"signature": "", "sequence": true, "hash": "", "key": "", "signed_at": ""}',
        '["signature"]',
    ]
    assert list(heads_in(lines)) == [HEAD]


def test_openssl_believes_it_too(tmp_path: Path) -> None:
    fields = {name: value for name, value in json.loads(HEAD.line()).items() if name != "signature"}
    assert HEAD.message().decode() == json.dumps(
        {**fields, "purpose": "pgwarden ledger head"}, sort_keys=True, separators=(",", ":")
    )
    (tmp_path / "message").write_bytes(HEAD.message())
    (tmp_path / "key").write_text(KEY.public.pem())
    decoded = subprocess.run(
        ["base64", "--decode"], input=HEAD.signature.encode(), capture_output=True, check=True
    )
    (tmp_path / "signature").write_bytes(decoded.stdout)
    verify = "openssl pkeyutl -verify -pubin -inkey key -rawin -in message -sigfile signature"
    done = subprocess.run(verify.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


# -- keys --------------------------------------------------------------------------------------------------


def test_a_key_is_made_at_its_first_use_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.key"
    made = use_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["ledger.key"]
    again = use_key(path)
    assert again.public.id == made.public.id
    assert read_public_key(made.public.pem().encode()).signed(made.sign(Position(1, "ab" * 32), NOON))


def test_whoever_makes_it_at_the_same_time_finds_one_key(tmp_path: Path) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(use_key(tmp_path / "key").public.id)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert set(made) == {use_key(tmp_path / "key").public.id}


def pem_of_another_kind() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"", 0o600, "{} holds no Ed25519 key in PEM without a password"),
        (b"-----BEGIN PRIVATE KEY-----\nxx\n", 0o600, "{} holds no Ed25519 key in PEM without a password"),
        (pem_of_another_kind(), 0o600, "{} holds no Ed25519 key but one of another kind"),
        (b"", 0o604, "the key {} can be read by everybody: chmod 600 it"),
    ],
)
def test_what_is_no_key(tmp_path: Path, content: bytes, mode: int, message: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(LedgerError) as raised:
        use_key(path)
    assert str(raised.value) == message.format(path)
    assert path.read_bytes() == content


def test_a_place_for_no_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError) as raised:
        use_key(tmp_path / "file" / "key")
    assert str(raised.value) == f"the key {tmp_path / 'file' / 'key'} cannot be used: Not a directory"


def test_a_head_is_of_one_entry() -> None:
    assert Head(1, "h", "t", "k", "s").fields() == {
        "hash": "h", "key": "k", "sequence": 1, "signature": "s", "signed_at": "t",
    }  # fmt: skip
