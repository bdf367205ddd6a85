"""Approvers: whose signatures count, by keys that others have vouched for.

The first key is enrolled by its own signature: whoever may write the ledger owns it as long as it knows no
key. From then on a key needs the signatures of enrolled ones, of two as soon as there are two, so that nobody
makes up a second person; it needs as many to withdraw somebody else's. All signatures name the ledger, by the
hash of the entry that enrolled the first key, so none counts in another. A key that was withdrawn never comes
back. What is not signed as it should be counts for nothing. Deliberately absent: keeping private keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from proxy.records.entry import Entry, LedgerError, canonical, check_text
from proxy.records.heads import PublicKey, public_key_of
from proxy.records.kinds.kind import Payload, read

MOST_NAME_CHARS: Final = 100
_ENROL: Final = "pgwarden approver"
_WITHDRAW: Final = "pgwarden approver withdrawn"


class ApproverEnrolled(Payload, frozen=True, kw_only=True):
    """Somebody vouches for a key; the entry is about its id.

    Attributes:
        name: whose it is, for people.
        public_key: its 32 bytes, in base64.
        roles: those that its holder logs in as: what is asked for them, this key cannot grant.
        grants: False for one that only asks.
        key: the id of the key that has signed; its own for the first.
        signature: base64.
    """

    kind = "approver"

    name: str
    public_key: str
    roles: tuple[str, ...]
    grants: bool
    key: str
    signature: str

    def check(self, now: datetime) -> None:
        """Refuse what nobody could be called by, and what is no key."""
        if not self.name.strip():
            raise LedgerError("the key's holder has no name")
        check_text("name", self.name, most=MOST_NAME_CHARS)
        for role in self.roles:
            check_text("role", role)
        try:
            public_key_of(self.public_key)
        except ValueError:
            raise LedgerError("this is no Ed25519 public key: 32 bytes in base64") from None


class ApproverWithdrawn(Payload, frozen=True, kw_only=True):
    """A key is to count no longer; the entry is about its id."""

    kind = "approver_gone"

    reason: str
    key: str
    signature: str

    def check(self, now: datetime) -> None:
        """Refuse what nobody should read."""
        check_text("reason", self.reason)


def enrolment_message(root: str, enrolled: ApproverEnrolled) -> bytes:
    """What is signed to vouch for a key; `root` is "" for the first."""
    return canonical(
        {
            "purpose": _ENROL,
            "ledger": root,
            "name": enrolled.name,
            "public_key": enrolled.public_key,
            "roles": list(enrolled.roles),
            "grants": enrolled.grants,
        }
    ).encode()


def withdrawal_message(root: str, key: str) -> bytes:
    """What is signed to withdraw a key."""
    return canonical({"purpose": _WITHDRAW, "ledger": root, "withdrawn": key}).encode()


@dataclass(frozen=True, slots=True)
class Approver:
    """A key that counts.

    Attributes:
        key: with its id.
        vouched_by: the ids of those who have signed for it; its own for the first.
    """

    key: PublicKey
    name: str
    roles: frozenset[str]
    grants: bool
    vouched_by: tuple[str, ...]
    since: datetime


class Approvers:
    """Those whose signatures count, as far as the entries say that were taken in.

    Attributes:
        root: what signatures name this ledger by; "" as long as it knows no key.
        standing: by the keys' ids.
        withdrawn: ids of keys that count no longer, and never will again.
        waiting: enrolments that need more signatures: what is enrolled, and by whom so far.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.root = ""
        self.standing: dict[str, Approver] = {}
        self.withdrawn: set[str] = set()
        self.waiting: dict[bytes, tuple[ApproverEnrolled, tuple[str, ...]]] = {}
        self._leaving: dict[str, tuple[str, ...]] = {}

    @property
    def needed(self) -> int:
        """How many of the enrolled have to sign for another."""
        return min(2, sum(approver.grants for approver in self.standing.values()))

    def verifies(self, key: str, signature: str, message: bytes) -> bool:
        """Whether an enrolled key has signed this."""
        approver = self.standing.get(key)
        return approver is not None and approver.key.verifies(signature, message)

    def add(self, entry: Entry) -> None:
        """Take what somebody has signed; what was signed by nobody enrolled changes nothing."""
        if entry.kind == ApproverEnrolled.kind:
            self._enrol(entry, read(entry, ApproverEnrolled))
        else:
            self._withdraw(entry, read(entry, ApproverWithdrawn))

    def _enrol(self, entry: Entry, enrolled: ApproverEnrolled) -> None:
        try:
            key = public_key_of(enrolled.public_key)
        except ValueError:
            return
        if key.id in self.standing or key.id in self.withdrawn or entry.about != key.id:
            return
        message = enrolment_message(self.root, enrolled)
        if not self.root:
            if enrolled.key == key.id and enrolled.grants and key.verifies(enrolled.signature, message):
                self.root = entry.hash
                self._stand(entry, key, enrolled, (key.id,))
            return
        if not self._may_vouch(enrolled.key, enrolled.signature, message):
            return
        _, signed = self.waiting.pop(message, (enrolled, ()))
        signed = tuple(dict.fromkeys((*signed, enrolled.key)))
        if sum(each in self.standing for each in signed) >= self.needed:
            self._stand(entry, key, enrolled, signed)
        else:
            self.waiting[message] = (enrolled, signed)

    def _stand(
        self, entry: Entry, key: PublicKey, enrolled: ApproverEnrolled, signed: tuple[str, ...]
    ) -> None:
        self.standing[key.id] = Approver(
            key, enrolled.name, frozenset(enrolled.roles), enrolled.grants, signed, entry.moment
        )

    def _withdraw(self, entry: Entry, said: ApproverWithdrawn) -> None:
        """Whoever holds a key may give it up, but for the last that grants; another's takes what it took."""
        message = withdrawal_message(self.root, entry.about)
        if entry.about not in self.standing or not self.verifies(said.key, said.signature, message):
            return
        granting = [key for key, approver in self.standing.items() if approver.grants]
        if granting == [entry.about]:
            return
        own = said.key == entry.about
        if not own and not self.standing[said.key].grants:
            return
        signed = tuple(dict.fromkeys((*self._leaving.get(entry.about, ()), said.key)))
        self._leaving[entry.about] = signed
        if own or sum(each in self.standing for each in signed) >= self.needed:
            del self.standing[entry.about]
            self.withdrawn.add(entry.about)

    def _may_vouch(self, key: str, signature: str, message: bytes) -> bool:
        return self.verifies(key, signature, message) and self.standing[key].grants
