"""The accounts, orders and certificates of the test authority."""

import json
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.server.acme_keys import Json, Problem, thumbprint_of

AUTHORITY = "authority.pem"
# What Python 3.13 requires of a chain (ssl.VERIFY_X509_STRICT, RFC 5280 section 4.2).
AUTHORITY_EXTENSIONS = (
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign",
    "subjectKeyIdentifier=hash",
)
SERVER_EXTENSIONS = (
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
)


@dataclass
class Order:
    """The hosts for which an account requests a certificate: a token for each, and whether its challenge was met."""

    thumbprint: str
    hosts: list[str]
    tokens: list[str] = field(default_factory=list)
    is_met: dict[int, bool] = field(default_factory=dict)
    chain: str = ""

    @property
    def status(self) -> str:
        if False in self.is_met.values():
            return "invalid"
        if self.chain:
            return "valid"
        return "ready" if len(self.is_met) == len(self.hosts) else "pending"


class Authority:
    """Keys, accounts and orders; certificates are made by openssl."""

    def __init__(self, folder: Path, days: int) -> None:
        self._folder = folder
        self._days = days
        self.nonces: set[str] = set()
        self.orders: list[Order] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._certificate, self._key = folder / AUTHORITY, folder / "authority.key"
        if not self._certificate.exists():
            usage: list[str | Path] = []
            for extension in AUTHORITY_EXTENSIONS:
                usage += ["-addext", extension]
            openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"),
                *("-subj", "/CN=Test authority", *usage, "-keyout", self._key, "-out", self._certificate),
            )

    def new_nonce(self) -> str:
        nonce = secrets.token_urlsafe(16)
        self.nonces.add(nonce)
        return nonce

    def spend_nonce(self, nonce: str) -> None:
        if nonce not in self.nonces:
            raise Problem(kind="badNonce", detail="the nonce was not issued, or was used before")
        self.nonces.remove(nonce)

    def add_account(self, key: Json) -> tuple[str, bool]:
        """Return the account of a key, and whether it is new."""
        thumbprint = thumbprint_of(key)
        path = self._folder / f"account-{thumbprint}.json"
        is_new = not path.exists()
        path.write_text(json.dumps(key), "ascii")
        return thumbprint, is_new

    def key_of(self, thumbprint: str) -> Json:
        path = self._folder / f"account-{thumbprint}.json"
        if not path.exists():
            raise Problem(kind="accountDoesNotExist", detail=thumbprint)
        key: Json = json.loads(path.read_text("ascii"))
        return key

    def issue(self, order: Order, request: bytes) -> None:
        """Make the certificate for the order's hosts; the names in the request do not count."""
        if order.status != "ready":
            raise Problem(kind="orderNotReady", detail=order.status)
        # Critical, because certbot's requests have no subject.
        names = ",".join(f"DNS:{host}" for host in order.hosts)
        extensions = self._folder / f"extensions-{secrets.token_hex(4)}"
        extensions.write_text("\n".join((f"subjectAltName=critical,{names}", *SERVER_EXTENSIONS)), "ascii")
        order.chain = openssl(
            *("x509", "-req", "-inform", "DER", "-in", "/dev/stdin", "-days", str(self._days)),
            *("-CA", self._certificate, "-CAkey", self._key, "-extfile", extensions),
            content=request,
        ) + self._certificate.read_text("ascii")


def openssl(*arguments: str | Path, content: bytes = b"") -> str:
    return subprocess.run(["openssl", *arguments], input=content, check=True, capture_output=True).stdout.decode()
