"""One connection's brain, sans-IO: what arrives is judged, what goes on is said by commands.

Enters: bytes and events of one client and its server connection. Leaves: commands for the relay, events for
    whoever watches.
Absent: sockets, clocks, randomness (arguments of the Gate), and what a rule means (policy).
"""

from proxy.session.cache import Outcome, Screening
from proxy.session.commands import (
    Analyse,
    AwaitCatalogue,
    Cancel,
    Change,
    Close,
    Command,
    Connect,
    Record,
    Recorded,
    Report,
    StartTls,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.events import Ended, Event, Judged, LongText, Opened, Origin, Passed
from proxy.session.expiry import Excess, Standing
from proxy.session.gate import Gate, Limits
from proxy.session.session import Peer, Phase, Session, UpstreamFailure
from proxy.session.tally import JUDGEMENT_BUCKETS, Tally
from proxy.session.tls import ALPN_PROTOCOL, ClientCertificate, ClientTls, TlsInfo

__all__ = [
    "ALPN_PROTOCOL",
    "JUDGEMENT_BUCKETS",
    "Analyse",
    "AwaitCatalogue",
    "Cancel",
    "Change",
    "ClientCertificate",
    "ClientTls",
    "Close",
    "Command",
    "Connect",
    "Ended",
    "Event",
    "Excess",
    "Gate",
    "Judged",
    "Limits",
    "LongText",
    "Opened",
    "Origin",
    "Outcome",
    "Passed",
    "Peer",
    "Phase",
    "Record",
    "Recorded",
    "Report",
    "Screening",
    "Session",
    "Standing",
    "StartTls",
    "Tally",
    "TlsInfo",
    "ToClient",
    "ToServer",
    "Unrecorded",
    "UpstreamFailure",
]
