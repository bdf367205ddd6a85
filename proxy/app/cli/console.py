"""`pgwarden console token create`, `list` and `revoke`: who may log in at the console, and as what.

A token is printed once, when it is made; the file holds its verifier. A running gate knows of a change within
a second. Deliberately absent: talking to a gate.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_error, print_json, print_line, print_table
from proxy.app.cli.privately import held, told
from proxy.app.cli.values import read_time, shown_moment, wrong
from proxy.app.operating.tokens import Token, check_token_name, make_token, parse_tokens
from proxy.app.users.private import read_private, write_private
from proxy.app.users.userlist import with_line, without_user
from proxy.console.people import read_role

commands = typer.Typer(no_args_is_help=True, help="Say who may log in at the console.")
tokens = typer.Typer(no_args_is_help=True, help="Keep the file of console tokens: verifiers, never tokens.")
commands.add_typer(tokens, name="token")

Name = Annotated[str, typer.Argument(metavar="NAME", help="whose token it is; the ledger names them so")]
FileFlag = Annotated[
    str | None,
    typer.Option(
        "--console-auth-file", metavar="FILE", help="the file of tokens [PGWARDEN_CONSOLE_AUTH_FILE]"
    ),
]


@tokens.command(epilog=epilog())
def create(
    name: Name,
    role: Annotated[str, typer.Option(metavar="ROLE", help="viewer, operator or approver")],
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="when it ends, with its time zone; never unless set")
    ] = None,
    auth_file: FileFlag = None,
) -> None:
    """Make a token, and print it: the only time that it is shown. One of that name from before ends."""
    end = None if expires is None else read_time("--expires", expires)
    if end is not None and end <= datetime.now(UTC):
        raise wrong("--expires", "has passed already")
    try:
        check_token_name(name)
    except ValueError as error:
        raise wrong("NAME", str(error)) from None
    try:
        known_role = read_role(role)
    except ValueError as error:
        raise wrong("--role", str(error)) from None
    path = _path(auth_file)
    token, text = make_token(name, known_role, end)
    with held(path, "--console-auth-file"):
        before, known = _read(path)
        told(lambda: write_private(path, with_line(before, name, token.written())), "--console-auth-file")
    print_line(text)
    print_error([f"pgwarden: {'changed' if name in known else 'made'} {name}, {known_role.word}, in {path}"])


@tokens.command("list", epilog=epilog())
def list_tokens(
    auth_file: FileFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List whose tokens there are, and until when they stand."""
    path = _path(auth_file)
    if not Path(path).exists():
        raise wrong("--console-auth-file", f"there is no {path}")
    rows = [_as_dict(token) for token in _read(path)[1].values()]
    if as_json:
        print_json(rows)
    else:
        print_table(("name", "role", "expires", "state"), [tuple(map(str, row.values())) for row in rows])


@tokens.command(epilog=epilog())
def revoke(name: Name, auth_file: FileFlag = None) -> None:
    """End a token: it opens nothing any more, and who has logged in with it is out."""
    path = _path(auth_file)
    with held(path, "--console-auth-file"):
        rest = without_user(_read(path)[0], name)
        if rest is None:
            raise CommandError(ExitCode.NO, f"there is no token {name} in {path}")
        told(lambda: write_private(path, rest), "--console-auth-file")
    print_line(f"revoked {name} in {path}")


def _as_dict(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "role": token.role.word,
        "expires": "never" if token.expires is None else shown_moment(token.expires),
        "state": "stands" if token.stands(datetime.now(UTC)) else "expired",
    }


def _path(flag: str | None) -> str:
    path = flag or os.environ.get("PGWARDEN_CONSOLE_AUTH_FILE")
    if not path:
        raise wrong("--console-auth-file", "is missing (or set PGWARDEN_CONSOLE_AUTH_FILE)")
    return path


def _read(path: str) -> tuple[str, dict[str, Token]]:
    """The file's text and what it says; nothing where there is none yet."""
    if not Path(path).exists():
        return "", {}
    text = told(lambda: read_private(path), "--console-auth-file")
    return text, told(lambda: parse_tokens(text, path), "--console-auth-file")
