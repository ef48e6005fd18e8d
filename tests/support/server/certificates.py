"""Certificates in a machine: from certbot and a test authority, and made by hand."""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.server import acme, acme_authority, acme_keys
from tests.support.server.acme_authority import AUTHORITY as AUTHORITY_FILE
from tests.support.server.checkout import PLACE
from tests.support.server.entered import Entered
from tests.support.server.machine import Machine
from tests.support.server.visits import examine
from tests.support.tls import make_pair

FOLDER = "/root/acme"
AUTHORITY = f"{FOLDER}/{AUTHORITY_FILE}"
TEST_AUTHORITY = (sys.modules[__name__], acme, acme_authority, acme_keys)
"""The code on which certificates of the test authority depend."""
UNATTENDED = ("--non-interactive", "--agree-tos", "--email", "owner@example.com", "--server", acme.DIRECTORY)
"""Instead of the person at the terminal, and of Let's Encrypt."""
OWN_FOLDER = "/etc/ssl/img"
OWN = (f"{OWN_FOLDER}/fullchain.pem", f"{OWN_FOLDER}/key.pem")


def start_authority(machine: Machine, *, days: int = acme.DAYS) -> Entered:
    """Start the authority; its certificates are valid for that many days."""
    # -B: a compiled file would be a change in the checkout.
    process = machine.start("python3", "-B", "-m", acme.__name__, FOLDER, str(days), cwd=PLACE)
    assert process.stdout
    line = process.stdout.readline()
    assert line == "ready\n", line
    return process


def stop_authority(process: Entered) -> None:
    process.terminate()
    process.communicate(timeout=30)


def run_certbot(machine: Machine, command: str, *more: str) -> str:
    """Run a certbot command as it was printed, without its questions; return its output."""
    return machine.shell(f"{command} {shlex.join([*UNATTENDED, *more])} 2>&1")


def certificate_findings(machine: Machine) -> tuple[dict[str, str], int]:
    """Return the doctor's finding about the certificate, and the doctor's exit status."""
    found, status = examine(machine)
    (about,) = [finding for finding in found if finding["check"] == "certificate"]
    return about, status


def complaints(machine: Machine) -> list[str]:
    """Return what the doctor finds wrong, except the clock, which no time server sets in a machine."""
    return [f["text"] for f in examine(machine)[0] if f["state"] != "ok" and f["check"] != "clock"]


def make_certificate(machine: Machine, *hosts: str, begins_days: float = -1, ends_days: float = 90) -> None:
    """Make a self-signed certificate and its key, and put them at OWN; older ones are replaced."""
    with tempfile.TemporaryDirectory() as folder:
        pair = make_pair(Path(folder, "pair"), *hosts, begins_days=begins_days, ends_days=ends_days)
        machine.path(OWN_FOLDER).mkdir(exist_ok=True)
        for made, own, mode in ((pair.key, OWN[1], 0o600), (pair.certificate, OWN[0], 0o644)):
            # A new file, because nginx may be reading the old one.
            fresh = machine.path(f"{own}.new")
            shutil.copyfile(made, fresh)
            fresh.chmod(mode)
            fresh.replace(machine.path(own))


def served_serial(machine: Machine, host: str = "img.example.com") -> str:
    """Return the serial number of the certificate that nginx serves now; "" if it does not serve HTTPS."""
    ask = f"openssl s_client -connect {host}:443 -servername {host} </dev/null 2>/dev/null"
    done = machine.run("sh", "-c", f"{ask} | openssl x509 -noout -serial", check=False)
    return done.stdout.strip().removeprefix("serial=")
