"""Render nginx's files with every optional part, and have nginx and gixy check them."""

import subprocess
import sys
import tempfile
from pathlib import Path

from authsvc.model import SiteList
from authsvc.nginx.program import check_config, nginx_program
from authsvc.nginx.render import MAIN_FILE, write_files
from authsvc.settings import load

EVERYTHING = {
    "ipv6": True,
    "empty_referer": "deny",
    "hidden_referer": "allow",
    "shared_caches": True,
    "hotlink_status": 200,
    "missing_status": 200,
    "trusted_proxies": ("192.0.2.0/24", "2001:db8::/32"),
}
SITES = SiteList(7, ("*.example.com", "[::1]", "default", "example.com", "include", "localhost", "xn--bcher-kva.de"))


def check(name: str, flags: dict[str, object]) -> bool:
    """Render one variant below a fresh folder; return whether both accept it."""
    with tempfile.TemporaryDirectory(prefix="authsvc-") as folder:
        settings = load(flags={**flags, "data_dir": Path(folder)}).settings
        conf = settings.nginx_dir / "conf"
        for needed in (conf, settings.run_dir, settings.log_dir, settings.nginx_dir / "tmp"):
            needed.mkdir(parents=True)
        write_files(settings, SITES, conf)
        check_config(nginx_program(settings), conf / MAIN_FILE)
        gixy = [str(Path(sys.executable).with_name("gixy")), str(conf / MAIN_FILE)]
        run = subprocess.run(gixy, capture_output=True, text=True, check=False)
    # gixy also ends with 0 when it could not read a file, so its summary is checked, too.
    is_clean = run.returncode == 0 and "No issues found" in run.stdout
    print(f"nginx -t and gixy on {name}: {'0 findings' if is_clean else run.stdout + run.stderr}")
    return is_clean


if __name__ == "__main__":
    sys.exit(0 if all([check("the defaults", {}), check("everything switched on", EVERYTHING)]) else 1)
