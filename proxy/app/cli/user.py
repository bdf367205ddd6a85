"""`pgwarden user add`, `learn`, `list` and `remove`: the file of users.

Passwords are asked for, or read from standard input; they are no arguments, which everybody on the host can
see. Deliberately absent: keeping one; the file holds verifiers.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line, print_table
from proxy.app.cli.privately import held, told
from proxy.app.cli.values import wrong
from proxy.app.users.learning import LearningFailed, Lesson, learn
from proxy.app.users.private import read_password, read_private, write_private
from proxy.app.users.userlist import User, check_name, parse_userlist, with_line, without_user
from proxy.relay.address import parse_upstream
from proxy.wire.scram import DEFAULT_ITERATIONS, Verifier, make_verifier

commands = typer.Typer(no_args_is_help=True, help="Keep the file of users: their verifiers, never passwords.")

Name = Annotated[str, typer.Argument(metavar="USER", help="as clients call it")]
FileFlag = Annotated[
    str | None, typer.Option("--auth-file", metavar="FILE", help="the file of users [PGWARDEN_AUTH_FILE]")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]

_SALT_BYTES: Final = 16  # SCRAM_DEFAULT_SALT_LEN


@commands.command(epilog=epilog())
def add(
    name: Name,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="who the gate is at the server for this user [USER]")
    ] = None,
    password_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="where the role's password is; relative to the file of users"),
    ] = None,
    password_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="the gate's variable that holds it")
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="make up the user's password, and print it once")
    ] = False,
    auth_file: FileFlag = None,
) -> None:
    """Add a user of the gate's own, or give it another password: for auth_type managed.

    Clients log in with the password that is asked for; the gate logs in at the server as ROLE.
    """
    _check(name)
    path = _path(auth_file)
    if (password_file is None) == (password_env is None):
        raise wrong("--password-file, --password-env", "give one of them: where the role's password is")
    for flag, value in (
        ("--role", role),
        ("--password-file", password_file),
        ("--password-env", password_env),
    ):
        if value is not None and (not value or not value.isprintable()):
            raise wrong(flag, "is empty, or has control characters in it")
    if password_file is not None:
        told(lambda: read_password(str(Path(path).parent / password_file)), "--password-file")
    password = secrets.token_urlsafe(24) if generate else _ask(f"Password for {name}: ", twice=True)
    verifier = make_verifier(password.encode(), secrets.token_bytes(_SALT_BYTES), DEFAULT_ITERATIONS)
    user = User(name, verifier, role, password_file, password_env)
    known = _put(path, user)
    if generate:
        print_line(password)
    print_line(f"{'changed' if known else 'added'} {name} in {path}")


@commands.command("learn", epilog=epilog())
def learn_user(
    name: Name,
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="postgresql://HOST:PORT [PGWARDEN_UPSTREAM]")
    ] = None,
    database: Annotated[
        str, typer.Option(metavar="NAME", help="a database to which the user may connect")
    ] = "postgres",
    sslrootcert: Annotated[
        str | None, typer.Option(metavar="FILE", help="CA file of the server [PGWARDEN_SSLROOTCERT]")
    ] = None,
    auth_file: FileFlag = None,
) -> None:
    """Learn the verifier of one of the server's users: for auth_type passthrough over TLS.

    The password is asked for once and used to log in; what is kept is the verifier that the server has, too.
    """
    _check(name)
    path = _path(auth_file)
    url = upstream or os.environ.get("PGWARDEN_UPSTREAM")
    if not url:
        raise wrong("--upstream", "is missing (or set PGWARDEN_UPSTREAM): postgresql://HOST:PORT")
    try:
        server = parse_upstream(url, ca_file=sslrootcert or os.environ.get("PGWARDEN_SSLROOTCERT"))
    except ValueError as error:
        raise wrong("--upstream", str(error)) from None
    _read(path)  # what is wrong with it had better be known before a password is asked for
    lesson = Lesson(server, name, database, _ask(f"Password for {name} at {server}: ").encode())
    try:
        verifier: Verifier = asyncio.run(learn(lesson))
    except LearningFailed as error:
        raise CommandError(ExitCode.FAILED, f"not learnt: {error}") from error
    known = _put(path, User(name, verifier))
    print_line(f"{'changed' if known else 'added'} {name} in {path}")


@commands.command("list", epilog=epilog())
def list_users(auth_file: FileFlag = None, as_json: JsonFlag = False) -> None:
    """List the users of the file, without what stands for their passwords."""
    path = _path(auth_file)
    users = told(lambda: parse_userlist(read_private(path), path), "--auth-file").values()
    if as_json:
        print_json([_as_dict(user) for user in users])
        return
    print_table(
        ("user", "verifier", "iterations", "role", "password from"),
        [tuple(str(value or "") for value in _as_dict(user).values()) for user in users],
    )


@commands.command(epilog=epilog())
def remove(name: Name, auth_file: FileFlag = None) -> None:
    """Remove a user: it logs in no more, its sessions go on."""
    path = _path(auth_file)
    with held(path, "--auth-file"):
        rest = without_user(_read(path), name)
        if rest is None:
            raise CommandError(ExitCode.NO, f"there is no user {name} in {path}")
        told(lambda: write_private(path, rest), "--auth-file")
    print_line(f"removed {name} from {path}")


def _as_dict(user: User) -> dict[str, object]:
    source = f"file {user.password_file}" if user.password_file else f"variable {user.password_env}"
    return {
        "user": user.name,
        "verifier": "md5" if user.verifier is None else "SCRAM-SHA-256",
        "iterations": None if user.verifier is None else user.verifier.iterations,
        "role": (user.role or user.name) if user.managed else None,
        "password_from": source if user.managed else None,
    }


def _path(flag: str | None) -> str:
    path = flag or os.environ.get("PGWARDEN_AUTH_FILE")
    if not path:
        raise wrong("--auth-file", "is missing (or set PGWARDEN_AUTH_FILE): the file of users")
    return path


def _check(name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise wrong("USER", str(error)) from None


def _ask(prompt: str, *, twice: bool = False) -> str:
    """A password: from the terminal, else the one line of standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass(prompt)
        if twice and getpass.getpass("Again: ") != password:
            raise CommandError(ExitCode.USAGE, "the two passwords differ; nothing was done")
    else:
        lines = sys.stdin.read().splitlines()
        if len(lines) != 1:
            raise CommandError(ExitCode.USAGE, "standard input must hold the password in one line")
        password = lines[0]
    if not password or "\0" in password:
        raise CommandError(ExitCode.USAGE, "a password must not be empty, nor hold a NUL")
    return password


def _put(path: str, user: User) -> bool:
    """Write the user's line; True when there was one."""
    with held(path, "--auth-file"):
        text = _read(path)
        known = without_user(text, user.name) is not None
        told(lambda: write_private(path, with_line(text, user.name, user.written())), "--auth-file")
    return known


def _read(path: str) -> str:
    """The file's text, all of it in order; "" where there is none yet."""
    if not Path(path).exists():
        return ""
    text = told(lambda: read_private(path), "--auth-file")
    told(lambda: parse_userlist(text, path), "--auth-file")
    return text
