"""The five steps of README.md's "Install on a server", run as printed on a fresh Debian."""

import json

from tests.support.docs.markdown import README, blocks, section
from tests.support.server.browser import STRANGER, read
from tests.support.server.certificates import AUTHORITY, run_certbot, start_authority
from tests.support.server.checkout import PLACE
from tests.support.server.machine import Machine
from tests.support.server.operations_page import take

INSTALL_HEADING = "## Install on a server"
INSTALL_SECONDS = 300.0
GET_PACKAGES = take("## What you need")


def test_five_steps_lead_from_a_clone_to_a_picture_in_a_blog(fresh_with_release: Machine) -> None:
    fresh = fresh_with_release
    text = section(README, INSTALL_HEADING)
    assert f"`{' && '.join(GET_PACKAGES.splitlines())}`" in text
    install, certificate, site, token, upload = (b.text for b in blocks(README, "sh") if b.text in text)
    fresh.run("sh", "-ec", install, cwd=PLACE, timeout=INSTALL_SECONDS)
    start_authority(fresh)
    run_certbot(fresh, certificate.strip())
    fresh.shell(site)
    secret = fresh.shell(token).split()[-1]
    fresh.run("cp", f"{PLACE}/nginx/welcome.png", "/root/picture.png")
    command = upload.replace("YOUR-TOKEN", secret)
    answer = json.loads(fresh.run("sh", "-ec", command, cwd="/root", env={"CURL_CA_BUNDLE": AUTHORITY}).stdout)
    url = answer["data"]["url"]
    assert url.startswith("https://img.example.com/")
    assert read(fresh, url, "https://blog.example.com/post", cacert=AUTHORITY) == (200, True)
    assert read(fresh, url, STRANGER, cacert=AUTHORITY) == (403, False)
