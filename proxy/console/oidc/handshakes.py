"""Logins that have begun at the provider and are not back: what binds each to one browser, once.

Enters: cookies, and the state that came back. Leaves: the secrets of that login. The cookie is a random text
with the time and a MAC; state, nonce and PKCE's verifier follow from it by the gate's key, so a stranger who
begins many logins fills no memory. One that came back is noted until its time is over, and counts no more.
Deliberately absent: HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from proxy.console.logins import AWAY_S

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Handshake:
    """The secrets of one login (OpenID Connect Core 1.0, 3.1.2.1; RFC 7636).

    Attributes:
        cookie: what the browser keeps.
        verifier: of PKCE.
    """

    cookie: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """The verifier's, by S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())


class Handshakes:
    """All of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            clock: monotonic, in seconds.
        """
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._back: dict[str, float] = {}

    def begin(self) -> Handshake:
        """A new one."""
        seed = f"{self._clock():.0f}.{secrets.token_urlsafe(32)}"
        return self._of(f"{seed}.{self._made('cookie', seed)}")

    def take(self, cookie: str, state: str) -> Handshake | None:
        """The one that this browser began and that comes back with this state; None if it does not count."""
        seed, _, mac = cookie.rpartition(".")
        if not seed or not _same(mac, self._made("cookie", seed)):
            return None
        handshake, now = self._of(cookie), self._clock()
        began_s = float(seed.partition(".")[0])
        if now - began_s > AWAY_S or not _same(state, handshake.state):
            return None
        if handshake.state in self._back:
            return None
        self._note(handshake.state, now)
        return handshake

    def _note(self, state: str, now: float) -> None:
        for each in [each for each, at in self._back.items() if now - at > AWAY_S + 1]:
            del self._back[each]
        if len(self._back) >= _MOST:  # the provider, too, takes no code twice
            del self._back[next(iter(self._back))]
        self._back[state] = now

    def _of(self, cookie: str) -> Handshake:
        return Handshake(cookie, *(self._made(label, cookie) for label in ("state", "nonce", "verifier")))

    def _made(self, label: str, text: str) -> str:
        return _text(hmac.digest(self._key, f"{label}\0{text}".encode(errors="replace"), "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _same(said: str, known: str) -> bool:
    return hmac.compare_digest(said.encode(errors="replace"), known.encode())
