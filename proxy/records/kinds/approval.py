"""Approvals: people let one text run although it breaks rules.

Enters: requests, grants, ends, uses; the keys of `approver.py`. Leaves: the approvals that rules judge by.
A grant counts by its Ed25519 signature (RFC 8032) over the request as it is spelled in the ledger, so whoever
can append entries cannot approve, nor alter what was approved, nor bring back what is over. Ending one takes
no signature: what stops need not prove who it is. Deliberately absent: which rules an approval lifts
(policy), and taking a use before a statement goes on (app), which the entries' limits make atomic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import ClassVar, Final

from msgspec.structs import replace

from proxy.policy.facts import Approved, Denied, Facts
from proxy.records.entry import Entry, LedgerError, canonical, check_text, written
from proxy.records.heads import SigningKey
from proxy.records.kinds.approver import ApproverEnrolled, Approvers, ApproverWithdrawn
from proxy.records.kinds.backup import CLOCK_SKEW
from proxy.records.kinds.kind import Payload, read, spelled
from proxy.sql.parting import Parts, parts_of

MOST_STATEMENT_BYTES: Final = 128 * 1024
MOST_REASON_CHARS: Final = 500
MOST_USES: Final = 1000
_REQUEST: Final = "pgwarden approval request"
_GRANT: Final = "pgwarden approval grant"
_PARAMETER: Final = re.compile(r"\$[0-9]")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class TextRefused(Payload, frozen=True, kw_only=True):
    """A text that was refused and that people may approve; the entry is about its decision's id.

    Attributes:
        statement: with its secrets masked.
        digest: SHA-256 of the text's bytes, in hexadecimal; "" where something is masked, for that could be
            guessed by it.
        rules: those that refused it.
        policy: the digest of the policy that has them.
    """

    kind = "approval_text"

    statement: str
    digest: str
    environment: str
    rules: tuple[str, ...]
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    role: str
    database: str
    client_address: str | None
    application: str
    policy: str


class ApprovalAsked(Payload, frozen=True, kw_only=True):
    """Somebody asks; the entry is about the request's id.

    Attributes:
        id: random, as the entry's ``about`` has it.
        subject: "statement", or "migration" where the text is a migration file's.
        digest: SHA-256 of the text's bytes, in hexadecimal: a migration's checksum.
        statement: for people, with its secrets masked.
        masked: some of it is: the statement does not show all that the digest stands for.
        file: the migration file's name.
        roles: who may use it.
        database, networks: the only ones; none for any.
        rules: those that it may lift.
        uses: how often.
        break_glass: it lifts what the rules require, too, and its own asker may grant it.
        held: the gate asks, for a statement that it holds.
        decision: the refusal that it is about.
        key, signature: of who asks; "" where nobody has signed.
    """

    kind = "approval_request"

    id: str
    digest: str
    environment: str
    roles: tuple[str, ...]
    rules: tuple[str, ...]
    since: datetime
    until: datetime
    statement: str
    subject: str = "statement"
    file: str = ""
    masked: bool = False
    database: str | None = None
    networks: tuple[str, ...] = ()
    uses: int = 1
    break_glass: bool = False
    held: bool = False
    reason: str = ""
    decision: str = ""
    key: str = ""
    signature: str = ""

    def check(self, now: datetime) -> None:
        """Refuse what could never be used, or is no request."""
        if not _DIGEST.fullmatch(self.digest):
            raise LedgerError("a request is about one text: its digest is missing")
        if not self.roles or not self.rules:
            raise LedgerError("a request names who may use it, and the rules that it is about")
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise LedgerError("the times of an approval need a time zone")
        if self.until <= max(self.since, now):
            raise LedgerError(f"an approval cannot end before it begins, or now ({self.until.isoformat()})")
        if not 1 <= self.uses <= MOST_USES:
            raise LedgerError(f"an approval is for 1 to {MOST_USES} uses")
        if len(self.statement.encode(errors="replace")) > MOST_STATEMENT_BYTES:
            raise LedgerError(f"a text of more than {MOST_STATEMENT_BYTES} bytes cannot be approved")
        for network in self.networks:
            _network(network)
        check_text("reason", self.reason, most=MOST_REASON_CHARS)
        named = (*self.roles, *self.rules, self.environment, self.file, self.decision, self.database or "")
        for text in named:
            check_text("request", text)


class ApprovalGranted(Payload, frozen=True, kw_only=True):
    """An approver says yes; the entry is about the request's id.

    Attributes:
        request: SHA-256 of the request as it is spelled in the ledger.
        at: when it was signed.
    """

    kind = "approval_grant"

    request: str
    at: datetime
    key: str
    signature: str


class ApprovalEnded(Payload, frozen=True, kw_only=True):
    """A request is denied, or what was granted is revoked; the entry is about the request's id.

    Attributes:
        how: "denied", "revoked", or "withdrawn" where the statement that was held for it waits no more.
    """

    kind = "approval_end"

    how: str
    reason: str = ""

    def check(self, now: datetime) -> None:
        """Refuse what nobody should read."""
        check_text("reason", self.reason, most=MOST_REASON_CHARS)


class ApprovalUsed(Payload, frozen=True, kw_only=True):
    """A statement is about to go on by an approval; the entry is about the request's id.

    Attributes:
        rules: those that it lifts here.
        run: SHA-256 of a migration run's token, in hexadecimal: it is the one use of that run, for all that
            the file does in it; "" for a statement's.
    """

    kind = "approval_use"

    rules: tuple[str, ...]
    break_glass: bool
    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    run: str = ""

    def check(self, now: datetime) -> None:
        """Refuse a run that is told in clear."""
        if self.run and not _DIGEST.fullmatch(self.run):
            raise LedgerError("a run is known by its token's SHA-256")


def has_parameters(statement: str) -> bool:
    """Whether a text may have parameters; one that only looks like it counts, too."""
    return _PARAMETER.search(statement) is not None


def request_message(root: str, payload: str) -> bytes:
    """What is signed to ask: all that the entry says but the signature; `root` names the ledger."""
    fields = json.loads(payload)
    del fields["signature"]
    return canonical({"purpose": _REQUEST, "ledger": root, "request": fields}).encode()


def signed_request(asked: ApprovalAsked, root: str, key: SigningKey) -> ApprovalAsked:
    """The same request, signed by who asks."""
    own = replace(asked, key=key.public.id)
    return replace(own, signature=key.signature(request_message(root, spelled(own))))


def grant_message(root: str, request: str, at: datetime) -> bytes:
    """What is signed to grant a request with this digest."""
    return canonical({"purpose": _GRANT, "ledger": root, "request": request, "at": written(at)}).encode()


def use_limits(uses: int) -> tuple[tuple[str, int], ...]:
    """The limits of a use's entry: not once it is used up, nor once it was ended."""
    return ((ApprovalUsed.kind, uses), (ApprovalEnded.kind, 1))


@dataclass(slots=True)
class Request:
    """A request, and what became of it.

    Attributes:
        digest: SHA-256 of the entry's payload, by which grants name it.
        signed: its asker's signature holds; False for one that nobody has signed.
        grants: when whom has granted it, by keys whose signatures hold; the asker among them.
        forged: how many grants do not count since their signature does not hold.
        ended: how, by whom and why; None while it stands.
        used: by the entries of its uses.
        runs: the runs that have taken one of them.
    """

    asked: ApprovalAsked
    digest: str
    entry: Entry
    signed: bool
    grants: dict[str, datetime] = field(default_factory=dict)
    forged: int = 0
    ended: tuple[ApprovalEnded, Entry] | None = None
    used: list[Entry] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    _parts: Parts | None = None

    @property
    def parts(self) -> Parts:
        """The file's statements one by one: from the very text that was signed, and from nothing else."""
        if self._parts is None:
            self._parts = _parts_of(self.asked)
        return self._parts

    @property
    def left(self) -> int:
        """How often it may still be used."""
        return max(0, self.asked.uses - len(self.used))


class Approvals:
    """Requests, and who has granted them.

    Attributes:
        approvers: whose signatures count.
        requests: by their ids, in the order they were asked.
    """

    shapes: ClassVar[Mapping[str, type[Payload]]] = {
        shape.kind: shape
        for shape in (
            *(ApproverEnrolled, ApproverWithdrawn),
            *(ApprovalAsked, ApprovalGranted, ApprovalEnded, ApprovalUsed),
        )
    }

    def __init__(self) -> None:
        """Begin with none."""
        self.approvers = Approvers()
        self.requests: dict[str, Request] = {}

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        match entry.kind:
            case ApprovalAsked.kind:
                self._asked(entry, read(entry, ApprovalAsked))
            case ApprovalGranted.kind:
                self._granted(entry, read(entry, ApprovalGranted))
            case ApprovalEnded.kind:
                ended = read(entry, ApprovalEnded)
                request = self.requests.get(entry.about)
                if request is not None and request.ended is None:
                    request.ended = (ended, entry)
            case ApprovalUsed.kind:
                self._used(entry, read(entry, ApprovalUsed))
            case _:
                self.approvers.add(entry)

    def _asked(self, entry: Entry, asked: ApprovalAsked) -> None:
        """An id is one request's for ever; one that claims an asker who has not signed is none."""
        if asked.id != entry.about or asked.id in self.requests:
            return
        message = request_message(self.approvers.root, entry.payload)
        signed = bool(asked.key) and self.approvers.verifies(asked.key, asked.signature, message)
        if asked.key and not signed:
            return
        digest = sha256(entry.payload.encode()).hexdigest()
        self.requests[asked.id] = Request(asked, digest, entry, signed)

    def _granted(self, entry: Entry, granted: ApprovalGranted) -> None:
        """Of one key's grants the first counts, so none is made younger by appending it again."""
        request, approvers = self.requests.get(entry.about), self.approvers
        if request is None:
            return
        message = grant_message(approvers.root, request.digest, granted.at)
        approver = approvers.standing.get(granted.key)
        may = approver is not None and (approver.grants or request.asked.break_glass)
        timely = granted.at <= entry.moment + CLOCK_SKEW
        if not (may and timely and approvers.verifies(granted.key, granted.signature, message)):
            request.forged += 1
            return
        request.grants.setdefault(granted.key, granted.at)

    def _used(self, entry: Entry, used: ApprovalUsed) -> None:
        """A run has what it took while there was something to take, whatever is appended later."""
        request = self.requests.get(entry.about)
        if request is None:
            return
        if used.run and request.left and request.ended is None:
            request.runs.add(used.run)
        request.used.append(entry)

    # -- what counts ---------------------------------------------------------------------------------------

    def nobody_asked(self, request: Request) -> bool:
        """Whether nobody can tell who asked: nobody has signed, and no key is known of who may use it."""
        roles = set(request.asked.roles)
        return not request.signed and not any(a.roles & roles for a in self.approvers.standing.values())

    def counting(self, request: Request) -> dict[str, datetime]:
        """The grants by others than who asked, by key."""
        roles = set(request.asked.roles)
        return {
            key: at
            for key, at in request.grants.items()
            if (approver := self.approvers.standing.get(key)) is not None
            and approver.grants
            and key != request.asked.key
            and not approver.roles & roles
        }

    def into(self, facts: Facts, now: datetime) -> Facts:
        """Add those that somebody has granted, and that are neither over nor used up.

        What a run under way has taken a use of stays for it.
        """
        under_way = {run.token for run in facts.runs}
        return replaced(
            facts,
            approvals=tuple(
                approved
                for request in self.requests.values()
                if request.ended is None and now < request.asked.until
                for runs in (under_way & request.runs,)
                if (request.left or runs) and (approved := self._approved(request, runs)) is not None
            ),
            denied=tuple(
                Denied(request.asked.id, entry.recorded_by, ended.reason)
                for request in self.requests.values()
                if request.ended is not None and request.asked.held and now < request.asked.until
                for ended, entry in (request.ended,)
                if ended.how != "withdrawn"
            ),
        )

    def _approved(self, request: Request, runs: set[str]) -> Approved | None:
        asked = request.asked
        granted = tuple(sorted(self.counting(request).values(), reverse=True))
        own = request.grants.get(asked.key) if asked.break_glass and request.signed else None
        if not granted and (own is None or asked.key not in self.approvers.standing):
            return None
        return Approved(
            id=asked.id,
            digest=asked.digest,
            environment=asked.environment,
            roles=frozenset(asked.roles),
            rules=frozenset(asked.rules),
            since=asked.since,
            until=asked.until,
            granted=granted,
            uses=asked.uses,
            left=request.left,
            database=asked.database,
            networks=tuple(map(_network, asked.networks)),
            nobody_asked=self.nobody_asked(request),
            break_glass=asked.break_glass,
            own=own if asked.key in self.approvers.standing else None,
            statements=request.parts.statements if runs else frozenset(),
            runs=frozenset(runs),
        )


def _parts_of(asked: ApprovalAsked) -> Parts:
    if asked.subject != "migration":
        return Parts(whole="it was not asked for with --migration")
    if asked.masked or sha256(asked.statement.encode()).hexdigest() != asked.digest:
        return Parts(whole="its text holds a secret, which the ledger does not keep")
    return parts_of(asked.statement)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise LedgerError(f"{text[:60]!r} is no network; write it as 203.0.113.0/24") from None
