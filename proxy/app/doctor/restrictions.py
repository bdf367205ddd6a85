"""Whom Supabase's network lets in, before the database is asked for anything.

Enters: a project, the gate's networks. Leaves: findings.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.app.doctor.finding import Finding, critical, fine, note, warning
from proxy.app.doctor.networks import Networks, inside, network_of
from proxy.backup.clients import BackupError
from proxy.backup.providers.supabase import Project, Restrictions


async def examine_restrictions(project: Project, gates: Networks) -> list[Finding]:
    """Ask the API; what it refuses is a note."""
    try:
        return list(judge(await project.restrictions(), gates, project.reference))
    except BackupError as error:
        what = f"the project's network restrictions could not be seen: {error}"
        return [note("unseen", what, "use a token of an owner, which may read database_network_restrictions")]


def judge(found: Restrictions, gates: Networks, reference: str) -> Iterator[Finding]:
    """What the restrictions come to."""
    narrow = (
        "supabase network-restrictions update --experimental "
        f"--project-ref {reference} --db-allow-cidr GATE/32"
    )
    if not found.entitled:
        yield critical("network", "this project's plan cannot restrict who connects", "take a plan that can")
        return
    networks = [(text, network_of(text)) for text in found.networks or ()]
    open_to = [text for text, network in networks if network is None or network.prefixlen == 0]
    if found.networks is None or open_to:
        whom = ", ".join(open_to) or "nothing is restricted"
        yield critical("network", f"Supabase lets in any host that has a password ({whom})", narrow)
    elif strangers := [text for text, network in networks if gates and not inside(network, gates)]:
        yield critical("network", f"Supabase lets in {', '.join(strangers)}, where the gate is not", narrow)
    elif networks and not gates:
        said = ", ".join(text for text, _ in networks)
        yield note("network", f"Supabase lets in {said} alone", "say with --gate where the gate is")
    else:
        yield fine("network", "Supabase lets in the gate alone" if networks else "Supabase lets in nobody")
    if not found.applied and found.networks is not None:
        yield warning(
            "network", "these restrictions are stored, and not applied yet", f"apply them: {narrow}"
        )
