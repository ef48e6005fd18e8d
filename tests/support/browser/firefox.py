"""Debian's Firefox without a window, driven over WebDriver BiDi, with the interface of driver.py.

Playwright itself wants a Firefox that it has patched, or commands that an ESR
does not know; geckodriver is not in Debian.
"""

import base64
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.browser.bidi import BidiError, Session, connected
from tests.support.stack import wait_until

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0

PREFERENCES: Final[Mapping[str, bool | int | str]] = {
    # Requests to Mozilla that remote control does not switch off.
    "app.normandy.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.trr.mode": 5,
    # The proxy resolves all names, also those of this machine, and nothing bypasses it.
    "network.proxy.type": 1,
    "network.proxy.socks": "127.0.0.1",
    "network.proxy.socks5_remote_dns": True,
    "network.proxy.allow_hijacking_localhost": True,
    "network.proxy.failover_direct": False,
}
VIEWPORT: Final = {"width": 640, "height": 480}
"""A small window is drawn faster."""


class Page:
    """A tab."""

    def __init__(self, session: Session, context: str) -> None:
        self._session = session
        self._context = context

    def goto(self, url: str) -> None:
        """Open `url` and wait until everything on it is loaded. An error page raises BidiError."""
        self._session.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        """Load the page again, as its user would, and wait for it."""
        self._session.ask("browsingContext.reload", context=self._context, wait="complete")

    def go_back(self) -> None:
        """Show the page before this one, and wait until it is loaded."""
        self._move(-1)

    def go_forward(self) -> None:
        """Show the page after this one, and wait until it is loaded."""
        self._move(1)

    def evaluate(self, script: str, arg: object = None) -> Any:  # noqa: ANN401 — what the script says
        """Run an expression, or a function with `arg`; return its value as JSON has it, a promise's once it is kept.

        Raises BidiError if the script throws.
        """
        # Both as JSON, which is simpler than BiDi's own serialisation.
        function = (
            f"async () => {{ const it = ({script}); const argument = {json.dumps(arg)};"
            " const value = await (typeof it === 'function' ? it(argument) : it);"
            " return value === undefined ? 'null' : JSON.stringify(value); }"
        )
        answer = self._session.ask(
            "script.callFunction",
            functionDeclaration=function,
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def screenshot(self) -> bytes:
        """Return what is visible now, as a PNG."""
        return wait_until(self._capture, "a page to capture")

    def close(self) -> None:
        """Close the tab."""
        self._session.ask("browsingContext.close", context=self._context)

    def _capture(self) -> bytes:
        try:
            answer = self._session.ask("browsingContext.captureScreenshot", context=self._context)
        except BidiError as error:
            # The tab is between two pages.
            if "Unable to capture screenshot" not in str(error):
                raise
            return b""
        return base64.b64decode(answer["data"])

    def _move(self, steps: int) -> None:
        # Returns when the other entry is current, perhaps before its page is loaded.
        self._session.ask("browsingContext.traverseHistory", context=self._context, delta=steps)
        wait_until(lambda: self.evaluate("document.readyState") == "complete", "the page is loaded")


class Context:
    """A reader with its own cookies, caches, service workers and storage."""

    def __init__(self, session: Session, *, user_agent: str | None) -> None:
        self._session = session
        self._reader = session.ask("browser.createUserContext")["userContext"]
        self._tabs: set[str] = set()
        readers = [self._reader]
        session.ask("browsingContext.setViewport", viewport=VIEWPORT, devicePixelRatio=1, userContexts=readers)
        if user_agent is not None:
            session.ask("emulation.setUserAgentOverride", userAgent=user_agent, userContexts=readers)

    def new_page(self) -> Page:
        """Open an empty tab."""
        # In the foreground, where timers and paints are not delayed. A separate window takes three times as long.
        answer = self._session.ask("browsingContext.create", type="tab", userContext=self._reader)
        self._tabs.add(answer["context"])
        return Page(self._session, answer["context"])

    def opened_tab(self) -> Page:
        """Wait for the tab that a page opens, and return it."""
        (tab,) = wait_until(self._opened, "a page has opened a tab")
        return Page(self._session, tab)

    def close(self) -> None:
        """Close its tabs and delete their data."""
        self._session.ask("browser.removeUserContext", userContext=self._reader)

    def _opened(self) -> set[str]:
        tabs = self._session.ask("browsingContext.getTree", maxDepth=0)["contexts"]
        return {tab["context"] for tab in tabs if tab["userContext"] == self._reader} - self._tabs


class Firefox:
    """A running Firefox."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # For the session, not for each context, so that requests of service workers have it too.
        answer = session.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.version: str = answer["capabilities"]["browserVersion"]

    def new_context(self, *, user_agent: str | None = None) -> Context:
        """Return a new reader; with None it has Firefox's own User-Agent."""
        return Context(self._session, user_agent=user_agent)


@contextmanager
def launch(proxy_port: int) -> Iterator[Firefox]:
    """Run a Firefox with a new profile that resolves names through the SOCKS proxy and trusts every certificate.

    That does not change what it caches nor which service workers it installs.
    """
    with tempfile.TemporaryDirectory(prefix="asv-firefox-", dir="/tmp") as folder:
        profile = Path(folder)
        preferences = {**PREFERENCES, "network.proxy.socks_port": proxy_port}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (profile / "user.js").write_text("".join(lines))
        with _started(profile) as address, connected(address) as session:
            yield Firefox(session)
            session.ask("browser.close")


@contextmanager
def _started(profile: Path) -> Iterator[str]:
    with (profile / "output").open("wb") as output:
        process = subprocess.Popen(
            ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"],
            # Otherwise it also writes to the user's home folder.
            env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield wait_until(lambda: _read_address(profile, process), "Firefox listens", seconds=START_SECONDS)
        process.wait(STOP_SECONDS)
    finally:
        # Everything that is left after a failure, also its children: it has its own process session.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)


def _read_address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address where it listens, or "" before it listens."""
    assert process.poll() is None, (profile / "output").read_text(errors="replace")
    try:
        said = json.loads((profile / "WebDriverBiDiServer.json").read_text())
    except (FileNotFoundError, ValueError):
        return ""
    return f"ws://{said['ws_host']}:{said['ws_port']}/session"
