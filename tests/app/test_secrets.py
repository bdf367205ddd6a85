"""A secret in a statement reaches no log, no refusal and no page."""

from __future__ import annotations

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.app.audit import render_judged, render_passed
from proxy.app.offline.explaining import as_dict, explained
from proxy.app.offline.judging import read_sql
from proxy.session import Judged, Passed
from proxy.session.judge import Judge
from proxy.session.refusal import Denial
from proxy.session.who import Who
from tests.session.wired import gate_of
from tests.sql.secret_shapes import RANDOM, SECRET, WRAPS, shapes

_RULE = """
version: 1
name: test
rules:
  - id: everything
    mode: {}
    match: {{classes: [destructive, opaque, privilege, server, ddl, write, session, transaction, read]}}
    deny: "{{effect}} on {{targets}} is not allowed."
"""


@given(
    shape=st.sampled_from(shapes()),
    wrap=st.sampled_from(("{}", *WRAPS)),
    secret=RANDOM,
    mode=st.sampled_from(["enforce", "shadow"]),
)
def test_a_random_secret_is_never_told(shape: str, wrap: str, secret: str, mode: str) -> None:
    text = wrap.format(shape.replace(SECRET, secret))
    meaning = read_sql(text)
    assume(meaning.error is None)
    gate = gate_of(_RULE.format(mode))
    gate.log_statements = True
    judge = Judge(gate, Who("app", "shop", None, ""))
    told = judge.judge(meaning, ("none",), runs=True)
    if isinstance(told, Denial):
        assert secret not in f"{told.message} {told.detail} {told.hint}"
    assert judge.reporter.events or not meaning.effects
    for event in judge.reporter.events:
        match event:
            case Judged():
                assert secret.encode() not in render_judged(4000, unreadable=False)(event)
            case Passed():
                assert secret.encode() not in render_passed(unreadable=False)(event)
    assert secret not in repr(meaning.effects)
    assert secret not in json.dumps(as_dict(explained(text, meaning)))
