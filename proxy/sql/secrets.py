"""What sounds secret: the words of columns, settings, options, functions and texts.

In: a name, or a text. Out: whether it speaks of what nobody should read. Rather one too many. Deliberately
absent: what is masked because of it (redact.py).
"""

from __future__ import annotations

import re

from ahocorasick_rs import BytesAhoCorasick

# Parts of a name, and whole words of it: `pin`, `user_pin`, `PINs`, not `shipping`.
_WORDS = r"""
    pass_?(?:word|wd|phrase|code|key) | pwd | secret | token | jwt | bearer | credential
  | (?:api|private|access|encryption|encrypted|signing|master|session|service|role|ssl|shared|auth)[_-]?key
  | card_?(?:no|num|number)s?(?![a-z]) | credit_?card
  | (?<![a-z])(?:pass|pw|otp|totp|pin|mfa|cvv|cvc)s?(?![a-z])
"""
# Functions with a secret among their arguments: connection strings, keys, passwords.
_CALLS = r"""
    dblink | (?<![a-z])crypt(?![a-z]) | (?<![a-z])pgp_ | hmac | encrypt | decrypt | crypto_
  | (?<![a-z])(?:http|digest | auth(?![a-z]) | authenticate | log_?in | logon | sign_?in | sign_?up)
"""
# In code and prose: also calls, connection strings, programs and URLs with a password.
_TEXTS = rf"""
    {_WORDS} | (?:{_CALLS})\w*\s*[(.] | conninfo | \w_command | \b(?:program|connection)\s*['$]
  | \bexecute\s+(?!format\b)[\w."]+\s*\([^)]*['$] | \bset_config\s*\((?!\s*'+[^']*'+\s*,)
  | ://[^/\s:@]+:[^/\s@]+@
"""
_FLAGS = re.IGNORECASE | re.VERBOSE
_NAME = re.compile(_WORDS, _FLAGS)
_CALL = re.compile(f"{_WORDS} | {_CALLS}", _FLAGS)
_TEXT = re.compile(_TEXTS, _FLAGS)
_URL = re.compile(r"\s*\w+://\S*\s*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Connection strings and programs' command lines hold passwords; "key" is in sslkey and pgsodium.key.
_SETTING_PARTS = ("pass", "key", "conninfo", "_command")
# Without any of these, in lower case, none of the above is there, nor a name that is spelled otherwise.
_NEEDED = BytesAhoCorasick(
    [
        *(b"pass", b"pw", b"secret", b"token", b"jwt", b"bearer", b"credential", b"key", b"card", b"pin"),
        *(b"otp", b"mfa", b"cvv", b"cvc", b"dblink", b"crypt", b"pgp_", b"hmac", b"http", b"digest", b"auth"),
        *(b"login", b"log_in", b"logon", b"signin", b"sign_in", b"signup", b"sign_up", b"://", b"u&"),
        *(b"program", b"options", b"connection", b"conninfo", b"_command", b"set_config", b"pg_settings"),
        b"execute",
    ]
)


def names_secret(name: str) -> bool:
    """Whether a column, table, key or parameter of this name holds what nobody should read."""
    return _NAME.search(_HUMP.sub("_", name)) is not None


def takes_secret(function: str) -> bool:
    """Whether a function (or its schema) of this name takes what nobody should read."""
    return _CALL.search(_HUMP.sub("_", function)) is not None


def sounds_secret(setting: str) -> bool:
    """Whether a setting or option of this name holds what nobody should read."""
    word = setting.lower()
    return any(part in word for part in _SETTING_PARTS) or names_secret(setting)


def speaks(text: str, start: int = 0, end: int | None = None) -> bool:
    """Whether a text, or a part of it, says anything of secrets."""
    return _TEXT.search(text, start, len(text) if end is None else end) is not None


def is_key(text: str) -> bool:
    """Whether a literal may be the name of a secret that stands beside it; a URL names only itself."""
    return _URL.fullmatch(text) is None and names_secret(text)


def may_hold_secrets(text: str) -> bool:
    """Whether anything in the text could have to be masked; one pass that lets go of the interpreter."""
    try:
        raw = text.casefold().encode()
    except UnicodeEncodeError:
        return True
    return bool(_NEEDED.find_matches_as_indexes(raw))
