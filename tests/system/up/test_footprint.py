import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.up.fresh import short_folder
from tests.support.up.processes import status_of

IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*([\w.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """All modules that a service has loaded after its first upload."""
    with short_folder() as folder:
        stack = Stack(data_dir=folder)
        with stack.client:
            stack.cli("init")
            secret = stack.token
            environment = {**stack.environment, "AUTHSVC_DATA_DIR": str(folder), "PYTHONPROFILEIMPORTTIME": "1"}
            report = folder / "imports"
            with report.open("w") as errors:
                service = subprocess.Popen(
                    [sys.executable, "-m", "authsvc.service.main"], env=environment, stderr=errors
                )
                try:
                    wait_until((folder / "run" / "authsvc.sock").exists, "it listens")
                    curl = ["curl", "-sS", "--fail", "--unix-socket", os.fspath(folder / "run" / "authsvc.sock")]
                    upload = [*curl, "-H", f"token: {secret}", "-F", "file=@-", "http://service/api/v1/upimg"]
                    subprocess.run(upload, input=picture(), check=True, capture_output=True, timeout=60)
                finally:
                    service.terminate()
                    service.wait(60)
            return frozenset(IMPORTED.findall(report.read_text()))


@pytest.mark.parametrize("name", ["alembic", "rich", "jinja2", "pyvips", "authsvc.cli", "authsvc.nginx"])
def test_service_never_loads(imported: frozenset[str], name: str) -> None:
    assert "authsvc.service.app" in imported
    assert [module for module in imported if f"{module}.".startswith(f"{name}.")] == []


def test_memory_of_the_idle_service_is_measured(stack: Stack) -> None:
    status = status_of(stack.pid("service"))
    print(f"the service: {int(status['VmRSS'].split()[0]) / 1024:.1f} MB resident")
    assert Path(f"/proc/{stack.pid('service')}/maps").read_text().count("vips") == 0
