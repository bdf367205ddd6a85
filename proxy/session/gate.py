"""What the sessions of one listener share: policy, facts, limits, counters and the cache of meanings.

Absent: where policy and facts come from. The composition root swaps them; each judgement takes one reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from proxy.policy.context import NO_MIGRATION, Migration
from proxy.policy.facts import Facts, Freeze
from proxy.policy.rules import Mode, Policy
from proxy.policy.wanting import NO_MEANS, Means
from proxy.session.authentication.rules import Authentication
from proxy.session.cache import Meanings
from proxy.session.cancelkeys import CancelKeys, Identity
from proxy.session.fastpath import Functions
from proxy.session.keeping import RefusedTexts
from proxy.session.meaning import Meaning, of_screened
from proxy.session.tally import Tally
from proxy.session.tls import ClientTls
from proxy.session.who import Who
from proxy.session.wishes import Wishes
from proxy.sql.database import Database
from proxy.sql.effects import Effect
from proxy.sql.screen import Screen, Screened, plain_screen


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one gate.

    Attributes:
        max_statement_bytes: the longest text of a statement; a longer one is refused, never cut.
        cached_statements: how many texts' meanings are kept.
        cached_bytes: how much memory they may take, roughly.
        inline_bytes: the longest text that is read on the event loop, where the dearest found takes 0.7 ms;
            longer ones are handed out.
        inline_operators: and how many operators, casts, parentheses and statements, up to 100 µs each.
        inline_words: and how many words and numbers, up to 20 µs each.
        screened_bytes: the longest text that is screened on the event loop whatever is in it: some 4 ns a
            byte, of the dearest found 150.
        screened_light_bytes: the longest of those of which little is more than values, up to 0.8 ms: a
            hand-over takes as long as the screen of most, 0.3 ms.
        judged_effects: how many effects are judged on the event loop, up to 20 µs each; more are by a thread.
    """

    max_statement_bytes: int = 16 * 1024 * 1024
    cached_statements: int = 20_000
    cached_bytes: int = 128 * 1024 * 1024
    inline_bytes: int = 384
    inline_operators: int = 10
    inline_words: int = 64
    screened_bytes: int = 8 * 1024
    screened_light_bytes: int = 64 * 1024
    judged_effects: int = 50


_Key = tuple[str, str, str | None, str, tuple[str, ...] | None, Migration]


class Gate:
    """One listener's policy and everything its sessions share.

    Attributes:
        policy_epoch: grows whenever the policy, or what a database holds, is swapped, and when writes
            begin or cease to rest (a freeze, facts that are overdue).
        facts_epoch: grows whenever the facts differ from those before.
        resting: writes rest, or soon will: a freeze is known, or one may have been missed.
        rests: grows whenever that, or a freeze, has changed.
        catalogue: whether judgements need to know what the databases hold.
        recording: whether changes have to be in the ledger before they go on.
        means: what it can bring about for statements that are held.
        keep_statements: whether the server keeps what is prepared again and again without a name.
        refused_texts: which refused texts are kept for people to approve; None where none is.
        databases: by name, what they hold; one that cannot be read is not there.
        fetch: what running a cursor's portal means; the cursor was judged when it was declared.
        wishes: what clients ask for when they connect.
        screened: what the texts mean that the screen tells to be no more than this; empty when the policy
            speaks of such effects, or what passes is logged with its effects.
    """

    def __init__(
        self,
        policy: Policy,
        facts: Facts,
        *,
        name: str = "",
        clock: Callable[[], float],
        timer: Callable[[], float],
        token: Callable[[], str],
        limits: Limits | None = None,
        tally: Tally | None = None,
        log_statements: bool = False,
        catalogue: bool = False,
        recording: bool = False,
        means: Means = NO_MEANS,
        refused_texts: RefusedTexts | None = None,
        client_tls: ClientTls | None = None,
        authentication: Authentication | None = None,
        keys: CancelKeys | None = None,
        console: str = "",
        keep_statements: bool = False,
    ) -> None:
        """Hold the shared parts.

        Args:
            policy: the rules in force.
            facts: the evidence known now.
            name: the listener's, as the settings have it.
            clock: POSIX seconds.
            timer: seconds of a monotonic clock, for measuring judgements.
            token: 128 fresh random bits as 32 hexadecimal digits at each call.
            limits: bounds; the defaults when None.
            tally: where to count.
            log_statements: report what passes, too.
            catalogue: judge by what the databases hold; whoever makes the gate swaps them in.
            recording: have changes recorded before they go on.
            means: what it can bring about for statements that are held.
            refused_texts: which refused texts are kept for people to approve; None keeps none.
            client_tls: what is asked of clients; when None, TLS is not offered.
            authentication: how clients log in; when None, as the server has it.
            keys: of all sessions of this process; of this gate's alone when None.
            console: the database by whose name clients reach the gate's console; "" for none.
            keep_statements: have the server keep what is prepared again and again without a name.
        """
        self.policy = policy
        self.facts = facts
        self.name = name
        self.policy_epoch = 0
        self.facts_epoch = 0
        self.resting = bool(facts.freezes or facts.overdue)
        self.rests = 0
        self.clock = clock
        self.timer = timer
        self.token = token
        self.limits = limits or Limits()
        self.tally = tally or Tally()
        self.log_statements = log_statements
        self.catalogue = catalogue
        self.recording = recording
        self.means = means
        self.refused_texts = refused_texts
        self.client_tls = client_tls or ClientTls()
        self.authentication = authentication or Authentication()
        self.keys = keys or CancelKeys(Identity(), token)
        self.console = console
        self.keep_statements = keep_statements
        self.databases: dict[str, Database] = {}
        self.fetch = Meaning((Effect("statement.fetch"),), relexes=True, statement_class="read")
        self.wishes = Wishes()
        self._origins: WeakValueDictionary[_Key, Who] = WeakValueDictionary()
        self._meanings: dict[int, Meanings] = {}
        self._functions: dict[int, Functions] = {}
        self._screened = {screened: of_screened(screened) for screened in Screened}
        self._screened_in: dict[str, dict[Screened, Meaning]] = {}
        self._plain_major = -1  # of the screen that was asked for last
        self._plain_screen: Screen | None = None
        self.screened: dict[Screened, Meaning] = {}
        self._choose_screened()

    def swap_policy(self, policy: Policy) -> None:
        """Judge by this policy from the next judgement on."""
        self.policy = policy
        self.policy_epoch += 1
        self._choose_screened()

    def swap_database(self, name: str, database: Database | None) -> None:
        """From the next judgement on, this is what the database of this name holds; None: not known."""
        before = self.databases.get(name)
        if database is None:
            self.databases.pop(name, None)
            self._screened_in.pop(name, None)
        elif before is None or before.digest != database.digest:
            self.databases[name] = database
            self._screened_in[name] = {
                screened: of_screened(screened, database.digest) for screened in Screened
            }
        if self.databases.get(name) is not before:
            self.policy_epoch += 1

    def swap_facts(self, facts: Facts) -> None:
        """Judge by these facts from the next judgement on."""
        before = self.facts
        if (
            (facts.backups, facts.approvals, facts.stale, facts.runs)
            != (before.backups, before.approvals, before.stale, before.runs)
        ) or facts.ran is not before.ran:
            self.facts_epoch += 1
        if facts.freezes != self.facts.freezes or facts.overdue != self.facts.overdue:
            # Both concern statements whose permits rest on no evidence: every permit ends.
            self.policy_epoch += 1
            self.rests += 1
            self.resting = bool(facts.freezes or facts.overdue)
            self.facts = facts
            self._choose_screened()
        self.facts = facts

    def killing(self, database: str) -> Freeze | None:
        """The freeze that ends sessions of this database that have writes under way; None where none does."""
        if self.policy.freeze.writes.mode is not Mode.ENFORCE:
            return None
        now = datetime.fromtimestamp(self.clock(), UTC)
        return next(
            (
                freeze
                for freeze in self.facts.freezes
                if freeze.kill and freeze.concerns(database) and freeze.stands(now)
            ),
            None,
        )

    def who(
        self,
        role: str,
        database: str,
        client_address: str | None,
        application: str,
        search_path: tuple[str, ...] | None = None,
        migration: Migration = NO_MIGRATION,
    ) -> Who:
        """The origin with these properties."""
        key = (role, database, client_address, application, search_path, migration)
        found = self._origins.get(key)
        if found is None:
            found = self._origins[key] = Who(*key)
        return found

    def knows_run(self, who: Who) -> bool:
        """Whether the migration run is under way whose token such a session has shown."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        return any(
            run.token == who.migration.run and run.admits(who.role, who.database, now)
            for run in self.facts.runs
        )

    def meanings(self, server_major: int) -> Meanings:
        """The meanings of texts on servers of this major version, 0 where it is not known."""
        found = self._meanings.get(server_major)
        if found is None:
            limits = self.limits
            found = Meanings(server_major, limits.cached_statements, limits.cached_bytes, self.timer)
            self._meanings[server_major] = found
        return found

    def functions(self, server_major: int) -> Functions:
        """The meanings of calls by number on servers of this major version."""
        return self._functions.setdefault(server_major, Functions(server_major))

    def meaning_of(self, screened: Screened, database: str) -> Meaning:
        """The meaning that a screened text shares with all others of its kind; it is judged like any."""
        here = self._screened_in.get(database) if len(self._screened_in) else None
        return (self._screened if here is None else here)[screened]

    def screen(self, server_major: int, database: str) -> Screen | None:
        """The screen of texts for servers of this major version, by the names of a database.

        None where the names have to be known and are not.
        """
        if self.catalogue:
            held = self.databases.get(database)
            return None if held is None or held.server_major != server_major else held.screen
        if server_major != self._plain_major:
            self._plain_major, self._plain_screen = server_major, plain_screen(server_major)
        return self._plain_screen

    def _choose_screened(self) -> None:
        """Screening is for the texts that no rule speaks of, whatever table they name, whoever sends them.

        While writes rest, one that adds rows is read, so that its refusal can name the table.
        """
        resting = self.policy.freeze.writes.match.names if self.resting else frozenset()
        self.screened = {
            screened: meaning
            for screened, meaning in self._screened.items()
            if not self.log_statements
            and not any(
                effect.name in resting or self.policy.may_concern(effect) for effect in meaning.effects
            )
        }
