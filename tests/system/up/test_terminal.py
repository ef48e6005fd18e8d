import os
import pty
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from tests.support.stack import AUTHSVC, START_SECONDS, wait_until
from tests.support.up.fresh import FreshStack
from tests.support.up.processes import assert_gone, children, descendants


class Terminal:
    """`authsvc up` as the foreground job of a terminal of its own."""

    def __init__(self, stack: FreshStack) -> None:
        self._keyboard, screen = pty.openpty()
        command = ["setsid", "--ctty", AUTHSVC, "--data-dir", str(stack.data_dir), "up", "--port", str(stack.port)]
        self.process = subprocess.Popen(command, stdin=screen, stdout=screen, stderr=screen, env=stack.environment)
        os.close(screen)
        self._shown = b""

    @classmethod
    @contextmanager
    def with_stack(cls) -> Iterator[Self]:
        """Start a stack in a terminal; end it in any case."""
        stack = FreshStack()
        with stack.client, stack.folder():
            terminal = cls(stack)
            try:
                wait_until(lambda: "upload a picture:" in terminal.shown(), "it is ready", seconds=START_SECONDS)
                yield terminal
            finally:
                terminal.close()
                terminal.process.terminate()
                terminal.process.wait(60)

    def shown(self) -> str:
        """Return everything that is on the screen now."""
        while self._keyboard >= 0 and select.select([self._keyboard], [], [], 0)[0]:
            with suppress(OSError):  # EIO: no process has it open any more
                if piece := os.read(self._keyboard, 4096):
                    self._shown += piece
                    continue
            break
        return self._shown.decode()

    def press(self, keys: bytes) -> None:
        """Type on the keyboard."""
        os.write(self._keyboard, keys)

    def close(self) -> None:
        """Take the terminal away, as closing its window does."""
        keyboard, self._keyboard = self._keyboard, -1
        if keyboard >= 0:
            os.close(keyboard)


def test_ctrl_c_in_a_terminal_ends_everything() -> None:
    with Terminal.with_stack() as terminal:
        family = descendants(terminal.process.pid)
        assert len(children(terminal.process.pid)) == 2
        terminal.press(b"\x03")
        assert_gone(family)
        assert terminal.process.wait(60) == 0
        assert "Traceback" not in terminal.shown()


def test_closed_terminal_ends_everything() -> None:
    with Terminal.with_stack() as terminal:
        family = descendants(terminal.process.pid)
        terminal.close()
        assert_gone(family)
