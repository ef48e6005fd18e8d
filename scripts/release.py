"""Build a release, try it in a clean environment, and tag it.

Usage: release.py [--dry-run]

The wheel and the sdist are built from the files that git knows, into dist/.
nginx's templates are outside the package, so they are added to both as data
files, which pip installs into `share/authsvc/nginx` of the environment. The
wheel is built from the sdist: this shows that the sdist is complete.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
START_SECONDS: Final = 60.0

_DATA_FILES: Final = '\n[tool.flit.external-data]\ndirectory = "data"\n'
_BUILD: Final = "import sys; from flit_core import buildapi; print(getattr(buildapi, sys.argv[1])(sys.argv[2]))"


def main(arguments: Sequence[str]) -> int:
    """Release the checkout; return an exit status."""
    version = version_of(CHECKOUT)
    if reason := why_not(CHECKOUT, version):
        print(f"release: {reason}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        wheel, sdist = build(CHECKOUT, Path(folder, "built"))
        print("installing the locked packages and the wheel in a clean environment")
        environment = Path(folder, "environment")
        _install(environment, wheel)
        try_out(environment, version, Path(folder, "data"))
        dist = CHECKOUT / "dist"
        dist.mkdir(exist_ok=True)
        for file in (wheel, sdist):
            shutil.copy2(file, dist)
            print(f"built dist/{file.name}")
    if "--dry-run" in arguments:
        print(f"dry run: v{version} is not tagged")
    else:
        _git(CHECKOUT, "tag", "--annotate", f"v{version}", "--message", f"authsvc {version}")
        print(f"tagged v{version}; publish it: git push origin v{version}")
    return 0


def version_of(checkout: Path) -> str:
    """Return the version that the package names."""
    found = re.search(r'^__version__ = "(.+)"$', (checkout / "authsvc" / "__init__.py").read_text(), re.MULTILINE)
    assert found, "authsvc/__init__.py names no version"  # noqa: S101 — a mistake in the checkout
    return found[1]


def why_not(checkout: Path, version: str) -> str | None:
    """Return why this checkout cannot be released; None if it can."""
    if changed := _git(checkout, "status", "--porcelain"):
        return f"there are uncommitted changes; commit or remove them:\n{changed}"
    if _git(checkout, "tag", "--list", f"v{version}"):
        return f"the tag v{version} exists; raise __version__ in authsvc/__init__.py"
    changelog = checkout / "CHANGELOG.md"
    if not changelog.is_file() or not re.search(rf"(?m)^## \[{re.escape(version)}\]", changelog.read_text()):
        return f"CHANGELOG.md has no section `## [{version}]`; move the lines below `## [Unreleased]` to it"
    return None


def build(checkout: Path, out: Path) -> tuple[Path, Path]:
    """Build the wheel and the sdist from what git knows of the checkout into `out`; return both files."""
    out.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder, "stage")
        for name in _git(checkout, "ls-files", "-z").split("\0"):
            if name and (checkout / name).is_file():
                target = stage / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, target)
        shutil.copytree(stage / "nginx", stage / "data" / "share" / "authsvc" / "nginx")
        with (stage / "pyproject.toml").open("a") as project:
            project.write(_DATA_FILES)
        sdist = Path(out, _run(sys.executable, "-c", _BUILD, "build_sdist", str(out), folder=stage))
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder, sdist.name.removesuffix(".tar.gz"))
        wheel = Path(out, _run(sys.executable, "-c", _BUILD, "build_wheel", str(out), folder=unpacked))
    return wheel, sdist


def _install(environment: Path, wheel: Path) -> None:
    """Install the locked packages and the wheel in a new environment, as the Makefile does."""
    _run(sys.executable, "-m", "venv", str(environment))
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
    for lock in ("build", "run"):
        _run(*pip, "--require-hashes", "--no-build-isolation", "-r", str(CHECKOUT / "requirements" / f"{lock}.txt"))
    _run(*pip, "--no-deps", "--no-index", str(wheel))


def try_out(environment: Path, version: str, data_dir: Path) -> None:
    """Run the commands of an installed wheel; where nginx is installed, start everything and stop it again."""
    authsvc = (str(environment / "bin" / "authsvc"), "--data-dir", str(data_dir))
    shown = _run(authsvc[0], "--version")
    assert shown == f"authsvc {version}", shown  # noqa: S101 — the check itself
    _run(*authsvc, "init")
    _run(*authsvc, "check-config")
    print(f"{shown}: init and check-config work")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    if shutil.which("nginx", path=path) is None:
        print("nginx is not installed, so the start was not tried")
        return
    _start_and_stop(authsvc, data_dir)
    print("up: service and nginx start, accept a picture, serve it and stop")


def _start_and_stop(authsvc: Sequence[str], data_dir: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command, environment = [*authsvc, "up", "--port", port], _clean_environment()
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=both, text=True) as process:
        # Ends the reading below when nothing is printed.
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            token = _first_token(process)
            _upload_and_read(f"http://127.0.0.1:{port}", token, (data_dir / "welcome.png").read_bytes())
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, "authsvc up did not end with status 0"  # noqa: S101 — the check itself
        finally:
            watchdog.cancel()
            process.kill()


def _first_token(process: subprocess.Popen[str]) -> str:
    """Return the token that `authsvc up` shows when service and nginx answer."""
    assert process.stdout is not None  # noqa: S101 — it is a pipe
    token, output = "", []
    for line in process.stdout:
        output.append(line)
        token = line.strip() if line.startswith("  asv_") else token
        if line.startswith("  curl "):
            return token
    message = f"authsvc up does not start:\n{''.join(output)}"
    raise AssertionError(message)


def _upload_and_read(base: str, token: str, picture: bytes) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    headers = {"token": token, "Content-Type": "multipart/form-data; boundary=x"}
    body = head.encode() + picture + b"\r\n--x--\r\n"
    request = urllib.request.Request(f"{base}/api/v1/upimg", body, headers)  # noqa: S310 — the address is ours
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        path = json.load(answer)["data"]["path"]
    with urllib.request.urlopen(f"{base}{path}", timeout=30) as answer:  # noqa: S310
        assert answer.read() == picture, f"{path} is not the picture that was uploaded"  # noqa: S101 — the check itself


def _git(checkout: Path, *arguments: str) -> str:
    return _run("git", *arguments, folder=checkout)


def _run(*command: str, folder: Path | None = None) -> str:
    """Run a command that must succeed; return its output."""
    done = subprocess.run(command, cwd=folder, env=_clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"release: {' '.join(command)}\n{done.stdout}{done.stderr}", file=sys.stderr)
        raise SystemExit(1)
    return done.stdout.strip()


def _clean_environment() -> dict[str, str]:
    """Return the environment without settings of authsvc and folders of Python modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AUTHSVC_", "PYTHON"))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
