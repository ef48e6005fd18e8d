"""A reader over HTTPS, run inside a machine: python3 tlsreader.py PATH AUTHORITY.

Each read has a connection of its own, whose certificate is checked. It says
`certificate SERIAL` whenever it meets a new one; SIGTERM ends it, and it prints
how often came which status.
"""

import hashlib
import json
import signal
import ssl
import sys
import threading
from collections import Counter
from http.client import HTTPException, HTTPSConnection
from pathlib import PurePosixPath

HOST = "img.example.com"
ALLOWED = {"Referer": "https://blog.example.com/post", "Connection": "close"}
TIMEOUT_SECONDS = 60.0
PAUSE_SECONDS = 0.01


def read(path: str, context: ssl.SSLContext) -> tuple[str, str]:
    """Return the status, or what went wrong, and the serial number of the certificate."""
    connection = HTTPSConnection(HOST, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.connect()
        certificate = connection.sock.getpeercert() or {}
        connection.request("GET", path, headers=ALLOWED)
        answer = connection.getresponse()
        digest = hashlib.md5(answer.read(), usedforsecurity=False).hexdigest()
    except (OSError, HTTPException) as error:
        return repr(error), ""
    finally:
        connection.close()
    is_whole = digest == PurePosixPath(path.replace("/", "")).stem
    return str(answer.status) if is_whole else f"{answer.status} with wrong bytes", str(certificate["serialNumber"])


def main(path: str, authority: str) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    context = ssl.create_default_context(cafile=authority)
    answers: Counter[str] = Counter()
    seen = {""}
    while not ended.wait(PAUSE_SECONDS):
        status, serial = read(path, context)
        answers[status] += 1
        if serial not in seen:
            print("certificate", serial, flush=True)
        seen.add(serial)
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
