"""The startup parameter `options`, read as the server reads it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import split_options

ACCEPTED: list[tuple[str, tuple[tuple[str, str | None], ...]]] = [
    ("", ()),
    (" \t\n", ()),
    ("-c a=b", (("a", "b"),)),
    ("-ca=b", (("a", "b"),)),
    ("  -c   a=b  ", (("a", "b"),)),
    ("--a=b", (("a", "b"),)),
    ("--statement-timeout=5", (("statement_timeout", "5"),)),
    ("-c Statement-Timeout=5", (("statement_timeout", "5"),)),
    ("-c a=b=c --d=", (("a", "b=c"), ("d", ""))),
    (r"-c search_path=a,\ b", (("search_path", "a, b"),)),
    (r"-c a=\\\\", (("a", r"\\"),)),
    (r"-c a=\b", (("a", "b"),)),
    ("-c a=b\\", (("a", "b"),)),
    ("-c\ta=1\v-c\fb=2", (("a", "1"), ("b", "2"))),
    ("-e", (("-e", None),)),
    ("-ec a=b", (("-e", None), ("a", "b"))),
    ("-e-a=b", (("-e", None), ("a", "b"))),
    ("-fs", (("-f", "s"),)),
    ("-W 10 -c a=b", (("-W", "10"), ("a", "b"))),
    ("-d -c", (("-d", "-c"),)),
    ("-c a=b --", (("a", "b"),)),
    ("-c a=+1", (("a", "+1"),)),
    ("-c a=ü", (("a", "ü"),)),
]


@pytest.mark.defect_19
@pytest.mark.parametrize(("options", "expected"), ACCEPTED)
def test_switches(options: str, expected: tuple[tuple[str, str | None], ...]) -> None:
    assert split_options(options) == expected


@pytest.mark.defect_19
@pytest.mark.parametrize(
    "options",
    [
        "a",
        "-",
        "-c",
        "-c a",
        "--a",
        "--",
        "-x",
        "-eX",
        "-c a=b c",
        "-c a=b -- c",
        "-- -c a=b",
        "\\",
        "-é",
        "-:",
        "-W",
    ],
)
def test_what_the_server_refuses_is_refused(options: str) -> None:
    if options == "--":
        assert split_options(options) == ()  # getopt() ends there, and nothing is left over
        return
    with pytest.raises(ProtocolViolation, match="startup options"):
        split_options(options)


def escaped(value: str) -> str:
    return "".join("\\" + letter if letter in " \t\n\v\f\r\\" else letter for letter in value)


@pytest.mark.defect_19
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z_.]+", fullmatch=True),
            st.text(st.characters(exclude_characters="\0"), max_size=9),
        )
    )
)
def test_settings_survive_escaping(settings: list[tuple[str, str]]) -> None:
    options = " ".join(f"-c {name}={escaped(value)}" for name, value in settings)
    assert split_options(options) == tuple(settings)


@given(st.text("-ceWfx=\\ \ta:é", max_size=20))
def test_garbage_gives_nothing_but_protocol_violations(options: str) -> None:
    with suppress(ProtocolViolation):
        split_options(options)
