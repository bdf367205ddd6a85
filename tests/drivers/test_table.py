"""The table of drivers, README.md's, and the programs agree."""

from pathlib import Path

from tests.drivers.page import HEAD, drivers_table
from tests.drivers.scenario import STEPS
from tests.drivers.table import DRIVERS

_README = Path(__file__).resolve().parents[2] / "README.md"
_HERE = Path(__file__).parent
_SHARED = {"__init__", "lines"}


def test_the_page_has_this_very_table() -> None:
    _, head, rest = _README.read_text("utf-8").partition(HEAD)
    assert head + rest.partition("\n\n")[0] + "\n" == drivers_table()


def test_titles_are_unique() -> None:
    titles = [driver.title for driver in DRIVERS]
    assert sorted(set(titles)) == sorted(titles)


def test_what_is_lacking_or_different_is_a_step() -> None:
    named = {step for driver in DRIVERS for step in (*driver.play.lacks, *driver.play.differs)}
    assert named - set(STEPS) == set()


def test_no_driver_lacks_what_matters() -> None:
    always = {
        "connect",
        "values",
        "transactions",
        "refused_drop",
        "refused_delete",
        "rolled_back",
        "more_work",
    }
    assert {driver.title for driver in DRIVERS if always & set(driver.play.lacks)} == set()


def test_no_program_is_left_over() -> None:
    sources = "".join((_HERE / f"{name}.py").read_text() for name in ("table", "toolchains", "unpacked"))
    programs = {path.stem for path in (_HERE / "programs").iterdir() if path.is_file()} - _SHARED
    assert {name for name in programs if f'"{name}' not in sources} == set()
