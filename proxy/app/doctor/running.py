"""A running gate, asked at its admin address; no HTTP client worth the name, for the answer is a line."""

from __future__ import annotations

import http.client
from typing import Final

from proxy.app.doctor.finding import Finding, critical, fine, warning
from proxy.app.kinds import Address

_TIMEOUT_S: Final = 3.0
_MAX_ANSWER: Final = 4096
_ANYWHERE: Final = {"*": "127.0.0.1", "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, turned into where to ask


class NoAnswer(Exception):
    """Nobody answers; the message is the reason, in a few words."""


def ask_gate(address: Address, page: str) -> tuple[int, str]:
    """The status and the text of one of its pages.

    Raises: NoAnswer.
    """
    host = _ANYWHERE.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
    finally:
        connection.close()


def examine_running(address: Address) -> Finding:
    """Whether it can take clients."""
    try:
        status, text = ask_gate(address, "/readyz")
    except NoAnswer as error:
        return warning("gate", f"no gate answers at {address}: {error}", "start it: pgwarden serve")
    if status != http.client.OK:
        reason = "; ".join(text.splitlines()) or f"it answered {status}"
        return critical("gate", f"the gate at {address} cannot take clients: {reason}", "mend what it names")
    return fine("gate", f"the gate at {address} takes clients")
