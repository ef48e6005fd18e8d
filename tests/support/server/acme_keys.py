"""The keys of ACME accounts, and the signatures that they make."""

import base64
import hashlib
import json
from typing import Any

SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
"""The bytes before the digest in a signature (RFC 8017 section 9.2)."""
Json = dict[str, Any]


class Problem(Exception):
    """A refused request, with its error type of RFC 8555 section 6.7."""

    def __init__(self, *, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def thumbprint_of(key: Json) -> str:
    """Return the key's thumbprint (RFC 7638), which is also the name of its account."""
    members = {name: key[name] for name in ("e", "kty", "n")}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def verify(key: Json, text: bytes, signature: bytes) -> None:
    """Check an RS256 signature (RFC 8017 section 8.2.2)."""
    exponent, modulus = (int.from_bytes(decoded(key[name])) for name in ("e", "n"))
    length = (modulus.bit_length() + 7) // 8
    digest = SHA256_PREFIX + hashlib.sha256(text).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
    if pow(int.from_bytes(signature), exponent, modulus).to_bytes(length) != expected:
        raise Problem(kind="unauthorized", detail="the signature is wrong")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
