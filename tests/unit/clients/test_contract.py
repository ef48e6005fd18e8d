"""What every upload API in the table must do; a new API is tested here without a change."""

import json
import re
from itertools import pairwise

import pytest
from starlette.datastructures import Headers

from authsvc import errors
from authsvc.clients.port import Client
from authsvc.clients.table import CLIENTS, FALLBACK, client_at, client_named
from authsvc.errors import AnswerError, MethodNotAllowed
from authsvc.model import Image, Key

BASE = "https://img.example.com"
IMAGE = Image(
    key=Key("7be49a5d9f4ab1e2c0d7f3b6a8901234", "png"),
    sha256="5" * 64,
    size=1234,
    width=640,
    height=480,
    name="first.png",
    created_at=0,
)
URL = f"{BASE}/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png"
VALUES = {
    "limit_bytes": 1024,
    "limit": "50",
    "found": "60 megapixels",
    "setting": "max_pixels",
    "what": "chunk",
    "kind": "PNG",
    "reason": 'a "reason"',
}
FAILURES = [
    getattr(errors, name)(**VALUES)
    for name in errors.__all__
    if isinstance(getattr(errors, name), type)
    and issubclass(getattr(errors, name), AnswerError)
    and hasattr(getattr(errors, name), "status")
]

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
each_failure = pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.code)


@each_client
def test_name_is_one_word_and_unique(client: Client) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", client.name)
    assert [other for other in CLIENTS if other.name == client.name] == [client]
    assert client_named(client.name) is client


@each_client
def test_programs_that_use_it_are_named(client: Client) -> None:
    assert client.used_by
    assert all(program.strip() == program != "" for program in client.used_by)


@each_client
def test_addresses_belong_to_this_api_alone(client: Client) -> None:
    assert client.paths
    for path in client.paths:
        assert re.fullmatch(r"(/[a-z0-9._]+)+/?", path), "nginx reads it as an exact location"
        assert [other for other in CLIENTS if path in other.paths] == [client]
        assert client_at(path) is client


@each_client
def test_methods_leave_preflights_and_reads_to_nginx(client: Client) -> None:
    assert client.methods
    assert not {"OPTIONS", "HEAD"} & set(client.methods)


@each_client
def test_token_is_found_in_each_of_its_headers(client: Client) -> None:
    for place in client.token_headers:
        value = f"{place.scheme} T".strip()
        assert client.token_in(Headers({place.name: value})) == "T"
        assert client.token_in(Headers({place.name.upper(): value.upper()})) == "T"


@each_client
def test_first_header_that_carries_a_token_counts(client: Client) -> None:
    headers = {place.name: f"{place.scheme} {place.name}".strip() for place in client.token_headers}
    assert client.token_in(Headers(headers)) == client.token_headers[0].name
    for place, following in pairwise(client.token_headers):
        headers[place.name] = place.scheme
        assert client.token_in(Headers(headers)) == following.name


@each_client
def test_request_without_a_token_has_none(client: Client) -> None:
    assert client.token_in(Headers({})) == ""
    assert client.token_in(Headers({place.name: "" for place in client.token_headers})) == ""


@each_client
def test_token_that_nginx_checks_comes_in_a_header(client: Client) -> None:
    assert client.token_headers or not client.has_token_before_body


@each_client
def test_success_is_200_with_the_absolute_address(client: Client) -> None:
    answer = client.success(IMAGE, base_url=BASE, name="a.png")
    assert answer.status == 200
    assert f'"{URL}"' in json.dumps(answer.content)
    assert answer.headers == {"Cache-Control": "no-store"}


@each_client
@pytest.mark.parametrize("name", ["", "图.png", '"><script>', "a b.png"], ids=["none", "Chinese", "markup", "space"])
def test_success_has_the_address_whatever_the_name(client: Client, name: str) -> None:
    content = json.dumps(client.success(IMAGE, base_url=BASE, name=name).content)
    assert f'"{URL}"' in content
    assert json.loads(content)


@each_client
@each_failure
def test_failure_has_the_status_and_the_text_of_its_error(client: Client, error: AnswerError) -> None:
    answer = client.failure(error)
    assert answer.status == error.status
    assert error.text in _texts(answer.content)


@each_client
@each_failure
def test_failure_has_the_headers_that_its_status_requires(client: Client, error: AnswerError) -> None:
    headers = dict(client.failure(error).headers)
    assert headers.pop("Cache-Control") == "no-store"
    assert headers.pop("Access-Control-Allow-Origin") == "*"
    assert headers.pop("WWW-Authenticate", None) == ("Bearer" if error.status == 401 else None)
    assert headers.pop("Retry-After", None) == (str(error.retry_after) if error.retry_after else None)
    allowed = headers.pop("Allow", "")
    assert (set(allowed.split(", ")) == {*client.methods, "OPTIONS"}) is isinstance(error, MethodNotAllowed)
    assert headers == {}


@each_client
@each_failure
def test_failure_differs_from_a_success_in_a_field_of_both(client: Client, error: AnswerError) -> None:
    good, bad = client.success(IMAGE, base_url=BASE, name="a.png").content, client.failure(error).content
    assert URL not in _texts(bad)
    assert [field for field in good if field in bad and good[field] != bad[field]] or set(good) != set(bad)


def test_address_of_no_api_gets_the_fallback() -> None:
    assert client_at("/api/") is FALLBACK
    assert client_named("no such api") is FALLBACK


def _texts(value: object) -> list[object]:
    """Return every value in nested JSON."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    return [value]
