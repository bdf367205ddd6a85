"""The measurement of many rules runs, and measures what it says; no time is asserted."""

import pytest

from benchmarks import rules
from proxy.policy import load_policy
from proxy.sql.analyse import analyse


def test_a_row_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    rules.main(["--rounds", "1", "--sizes", "2,30"])
    head, line, *rows = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "rules",
        "no rule concerns, µs",
        "one rule concerns, µs",
        "all rules concern, µs",
        "loading, ms",
    ]
    assert {len(row) for row in rows} == {len(head)} == {len(line)}
    assert [row.split("|")[1].strip() for row in rows] == ["2", "30"]


@pytest.mark.parametrize(("kind", "concerned"), [("no", 0), ("one", 1), ("all", 29)])
def test_the_statements_concern_as_many_rules_as_they_say(kind: str, concerned: int) -> None:
    policy = load_policy("policy.yaml", lambda _: rules.text_of(30))
    (sql,) = [sql for name, sql in rules.STATEMENTS.items() if name.startswith(kind)]
    found = {rule.id for effect in analyse(sql).effects for rule in policy.rules_for(effect.name)}
    assert len(found) == concerned
