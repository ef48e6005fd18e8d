"""How to get a certificate, and how to read the one that a server presents."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authsvc.settings import Settings

TIMEOUT_SECONDS: Final = 5.0

_CERTBOTS: Final = Path("/etc/letsencrypt")
_PLUG_IN_MARK: Final = "# managed by Certbot"
_USE_IT: Final = "authsvc nginx install --reload"

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME: read expired certificates, too.
_NO_CHECK_TIME: Final = 0x200000


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as a server presents it: DER bytes, end of validity in Unix seconds, and host names."""

    der: bytes
    expires: float
    hosts: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Return whether it is valid for `host` (RFC 6125: a `*` is one label)."""
        wildcard = f"*.{host.partition('.')[2]}"
        return host in self.hosts or wildcard in self.hosts


def how_to_get(settings: Settings, *, site: Path | None = None) -> str:
    """Return the commands that get a valid certificate for the paths in the settings.

    `site` is nginx's site file, which certbot's plug-in may have edited.
    """
    if is_own(settings):
        return f"cp YOUR-CHAIN.pem {settings.certificate} && cp YOUR-KEY.pem {settings.certificate_key} && {_USE_IT}"
    names = " ".join(f"-d {domain}" for domain in settings.domains)
    if settings.has_certificate and settings.certificate is not None:
        # With the name that the settings use, and without a question.
        names += f" --cert-name {settings.certificate.parent.name} --renew-with-new-domains"
    if site is not None and site.is_file() and _PLUG_IN_MARK in site.read_text():
        # The server on port 80 that the plug-in wrote answers only its own challenges.
        return f"certbot --nginx --redirect {names}"
    return f"certbot certonly --webroot -w {settings.acme_dir} {names} --deploy-hook '{_USE_IT}'"


def how_to_renew(settings: Settings) -> str:
    """Return the commands that renew the certificate."""
    return how_to_get(settings) if is_own(settings) else "certbot renew"


def is_certificate_missing(settings: Settings) -> bool:
    """Return whether the settings ask for HTTPS, but the certificate does not exist yet."""
    is_meant = settings.certificate is not None and settings.base_url.startswith("https://")
    return is_meant and not settings.has_certificate


def is_own(settings: Settings) -> bool:
    """Return whether the owner, and not certbot, manages the files."""
    return settings.certificate is not None and _CERTBOTS not in settings.certificate.parents


def presented_certificate(host: str, *, address: tuple[str, int]) -> Certificate:
    """Return the certificate that the server at `address` presents for `host`, without trusting it.

    Raises OSError, of which ssl.SSLError is one.
    """
    der = _handshake(ssl._create_unverified_context(), host, address)[0]  # noqa: S323, SLF001 — to read, not to trust
    # Python parses a certificate only if it was verified, so it is verified against itself.
    context = ssl.create_default_context(cadata=der)
    context.check_hostname = False
    # Python 3.13 sets it by default, and then refuses certificates that browsers accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME) | ssl.VERIFY_X509_PARTIAL_CHAIN
    der, fields = _handshake(context, host, address)
    names = [str(value) for kind, value in fields.get("subjectAltName", ()) if kind == "DNS"]
    return Certificate(der, ssl.cert_time_to_seconds(str(fields["notAfter"])), tuple(names))


def first_in_file(path: Path) -> bytes:
    """Return the DER bytes of a PEM file's first certificate. Raises OSError, ValueError."""
    text = path.read_text()
    end = text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(text[text.index(ssl.PEM_HEADER) : end])


def _handshake(context: ssl.SSLContext, host: str, address: tuple[str, int]) -> tuple[bytes, dict[str, Any]]:
    with (
        socket.create_connection(address, TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        return encrypted.getpeercert(binary_form=True) or b"", dict(encrypted.getpeercert() or {})
