"""Roles, and what each may do."""

from __future__ import annotations

import pytest

from proxy.console.people import NEEDED, Action, NotAllowed, Person, Role, Way, authorise, read_role


def test_each_action_has_a_role() -> None:
    assert {action.value: role.word for action, role in NEEDED.items()} == {
        "view": "viewer",
        "explain": "viewer",
        "freeze": "operator",
        "thaw": "operator",
        "reload": "operator",
        "end_session": "operator",
        "grant": "approver",
        "deny": "approver",
    }
    assert set(NEEDED) == set(Action)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_each_may_do_what_those_before_it_may(action: Action, role: Role) -> None:
    person = Person("ada", role, Way.TOKEN, "192.0.2.7")
    if role >= NEEDED[action]:
        authorise(person, action)
    else:
        with pytest.raises(NotAllowed, match=f"takes the role {NEEDED[action].word}, and ada is {role.word}"):
            authorise(person, action)


def test_who_has_not_logged_in_is_told_to() -> None:
    nobody = Person("", Role.VIEWER, Way.NOBODY, "127.0.0.1")
    authorise(nobody, Action.EXPLAIN)
    with pytest.raises(NotAllowed, match="freeze takes the role operator: log in with a token"):
        authorise(nobody, Action.FREEZE)


def test_a_person_is_named_with_how_and_from_where() -> None:
    assert str(Person("ada", Role.OPERATOR, Way.OIDC, "192.0.2.7")) == "ada (oidc, from 192.0.2.7)"
    assert str(Person("", Role.VIEWER, Way.NOBODY, "")) == "nobody (nobody, from a Unix socket)"


def test_words_of_roles() -> None:
    assert read_role(" Operator") is Role.OPERATOR
    with pytest.raises(ValueError, match=r"'root' is no role: there are viewer, operator, approver"):
        read_role("root")
