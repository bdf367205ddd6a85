"""One connection's brain, sans-IO: what arrives is judged, what goes on is said by commands.

Enters: bytes and events of one client and its server connection. Leaves: commands for the relay, events for
    whoever watches.
Absent: sockets, clocks, randomness (arguments of the Gate), and what a rule means (policy).
"""

from proxy.session.authentication.attempts import Attempts
from proxy.session.authentication.credentials import AuthType, Credential, Unavailable
from proxy.session.authentication.rules import Authentication
from proxy.session.cache import Outcome, Screening
from proxy.session.cancelkeys import CancelKeys, Identity
from proxy.session.commands import (
    Abandon,
    Analyse,
    AwaitCatalogue,
    Cancel,
    CancelAnother,
    Change,
    Close,
    Command,
    Connect,
    DeriveKey,
    FindCredential,
    Ponder,
    Record,
    Recorded,
    Report,
    StartTls,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.events import Ended, Event, Judged, LoginFailed, LongText, Opened, Origin, Passed
from proxy.session.expiry import Excess, Standing
from proxy.session.gate import Gate, Limits
from proxy.session.session import Peer, Phase, Session, UpstreamFailure
from proxy.session.tally import JUDGEMENT_BUCKETS, Tally
from proxy.session.tls import ALPN_PROTOCOL, ClientCertificate, ClientTls, TlsInfo
from proxy.session.weighing import Weighed

__all__ = [
    "ALPN_PROTOCOL",
    "JUDGEMENT_BUCKETS",
    "Abandon",
    "Analyse",
    "Attempts",
    "AuthType",
    "Authentication",
    "AwaitCatalogue",
    "Cancel",
    "CancelAnother",
    "CancelKeys",
    "Change",
    "ClientCertificate",
    "ClientTls",
    "Close",
    "Command",
    "Connect",
    "Credential",
    "DeriveKey",
    "Ended",
    "Event",
    "Excess",
    "FindCredential",
    "Gate",
    "Identity",
    "Judged",
    "Limits",
    "LoginFailed",
    "LongText",
    "Opened",
    "Origin",
    "Outcome",
    "Passed",
    "Peer",
    "Phase",
    "Ponder",
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
    "Unavailable",
    "Unrecorded",
    "UpstreamFailure",
    "Weighed",
]
