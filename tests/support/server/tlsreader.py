"""A reader over HTTPS, run inside a machine: python3 tlsreader.py PATH AUTHORITY.

Each read has a connection of its own, whose certificate is checked. It prints
`certificate SERIAL` for each new one. SIGTERM ends it, and so does a read that
gets no answer; then it prints how many reads had which result.
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
    """Return the status and the serial number of the certificate. Raises OSError, HTTPException."""
    connection = HTTPSConnection(HOST, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.connect()
        certificate = connection.sock.getpeercert() or {}
        connection.request("GET", path, headers=ALLOWED)
        answer = connection.getresponse()
        digest = hashlib.md5(answer.read(), usedforsecurity=False).hexdigest()
    finally:
        connection.close()
    is_whole = digest == PurePosixPath(path.replace("/", "")).stem
    return str(answer.status) if is_whole else f"{answer.status} with wrong bytes", str(certificate["serialNumber"])


def read_until(ended: threading.Event, path: str, context: ssl.SSLContext) -> Counter[str]:
    """Read again and again; return how many reads had which result, a failed one as the last."""
    answers: Counter[str] = Counter()
    seen = set()
    while not ended.wait(PAUSE_SECONDS):
        try:
            status, serial = read(path, context)
        except (OSError, HTTPException) as error:
            answers[repr(error)] += 1
            break
        answers[status] += 1
        if serial not in seen:
            print("certificate", serial, flush=True)
        seen.add(serial)
    return answers


def main(path: str, authority: str) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    context = ssl.create_default_context(cafile=authority)
    # The default from Python 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    print(json.dumps(read_until(ended, path, context)))


if __name__ == "__main__":
    main(*sys.argv[1:])
