"""What operators, upload clients and readers do with the server in a machine."""

import json
import secrets
from collections.abc import Mapping

from tests.support.pictures import picture
from tests.support.server.checkout import PLACE
from tests.support.server.machine import Machine
from tests.support.stack import wait_until

INSTALL_SECONDS = 300

HOST = "img.example.com"
UNITS = ("authsvc.socket", "authsvc.service", "authsvc-sites.path")


def upload(machine: Machine, host: str = HOST) -> str:
    """Upload a new picture with the token in /root/token, which must succeed; return the path of its URL."""
    file = f"/root/{secrets.token_hex(4)}.png"
    machine.path(file).write_bytes(picture("PNG"))
    answer = machine.shell(f'curl -fsS -H "token: $(cat /root/token)" -F file=@{file} http://{host}/api/v1/upimg')
    path: str = json.loads(answer)["data"]["path"]
    return path


def read(machine: Machine, path: str, site: str, host: str = HOST) -> str:
    """Read a picture as a visitor of `site` does; return the status."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]
    return machine.run(*command, "-H", f"Referer: https://{site}/post", f"http://{host}{path}").stdout


def assert_works(machine: Machine, host: str = HOST) -> str:
    """Check that all units are active, an upload succeeds, and only allowed sites get the picture; return its path."""
    states = machine.run("systemctl", "is-active", *UNITS, "nginx", check=False).stdout.split()
    assert states == ["active"] * (len(UNITS) + 1), machine.run("systemctl", "status", *UNITS, check=False).stdout
    path = upload(machine, host)
    assert read(machine, path, "blog.example.com", host) == "200"
    assert read(machine, path, "stranger.example.net", host) == "403"
    return path


def install(machine: Machine, *arguments: str, place: str = PLACE, env: Mapping[str, str] | None = None) -> str:
    """Run `make install` in a checkout in the machine, which must succeed; return its output."""
    done = machine.run("make", "install", *arguments, cwd=place, env=env, timeout=INSTALL_SECONDS)
    return done.stdout + done.stderr


def prepare(machine: Machine, command: str = "authsvc") -> None:
    """Put a token into /root/token and allow blog.example.com; return when nginx has the site."""
    machine.shell(f"{command} token add tests >/root/token; {command} site add blog.example.com")
    sites = machine.path("/etc/nginx/authsvc/authsvc-sites.conf")
    state = ("systemctl", "show", "authsvc-sites.service", "-P", "ActiveState")
    wait_until(
        lambda: "blog.example.com" in sites.read_text("utf-8") and machine.run(*state).stdout == "inactive\n",
        "the site is in nginx's map",
        seconds=60,
    )


def examine(machine: Machine, command: str = "authsvc") -> tuple[list[dict[str, str]], int]:
    """Return the doctor's findings and its exit status."""
    done = machine.run(command, "doctor", "--json", check=False)
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout), done.returncode


def findings(machine: Machine, command: str = "authsvc") -> dict[str, list[tuple[str, str | None]]]:
    """Return the doctor's findings: for each check its states and fixes."""
    checks: dict[str, list[tuple[str, str | None]]] = {}
    for finding in examine(machine, command)[0]:
        checks.setdefault(finding["check"], []).append((finding["state"], finding["fix"]))
    return checks
