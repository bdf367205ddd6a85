"""The benchmark of what a request touches: a profile is read by library, and both targets pass all on."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks import footprint
from benchmarks.hotpath import REQUESTS, hot_callbacks

_PROFILE = """\
events: Ir ILmr DLmr DLmw

ob=/lib/pgwarden__mypyc.cpython-311.so
fl=x.c
fn=hot
10 7 1 2 3
cob=/lib/libpython3.11.so.1.0
cfn=called
calls=4 20
10 900 90 90 90
11 5 1

ob=/lib/libpython3.11.so.1.0
fl=y.c
fn=called
20 8 1
"""


def test_a_profile_says_what_each_function_costs_by_itself(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_text(_PROFILE)
    assert footprint.read(profile) == {
        ("pgwarden", "hot"): Counter({"Ir": 12, "ILmr": 2, "DLmr": 2, "DLmw": 3}),
        ("libpython", "called"): Counter({"Ir": 8, "ILmr": 1}),
    }


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("target", ["relay", "gate"])
async def test_requests_and_answers_go_through(target: str, name: str) -> None:
    receive, requests, receive_answer, answer = await hot_callbacks(target, name, 3)
    assert len(set(requests)) == 3
    for request in requests:
        receive(request)
        receive_answer(answer)
