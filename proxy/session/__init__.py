"""One connection's brain, sans-IO: what arrives is judged, what goes on is said by commands.

Enters: bytes and events of one client and its server connection. Leaves: commands for the relay, events for
    whoever watches.
Absent: sockets, clocks, randomness (arguments of the Gate), and what a rule means (policy).
"""

from proxy.session.authentication.attempts import Attempts
from proxy.session.authentication.credentials import AuthType, Credential, Unavailable
from proxy.session.authentication.rules import SERVER_REFUSALS, Authentication
from proxy.session.brain import Brain
from proxy.session.cache import Found, Outcome, Screening, understood_aside
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
    GivenUp,
    Hold,
    Ponder,
    Record,
    Recorded,
    Released,
    Report,
    StartTls,
    ToClient,
    ToServer,
    Unrecorded,
    Use,
)
from proxy.session.elsewhere import ALONE, Elsewhere
from proxy.session.events import (
    Activity,
    Concluded,
    Ended,
    Event,
    Judged,
    Lifted,
    LoginFailed,
    LongText,
    Opened,
    Origin,
    Passed,
    RefusedText,
)
from proxy.session.expiry import Excess, Standing
from proxy.session.gate import Gate, Limits
from proxy.session.keeping import RefusedTexts
from proxy.session.letting import Things, let_go_by
from proxy.session.peer import Peer, Phase, UpstreamFailure
from proxy.session.session import Session
from proxy.session.tally import JUDGEMENT_BUCKETS, Count, Tally
from proxy.session.tls import ALPN_PROTOCOL, ClientCertificate, ClientTls, TlsInfo
from proxy.session.weighing import Weighed

__all__ = [
    "ALONE",
    "ALPN_PROTOCOL",
    "JUDGEMENT_BUCKETS",
    "SERVER_REFUSALS",
    "Abandon",
    "Activity",
    "Analyse",
    "Attempts",
    "AuthType",
    "Authentication",
    "AwaitCatalogue",
    "Brain",
    "Cancel",
    "CancelAnother",
    "CancelKeys",
    "Change",
    "ClientCertificate",
    "ClientTls",
    "Close",
    "Command",
    "Concluded",
    "Connect",
    "Count",
    "Credential",
    "DeriveKey",
    "Elsewhere",
    "Ended",
    "Event",
    "Excess",
    "FindCredential",
    "Found",
    "Gate",
    "GivenUp",
    "Hold",
    "Identity",
    "Judged",
    "Lifted",
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
    "RefusedText",
    "RefusedTexts",
    "Released",
    "Report",
    "Screening",
    "Session",
    "Standing",
    "StartTls",
    "Tally",
    "Things",
    "TlsInfo",
    "ToClient",
    "ToServer",
    "Unavailable",
    "Unrecorded",
    "UpstreamFailure",
    "Use",
    "Weighed",
    "let_go_by",
    "understood_aside",
]
