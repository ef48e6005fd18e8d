"""The machine that figures are measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime


def machine() -> dict[str, str]:
    """Return what figures depend on, without anybody's name."""
    nginx = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "cores": str(os.cpu_count()),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "nginx": nginx.strip().rpartition("/")[2],
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
