"""Check the units: their exposure, systemd's own checks, and a comment above each directive."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "systemd"
UNITS = ("authsvc.service", "authsvc.socket", "authsvc-sites.path", "authsvc-sites.service")
NETWORK = "network.conf"

# The highest exposure that `systemd-analyze security` may report, in tenths as for --threshold, from a
# version of systemd on: 252 is in Debian 12, and 257, which weighs some directives less, in Debian 13.
EXPOSURES = {"authsvc.service": {0: 5}, "authsvc-sites.service": {0: 32, 257: 31}}
NETWORK_EXPOSURE = 11

SELF_EXPLANATORY = ("Description", "Documentation")


def uncommented(unit: Path) -> list[str]:
    """Return the directives without a comment right above them, or above the same directive before."""
    missing = []
    explained = ""
    is_explained = False
    for line in unit.read_text("utf-8").splitlines():
        name, is_directive, _ = line.partition("=")
        if line.startswith("#"):
            is_explained = True
        elif is_directive and (is_explained or name == explained):
            explained, is_explained = name, False
        elif is_directive and name not in SELF_EXPLANATORY:
            missing.append(f"{unit.name}: no comment above {line}")
        else:
            is_explained = False
    return missing


def place(prefix: Path) -> Path:
    """Install the units in `prefix` as `make install` does, with a program to start; return their folder."""
    folder = prefix / "lib/systemd/system"
    for unit in UNITS:
        command: list[str | Path] = [Path(__file__).with_name("place"), "644", SOURCES / unit, folder / unit]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PREFIX": str(prefix)})
    # `verify` checks that the program of ExecStart exists.
    program = prefix / "lib/authsvc/current/bin/python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze on the units in `folder`, and on the distribution's after them."""
    command = ["systemd-analyze", *arguments, "--no-pager"]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "LANG": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def systemd_version(folder: Path) -> int:
    """Return the version of systemd-analyze: 252 for `systemd 252 (252.39-1~deb12u2)`."""
    return int(re.split(r"\D+", analyze(folder, "--version").stdout, maxsplit=2)[1])


def is_verified(folder: Path) -> bool:
    """Let systemd verify all units; print the result. It ends with 0 also after a warning."""
    run = analyze(folder, "verify", "--man=no", *UNITS)
    print(f"systemd-analyze verify: {run.stderr.strip() or 'clean'}")
    return run.returncode == 0 and not run.stderr.strip()


def is_closed(folder: Path, unit: str, tenths: int, note: str = "") -> bool:
    """Return whether the exposure of a unit is within its bound; print it, and all reasons if it is not."""
    run = analyze(folder, "security", "--offline=true", f"--threshold={tenths}", unit)
    is_within = run.returncode == 0 and "Overall exposure level" in run.stdout
    last = run.stdout.strip().rpartition("\n")[2].lstrip("→ ")
    print(f"{last if is_within else run.stdout + run.stderr} (at most {tenths / 10}{note})")
    return is_within


def main() -> int:
    """Print the results; return an exit status."""
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is missing; run: sudo apt-get install systemd", file=sys.stderr)
        return 1
    missing = [line for unit in (*UNITS, NETWORK) for line in uncommented(SOURCES / unit)]
    print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="authsvc-") as prefix:
        folder = place(Path(prefix))
        good = [not missing, is_verified(folder)]
        version = systemd_version(folder)
        good += [
            is_closed(folder, unit, bounds[max(since for since in bounds if since <= version)])
            for unit, bounds in EXPOSURES.items()
        ]
        drop_in = folder / "authsvc.service.d" / NETWORK
        drop_in.parent.mkdir()
        shutil.copy(SOURCES / NETWORK, drop_in)
        good += [is_verified(folder), is_closed(folder, "authsvc.service", NETWORK_EXPOSURE, f" with {NETWORK}")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
