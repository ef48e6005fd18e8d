"""Requests to a machine's nginx with curl, as a browser sends them."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.support.pictures import picture
from tests.support.server.machine import Machine

ALLOWED = "https://blog.example.com/post"
STRANGER = "https://thief.example.net/"


@dataclass(frozen=True)
class Answer:
    """The last response to a request; header names are in lower case."""

    status: int
    version: str
    headers: dict[str, str]
    body: bytes


def curl(machine: Machine, url: str, *options: str, cacert: str = "", data: bytes | None = None) -> Answer:
    """Send one request; `data` becomes the file /tmp/sent for the options. A failed connection is an AssertionError."""
    machine.path("/tmp/received").unlink(missing_ok=True)
    if data is not None:
        machine.path("/tmp/sent").write_bytes(data)
    trust = ("--cacert", cacert) if cacert else ()
    output = ("-sS", "-D", "-", "-o", "/tmp/received", "-w", "%{http_version}")
    *_, head, version = machine.run("curl", *output, *trust, *options, url).stdout.split("\n\n")
    lines = re.findall(r"^([^\s:]+): *(.*)$", head, re.MULTILINE)
    received = machine.path("/tmp/received")
    return Answer(
        status=int(head.split()[1]),
        version=version,
        headers={name.lower(): value for name, value in lines},
        body=received.read_bytes() if received.exists() else b"",
    )


def upload(machine: Machine, base: str, *options: str, cacert: str = "") -> str:
    """Upload a new picture, which must succeed; return the URL in the response."""
    token = machine.path("/root/token").read_text("ascii").strip()
    form = ("-F", "file=@/tmp/sent;filename=a.png", "-H", f"token: {token}")
    answer = curl(machine, f"{base}/api/v1/upimg", *form, *options, cacert=cacert, data=picture())
    assert answer.status == 200, answer
    url: str = json.loads(answer.body)["data"]["url"]
    return url


def read(machine: Machine, url: str, referer: str, *options: str, cacert: str = "") -> tuple[int, bool]:
    """Read a picture as a page does; return the status, and whether the bytes have the digest in the URL."""
    answer = curl(machine, url, "-e", referer, *options, cacert=cacert)
    *_, shard, name = PurePosixPath(url).parts
    digest = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
    return answer.status, digest == (shard + name).partition(".")[0]
