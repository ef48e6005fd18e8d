"""Each test is named after a mistake of another project in checking the embedder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.blackbox.matrix import SITES, Scene
from tests.support.nginx.site_list import map_of, run_site_commands, status_for, wait_for_status
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.up.processes import processor_seconds

HOSTS = [site.replace("*.", "www.") for site in SITES]


def statuses(wire: Wire, scene: Scene, referers: list[str]) -> dict[str, int]:
    return {referer: wire.ask(scene.path, {"Referer": referer}).status for referer in referers}


def assert_refused(wire: Wire, scene: Scene, referers: list[str]) -> None:
    assert statuses(wire, scene, referers) == dict.fromkeys(referers, 403)


def test_cloudflare_imgbed_escapes_the_first_dot_only(scene: Scene, wire: Wire) -> None:
    """fileTools.js, isDomainAllowed: `domain.replace('.', '\\\\.')` leaves every further dot a wildcard."""
    for host in HOSTS:
        labels = host.split(".")
        for at in range(1, len(labels)):
            front, back = ".".join(labels[:at]), ".".join(labels[at:])
            assert_refused(wire, scene, [f"https://{front}{joint}{back}/" for joint in "x-_0"])
            assert_refused(wire, scene, [f"https://{front}{back}/"])
        assert statuses(wire, scene, [f"https://{host}/"]) == {f"https://{host}/": 200}


def test_cloudflare_imgbed_lets_sub_domains_in_unasked(scene: Scene, wire: Wire) -> None:
    """The same function: `(^|\\.)domain$` lets every subdomain of the site embed."""
    assert_refused(wire, scene, ["https://user-content.blog.example.com/", "https://a.localhost/"])


@pytest.fixture(scope="module")
def spaced() -> Iterator[Stack]:
    """A product whose every list was typed with spaces around its items."""
    with Stack(extra_hosts=" first.example ,\tsecond.example\t, third.example. ,", nginx_workers=1) as running:
        run_site_commands(running, "add", ("  cli.example  ", "\t*.Wild.example\n"))
        wait_until(lambda: "*.wild.example 1;" in map_of(running), "nginx's map has them")
        yield running


@pytest.mark.parametrize("host", ["first", "second", "third", "cli", "a.wild"])
def test_cloudflare_imgbed_does_not_trim_its_list(spaced: Stack, host: str) -> None:
    """The same function: `allowedDomains.split(',')` keeps the spaces, so `a.com, b.com` never lets b.com in."""
    path = spaced.upload(picture())
    wait_for_status(spaced, path, f"{host}.example", 200)
    assert status_for(spaced, path, f"x-{host.replace('.', '-')}.example") == 403
    listed = spaced.json_of("site", "list")
    assert all(site == site.strip().lower() for site in listed["sites"] + listed["own_hosts"])


def test_cloudflare_imgbed_does_not_trim_its_list_in_a_file_either(tmp_path: Path) -> None:
    """The same in a file of settings."""
    product = Stack(data_dir=tmp_path)
    product.cli("init")
    (tmp_path / "authsvc.toml").write_text('extra_hosts = [" toml.example ", "\\tother.example"]\n')
    assert {"toml.example", "other.example"} <= set(product.json_of("site", "list")["own_hosts"])


def test_referer_includes_origin(scene: Scene, wire: Wire) -> None:
    """CloudFlare-ImgBed's returnWithCheck: `referer.includes(url.origin)`; enable-cors.org issue 74."""
    for host in (*HOSTS, "localhost", "img.example.net"):
        allowed = f"https://{host}"
        assert_refused(
            wire,
            scene,
            [
                f"https://evil.example/{allowed}", f"https://evil.example/?{allowed}/", f"{allowed}.evil.example/",
                f"https://evil.example/{host}", f"https://evil.example/{host}/", f"{allowed}@evil.example/",
                f"https://evil.example/#{allowed}", f"https://{host}evil.example/", f"https://evil.example:80/{host}",
                f"https://evil.example\\{host}", f"{allowed}\\.evil.example/", f"http://evil.example;{host}/",
            ],
        )  # fmt: skip


def test_drupal_with_nginx_pattern_without_anchors(scene: Scene, wire: Wire) -> None:
    """drupal-with-nginx issues 34 and 94: `valid_referers ~(example.com|google.)` matches anywhere in the value."""
    for host in HOSTS:
        parent = host.split(".", host.count(".") - 1)[-1]
        assert_refused(
            wire,
            scene,
            [f"https://evil.example/a.{parent}", f"https://{parent}.evil.example/", f"https://evil{parent}/",
             f"https://evil.example/{parent}/", f"https://{host}x/", f"https://x{parent}/"],
        )  # fmt: skip


def test_symfony_boilerplate_origin_that_only_begins_alike(scene: Scene, wire: Wire) -> None:
    """thecodingmachine/symfony-boilerplate pull request 45: `https://my.website.com.mischievo.us` was an origin."""
    for host in HOSTS:
        for name in (f"{host}.mischievo.example", host.replace(".", "a", 1), f"{host}a", f"{host}-a.example"):
            answer = wire.ask(scene.path, {"Origin": f"https://{name}"})
            assert (answer.status, answer.all("Access-Control-Allow-Origin")) == (403, []), name


def test_nginx_blocked_referer(scene: Scene, wire: Wire) -> None:
    """Gixy-Next pull request 57: `valid_referers blocked` allows any value without a scheme, such as `deleted`."""
    words = ["deleted", "blocked", "xxxxxxxx", "-", "*", "unknown", "about:blank", "x", "blog.example.com", "ftp://a/"]
    assert_refused(wire, scene, words)


def test_page_on_a_host_called_none(scene: Scene, wire: Wire) -> None:
    """With `none` as the word for no Referer, a page on http://none/ was taken for curl."""
    words = ("none", "hidden", "invalid", "blocked", "null", "undefined", "default", "include", "hostnames", "volatile",
             "refused", "allow", "server_names", "0", "1", "true")  # fmt: skip
    assert_refused(wire, scene, [f"http://{word}/" for word in words])
    assert_refused(wire, scene, [f"http://-{word}/" for word in words])
    assert_refused(wire, scene, [f"-{word}" for word in words])


def test_two_dots_behind_the_host(scene: Scene, wire: Wire) -> None:
    """nginx's `hostnames` strips one more dot than the grammar: `https://site../` passed for the site."""
    for host in (*HOSTS, "localhost", "127.0.0.1"):
        assert statuses(wire, scene, [f"https://{host}./"]) == {f"https://{host}./": 200}
        assert_refused(wire, scene, [f"https://{host}{dots}/" for dots in ("..", "...", ".:80.", "%2e", ".%2e")])


def test_weserv_hotlink_check_falls_to_a_meta_tag(scene: Scene, wire: Wire) -> None:
    """weserv/images issue 401: `<meta name="referrer" content="no-referrer">` passes a check of the Referer alone."""
    for site in ("cross-site", "same-site"):
        for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("no-cors", "empty"), ("navigate", "iframe")):
            hidden = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
            assert wire.ask(scene.path, hidden).status == 403
            assert wire.ask(f"/?path={scene.path}", {**hidden, "Referer": ""}).status == 403


def test_cloudfront_function_ran_out_of_time_on_a_long_referer(scene: Scene, wire: Wire) -> None:
    """aws-samples/amazon-cloudfront-functions issue 35: a regular expression took longer than it was allowed."""
    long = ("a." * 3_900, "a" * 7_900, "a-" * 3_900, "." * 7_900, "a.a" * 2_600 + "!", ":" * 7_900, "[" * 7_900)
    before = processor_seconds(scene.stack.pid("nginx"))
    for body in long:
        for form in (
            "https://{}/",
            "https://blog.example.com{}",
            "https://{}.example.org/",
            "https://blog.example.com:{}",
        ):
            assert wire.ask(scene.path, {"Referer": form.format(body)}).status == 403
            assert wire.ask(scene.path, {"Origin": form.format(body)}).status == 403
    # A hundred times what it takes; a pattern that goes back over and over takes minutes.
    assert processor_seconds(scene.stack.pid("nginx")) - before < 1


def test_oneinstack_site_that_was_listed_twice() -> None:
    """oneinstack issue 172: a name that was the server's own and on the list, too, kept nginx from loading either."""
    with Stack(extra_hosts="twice.example", nginx_workers=1) as running:
        path = running.upload(picture())
        run_site_commands(running, "add", ("twice.example", "TWICE.example.", "*.twice.example", "later.example"))
        for host in ("later.example", "a.twice.example", "twice.example"):
            wait_for_status(running, path, host, 200)
        wait_until(lambda: "later.example 1;" in map_of(running), "nginx loads the list")
        assert map_of(running).count("\\twice.example 1;") == 1
