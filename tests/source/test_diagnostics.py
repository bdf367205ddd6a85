"""How a mistake is shown."""

import pytest

from proxy.source import Diagnostic, Position, SourceError

SHOWN = [
    (
        Diagnostic(Position("p.yaml", 3, 8), "unknown", "    a: drp", 3, "drop"),
        'p.yaml:3:8: unknown\n        a: drp\n           ^^^\n    did you mean "drop"?',
    ),
    (Diagnostic(Position("p.yaml", 1, 1), "the file is empty", ""), "p.yaml:1:1: the file is empty"),
    (
        Diagnostic(Position("p.yaml", 1, 3), "tabs stay under tabs", "\t\tx"),
        "p.yaml:1:3: tabs stay under tabs\n    \t\tx\n    \t\t^",
    ),
    (
        Diagnostic(Position("p.yaml", 1, 2), "no escape reaches the terminal", "a\x1b[2J", 9),
        "p.yaml:1:2: no escape reaches the terminal\n    a�[2J\n     ^^^^",
    ),
    (
        Diagnostic(Position("p.yaml", 1, 101), "long lines are cut", "x" * 300),
        "p.yaml:1:101: long lines are cut\n    …" + "x" * 120 + "…\n     " + " " * 60 + "^",
    ),
    (
        Diagnostic(Position("p.yaml", 1, 5), "the end of a line", "abc"),
        "p.yaml:1:5: the end of a line\n    abc\n       ^",
    ),
]


@pytest.mark.parametrize(("diagnostic", "text"), SHOWN)
def test_shown(diagnostic: Diagnostic, text: str) -> None:
    assert str(diagnostic) == text


def test_all_mistakes_in_the_order_of_the_text_each_once() -> None:
    first, second = (Diagnostic(Position("a", line, 1), "wrong", "x") for line in (2, 10))
    other = Diagnostic(Position("b", 1, 1), "wrong", "x")
    error = SourceError([other, second, first, second])
    assert error.diagnostics == (first, second, other)
    assert str(error) == "\n".join(str(each) for each in (first, second, other))
