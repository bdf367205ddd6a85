"""Loading a policy: whole or not at all, with all its mistakes at once.

Enters: a path and a function that reads files. Leaves: a compiled `Policy`, or a `SourceError` with every
mistake in every file. Deliberately absent: reading files itself, watching them, and keeping an older policy.
"""

import hashlib
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from proxy.policy import schema
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.matching import Match
from proxy.policy.conditions.moments import Window
from proxy.policy.conditions.who import WhoCondition
from proxy.policy.loading.compiling import RuleCompiler
from proxy.policy.loading.complaints import Complaints
from proxy.policy.loading.definitions import Definitions, collect_definitions
from proxy.policy.loading.files import FileSet, Reader
from proxy.policy.loading.parsing import ParsedFile, parse_file
from proxy.policy.loading.references import Resolver, Surroundings
from proxy.policy.loading.resting import freeze_rules, ledger_rules
from proxy.policy.loading.windows import compile_windows
from proxy.policy.rules import Approval, Mode, Policy, Rule, asks_for_transaction, build_index
from proxy.policy.templates import parse_template
from proxy.source import SourceError

# What only the policy itself says, not a pack: a line of include must not change how the rest is judged.
_POLICY_KEYS = ("environment", "defaults", "approvals", "break_glass", "replication")
_UTC = ZoneInfo("UTC")


def load_policy(path: str, read: Reader) -> Policy:
    """Load a policy and the packs that it includes.

    Args:
        path: the policy's file; includes are relative to the file that names them.
        read: gives a file's text; may raise OSError or UnicodeError.

    Raises:
        SourceError: with all mistakes, in the order of files and lines.
    """
    sources = FileSet(read)
    sources.load(path)
    files = {name: parse_file(source) for name, source in sources.documents.items()}
    policy = _compile(path, files) if path in files else None
    diagnostics = [
        *sources.diagnostics,
        *(each for file in files.values() for each in file.complaints.diagnostics),
    ]
    if diagnostics or policy is None:
        raise SourceError(diagnostics)
    return policy


def _compile(path: str, files: Mapping[str, ParsedFile]) -> Policy:
    root = files[path]
    definitions = collect_definitions(root, files)
    windows = compile_windows(definitions)
    head = root.head
    defaults = (head.defaults if head is not None else None) or schema.Defaults()
    mode = Mode[defaults.mode.upper()]
    around = _surroundings(mode, head, definitions, windows)
    rules: list[Rule] = []
    for file in files.values():
        if file is not root:
            _check_pack(file, path)
        for index, shape in file.rules:
            rules.append(RuleCompiler(shape, ("rules", index), around, file.complaints).compile())
        for index, written in file.malformed:
            Resolver(("rules", index), around, file.complaints).look_up(written, ())
    _check_ids(files)
    every = (*rules, *_reserved(mode, defaults), _replication(mode, head, around, root.complaints))
    freeze = freeze_rules(mode, around.zone)
    stale = Rule("stale-facts", _reaction(mode, defaults.stale_facts), Match(frozenset(), ()))
    ledger = ledger_rules(stale.mode)
    name = (head.name if head is not None else None) or _stem(path)
    return Policy(
        name=name,
        environment=(head.environment if head is not None else None) or name,
        mode=str(mode),
        digest=_digest(files.values()),
        files=tuple(files),
        rules=(*every, stale, freeze.writes, ledger.writes),
        stale_facts=stale,
        freeze=freeze,
        ledger=ledger,
        zone=around.zone,
        break_glass=head is not None and head.break_glass,
        transactional=frozenset((*filter(asks_for_transaction, every), freeze.completes, ledger.completes)),
        index=build_index(every),
        documents={name: file.source.document for name, file in files.items()},
    )


def _surroundings(
    mode: Mode, head: schema.PolicyFile | None, definitions: Definitions, windows: Mapping[str, Window]
) -> Surroundings:
    approvals = None if head is None else head.approvals
    return Surroundings(
        mode=mode,
        approvals=None if approvals is None else Approval(approvals.by, approvals.within),
        zone=_UTC if definitions.zone is None else definitions.zone.value,
        windows=windows,
        sets={name: definition.value for name, definition in definitions.sets.items()},
        window_names=definitions.window_names,
        set_names=definitions.set_names,
    )


def _reserved(mode: Mode, defaults: schema.Defaults) -> tuple[Rule, ...]:
    """The rules about what nobody can judge."""
    return (
        Rule(
            id="unparsed",
            mode=_reaction(mode, defaults.unparsed),
            match=Match(frozenset({"statement.unparsed"}), ()),
            deny=parse_template("This statement cannot be read, so it was not run."),
            hint=parse_template("Check its syntax, or write it in a plainer way."),
            sqlstate="42601",
        ),
        Rule(
            id="catalogue",
            mode=mode,
            match=Match(frozenset({"code.unseen"}), ()),
            deny=parse_template(
                "What code of this database would run is not known, since its catalogue cannot be read."
            ),
            hint=parse_template(
                "Run it again in a moment; if that does not help, the gate's log tells those who run it why."
            ),
        ),
        Rule(
            id="unknown",
            mode=_reaction(mode, defaults.unknown),
            match=Match(frozenset({"statement.unknown"}), ()),
            deny=parse_template(
                "This statement does something that pgwarden does not know, so it was not run."
            ),
            hint=parse_template(
                "Write it in a plainer way, or report the statement to those who run pgwarden."
            ),
        ),
    )


def _replication(
    mode: Mode, head: schema.PolicyFile | None, around: Surroundings, complaints: Complaints
) -> Rule:
    """Replication carries everything, past every other rule: it is for those whom the policy names."""
    named = None if head is None else head.replication
    unless: tuple[tuple[Condition, ...], ...] = ()
    if named is not None:
        unless = ((WhoCondition(Resolver((), around, complaints).who(named, ("replication",))),),)
    return Rule(
        id="replication",
        mode=mode,
        match=Match(frozenset({"connection.replication"}), ()),
        unless=unless,
        deny=parse_template("Replication is not for {role}: it carries everything, whatever the rules say."),
        hint=parse_template(
            "Connect directly, or ask the owners of the policy to name you in its replication."
        ),
    )


def _reaction(mode: Mode, reaction: str) -> Mode:
    return min(mode, Mode.ENFORCE if reaction == "deny" else Mode.SHADOW)


def _check_pack(file: ParsedFile, policy: str) -> None:
    data = file.source.document.data
    for key in _POLICY_KEYS:
        if isinstance(data, dict) and key in data:
            file.complaints.add(
                (key,), f'"{key}" is said by the policy ({policy}), not by a pack that it includes', key=True
            )


def _check_ids(files: Mapping[str, ParsedFile]) -> None:
    """Every id once, also among rules that have other mistakes."""
    seen: dict[str, str] = {}
    for file in files.values():
        for index, rule_id in file.ids:
            place = ("rules", index, "id")
            if rule_id in seen:
                file.complaints.add(place, f'the id "{rule_id}" is already used at {seen[rule_id]}')
            else:
                position = file.complaints.position(place)
                seen[rule_id] = f"{position.file}:{position.line}"


def _digest(files: Iterable[ParsedFile]) -> str:
    """Over all text, each file with its length, so that no two sets of files look the same run together."""
    digest = hashlib.sha256()
    for file in files:
        raw = file.source.text.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0] or path
