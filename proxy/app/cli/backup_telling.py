"""Who is told when a backup that a timer starts has failed: nobody looks at its exit code.

Enters: what has failed, the variables. Leaves: a notice at each target of the gate's config file that asks
for `backup_failed`. Deliberately absent: a wrong flag or value, which whoever typed it sees.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error
from proxy.app.notices.once import tell_now
from proxy.app.notices.pile import Notice
from proxy.app.sources import SettingsError, load_settings

_EVENT = "backup_failed"


@contextmanager
def telling_others(database: str) -> Iterator[None]:
    """Have people hear of a failure inside; it goes on as it was, whatever comes of telling."""
    try:
        yield
    except CommandError as error:
        if error.code is not ExitCode.USAGE:
            tell_of_failure(database, "; ".join(error.lines))
        raise
    except KeyboardInterrupt:
        tell_of_failure(database, "it was stopped before it was made")
        raise


def tell_of_failure(database: str, reason: str) -> None:
    """Tell those whom PGWARDEN_CONFIG names; without that variable nobody is to be told."""
    if not os.environ.get("PGWARDEN_CONFIG"):
        return
    try:
        loaded = load_settings({}, os.environ)
    except SettingsError as error:
        print_error(["pgwarden: nobody is told of it: the settings are wrong", *error.problems])
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"time": at, "database": database, "rules": [], "message": reason}
    asking = [target for target in loaded.notify if _EVENT in target.events]
    for target, result in tell_now(asking, Notice(_EVENT, "", lambda: fields)):
        if not result.sent:
            print_error([f"pgwarden: {target.name} could not be told of it: {result.told}"])
