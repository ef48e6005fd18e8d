"""A certificate authority for certbot: the part of RFC 8555 that certbot uses.

A program to run in a machine: python3 -m tests.support.server.acme FOLDER [DAYS]. It keeps its
certificate and its accounts in FOLDER, so it can be started again, and prints
"ready" when it listens. It asks port 80 of each host name for the challenge.
"""

import http.client
import json
import secrets
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.server.acme_authority import Authority, Order
from tests.support.server.acme_keys import Json, Problem, decoded, thumbprint_of, verify

PORT = 14000
BASE = f"http://localhost:{PORT}"
DIRECTORY = f"{BASE}/directory"
DAYS = 90
CHALLENGE_SECONDS = 10
Steps = dict[str, Callable[..., None]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    authority: Authority

    def do_GET(self) -> None:
        if self.path == "/directory":
            names = {
                "newNonce": "nonce",
                "newAccount": "account",
                "newOrder": "order",
                "revokeCert": "",
                "keyChange": "",
            }
            self._answer(200, {name: f"{BASE}/{path}" for name, path in names.items()})
        else:
            self._answer(200 if self.path == "/nonce" else 404, {})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        try:
            key, payload = self._signed()
            kind, *numbers = self.path.strip("/").split("/")
            steps: Steps = {
                "account": self._post_account,
                "order": self._post_order,
                "authorization": self._post_authorization,
                "challenge": self._post_challenge,
                "finalize": self._post_finalize,
                "certificate": self._post_certificate,
            }
            steps[kind](key, payload, *numbers)
        except Problem as problem:
            kind = f"urn:ietf:params:acme:error:{problem.kind}"
            self._answer(400, {"type": kind, "detail": str(problem)}, Content_Type="application/problem+json")

    def log_message(self, *_: object) -> None:
        """Log nothing: the pipe may have no reader."""

    def _signed(self) -> tuple[Json, Json]:
        """Return the key that signed the request, and the payload (section 6.2)."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        protected = json.loads(decoded(body["protected"]))
        self.authority.spend_nonce(protected["nonce"])
        if protected["url"] != BASE + self.path:
            raise Problem(kind="unauthorized", detail="the signature is for another URL")
        key = protected.get("jwk") or self.authority.key_of(protected["kid"].rpartition("/")[2])
        verify(key, f"{body['protected']}.{body['payload']}".encode(), decoded(body["signature"]))
        return key, json.loads(decoded(body["payload"]) or b"{}")

    def _post_account(self, key: Json, _: Json, *__: str) -> None:
        thumbprint, is_new = self.authority.add_account(key)
        self._answer(201 if is_new else 200, {"status": "valid"}, Location=f"{BASE}/account/{thumbprint}")

    def _post_order(self, key: Json, payload: Json, number: str = "") -> None:
        if not number:
            hosts = [identifier["value"] for identifier in payload["identifiers"]]
            order = Order(thumbprint_of(key), hosts, [secrets.token_urlsafe(32) for _ in hosts])
            self.authority.orders.append(order)
            number = str(len(self.authority.orders) - 1)
        self._answer_order(number, 200 if not payload else 201)

    def _post_authorization(self, key: Json, _: Json, number: str, host: str) -> None:
        order = self._order(key, number)
        challenge = self._challenge(number, host)
        self._answer(
            200,
            {
                "identifier": {"type": "dns", "value": order.hosts[int(host)]},
                "status": challenge["status"],
                "challenges": [challenge],
            },
        )

    def _post_challenge(self, key: Json, _: Json, number: str, host: str) -> None:
        order = self._order(key, number)
        token = order.tokens[int(host)]
        order.is_met[int(host)] = fetch(order.hosts[int(host)], token) == f"{token}.{order.thumbprint}"
        up = f'<{BASE}/authorization/{number}/{host}>;rel="up"'
        self._answer(200, self._challenge(number, host), Link=up)

    def _post_finalize(self, key: Json, payload: Json, number: str) -> None:
        self.authority.issue(self._order(key, number), decoded(payload["csr"]))
        self._answer_order(number, 200)

    def _post_certificate(self, key: Json, _: Json, number: str) -> None:
        self._answer(200, self._order(key, number).chain, Content_Type="application/pem-certificate-chain")

    def _order(self, key: Json, number: str) -> Order:
        order = self.authority.orders[int(number)]
        if order.thumbprint != thumbprint_of(key):
            raise Problem(kind="unauthorized", detail="the order belongs to another account")
        return order

    def _challenge(self, number: str, host: str) -> Json:
        order = self.authority.orders[int(number)]
        status = {None: "pending", True: "valid", False: "invalid"}[order.is_met.get(int(host))]
        challenge = {"type": "http-01", "url": f"{BASE}/challenge/{number}/{host}", "token": order.tokens[int(host)]}
        return {**challenge, "status": status}

    def _answer_order(self, number: str, status: int) -> None:
        order = self.authority.orders[int(number)]
        answer: Json = {
            "status": order.status,
            "identifiers": [{"type": "dns", "value": host} for host in order.hosts],
            "authorizations": [f"{BASE}/authorization/{number}/{host}" for host in range(len(order.hosts))],
            "finalize": f"{BASE}/finalize/{number}",
        }
        if order.chain:
            answer["certificate"] = f"{BASE}/certificate/{number}"
        self._answer(status, answer, Location=f"{BASE}/order/{number}")

    def _answer(self, status: int, body: Json | str, **headers: str) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        fields = {"Content_Type": "application/json", "Replay_Nonce": self.authority.new_nonce(), **headers}
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def fetch(host: str, token: str) -> str:
    """Return the host's response to the challenge (section 8.3); "" after a failure."""
    connection = http.client.HTTPConnection(host, 80, timeout=CHALLENGE_SECONDS)
    try:
        connection.request("GET", f"/.well-known/acme-challenge/{token}")
        answer = connection.getresponse()
        return answer.read().decode().rstrip() if answer.status == 200 else ""
    except OSError:
        return ""
    finally:
        connection.close()


def main(folder: str, days: str = str(DAYS)) -> None:
    Handler.authority = Authority(Path(folder), int(days))
    with ThreadingHTTPServer(("localhost", PORT), Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
