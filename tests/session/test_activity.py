"""What a session says of itself to whoever lists sessions."""

from __future__ import annotations

from proxy.session import Activity, LongText, Peer, Session
from proxy.session.lasttext import LONGEST_KEPT
from tests.servers.database import Database
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import Wired, gate_of


def told(wired: Wired) -> tuple[str, bool, str | LongText | None]:
    activity = wired.session.activity
    return activity.state, activity.transaction, activity.text


def test_before_login_it_knows_little() -> None:
    session = Session(gate_of(), Peer("192.0.2.7"))
    assert session.activity == Activity("", "", "192.0.2.7", "", "logging in", False, None)


def test_states_and_last_texts(database: Database) -> None:
    wired = Wired(database.port, database.name).start()
    assert told(wired) == ("idle", False, None)
    wired.exchange(Q("SELECT 1"))
    assert told(wired) == ("idle", False, "SELECT 1")
    wired.exchange(Q("BEGIN"))
    assert told(wired) == ("idle in transaction", True, "BEGIN")
    wired.exchange(Q("SELECT 1/0"))
    assert told(wired) == ("idle in transaction (aborted)", True, "SELECT 1/0")
    wired.exchange(Q("ROLLBACK"))
    wired.exchange(Q("DROP TABLE orders"))
    assert told(wired) == ("idle", False, "ROLLBACK")
    long = "SELECT 1 -- " + "x" * LONGEST_KEPT
    wired.exchange(Q(long))
    assert told(wired) == ("idle", False, LongText(len(long)))
    wired.close()


def test_statements_of_the_extended_protocol(database: Database) -> None:
    wired = Wired(database.port, database.name).start()
    wired.exchange(P("SELECT 2"), B(), E(), S)
    assert told(wired) == ("idle", False, "SELECT 2")
    wired.exchange(P("CREATE TABLE made (a int)", "s"), B("s"), S)
    assert told(wired) == ("idle", False, "SELECT 2")
    wired.exchange(B("s"), E(), S)
    assert told(wired) == ("idle", False, "CREATE TABLE made (a int)")
    wired.close()
