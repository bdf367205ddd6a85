"""What a login is bound to: `tls-server-end-point`, the hash of the server's certificate (RFC 5929, 4).

Enters: a certificate in DER. Leaves: its hash by the algorithm that it is signed with. Deliberately absent:
checking the certificate; TLS has done that.
"""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

BINDING_TYPE: Final = "tls-server-end-point"


@lru_cache(maxsize=64)
def end_point(certificate: bytes) -> bytes | None:
    """The hash that both sides of a TLS connection know.

    Returns: None where the certificate's signature names no hash (Ed25519), or cannot be read: RFC 5929 then
        defines no binding, and PostgreSQL has none.
    """
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in ("md5", "sha1") else algorithm.name
    if name not in hashlib.algorithms_available:
        return None
    return hashlib.new(name, certificate).digest()
