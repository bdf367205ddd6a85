"""Mistakes in policies: each found, each shown in the same words (mistakes.txt), all of them at once."""

from pathlib import Path

import pytest

from proxy.policy.loading.load import load_policy
from proxy.source import SourceError
from tests.policy.build import reader

RULES = """\
version: 1
sets:
  critical: [public.users]
  people: {roles: [dba]}
time:
  timezone: UTC
  windows: {peak: {days: mon-fri, from: "08:00", to: "20:00"}}
rules:
"""


def read_cases(file: str) -> list[tuple[str, str, str]]:
    """Name, policy, and the whole answer of each case of a file."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    cases = []
    for block in text.split("\n=== ")[1:]:
        name, _, rest = block.partition("\n")
        policy, _, answer = f"\n{rest}".partition("\n---\n")
        cases.append((name, policy.removeprefix("\n").replace("$RULES\n", RULES), answer.rstrip("\n")))
    return cases


@pytest.mark.parametrize(
    ("policy", "answer"), [pytest.param(p, a, id=name) for name, p, a in read_cases("mistakes.txt")]
)
def test_mistake(policy: str, answer: str) -> None:
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader({"p.yaml": policy}))
    assert str(caught.value) == answer


MANY = """\
version: 1
nmae: production
include: [rules/missing.yaml]
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


def test_many_mistakes_are_told_at_once() -> None:
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader({"p.yaml": MANY}))
    assert [f"{d.position}: {d.message} / {d.suggestion}" for d in caught.value.diagnostics] == [
        'p.yaml:2:1: unknown key "nmae" / name',
        'p.yaml:3:11: "rules/missing.yaml" cannot be read: no such file or directory / None',
        'p.yaml:5:13: unknown time zone "Europe/Berln"; write it as America/New_York / Europe/Berlin',
        'p.yaml:7:33: "8:00" is no time of day; write it as "08:00" / None',
        'p.yaml:9:9: "No-Drop" is no rule id; it begins with a letter and holds at most 63 of a-z, 0-9 and - '
        "/ no-drop",
        'p.yaml:10:23: unknown effect "table.dorp" / table.drop',
        "p.yaml:11:11: unknown placeholder {efect} / {effect}",
        'p.yaml:13:43: "10.0.0.1/8" has bits set beyond its prefix; the network is 10.0.0.0/8 / None',
        'p.yaml:14:20: no window is named "paek" / peak',
        'p.yaml:15:9: the id "twice" is already used at p.yaml:12 / None',
        'p.yaml:17:32: "24hours" is no duration; write a number and a unit, such as 30m, 24h, 14d or 2w '
        "/ None",
        'p.yaml:18:11: mode is enforce, shadow or off, not "enforcing" / enforce',
    ]


NAMES = """\
version: 1
sets: {critical: public.users, people: {roles: dba}, torn: {role: dba}}
time: {timezone: UTC, windows: {peak: {days: mon-fri}, torn: {days: mon-fry}}}
rules:
  - id: a
    deny: "{efect}"
    match: {classes: ddl, targets: critcal, who: peple, not: [{targets: people}, {who: {set: critical}}]}
    when: {window: [peak, torn], not: {window: peek}}
    require: {approval: {by: 2, with: {window: pea}}}
    unless: [{who: torn, when: {window: pek}}, {who: [people]}]
    examples: {refuse: [{sql: DROP TABLE a, window: x}]}
"""


def test_a_rule_that_has_other_mistakes_has_its_names_looked_up() -> None:
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader({"p.yaml": NAMES}))
    assert [f"{d.position}: {d.message} / {d.suggestion}" for d in caught.value.diagnostics] == [
        'p.yaml:2:61: unknown key "role" / roles',
        'p.yaml:3:69: unknown day "fry"; days are mon, tue, wed, thu, fri, sat, sun, or mon-fri / fri',
        "p.yaml:6:11: unknown placeholder {efect} / {effect}",
        'p.yaml:7:36: "critcal" is neither a set nor schema.name / critical',
        'p.yaml:7:50: no set is named "peple" / people',
        'p.yaml:7:73: the set "people" says who, here one of targets is needed / None',
        'p.yaml:7:94: the set "critical" holds targets, here one that says who is needed / None',
        'p.yaml:8:48: no window is named "peek" / peak',
        'p.yaml:9:48: no window is named "pea" / peak',
        'p.yaml:10:41: no window is named "pek" / peak',
        "p.yaml:10:54: expected a mapping for who, found a list / None",
        'p.yaml:11:45: unknown key "window" in refuse; here may stand application, as, at, client, database, '
        "facts, sql, transaction / None",
    ]


def test_a_name_that_is_none_is_told_once() -> None:
    text = (
        "version: 1\nrules: [{id: a, match: {classes: dll, who: ''}, when: {window: ''}, set: x, who: y}]\n"
    )
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader({"p.yaml": text}))
    assert [f"{d.position}: {d.message}" for d in caught.value.diagnostics] == [
        'p.yaml:2:34: unknown class "dll"',
        'p.yaml:2:44: "" is no name; it begins with a letter and holds letters, digits, _ and -',
        'p.yaml:2:64: "" is no name; it begins with a letter and holds letters, digits, _ and -',
        'p.yaml:2:69: unknown key "set"; here may stand approval, deny, else, examples, hint, id, match, '
        "mode, require, sqlstate, unless, when, why",
        'p.yaml:2:77: unknown key "who"',
    ]


def test_a_key_given_twice_hides_no_other_mistake() -> None:
    text = "version: 1\nname: a\nname: b\nrulez: []\nrules:\n  - {id: a, match: {classes: [dll]}}\n"
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader({"p.yaml": text}))
    assert [f"{d.position}: {d.message}" for d in caught.value.diagnostics] == [
        'p.yaml:3:1: the key "name" was already given in line 2',
        'p.yaml:4:1: unknown key "rulez"',
        'p.yaml:6:31: unknown class "dll"',
    ]


def test_mistakes_in_packs_are_told_with_their_file() -> None:
    files = {
        "main/p.yaml": "version: 1\ninclude: [../packs/a.yaml, ../packs/b.yaml]\n",
        "packs/a.yaml": "version: 1\nrules:\n  - id: a\n    match: {classes: [dll]}\n",
        "packs/b.yaml": "version: 1\nbreak_glass: true\nrules:\n  - id: a\n    match: {classes: [ddl]}\n",
    }
    with pytest.raises(SourceError) as caught:
        load_policy("main/p.yaml", reader(files))
    assert [f"{d.position}: {d.message}" for d in caught.value.diagnostics] == [
        'packs/a.yaml:4:23: unknown class "dll"',
        'packs/b.yaml:2:1: "break_glass" is said by the policy (main/p.yaml), not by a pack that it includes',
        'packs/b.yaml:4:9: the id "a" is already used at packs/a.yaml:3',
    ]


def test_include_in_a_circle() -> None:
    files = {
        "p.yaml": "version: 1\ninclude: a.yaml\n",
        "a.yaml": "version: 1\ninclude: b.yaml\n",
        "b.yaml": "version: 1\ninclude: a.yaml\n",
    }
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader(files))
    assert [f"{d.position}: {d.message}" for d in caught.value.diagnostics] == [
        "b.yaml:2:10: the files include each other in a circle: a.yaml -> b.yaml -> a.yaml"
    ]


def test_packs_that_disagree() -> None:
    files = {
        "p.yaml": "version: 1\ninclude: [a.yaml, b.yaml]\n",
        "a.yaml": "version: 1\ntime: {timezone: UTC, windows: {w: {days: mon}}}\nsets: {s: public.a}\n",
        "b.yaml": "version: 1\ntime: {timezone: Asia/Tokyo, windows: {w: {days: tue}}}\nsets: {s: public.b}",
    }
    with pytest.raises(SourceError) as caught:
        load_policy("p.yaml", reader(files))
    assert [f"{d.position}: {d.message}" for d in caught.value.diagnostics] == [
        "b.yaml:2:8: timezone is defined otherwise in a.yaml; define it in p.yaml to choose",
        "b.yaml:2:40: the window w is defined otherwise in a.yaml; define it in p.yaml to choose",
        "b.yaml:3:8: the set s is defined otherwise in a.yaml; define it in p.yaml to choose",
    ]
    own = "time: {timezone: UTC, windows: {w: {days: wed}}}\nsets: {s: public.c}\n"
    load_policy("p.yaml", reader({**files, "p.yaml": files["p.yaml"] + own}))


def test_the_policy_itself_cannot_be_read() -> None:
    with pytest.raises(SourceError, match=r"^p\.yaml:1:1: cannot be read: no such file or directory$"):
        load_policy("p.yaml", reader({}))


def test_a_file_that_is_not_utf_8() -> None:
    def read(path: str) -> str:
        return b"\xff".decode()

    with pytest.raises(SourceError, match=r"^p\.yaml:1:1: cannot be read: it is not UTF-8$"):
        load_policy("p.yaml", read)
