"""Several commands at once on one nginx run one after the other."""

import os
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from authsvc.cli.root import authsvc
from authsvc.errors import AuthsvcError
from authsvc.model import SiteList
from authsvc.nginx.lock import acquire
from tests.support.own_nginx import SITES, OwnNginx
from tests.support.stack import wait_until

ROUNDS = 25


def _repeat(word: str, main_file: Path, environment: Mapping[str, str], stop: Path) -> list[str]:
    """Run a command until the file `stop` appears; return what failed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        failed = []
        while not stop.exists():
            try:
                authsvc(["nginx", word, "--nginx-conf", str(main_file)], standalone_mode=False)
            except AuthsvcError as error:
                failed.append(f"{word}: {error.text}")
    return failed


def _revision(nginx: OwnNginx) -> int:
    text = (nginx.conf / "authsvc" / "authsvc-sites.conf").read_text()
    return int(text.partition('default "')[2].partition('"')[0])


def test_older_list_never_wins(nginx: OwnNginx) -> None:
    nginx.command("install")
    stop = nginx.folder / "stop"
    seen = [_revision(nginx)]
    pause = threading.Event()
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        working = [
            processes.submit(_repeat, word, nginx.main_file, nginx.environment, stop)
            for word in ("install", "apply-sites", "apply-sites")
        ]
        try:
            for number in range(SITES.revision, SITES.revision + ROUNDS):
                nginx.publish(SiteList(number, (*SITES.patterns, *(f"{n}.example" for n in range(number)))))
                while seen[-1] != number:
                    assert not [future for future in working if future.done()]
                    seen.append(_revision(nginx))
                    pause.wait(0.002)  # leaves the processor to the commands, each of which takes longer
        finally:
            stop.touch()
        assert [future.result() for future in working] == [[], [], []]
    assert seen == sorted(seen)
    assert _revision(nginx) == SITES.revision + ROUNDS - 1
    assert nginx.test() == ""


@pytest.mark.parametrize("word", ["install", "uninstall", "apply-sites"])
def test_command_waits_for_an_installation_in_progress(nginx: OwnNginx, word: str) -> None:
    nginx.command("install")
    environment = {**os.environ, **nginx.environment}
    with ExitStack() as ended:
        # As it is while another command holds the lock.
        with acquire(nginx.main_file):
            half = nginx.put("conf.d/zz-authsvc.conf", "include authsvc/not-yet-written.conf;")
            command = subprocess.Popen(nginx.command_line(word), env=environment, stdout=subprocess.DEVNULL)
            ended.enter_context(command)
            ended.callback(command.kill)
            wait_until(lambda: command.poll() is not None or _waits(command.pid), "it waits")
            half.unlink()
            assert command.poll() is None, "it has not waited"
        assert command.wait(60) == 0
    assert nginx.test() == ""


def _waits(pid: int) -> bool:
    """Whether a process waits for the lock: proc(5), /proc/locks."""
    return any(
        line.split()[1] == "->" and str(pid) in line.split() for line in Path("/proc/locks").read_text().splitlines()
    )
