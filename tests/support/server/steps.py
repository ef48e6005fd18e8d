"""The programs of this computer that build and mount what machines boot from."""

import os
import subprocess
from pathlib import Path

STEP_SECONDS = 900


def run_step(*command: str | Path) -> str:
    """Run a program, which must succeed, and return its output.

    Raises:
        RuntimeError: It failed; the message has the end of its output.
    """
    environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(word) for word in command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        timeout=STEP_SECONDS,
        check=False,
    )
    if done.returncode:
        message = f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout[-4000:]}"
        raise RuntimeError(message)
    return done.stdout
