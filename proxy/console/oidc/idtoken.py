"""ID tokens: what a provider signed about somebody, or why it does not count.

Enters: a token, the provider's keys. Leaves: claims, checked after OpenID Connect Core 1.0, 3.1.3.7, and
RFC 8725. The key decides which algorithms may be used with it, and no key here is a shared secret, so a token
that names `none` or HS256 finds no key. Deliberately absent: fetching keys, what claims mean.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from joserfc import jwk, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

Claims = Mapping[str, object]
_ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
"""By kind and curve of a key, what may be signed with it."""
_LEAST_RSA_BITS: Final = 2048
_MOST_KEYS: Final = 100
_CLOCKS_S: Final = 60
"""How far the provider's clock may be from the gate's."""


class UnknownKey(Exception):
    """The token is signed by a key that is not known; it may be new."""


class BadToken(Exception):
    """The token does not count; the text says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the provider signs with, and by which algorithms."""

    name: str | None
    key: RSAKey | ECKey | OKPKey
    algorithms: tuple[str, ...]


def read_keys(document: Mapping[str, object]) -> tuple[Key, ...]:
    """The keys of a JWK set (RFC 7517) that sign; those of another kind are passed over.

    Raises: ValueError where it is no set of keys.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("no set of keys")
    return tuple(key for entry in entries[:_MOST_KEYS] if (key := _key(entry)) is not None)


def _key(entry: object) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    curve = "" if entry.get("kty") == "RSA" else str(entry.get("crv"))
    algorithms = _ALGORITHMS.get((str(entry.get("kty")), curve), ())
    if "alg" in entry:
        algorithms = tuple(each for each in algorithms if each == entry["alg"])
    if not algorithms:
        return None
    public = {name: value for name, value in entry.items() if name in ("kty", "crv", "n", "e", "x", "y")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # short keys: below
            key = jwk.import_key(public)
            short = isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if short or not isinstance(key, RSAKey | ECKey | OKPKey):
        return None
    name = entry.get("kid")
    return Key(name if isinstance(name, str) else None, key, algorithms)


def read_token(token: str, keys: Sequence[Key]) -> Claims:
    """What a token says that one of these keys has signed.

    Raises: UnknownKey, BadToken.
    """
    header = _header(token)
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in {each for known in _ALGORITHMS.values() for each in known}:
        raise BadToken("it is not signed by RS256, PS256, ES256 or EdDSA")
    named = [key for key in keys if name is None or key.name == name]
    if not named:
        raise UnknownKey
    fitting = [key for key in named if algorithm in key.algorithms]
    if len(fitting) != 1:
        raise BadToken("its key is not for its algorithm, or it does not say which of several keys it is")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA is what providers call Ed25519
            return jwt.decode(token, fitting[0].key, algorithms=[str(algorithm)]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise BadToken("its signature is wrong") from None


def _header(token: str) -> Mapping[str, object]:
    """What a token says of itself, which nobody has signed."""
    first = token.partition(".")[0]
    try:
        header = json.loads(base64.b64decode(first + "=" * (-len(first) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise BadToken("it is no signed JWT")
    return header


def check_claims(claims: Claims, *, issuer: str, client: str, nonce: str, now_s: float) -> None:
    """See that a signed token is by this issuer, for this client and this login, and counts now.

    Raises: BadToken.
    """
    if claims.get("iss") != issuer:
        raise BadToken("another issuer made it")
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    if client not in meant:
        raise BadToken("it is for another client")
    if claims.get("azp", None if len(meant) > 1 else client) != client:
        raise BadToken("it was given to another client")
    if _moment(claims, "exp") <= now_s - _CLOCKS_S:
        raise BadToken("it has expired")
    if max(_moment(claims, "iat"), _moment(claims, "nbf", 0.0)) > now_s + _CLOCKS_S:
        raise BadToken("it is of the future: one of the two clocks is wrong")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(errors="replace"), nonce.encode()):
        raise BadToken("it is for another login")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise BadToken("it names nobody")


def _moment(claims: Claims, name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"its {name} is no time")
    return value
