"""The file of users: users, or complaints that never repeat a verifier."""

from __future__ import annotations

from proxy.app.users.userlist import UserListError, parse_userlist
from proxy.wire.scram import make_verifier

_VERIFIER = make_verifier(b"secret", b"salt", 4096).written()

SEEDS = (
    f'"ada" "{_VERIFIER}" role="app" password_env="APP"\n; a comment\n"bob" "{_VERIFIER}"\n'.encode(),
    b'"a""b" ""\n',
)


def fuzz(data: bytes) -> None:
    """Any text."""
    try:
        users = parse_userlist(data.decode(errors="replace"), "users")
    except UserListError as error:
        assert _VERIFIER not in str(error)
    else:
        assert all(name == user.name for name, user in users.items())
