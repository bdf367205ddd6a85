"""The page of effects is the program's own."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.sql import functions
from proxy.sql.effects import CLASSES, EFFECT_KINDS, TRAITS
from proxy.sql.vocabulary.reference import page

_PAGE = Path(__file__).parents[2] / "policies" / "EFFECTS.md"


def test_the_page_is_what_the_program_writes() -> None:
    # `python -m proxy policy effects > policies/EFFECTS.md` mends it.
    assert _PAGE.read_text().splitlines() == page().splitlines()


def test_it_names_every_effect_trait_and_class() -> None:
    rows = re.findall(r"^\| \[?`([a-z_.]+)`", page(), re.MULTILINE)
    assert set(rows) == {*EFFECT_KINDS, *TRAITS, *CLASSES}


def test_it_names_every_function_that_does_something() -> None:
    acting = {
        name
        for name in functions.classified()
        if (found := functions.known("pg_catalog", name, 0)) is not None and (found.causes or found.runs)
    }
    _, _, told = page().partition("## Functions")
    assert acting - set(re.findall(r"`(\w+)`", told)) == set()
