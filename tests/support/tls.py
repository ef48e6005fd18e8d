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
"""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


def make_pair(
    folder: Path, *hosts: str, begins_days: float = -2, ends_days: float = 90.5, issuer: Pair | None = None
) -> Pair:
    """Make a certificate for `hosts` in a new folder, self-signed unless it has an issuer."""
    folder.mkdir()
    (folder / "openssl.conf").write_text(_CONFIGURATION)
    (folder / "issued").touch()
    names = ["-addext", f"subjectAltName={','.join(f'DNS:{host}' for host in hosts)}"] if hosts else []
    _openssl(
        folder,
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=tests", *names),
    )
    signer = ["-cert", issuer.certificate, "-keyfile", issuer.key] if issuer else ["-selfsign", "-keyfile", "key.pem"]
    _openssl(
        folder,
        *("ca", "-config", "openssl.conf", "-batch", "-notext", "-outdir", ".", *signer),
        *("-in", "request.pem", "-out", "certificate.pem"),
        *("-startdate", _asn1(begins_days), "-enddate", _asn1(ends_days)),
    )
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
    """Return the moment so many days from now as openssl takes it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")
