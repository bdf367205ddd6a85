"""The kinds of entries, one module each. A new kind is a module here and a line in this one.

A kind that rules judge by has a `Fold`; one that only tells what happened stands in `UNFOLDED`. A ledger with
an entry of a kind that is in neither was written by a newer pgwarden, and no facts are read from it.
"""

from collections.abc import Mapping
from typing import Final

from proxy.records.kinds.approval import Approvals, TextRefused
from proxy.records.kinds.backup import Backups
from proxy.records.kinds.freeze import Freezes
from proxy.records.kinds.kind import Fold, Payload
from proxy.records.kinds.operated import Operated
from proxy.records.kinds.ran import RunsOfStatements
from proxy.records.kinds.run import Runs

FOLDS: Final[tuple[type[Fold], ...]] = (Backups, Freezes, Runs, Approvals, RunsOfStatements)
"""In the order in which they add to the facts: what approvals come to hangs on the runs under way."""
UNFOLDED: Final[tuple[type[Payload], ...]] = (TextRefused, Operated)

KINDS: Final[Mapping[str, type[Payload]]] = {
    **{name: shape for fold in FOLDS for name, shape in fold.shapes.items()},
    **{shape.kind: shape for shape in UNFOLDED},
}
"""The shape of every kind's payload."""
