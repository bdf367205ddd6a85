"""A policy with many mistakes: all of them are told at once, by `policy check` and by `serve`."""

from pathlib import Path

import pytest

from tests.clients.gate import environment
from tests.servers import forking

POLICY = """\
version: 1
nmae: production
include: [rules/missing.yaml, rules/pack.yaml]
time:
  timezone: Europe/Berln
  windows:
    peak: {days: mon-fri, from: "8:00", to: "20:00"}
rules:
  - id: No-Drop
    match: {effects: [table.dorp]}
    deny: "{efect} is refused."
  - id: twice
    match: {classes: [ddl], who: {cidrs: [10.0.0.1/8]}}
    when: {window: paek}
  - id: twice
    match: {classes: [ddl]}
    require: {backup: {within: 24hours}}
    mode: enforcing
"""
PACK = """\
version: 1
rules:
  - id: packed
    match: {effects: [table.truncat]}
"""
# File, line, column, and what must be said there.
MISTAKES = [
    ("policy.yaml", 2, 1, 'unknown key "nmae"'),
    ("policy.yaml", 3, 11, '"rules/missing.yaml" cannot be read: no such file or directory'),
    ("policy.yaml", 5, 13, 'unknown time zone "Europe/Berln"'),
    ("policy.yaml", 7, 33, '"8:00" is no time of day'),
    ("policy.yaml", 9, 9, '"No-Drop" is no rule id'),
    ("policy.yaml", 10, 23, 'unknown effect "table.dorp"'),
    ("policy.yaml", 11, 11, "unknown placeholder {efect}"),
    ("policy.yaml", 13, 43, '"10.0.0.1/8" has bits set beyond its prefix'),
    ("policy.yaml", 14, 20, 'no window is named "paek"'),
    ("policy.yaml", 15, 9, 'the id "twice" is already used at'),
    ("policy.yaml", 17, 32, '"24hours" is no duration'),
    ("policy.yaml", 18, 11, 'mode is enforce, shadow or off, not "enforcing"'),
    ("rules/pack.yaml", 4, 23, 'unknown effect "table.truncat"'),
]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "pack.yaml").write_text(PACK)
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


@pytest.mark.parametrize("way", ["policy check", "serve"])
def test_all_mistakes_are_told_at_once(policy: Path, way: str) -> None:
    if way == "serve":
        arguments = [
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            "postgresql://127.0.0.1:1",
            "--policy",
            str(policy),
        ]
    else:
        arguments = [str(policy)]
    done = forking.run([*way.split(), *arguments], environment(policy.parent))
    # 1: the answer is no; 2: a setting is wrong. Both are in --help's table.
    assert (done.returncode, done.stdout) == (1 if way == "policy check" else 2, "")
    said = done.stderr.splitlines()
    heads = [
        line for line in said if any(f"/{file}:{row}:{column}: " in line for file, row, column, _ in MISTAKES)
    ]
    expected = [f"{policy.parent}/{file}:{row}:{column}: {text}" for file, row, column, text in MISTAKES]
    assert len(heads) == len(expected)
    for head, wanted in zip(heads, expected, strict=True):
        assert wanted in head
    carets = [line for line in said if line.strip() and not line.strip().strip("^")]
    assert len(carets) == len(MISTAKES)
    assert [line.strip() for line in said if "did you mean" in line] == [
        'did you mean "name"?',
        'did you mean "Europe/Berlin"?',
        'did you mean "no-drop"?',
        'did you mean "table.drop"?',
        'did you mean "{effect}"?',
        'did you mean "peak"?',
        'did you mean "enforce"?',
        'did you mean "table.truncate"?',
    ]
