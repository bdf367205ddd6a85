"""What judging is measured by judges nothing, compiled as well; what is measured beside it does judge."""

from contextlib import ExitStack

from benchmarks.database import filled_server
from benchmarks.targets import Site, start
from benchmarks.workloads import Setting
from tests.conftest import Programs


def test_the_gate_refuses_what_the_one_without_its_judgement_lets_pass(programs: Programs) -> None:
    """Each is tried first, and left out where it does not do with DROP TABLE what its name says."""
    names = [("gate", Setting.PLAIN), ("unjudged", Setting.PLAIN)]
    with filled_server(10, programs()) as server, ExitStack() as stack:
        running, missing = start(names, Site(server), stack, print)
        assert missing == {}
        assert [(target.name, target.version) for target in running] == [
            ("gate", running[0].version),
            ("unjudged", "the same gate"),
        ]
