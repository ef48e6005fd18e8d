"""Certificates made by openssl's command, and a server that presents one on the loopback."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CONFIGURATION = """\
[ca]
default_ca = own
[own]
database = issued
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
"""The extensions are those that Python 3.13 and later require (ssl.VERIFY_X509_STRICT, RFC 5280 section 4.2)."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


def make_authority(folder: Path) -> Pair:
    """Make the certificate of an authority in a new folder."""
    return _make(folder, begins_days=-2, ends_days=90.5, signer=None, extensions="authority")


def make_pair(
    folder: Path, *hosts: str, begins_days: float = -2, ends_days: float = 90.5, issuer: Pair | None = None
) -> Pair:
    """Make a certificate for `hosts` in a new folder, self-signed unless it has an issuer."""
    return _make(folder, *hosts, begins_days=begins_days, ends_days=ends_days, signer=issuer, extensions="server")


def _make(
    folder: Path, *hosts: str, begins_days: float, ends_days: float, signer: Pair | None, extensions: str
) -> Pair:
    folder.mkdir()
    (folder / "openssl.conf").write_text(_CONFIGURATION)
    (folder / "issued").touch()
    names = ["-addext", f"subjectAltName={','.join(f'DNS:{host}' for host in hosts)}"] if hosts else []
    _openssl(
        folder,
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "key.pem", "-out", "request.pem", "-subj", f"/CN={extensions}", *names),
    )
    signing = ["-cert", signer.certificate, "-keyfile", signer.key] if signer else ["-selfsign", "-keyfile", "key.pem"]
    _openssl(
        folder,
        *("ca", "-config", "openssl.conf", "-batch", "-notext", "-outdir", ".", *signing, "-extensions", extensions),
        *("-in", "request.pem", "-out", "certificate.pem"),
        *("-startdate", _asn1(begins_days), "-enddate", _asn1(ends_days)),
    )
    return Pair(folder / "certificate.pem", folder / "key.pem")


def make_pair_without_subject(folder: Path, host: str, *, issuer: Pair) -> Pair:
    """Make a certificate like those that certbot requests, with its issuer's, but its names are not critical.

    RFC 5280 section 4.2.1.6 requires that they are; browsers accept it.
    """
    folder.mkdir()
    _openssl(
        folder,
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "key.pem", "-out", "request.pem", "-subj", "/", "-addext", f"subjectAltName=DNS:{host}"),
    )
    _openssl(
        folder,
        *("x509", "-req", "-days", "90", "-CA", issuer.certificate, "-CAkey", issuer.key),
        *("-copy_extensions", "copy", "-in", "request.pem", "-out", "certificate.pem"),
    )
    with (folder / "certificate.pem").open("a") as chain:
        chain.write(issuer.certificate.read_text())
    return Pair(folder / "certificate.pem", folder / "key.pem")


@contextmanager
def presenting(pair: Pair) -> Iterator[int]:
    """Present a certificate on a free port of the loopback, which is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_shake_hands, args=(listener, context))
        server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(10)
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)


def _openssl(folder: Path, *arguments: str | Path) -> None:
    run = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def _asn1(days: float) -> str:
    """Return the time so many days from now as openssl reads it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")
