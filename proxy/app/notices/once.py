"""One notice, told now by a command that ends behind it.

Enters: targets and a notice. Leaves: what came of it at each. Deliberately absent: trying again, and
gathering several (courier.py): a command ends, and what started it sees its exit code.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

from proxy.app.notices.bodies import message
from proxy.app.notices.delivery import Result, deliver
from proxy.app.notices.pile import Bundle, Notice
from proxy.app.notices.targets import Target


def tell_now(targets: Iterable[Target], notice: Notice) -> list[tuple[Target, Result]]:
    """Send it to each, whatever events they ask for; all at once, so it takes as long as one attempt."""
    asked = tuple(targets)
    now, gate = datetime.now(UTC), socket.gethostname()
    bundle = Bundle()
    bundle.add(notice)

    def tell(target: Target) -> Result:
        return deliver(target, message(bundle, f"msg_{uuid4().hex}", now, gate), now)

    if not asked:
        return []
    with ThreadPoolExecutor(len(asked)) as threads:
        return list(zip(asked, threads.map(tell, asked), strict=True))
