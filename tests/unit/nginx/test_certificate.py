import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from authsvc.nginx import certificate
from authsvc.nginx.certificate import Certificate, first_in_file, how_to_get, how_to_renew, presented_certificate
from authsvc.settings import Settings, checked
from tests.support.tls import make_authority, make_pair, make_pair_without_subject, presenting

HOST = "img.example.com"
DAY_SECONDS = 86_400


def shown(pair_folder: Path, *hosts: str, ends_days: float = 90.5) -> Certificate:
    pair = make_pair(pair_folder, *hosts, ends_days=ends_days)
    with presenting(pair) as port:
        return presented_certificate(HOST, address=("127.0.0.1", port))


@pytest.mark.parametrize(
    ("ends_days", "whole_days"), [(90.5, 90), (0.5, 0), (-0.5, -1)], ids=["valid", "last day", "expired"]
)
def test_end_of_validity_is_returned(tmp_path: Path, ends_days: float, whole_days: int) -> None:
    found = shown(tmp_path / "pair", HOST, ends_days=ends_days)
    assert (found.expires - time.time()) // DAY_SECONDS == whole_days


def test_certificate_that_is_not_valid_yet_is_read_too(tmp_path: Path) -> None:
    with presenting(make_pair(tmp_path / "pair", HOST, begins_days=1)) as port:
        assert presented_certificate(HOST, address=("127.0.0.1", port)).covers(HOST)


def test_issuer_need_not_be_known(tmp_path: Path) -> None:
    issuer = make_authority(tmp_path / "issuer")
    with presenting(make_pair(tmp_path / "pair", HOST, issuer=issuer)) as port:
        assert presented_certificate(HOST, address=("127.0.0.1", port)).hosts == (HOST,)


def test_certificate_that_python_3_13_refuses_by_default_is_read(tmp_path: Path) -> None:
    pair = make_pair_without_subject(tmp_path / "pair", HOST, issuer=make_authority(tmp_path / "issuer"))
    with presenting(pair) as port:
        assert presented_certificate(HOST, address=("127.0.0.1", port)).hosts == (HOST,)


def test_chain_of_the_test_authority_meets_the_rules_of_python_3_13(tmp_path: Path) -> None:
    issuer = make_authority(tmp_path / "issuer")
    context = ssl.create_default_context(cafile=issuer.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        presenting(make_pair(tmp_path / "pair", HOST, issuer=issuer)) as port,
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as encrypted,
    ):
        assert encrypted.getpeercert() != {}


def test_all_names_are_returned_in_order(tmp_path: Path) -> None:
    assert shown(tmp_path / "pair", HOST, "*.example.org", "x.test").hosts == (HOST, "*.example.org", "x.test")


def test_certificate_without_names_covers_nothing(tmp_path: Path) -> None:
    found = shown(tmp_path / "pair")
    assert found.hosts == ()
    assert not found.covers(HOST)


@pytest.mark.parametrize(
    ("name", "host", "is_covered"),
    [
        (HOST, HOST, True),
        (HOST, "pics.example.com", False),
        ("*.example.com", HOST, True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.img.example.com", False),
        ("*.com", HOST, False),
    ],
    ids=["itself", "another", "one label", "apex", "two labels", "too wide"],
)
def test_name_covers(name: str, host: str, is_covered: bool) -> None:  # noqa: FBT001 — a parameter of pytest's
    assert Certificate(b"", 0, (name,)).covers(host) is is_covered


def test_presented_certificate_is_the_first_of_its_file(tmp_path: Path) -> None:
    pair = make_pair(tmp_path / "pair", HOST)
    other = make_pair(tmp_path / "other", "authority.example")
    chain = tmp_path / "fullchain.pem"
    chain.write_text(f"a comment\n{pair.certificate.read_text()}{other.certificate.read_text()}")
    with presenting(pair) as port:
        found = presented_certificate(HOST, address=("127.0.0.1", port))
    assert first_in_file(chain) == found.der != first_in_file(other.certificate)


@pytest.mark.parametrize("text", ["", "no certificate", ssl.PEM_HEADER], ids=["empty", "another text", "torn"])
def test_file_without_a_certificate_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match="substring not found"):
        first_in_file(tmp_path / "file")


def test_closed_port_is_an_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            presented_certificate(HOST, address=bound.getsockname())


def test_server_that_speaks_no_tls_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asking = threading.Thread(target=lambda: _answer_plainly(listener))
        asking.start()
        with pytest.raises(ssl.SSLError):
            presented_certificate(HOST, address=listener.getsockname())
        asking.join()


def test_silent_server_is_an_error_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        presented_certificate(HOST, address=listener.getsockname())


def _answer_plainly(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


LIVE = f"/etc/letsencrypt/live/{HOST}"
WEBROOT = f"certbot certonly --webroot -w /srv/acme -d {HOST} -d pics.example.org --deploy-hook "


def settings_with(certificate: str, key: str) -> Settings:
    return checked(
        {
            "public_url": f"https://{HOST}",
            "extra_hosts": ["pics.example.org"],
            "acme_root": "/srv/acme",
            "certificate": certificate,
            "certificate_key": key,
        }
    )


def test_certbot_gets_a_certificate_for_all_names_and_renews_it() -> None:
    settings = settings_with(f"{LIVE}/fullchain.pem", f"{LIVE}/privkey.pem")
    assert how_to_get(settings) == f"{WEBROOT}'authsvc nginx install --reload'"
    assert how_to_renew(settings) == "certbot renew"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("listen 443 ssl; # managed by Certbot\n", f"certbot --nginx --redirect -d {HOST} -d pics.example.org"),
        ("listen 443 ssl;\n", f"{WEBROOT}'authsvc nginx install --reload'"),
    ],
    ids=["edited by certbot's plug-in", "as we have written it"],
)
def test_site_file_shows_how_certbot_got_the_last_certificate(tmp_path: Path, text: str, command: str) -> None:
    (tmp_path / "site.conf").write_text(text)
    settings = settings_with(f"{LIVE}/fullchain.pem", f"{LIVE}/privkey.pem")
    assert how_to_get(settings, site=tmp_path / "site.conf") == command


def test_files_of_ones_own_are_replaced_by_hand() -> None:
    settings = settings_with("/etc/ssl/chain.pem", "/etc/ssl/key.pem")
    assert how_to_get(settings) == (
        "cp YOUR-CHAIN.pem /etc/ssl/chain.pem && cp YOUR-KEY.pem /etc/ssl/key.pem && authsvc nginx install --reload"
    )
    assert how_to_renew(settings) == how_to_get(settings)
