"""Logins of browsers: a random cookie for each, and what a form has to repeat.

Enters: persons who have logged in, cookies. Leaves: the session that a cookie names, as long as it stands: it
ends when it was idle for half an hour, twelve hours after the login, at the logout, and with whatever it was
logged in by. A login makes a new session, never takes up a cookie that came along (session fixation). Kept in
memory by the cookie's SHA-256: no dump of it shows a cookie. Deliberately absent: HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.console.people import Person, Role

IDLE_S: Final = 30 * 60.0
WHOLE_S: Final = 12 * 3600.0
_MOST: Final = 1000


@dataclass(slots=True)
class WebSession:
    """One browser's login.

    Attributes:
        csrf: what each of its forms repeats.
        began_s, used_s: by the clock of `WebSessions`.
    """

    person: Person
    began_s: float
    used_s: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def repeats(self, said: str) -> bool:
        """Whether a form has repeated it, in constant time."""
        return hmac.compare_digest(self.csrf.encode(), said.encode(errors="replace"))


class WebSessions:
    """All of them; the one that was used the longest time ago makes room."""

    def __init__(self, clock: Callable[[], float], role: Callable[[Person], Role | None]) -> None:
        """Begin with none.

        Args:
            clock: monotonic, in seconds.
            role: the role that a person has now; None where they are to be out.
        """
        self._clock = clock
        self._role = role
        self._known: dict[bytes, WebSession] = {}

    def begin(self, person: Person) -> tuple[str, WebSession]:
        """A new session, and its cookie's value."""
        now = self._clock()
        for key in [key for key, each in self._known.items() if self._over(each, now)]:
            del self._known[key]
        if len(self._known) >= _MOST:
            del self._known[min(self._known, key=lambda key: self._known[key].used_s)]
        cookie = secrets.token_urlsafe(32)
        session = self._known[_key(cookie)] = WebSession(person, now, now)
        return cookie, session

    def find(self, cookie: str, address: str) -> WebSession | None:
        """The session of this cookie, with the role that its person has now, seen from this address."""
        session = self._known.get(_key(cookie))
        if session is None:
            return None
        now, role = self._clock(), self._role(session.person)
        if role is None or self._over(session, now):
            del self._known[_key(cookie)]
            return None
        session.used_s = now
        session.person = replace(session.person, role=role, address=address)
        return session

    def stands(self, session: WebSession) -> bool:
        """Whether it is not over; looking is no use of it."""
        known = any(each is session for each in self._known.values())
        over = self._over(session, self._clock())
        return known and not over and self._role(session.person) is not None

    def end(self, cookie: str) -> None:
        """End the session of this cookie."""
        self._known.pop(_key(cookie), None)

    def _over(self, session: WebSession, now: float) -> bool:
        return now - session.used_s > IDLE_S or now - session.began_s > WHOLE_S


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="replace")).digest()
