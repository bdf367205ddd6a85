"""Logins of browsers: how long they stand, and what they are known by."""

from __future__ import annotations

from proxy.console.people import Person, Role, Way
from proxy.console.websessions import IDLE_S, WHOLE_S, WebSessions

ADA = Person("ada", Role.OPERATOR, Way.TOKEN, "192.0.2.7")


class Stage:
    def __init__(self) -> None:
        self.now = 1000.0
        self.role: Role | None = Role.OPERATOR
        self.sessions = WebSessions(lambda: self.now, lambda person: self.role)


def test_a_login_makes_a_cookie_of_its_own() -> None:
    sessions = Stage().sessions
    one, other = sessions.begin(ADA), sessions.begin(ADA)
    assert one[0] != other[0] and one[1].csrf != other[1].csrf
    assert sessions.find(one[0], "") is one[1]
    assert sessions.find("", "") is None and sessions.find(one[1].csrf, "") is None
    assert one[1].repeats(one[1].csrf)
    assert not one[1].repeats(other[1].csrf) and not one[1].repeats("") and not one[1].repeats("\ud800")


def test_it_ends_when_idle_after_its_time_and_at_the_logout() -> None:
    stage = Stage()
    cookie, _ = stage.sessions.begin(ADA)
    for _ in range(int(WHOLE_S / IDLE_S)):
        stage.now += IDLE_S
        assert stage.sessions.find(cookie, "") is not None
    stage.now += 1
    assert stage.sessions.find(cookie, "") is None
    cookie, _ = stage.sessions.begin(ADA)
    stage.now += IDLE_S + 1
    assert stage.sessions.find(cookie, "") is None
    cookie, _ = stage.sessions.begin(ADA)
    stage.sessions.end(cookie)
    assert stage.sessions.find(cookie, "") is None


def test_its_person_has_the_role_and_the_address_of_now() -> None:
    stage = Stage()
    cookie, _ = stage.sessions.begin(ADA)
    stage.role = Role.VIEWER
    found = stage.sessions.find(cookie, "192.0.2.8")
    assert found is not None and found.person == Person("ada", Role.VIEWER, Way.TOKEN, "192.0.2.8")
    stage.role = None
    assert stage.sessions.find(cookie, "") is None
    stage.role = Role.VIEWER
    assert stage.sessions.find(cookie, "") is None


def test_there_are_so_many_and_no_more() -> None:
    stage = Stage()
    first, _ = stage.sessions.begin(ADA)
    for _ in range(1000):
        stage.now += 0.1
        stage.sessions.begin(ADA)
    assert stage.sessions.find(first, "") is None
