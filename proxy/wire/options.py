"""The startup parameter `options`: a command line that the client writes for the server.

Enters: its value. Leaves: the settings and switches in it, exactly as the server will take them.
Deliberately absent: which settings are allowed; and mercy: what the server would refuse is refused here.

Source: pg_split_opts() of postinit.c, process_postgres_switches() of postgres.c, ParseLongOption() of guc.c,
and glibc's getopt(), whose reading of clustered switches ("-ec name=value") is part of the interface.
"""

from typing import Final

from proxy.wire.errors import ProtocolViolation

_SPACES: Final = " \t\n\v\f\r"
"""isspace() in the C locale."""

_PLAIN_SWITCHES: Final = frozenset("bEeFijlnOPsT")
_ARGUMENT_SWITCHES: Final = frozenset("BCcDdfhkNprStvW-")
"""Of the getopt string B:bC:c:D:d:EeFf:h:ijk:lN:nOPp:r:S:sTt:v:W:-: (the same letters in 12 to 18)."""


def split_options(options: str) -> tuple[tuple[str, str | None], ...]:
    """What each switch asks for, in order.

    Returns: (name, value) for -c name=value and --name=value, the name in lower case with "-" turned into
        "_"; ("-X", argument or None) for any other switch X.
    Raises: ProtocolViolation where the server would refuse the connection: an unknown switch, a missing
        argument or "=", a word that is no switch.
    """
    words = _split_words(options)
    found: list[tuple[str, str | None]] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--" and at == len(words):
            break
        if word == "--" or len(word) < 2 or not word.startswith("-"):
            raise ProtocolViolation("invalid command-line argument in the startup options")
        at = _read_switches(word, words, at, found)
    return tuple(found)


def _split_words(options: str) -> list[str]:
    """Cut at white space; a backslash takes the next character as it is (a last one alone disappears)."""
    words: list[str] = []
    word: list[str] | None = None
    escaped = False
    for letter in options:
        if letter in _SPACES and not escaped:
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if letter == "\\" and not escaped:
            escaped = True
        else:
            escaped = False
            word.append(letter)
    if word is not None:
        words.append("".join(word))
    return words


def _read_switches(word: str, words: list[str], at: int, found: list[tuple[str, str | None]]) -> int:
    """Read one word of switches; the last may take the rest of it, or the next word, as its argument."""
    for place, switch in enumerate(word[1:], start=1):
        if switch in _PLAIN_SWITCHES:
            found.append((f"-{switch}", None))
            continue
        if switch not in _ARGUMENT_SWITCHES:
            raise ProtocolViolation("invalid command-line switch in the startup options")
        argument = word[place + 1 :]
        if not argument:
            if at == len(words):
                raise ProtocolViolation(f"switch -{switch} in the startup options needs an argument")
            argument = words[at]
            at += 1
        found.append(_setting(switch, argument) if switch in "c-" else (f"-{switch}", argument))
        break
    return at


def _setting(switch: str, argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals:
        raise ProtocolViolation(f"-{switch} in the startup options requires name=value")
    return name.replace("-", "_").lower(), value
