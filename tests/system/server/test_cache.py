"""The cache of the server tests, which parallel test runs and checkouts share."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.server.cache import borrowed, cache, cached, prune
from tests.support.server.debian import VARIABLE, debian_release


def test_unknown_debian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "buster")
    with pytest.raises(RuntimeError, match="TEST_DEBIAN=buster: the server tests know bookworm and trixie"):
        debian_release()


def test_interrupted_cache_folder_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def interrupted(folder: Path) -> NoReturn:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("thing", interrupted)
    made = cached("thing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert sorted(path.name for path in made.parent.iterdir()) == ["thing", "thing.lock"]


def test_prune_keeps_the_last_borrowed_and_what_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def names() -> list[str]:
        return sorted(path.name for path in cache().iterdir() if path.is_dir())

    for age, name in enumerate(("old", "older", "oldest")):
        with borrowed(f"thing-{name}", lambda folder: (folder / "whole").touch()) as made:
            pass
        os.utime(made, (1000 - age, 1000 - age))
    other = cached("other", lambda folder: (folder / "whole").touch())
    os.utime(other, (1, 1))
    (cache() / "thing-new.unfinished-99999999").mkdir()
    with borrowed("thing-oldest", Path.touch) as made:
        os.utime(made, (998, 998))
        prune("thing-", keep=1)
        assert names() == ["other", "thing-old", "thing-oldest"]
    prune("thing-", keep=1)
    assert names() == ["other", "thing-old"]


def test_parallel_callers_wait_for_the_one_that_fills_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []
    with ThreadPoolExecutor(8) as pool:
        found = {future.result() for future in [pool.submit(cached, "thing", made.append) for _ in range(8)]}
    assert len(found) == len(made) == 1
