"""`pgwarden approve enroll` and `withdraw`: whose signatures count.

Enters: a private key of one's own, the public key of somebody else. Leaves: entries of the ledger. A key is
made at its first use, for its owner alone, and never leaves its file. Deliberately absent: whether a
signature counts (records).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, using_ledger, who, wrong
from proxy.app.settings import default_ledger
from proxy.records import Ledger, LedgerError, PublicKey, SigningKey
from proxy.records.heads import public_key_of, read_key, read_public_key, use_key
from proxy.records.kinds.approver import (
    Approver,
    ApproverEnrolled,
    Approvers,
    ApproverWithdrawn,
    enrolment_message,
    withdrawal_message,
)

VARIABLE = "PGWARDEN_APPROVER_KEY"

KeyFlag = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="FILE", help=f"your own key; else {VARIABLE}, else approver.key of your own"
    ),
]


def key_file(flag: str | None) -> Path:
    """Where somebody's own key lies."""
    given = flag or os.environ.get(VARIABLE)
    return Path(given) if given else Path(default_ledger()).with_name("approver.key")


def own_key(book: Ledger, flag: str | None, *, wanted: bool) -> SigningKey | None:
    """The enrolled key of whoever runs the command.

    Args:
        book: where it has to be enrolled.
        flag: the flag's value.
        wanted: nothing can be done without; else None where none was named and none of one's own is enrolled.
    """
    path = key_file(flag)
    named = bool(flag or os.environ.get(VARIABLE))
    try:
        key = read_key(path)
    except FileNotFoundError:
        if not (wanted or named):
            return None
        raise wrong(
            "--key", f"there is no key at {path}: make and enrol one with `approve enroll NAME`"
        ) from None
    except (OSError, LedgerError) as error:
        raise wrong("--key", str(error)) from None
    if key.public.id not in book.approvals().approvers.standing:
        if not (wanted or named):
            return None
        raise wrong("--key", f"the key {key.public.id} is not enrolled here: see `approve enroll`")
    return key


def enroll(
    name: Annotated[str, typer.Argument(metavar="NAME", help="whose key it is, for people")],
    public_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="somebody else's, as their own `approve enroll` prints it, or a PEM file"
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE", help="a role that they log in as: what is asked for it, they cannot grant"
        ),
    ] = None,
    asks: Annotated[bool, typer.Option("--asks", help="the key only asks; it grants nothing")] = False,
    key: KeyFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Enrol a key: the first by itself, the others by those that are enrolled.

    Once two people may grant, two have to enrol another: each runs this command.
    """
    with using_ledger(ledger_at(ledger), create=True) as book:
        approvers = book.approvals().approvers
        path = key_file(key)
        try:
            signer = use_key(path)
        except LedgerError as error:
            raise wrong("--key", str(error)) from None
        theirs = signer.public if public_key is None else _public(public_key)
        if theirs.id in approvers.standing:
            raise CommandError(
                ExitCode.NO, f"the key {theirs.id} of {approvers.standing[theirs.id].name} is enrolled"
            )
        if theirs.id in approvers.withdrawn:
            raise CommandError(ExitCode.NO, f"the key {theirs.id} was withdrawn, for good: make another one")
        roles = tuple(sorted(set(role or ())))
        if approvers.root and theirs.id == signer.public.id:
            _tell_to_ask(name, theirs, roles, asks=asks)
            return
        _may_vouch(approvers, signer, theirs, asks=asks)
        said = ApproverEnrolled(
            name=name,
            public_key=theirs.text,
            roles=roles,
            grants=not asks,
            key=signer.public.id,
            signature="",
        )
        said = replace(said, signature=signer.signature(enrolment_message(approvers.root, said)))
        try:
            draft = book.draft(said, who(), about=theirs.id)
        except LedgerError as error:
            raise CommandError(ExitCode.USAGE, f"not enrolled: {error}") from error
        book.append([draft])
        _tell_enrolled(book.approvals().approvers, name, theirs, path if public_key is None else None)


def withdraw(
    name: Annotated[str, typer.Argument(metavar="KEY", help="the key's id, or its holder's name")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="why; everybody reads it")] = "",
    key: KeyFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Let a key count no longer, for good: your own, or somebody else's, which takes two of you."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        approvers = book.approvals().approvers
        signer = own_key(book, key, wanted=True)
        if signer is None:
            raise wrong("--key", "is missing")
        theirs = _named(approvers, name)
        message = withdrawal_message(approvers.root, theirs.key.id)
        said = ApproverWithdrawn(reason=reason, key=signer.public.id, signature=signer.signature(message))
        book.record(said, who(), about=theirs.key.id)
        after = book.approvals().approvers
        if theirs.key.id in after.withdrawn:
            print_line(f"the key {theirs.key.id} of {theirs.name} counts no longer")
        elif [each for each in after.standing.values() if each.grants] == [theirs]:
            raise CommandError(ExitCode.NO, "it is the last key that grants: enrol another one first")
        else:
            print_line(f"signed; one more has to: pgwarden approve withdraw {theirs.key.id}")


def _public(text: str) -> PublicKey:
    try:
        if Path(text).is_file():
            return read_public_key(Path(text).read_bytes())
        return public_key_of(text)
    except (ValueError, OSError):
        raise wrong("--public-key", "is neither a public key nor the PEM file of one") from None


def _named(approvers: Approvers, name: str) -> Approver:
    found = [a for key, a in approvers.standing.items() if name in (key, a.name)]
    if len(found) != 1:
        told = "several keys are" if found else "no key is"
        raise CommandError(ExitCode.USAGE, f"{told} enrolled as {name[:60]!r}: see `approve list --keys`")
    return found[0]


def _may_vouch(approvers: Approvers, signer: SigningKey, theirs: PublicKey, *, asks: bool) -> None:
    if not approvers.root:
        if theirs.id != signer.public.id or asks:
            raise CommandError(
                ExitCode.USAGE, "no key is enrolled yet: begin with your own, without --public-key and --asks"
            )
        return
    own = approvers.standing.get(signer.public.id)
    if own is None or not own.grants:
        raise wrong("--key", f"the key {signer.public.id} may not enrol others")


def _tell_to_ask(name: str, key: PublicKey, roles: tuple[str, ...], *, asks: bool) -> None:
    flags = "".join(f" --role {role}" for role in roles) + (" --asks" if asks else "")
    print_line(f"Your key is {key.id}. Have somebody who is enrolled run:")
    print_line(f"  pgwarden approve enroll {name} --public-key {key.text}{flags}")


def _tell_enrolled(approvers: Approvers, name: str, key: PublicKey, made: Path | None) -> None:
    standing = approvers.standing.get(key.id)
    if standing is None:
        print_line(f"signed; one more who is enrolled has to run the same command for {name}")
        return
    print_line(f"the key {key.id} of {name} is enrolled" + ("" if standing.grants else ", to ask"))
    if made is not None:
        print_line(f"your private key is {made}: keep it to yourself")
