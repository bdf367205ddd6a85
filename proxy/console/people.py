"""Who operates the gate, what that person may do, and what each action takes.

Enters: nothing. Leaves: `Person`, `Role`, and `Action` with the one table of which role each needs.
Deliberately absent: how people log in, and where an action is authorised (app/operating, at one place for all
ways).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final


class Role(IntEnum):
    """What somebody is to the gate; each may do what those before it may."""

    VIEWER = 1
    OPERATOR = 2
    APPROVER = 3

    @property
    def word(self) -> str:
        """As people write it."""
        return self.name.lower()


ROLES: Final[Mapping[str, Role]] = {role.word: role for role in Role}


def read_role(text: str) -> Role:
    """The role that a word names.

    Raises: ValueError.
    """
    try:
        return ROLES[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text[:40]!r} is no role: there are {', '.join(ROLES)}") from None


class Way(Enum):
    """How somebody has shown who they are."""

    NOBODY = "nobody"  # looks on from the gate's own machine, without a login
    TOKEN = "token"  # noqa: S105 - a word
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the console.

    Attributes:
        name: a token's, or the provider's for them; "" for nobody.
        address: from where, as the socket has it.
        proof: names the very token that they came with, another one of the same name not; no secret.
    """

    name: str
    role: Role
    way: Way
    address: str
    proof: str = field(default="", compare=False, repr=False)

    @property
    def known(self) -> bool:
        """Whether they have logged in."""
        return self.way is not Way.NOBODY

    def __str__(self) -> str:
        """As the ledger names who has done something: `ada (token, from 192.0.2.7)`."""
        return f"{self.name or 'nobody'} ({self.way.value}, from {self.address or 'a Unix socket'})"


class Action(Enum):
    """What can be done at a console; the value is the word in logs, metrics and the ledger."""

    VIEW = "view"
    EXPLAIN = "explain"
    FREEZE = "freeze"
    THAW = "thaw"
    RELOAD = "reload"
    END_SESSION = "end_session"
    GRANT = "grant"
    DENY = "deny"


NEEDED: Final[Mapping[Action, Role]] = {
    Action.VIEW: Role.VIEWER,
    Action.EXPLAIN: Role.VIEWER,
    Action.FREEZE: Role.OPERATOR,
    Action.THAW: Role.OPERATOR,
    Action.RELOAD: Role.OPERATOR,
    Action.END_SESSION: Role.OPERATOR,
    Action.GRANT: Role.APPROVER,
    Action.DENY: Role.APPROVER,
}
"""The role that each action takes; who has not logged in may do what a viewer may."""


class NotAllowed(Exception):
    """Somebody may not do this; the text says which role it takes."""

    def __init__(self, person: Person, action: Action) -> None:
        """Say so."""
        self.action = action
        self.needed = NEEDED[action]
        takes = f"{action.value.replace('_', ' ')} takes the role {self.needed.word}"
        if person.known:
            super().__init__(f"{takes}, and {person.name} is {person.role.word}: ask somebody who has it")
        else:
            super().__init__(f"{takes}: log in with a token that has it")


def authorise(person: Person, action: Action) -> None:
    """Let this person do this.

    Raises: NotAllowed.
    """
    if person.role < NEEDED[action]:
        raise NotAllowed(person, action)
