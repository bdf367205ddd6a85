"""`pgwarden approve` and its verbs; here are `request`, `grant`, `deny` and `revoke`.

Enters: a refusal's id, or a text; who asks or answers, by a key. Leaves: entries of the ledger, which every
gate on it knows within a second. Deliberately absent: whose signature counts (records), and private keys in
the ledger.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from proxy.app.audit import shown_sql
from proxy.app.cli import approve_keys, approve_show
from proxy.app.cli.approve_keys import KeyFlag, own_key
from proxy.app.cli.approve_show import find, print_request
from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, load_or_fail, read_time, using_ledger, who, wrong
from proxy.app.ledger.asking import request_id
from proxy.app.ledger.granting import objection
from proxy.app.offline.judging import judge, read_sql
from proxy.app.offline.scripts import code_of
from proxy.policy.context import Context
from proxy.policy.durations import parse_duration
from proxy.policy.facts import Facts
from proxy.records import Ledger, LedgerError, SigningKey
from proxy.records.kinds.approval import (
    ApprovalAsked,
    ApprovalEnded,
    ApprovalGranted,
    Request,
    TextRefused,
    grant_message,
    has_parameters,
    signed_request,
)
from proxy.records.kinds.kind import read
from proxy.sql.redact import redact

USUAL_TIME = "24h"

commands = typer.Typer(
    no_args_is_help=True, help="Ask for approval of what was refused, and grant or deny what others ask."
)

RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST", help="the request's id, or its beginning")]
ReasonFlag = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; everybody reads it")]
SqlFlag = Annotated[
    str | None, typer.Option("--sql", metavar="FILE", help="the very text, in a file; - is standard input")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, before it says who may use it, when and how often."""

    digest: str
    statement: str
    masked: bool
    environment: str
    rules: tuple[str, ...]
    roles: tuple[str, ...]
    database: str | None
    kind: str = "statement"
    file: str = ""
    decision: str = ""


@commands.command(epilog=epilog())
def request(
    decision: Annotated[
        str | None, typer.Argument(metavar="DECISION", help="the id that the refusal's hint shows")
    ] = None,
    sql: SqlFlag = None,
    migration: Annotated[
        str | None, typer.Option(metavar="FILE", help="a migration file, by its checksum")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="the policy that a text of yours breaks")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option("--as", metavar="ROLE", help="who may use it; who was refused")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="this database alone; where it was refused")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option("--from", metavar="CIDR", help="from there alone; from anywhere")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="not before; now")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="not after")] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="for so long, such as 2h")
    ] = None,
    times: Annotated[int, typer.Option(metavar="N", help="how often it may be used")] = 1,
    any_values: Annotated[
        bool,
        typer.Option("--any-values", help="its parameters may have any values: those are not in the text"),
    ] = False,
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="approve it yourself, where the policy admits that, loudly"),
    ] = False,
    reason: ReasonFlag = "",
    key: KeyFlag = None,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask that a refused text may run: by its DECISION, or with --sql or --migration, and --policy.

    Sign with --key if you have an enrolled one: where nobody knows who asked, one more has to grant it.
    """
    with using_ledger(ledger_at(ledger), create=False) as book:
        subject = _subject(book, decision, sql, migration, policy, role, database)
        begin, end = _times(since, until, lasting)
        asked = ApprovalAsked(
            id=request_id(),
            digest=subject.digest,
            environment=subject.environment,
            roles=tuple(role or subject.roles),
            rules=subject.rules,
            since=begin,
            until=end,
            statement=subject.statement,
            subject=subject.kind,
            file=subject.file,
            masked=subject.masked,
            database=database or subject.database,
            networks=tuple(network or ()),
            uses=times,
            break_glass=break_glass,
            reason=reason,
            decision=subject.decision,
        )
        if has_parameters(subject.statement) and not any_values:
            raise wrong(
                "--any-values",
                "the text has parameters ($1 …), whose values nobody could see: approving it approves any "
                "values. Say so with --any-values, or send the values in the text",
            )
        signer = own_key(book, key, wanted=break_glass)
        if signer is not None:
            asked = signed_request(asked, book.approvals().approvers.root, signer)
        try:
            draft = book.draft(asked, who(), about=asked.id)
        except LedgerError as error:
            raise CommandError(ExitCode.USAGE, f"not asked: {error}") from error
        book.append([draft])
        found = find(book, asked.id)
        if break_glass and signer is not None:
            _sign(book, found, signer)
            found = find(book, asked.id)
        _tell(book, found, as_json=as_json)


@commands.command(epilog=epilog())
def grant(
    name: RequestArgument,
    sql: SqlFlag = None,
    key: KeyFlag = None,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Let it run, by your key's signature."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        found = find(book, name)
        asked = found.asked
        signer = own_key(book, key, wanted=True)
        if signer is None:
            raise wrong("--key", "is missing")
        _check_text(asked, sql)
        approvals = book.approvals()
        problem = objection(approvals, found, signer.public.id, datetime.now(UTC))
        if problem:
            raise CommandError(ExitCode.NO, problem)
        _sign(book, found, signer)
        _tell(book, find(book, asked.id), as_json=as_json)


@commands.command(epilog=epilog())
def deny(name: RequestArgument, reason: ReasonFlag = "", ledger: LedgerFlag = None) -> None:
    """Say no: the request is over. That takes no key."""
    _end(name, "denied", reason, ledger)


@commands.command(epilog=epilog())
def revoke(name: RequestArgument, reason: ReasonFlag = "", ledger: LedgerFlag = None) -> None:
    """Take back what was granted: it cannot be used any more. That takes no key."""
    _end(name, "revoked", reason, ledger)


commands.command("list", epilog=epilog())(approve_show.list_requests)
commands.command(epilog=epilog())(approve_show.show)
commands.command(epilog=epilog())(approve_keys.enroll)
commands.command(epilog=epilog())(approve_keys.withdraw)


# -- what is asked -----------------------------------------------------------------------------------------


def _subject(
    book: Ledger,
    decision: str | None,
    sql: str | None,
    migration: str | None,
    policy: str | None,
    roles: Sequence[str] | None,
    database: str | None,
) -> Subject:
    if sql is not None and migration is not None:
        raise wrong("--migration", "is about a file, and --sql about a text; give one of them")
    raw = None if sql is None and migration is None else _read_bytes(sql, migration)
    if decision is not None:
        return _of_decision(book, decision, raw, migration)
    if raw is None:
        raise CommandError(ExitCode.USAGE, "say what is to be approved: DECISION, --sql or --migration")
    if policy is None:
        raise wrong("--policy", "is missing: the policy that says which rules the text breaks")
    if not roles:
        raise wrong("--as", "is missing: the role that may use it")
    text = _decoded(raw)
    rules, environment = _broken(text, policy, roles, database)
    shown = redact(text)
    return Subject(
        digest=sha256(raw).hexdigest(),
        statement=shown,
        masked=shown != text,
        environment=environment,
        rules=rules,
        roles=tuple(roles),
        database=database,
        kind="statement" if migration is None else "migration",
        file="" if migration is None else _name(migration),
    )


def _of_decision(book: Ledger, decision: str, raw: bytes | None, migration: str | None) -> Subject:
    """What a gate has kept of a refusal."""
    entry = next(iter(book.entries(kinds=(TextRefused.kind,), about=decision)), None)
    if entry is None:
        raise CommandError(
            ExitCode.NO,
            f"no refused text with the id {decision[:40]!r} is kept: it breaks a rule that no approval "
            "lifts, cannot be approved, or too many were refused",
            "ask with --sql FILE and --policy FILE if an approval can lift what it breaks",
        )
    kept = read(entry, TextRefused)
    subject = Subject(
        digest=kept.digest,
        statement=kept.statement,
        masked=not kept.digest,
        environment=kept.environment,
        rules=kept.rules,
        roles=(kept.role,),
        database=kept.database,
        kind="statement" if migration is None else "migration",
        file="" if migration is None else _name(migration),
        decision=decision,
    )
    if raw is not None:
        text = _decoded(raw)
        if shown_sql(text, False, unreadable=False) != kept.statement:
            raise wrong("--sql", f"this is not the text that was refused as {decision}")
        shown = redact(text)
        return replace(subject, digest=sha256(raw).hexdigest(), statement=shown, masked=shown != text)
    if not kept.digest:
        raise wrong("--sql", "is missing: the text holds a secret, which is not kept; give the text itself")
    return subject


def _broken(
    text: str, policy: str, roles: Sequence[str], database: str | None
) -> tuple[tuple[str, ...], str]:
    """The rules that a text breaks now, for any of these roles, and the policy's environment."""
    loaded = load_or_fail(policy, "--policy")
    now = datetime.now(UTC)
    meaning = read_sql(text)
    found: dict[str, None] = {}
    for role in roles:
        context = Context(role, database or role, None, None, now, "none")
        verdict = judge(meaning, context, loaded, Facts(backups=(), as_of=now))
        firings = () if verdict.decision is None else verdict.decision.enforced
        stuck = [firing.rule for firing in firings if not firing.approvable]
        if stuck or verdict.decision is None:
            rule = ", ".join(stuck) or str(verdict.denial)
            raise CommandError(ExitCode.NO, f"no approval lifts {rule}, which this text breaks")
        found.update(dict.fromkeys(verdict.refusing))
    if not found:
        raise CommandError(ExitCode.NO, f"{loaded.name} allows it as it is: nothing needs to be approved")
    return tuple(found), loaded.environment


def _times(since: str | None, until: str | None, lasting: str | None) -> tuple[datetime, datetime]:
    if until is not None and lasting is not None:
        raise wrong("--for", "says how long, and --until until when; give one of them")
    begin = datetime.now(UTC) if since is None else read_time("--since", since)
    if until is not None:
        return begin, read_time("--until", until)
    try:
        return begin, begin + parse_duration(lasting or USUAL_TIME)
    except ValueError as error:
        raise wrong("--for", str(error)) from None


def _check_text(asked: ApprovalAsked, sql: str | None) -> None:
    """Whoever signs has to see what the digest stands for."""
    raw = asked.statement.encode() if sql is None else _read_bytes(sql, None)
    if sha256(raw).hexdigest() == asked.digest:
        return
    if sql is not None:
        raise wrong("--sql", "this is not the text that the request is about")
    if asked.masked:
        raise wrong(
            "--sql", "is missing: the request shows its text with secrets masked, so give the text itself"
        )
    raise CommandError(
        ExitCode.NO,
        f"the request {asked.id} shows another text than it asks for: deny it, and find out who asked",
    )


# -- what is said ------------------------------------------------------------------------------------------


def _sign(book: Ledger, found: Request, signer: SigningKey) -> None:
    at = datetime.now(UTC)
    message = grant_message(book.approvals().approvers.root, found.digest, at)
    granted = ApprovalGranted(
        request=found.digest, at=at, key=signer.public.id, signature=signer.signature(message)
    )
    book.record(granted, who(), about=found.asked.id)


def _end(name: str, how: str, reason: str, ledger: str | None) -> None:
    ended = ApprovalEnded(how=how, reason=reason)
    with using_ledger(ledger_at(ledger), create=False) as book:
        found = find(book, name)
        if found.ended is not None:
            print_line(f"the request {found.asked.id} was {found.ended[0].how} already")
            return
        try:
            draft = book.draft(ended, who(), about=found.asked.id)
        except LedgerError as error:
            raise CommandError(ExitCode.USAGE, f"not {how}: {error}") from error
        book.append([draft])
        print_line(f"the request {found.asked.id} is {how}")


def _tell(book: Ledger, found: Request, *, as_json: bool) -> None:
    approvals = book.approvals()
    if as_json:
        print_json(approve_show.as_dict(approvals, found))
    else:
        print_request(approvals, found)


def _read_bytes(sql: str | None, migration: str | None) -> bytes:
    flag, path = ("--sql", sql) if sql is not None else ("--migration", migration or "")
    if code := code_of(path):
        raise wrong(flag, f"{path} {code}: ask for each statement as the gate refuses it, by its DECISION")
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise wrong(flag, f"{path} cannot be read: {error.strerror or error}") from None


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CommandError(ExitCode.USAGE, "the text is not UTF-8") from None


def _name(path: str) -> str:
    """As people know a migration: its folder says more than its file, where tools name all files alike."""
    return "/".join(Path(path).parts[-2:])
