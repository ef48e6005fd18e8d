"""What nginx's files contain for each upload API in the table, and about one that sends its token in the form."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from authsvc.clients.native import Native
from authsvc.clients.port import Client
from authsvc.clients.table import CLIENTS
from authsvc.errors import NGINX_REFUSALS, DiskFull, NginxRefusal
from authsvc.nginx.templates import template_environment
from authsvc.nginx.uploads import uploads_context
from authsvc.settings import load
from authsvc.times import TIMES

LIMIT = 1024
SETTINGS = load(flags={"data_dir": Path("/nowhere")}).settings


class FormToken(Native):
    """An API whose token nginx cannot see before the body."""

    name: ClassVar[str] = "form_token"
    paths: ClassVar[tuple[str, ...]] = ("/api/form", "/api/form/")
    methods: ClassVar[tuple[str, ...]] = ("POST", "PUT")
    has_token_before_body: ClassVar[bool] = False


EVERY = (*CLIENTS, FormToken())
each_client = pytest.mark.parametrize("client", EVERY, ids=lambda client: client.name)


def rendered(name: str, clients: Sequence[Client] = EVERY) -> str:
    template = template_environment().get_template(f"snippets/{name}.conf.j2")
    context = uploads_context(max_upload_bytes=LIMIT, clients=clients)
    return template.render(context, s=SETTINGS, times=TIMES, conf="/conf", hotlink_code="", missing_code="")


def location(text: str, path: str) -> str:
    """Return the text inside the one exact location of `path`, or "" without one."""
    found = re.findall(rf"^location = {re.escape(path)} \{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE)
    assert len(found) <= 1
    return found[0] if found else ""


@each_client
def test_each_address_has_a_location_that_accepts_its_methods(client: Client) -> None:
    for path in client.paths:
        block = location(rendered("uploads/upload"), path)
        assert f'!~ "^(?:{"|".join(client.methods)})\\z"' in block
        assert f"rewrite ^ /_preflight/{client.name} last;" in block
        assert "keepalive_timeout 0;" in block
    assert f"proxy_pass http://authsvc_service{client.paths[0]};" in location(
        rendered("uploads/upload"), f"/_preflight/{client.name}"
    )


@each_client
def test_token_is_checked_before_the_body_only_if_a_header_has_it(client: Client) -> None:
    text = rendered("uploads/upload")
    for path in client.paths:
        assert (f"auth_request /_token/{client.name};" in location(text, path)) is client.has_token_before_body
    block = location(text, f"/_token/{client.name}")
    assert bool(block) is client.has_token_before_body
    if client.has_token_before_body:
        sent = dict(re.findall(r"proxy_set_header (\S+) (\S+);", block))
        assert sent["X-Client"] == client.name
        for place in client.token_headers:
            assert sent[place.name] == "$http_" + place.name.lower().replace("-", "_")


@each_client
@pytest.mark.parametrize("refusal", NGINX_REFUSALS, ids=lambda refusal: refusal.error.code)
def test_nginx_refuses_as_the_service_would(client: Client, refusal: NginxRefusal) -> None:
    error = refusal.error(limit_bytes=LIMIT)
    expected = client.failure(error)
    block = location(rendered("server/errors"), f"/_error/{client.name}/{error.code}")
    answer = re.search(r'return (\d+) "(.*)";', block)
    assert answer is not None
    assert int(answer[1]) == expected.status
    assert json.loads(re.sub(r'\\(["\\])', r"\1", answer[2])) == expected.content
    assert dict(re.findall(r'add_header (\S+) "(.*)" always;', block)) == expected.headers


@each_client
@pytest.mark.parametrize("refusal", NGINX_REFUSALS, ids=lambda refusal: refusal.error.code)
def test_own_statuses_of_nginx_lead_to_the_refusal(client: Client, refusal: NginxRefusal) -> None:
    statuses = " ".join(map(str, refusal.statuses))
    address = f"/_error/{client.name}/{refusal.error.code};"
    for path in client.paths:
        block = location(rendered("uploads/upload"), path)
        assert (f"error_page {statuses} ={refusal.error.status} {address}" in block) is bool(refusal.statuses)


@each_client
def test_status_500_means_no_service_or_no_room(client: Client) -> None:
    code = "$authsvc_500_code" if client.has_token_before_body else DiskFull.code
    for path in client.paths:
        assert f"error_page 500 = /_error/{client.name}/{code};" in location(rendered("uploads/upload"), path)


def test_text_with_a_dollar_cannot_be_written_for_nginx() -> None:
    class Dollar(Native):
        def failure_headers(self, error: object) -> dict[str, str]:
            return {"X-Price": f"$5 {error}"}

    with pytest.raises(ValueError, match="variable"):
        rendered("server/errors", [Dollar()])
