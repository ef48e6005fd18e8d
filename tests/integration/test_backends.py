import stat
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.backends import open_backends, prepare_data_dir
from authsvc.errors import Broken
from authsvc.store.filesystem import FilesystemStore
from tests.support.pictures import picture
from tests.support.workplace import Workplace, settings_in


def test_new_data_folder_is_complete_and_reported_as_new(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    assert prepare_data_dir(settings) is True
    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (settings.data_dir, *settings.data_dir.iterdir())
    }
    assert modes == {
        "data": 0o2750,
        "data/acme": 0o2750,
        "data/blobs": 0o2750,
        "data/catalog": 0o700,
        "data/derivatives": 0o2750,
        "data/log": 0o700,
        "data/nginx": 0o2750,
        "data/run": 0o2750,
        "data/tmp": 0o2700,
        "data/trash": 0o700,
    }
    assert len(list(settings.blobs_dir.iterdir())) == 256
    backends = open_backends(settings)
    assert isinstance(backends.store, FilesystemStore)
    assert backends.catalog.access.read().tokens == ()
    backends.catalog.close()


def test_existing_data_folder_is_not_changed(place: Workplace) -> None:
    image = place.keep(content := picture())
    place.settings.run_dir.chmod(0o755)
    assert prepare_data_dir(place.settings) is False
    assert stat.S_IMODE(place.settings.run_dir.stat().st_mode) == 0o755
    assert place.row_of(content) == image
    assert place.blobs_of(content) == [image.key]


@pytest.mark.needs_root
def test_other_folder_is_not_opened_and_not_changed(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="authsvc init"):
        open_backends(settings_in(tmp_path / "elsewhere"))
    assert list(tmp_path.iterdir()) == []


def test_file_in_place_of_the_folder_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Broken, match=r"data.*choose another --data-dir"):
        prepare_data_dir(settings_in(tmp_path / "data"))


@pytest.mark.needs_root
def test_unwritable_folder_is_reported_in_one_sentence(open_path: Path) -> None:
    closed = open_path / "closed"
    closed.mkdir(mode=0o555)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from authsvc.backends import prepare_data_dir; from authsvc.errors import Broken\n"
        "from tests.support.workplace import settings_in\n"
        "settings = settings_in(Path(sys.argv[1]))\n"
        "os.setgroups([]); os.setegid(65534); os.seteuid(65534)\n"
        "try: prepare_data_dir(settings)\n"
        "except Broken as error: print(error.text)\n"
        "os.seteuid(0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(closed / "data")], capture_output=True, text=True, check=False, timeout=60
    )
    assert f"{closed}/data: Permission denied; choose another --data-dir" in run.stdout, run.stderr
    assert "user 65534" in run.stdout
