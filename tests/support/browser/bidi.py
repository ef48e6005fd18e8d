"""WebDriver BiDi, the W3C protocol of current browsers over a WebSocket: commands and their answers."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

ANSWER_SECONDS: Final = 60.0


class BidiError(Exception):
    """The browser refused a command, or a script of the page raised an error."""


class Session:
    """One session with a browser. Only one command runs at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 — JSON of any form
        """Send a command and return the result.

        Raises BidiError if the browser refuses it, TimeoutError if it does not
        answer within 60 s.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = time.monotonic() + ANSWER_SECONDS
        # Other messages are events without a subscription, or late answers.
        while (answer := json.loads(self._socket.recv(deadline - time.monotonic()))).get("id") != number:
            pass
        if answer["type"] == "error":
            message = f"{method}: {answer['error']}: {answer['message']}"
            raise BidiError(message)
        result: dict[str, Any] = answer["result"]
        return result


@contextmanager
def connected(address: str) -> Iterator[Session]:
    """Open a session, which ends with the block. `address` ends in `/session`."""
    # A screenshot may be larger than the default limit of 1 MB, and the loopback needs no proxy.
    with connect(address, max_size=None, proxy=None, open_timeout=ANSWER_SECONDS) as socket:
        yield Session(socket)
