"""From policy files to compiled policies and trials: whole or not at all, with all mistakes at once.

Enters: files, through a reader that is handed in. Leaves: `Policy`, and files of trials, or a `SourceError`
that places every mistake. Deliberately absent: what a key may hold (schema/), and any judgement.
"""

from proxy.policy.loading.load import load_policy

__all__ = ["load_policy"]
