"""What ran in one environment, as a signed file: for gates that do not share its ledger.

Enters: when what ran, and the key that signs the ledger's heads. Leaves: one JSON document, which everybody
can check who has the public key; and back. Signatures are Ed25519 over the canonical JSON of all but the
signature. Deliberately absent: whose keys are trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from proxy.records.entry import canonical, written
from proxy.records.heads import PublicKey, SigningKey

_PURPOSE: Final = "pgwarden staging runs"
_FIELDS: Final = frozenset({"environment", "key", "purpose", "ran", "signature", "signed_at"})


@dataclass(frozen=True, slots=True)
class SignedRuns:
    """A file of runs whose signature has been checked.

    Attributes:
        ran: when what ran last, by its checksum.
        key: which key has signed.
        sha256: of the file, in hexadecimal.
    """

    environment: str
    ran: Mapping[str, datetime]
    key: str
    sha256: str


def sign_runs(environment: str, ran: Mapping[str, datetime], key: SigningKey, moment: datetime) -> str:
    """The document, without a line's end."""
    fields: dict[str, object] = {
        "environment": environment,
        "key": key.public.id,
        "purpose": _PURPOSE,
        "ran": [{"at": written(at), "checksum": checksum} for checksum, at in sorted(ran.items())],
        "signed_at": written(moment),
    }
    return canonical({**fields, "signature": key.signature(canonical(fields).encode())})


def read_runs(text: str, keys: Mapping[str, PublicKey]) -> SignedRuns:
    """Read a document.

    Args:
        keys: those that are trusted, by their id.

    Raises:
        ValueError: it is none, or nobody trusted has signed it; the text says which.
    """
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or fields.keys() != _FIELDS or fields["purpose"] != _PURPOSE:
        raise ValueError("is no file of pgwarden ran export")
    signature, key = fields.pop("signature"), keys.get(str(fields["key"]))
    if key is None:
        raise ValueError(f"is signed by the key {str(fields['key'])[:60]!r}, which is not trusted here")
    try:
        whole = canonical(fields).encode()
        ran = {str(each["checksum"]): datetime.fromisoformat(each["at"]) for each in fields["ran"]}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("is no file of pgwarden ran export") from error
    if not key.verifies(str(signature), whole):
        raise ValueError("has a signature that is not the key's: it was changed")
    return SignedRuns(str(fields["environment"]), ran, key.id, sha256(text.encode()).hexdigest())
