"""Certificates in a machine: by certbot from an authority of one's own, and made by hand."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import acme
from tests.server.checkout import PLACE
from tests.server.machine import Entered, Machine

FOLDER = "/root/acme"
AUTHORITY = f"{FOLDER}/{acme.AUTHORITY}"
UNATTENDED = ("--non-interactive", "--agree-tos", "--email", "owner@example.com", "--server", acme.DIRECTORY)
"""What stands in for a person at the terminal, and for Let's Encrypt."""
OWN_FOLDER = "/etc/ssl/img"
OWN = (f"{OWN_FOLDER}/fullchain.pem", f"{OWN_FOLDER}/key.pem")
OPENSSL_CA = """\
[ca]
default_ca = own
[own]
database = /root/issued
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


def start_authority(machine: Machine, *, days: int = acme.DAYS) -> Entered:
    """Start the authority; its certificates are good for so many days."""
    process = machine.start("python3", f"{PLACE}/tests/server/acme.py", FOLDER, str(days))
    assert process.stdout
    line = process.stdout.readline()
    assert line == "ready\n", line
    return process


def stop_authority(process: Entered) -> None:
    process.terminate()
    process.communicate(timeout=30)


def run_certbot(machine: Machine, command: str, *more: str) -> str:
    """Run a certbot command as it was printed, without questions; return its output."""
    return machine.shell(f"{command} {shlex.join([*UNATTENDED, *more])} 2>&1")


def certificate_findings(machine: Machine) -> tuple[dict[str, Any], int]:
    """Return what the doctor says of the certificate, and the doctor's exit status."""
    found, status = findings(machine)
    (about,) = [finding for finding in found if finding["check"] == "certificate"]
    return about, status


def findings(machine: Machine) -> tuple[list[dict[str, Any]], int]:
    """Return all that the doctor says, and its exit status."""
    done = machine.run("authsvc", "doctor", "--json", check=False)
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout), done.returncode


def complaints(machine: Machine) -> list[str]:
    """Return what the doctor finds wrong, but for the clock, which nobody keeps right in a machine."""
    return [f["text"] for f in findings(machine)[0] if f["state"] != "ok" and f["check"] != "clock"]


def make_certificate(machine: Machine, *hosts: str, begins_days: float = -1, ends_days: float = 90) -> None:
    """Make a self-signed certificate and its key, and put them in OWN, in place of former ones."""
    names = f"-addext subjectAltName={','.join(f'DNS:{host}' for host in hosts)}" if hosts else ""
    machine.path("/root/openssl-ca.conf").write_text(OPENSSL_CA, "ascii")
    machine.shell(
        f"""
        mkdir -p {OWN_FOLDER}; cd {OWN_FOLDER}; umask 077; touch /root/issued
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key -out new.csr \
            -subj /CN=img.example.com {names}
        openssl ca -config /root/openssl-ca.conf -batch -notext -outdir /root -selfsign -keyfile new.key \
            -in new.csr -startdate {asn1(begins_days)} -enddate {asn1(ends_days)} -out new.pem
        rm new.csr; mv new.key {OWN[1]}; chmod 644 new.pem; mv new.pem {OWN[0]}
        """
    )


def asn1(days: float) -> str:
    """Return the moment so many days from now as openssl takes it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def served_serial(machine: Machine, host: str = "img.example.com") -> str:
    """Return the serial number of the certificate that nginx serves now; "" where it speaks no HTTPS."""
    ask = f"openssl s_client -connect {host}:443 -servername {host} </dev/null 2>/dev/null"
    done = machine.run("sh", "-c", f"{ask} | openssl x509 -noout -serial", check=False)
    return done.stdout.strip().removeprefix("serial=")
