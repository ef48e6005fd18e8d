"""Cases: one <img>, with every kind of host for its page and for its address."""

from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.sight import HOTLINK, MISSING, PICTURE, Shows

_IMG: Final = "<img src=IMAGE>"
_HIDING: Final = "<meta name=referrer content=no-referrer><img src=IMAGE>"
_DOTTED: Final = "<img src='https://img.pictures.test.PATH'>"
_PLAIN: Final = "<img src='http://img.pictures.testPATH'>"
_NO_SUCH: Final = "<img src='https://img.pictures.test/00/000000000000000000000000000000.png'>"


def _row(name: str, at: str, shows: Shows, page: str = _IMG, *statuses: int) -> Case:
    return Case(name=name, at=at, page=page, shows=shows, sent=frozenset(statuses) or None)


HOSTS: Final = (
    _row("the blog over plain HTTP", "http://blog.test/", PICTURE),
    _row("the blog on another port", "https://blog.test:8443/", PICTURE),
    _row("the blog over plain HTTP on another port", "http://blog.test:8080/", PICTURE),
    _row("the blog with a dot at the end", "https://blog.test./", PICTURE),
    _row("the blog in capital letters", "https://BLOG.TEST/", PICTURE),
    _row("the blog with a user in its address", "https://reader@blog.test/", PICTURE),
    _row("below a wildcard", "https://www.garden.test/", PICTURE),
    _row("two levels below a wildcard", "https://a.b.garden.test/", PICTURE),
    _row("a host with letters outside ASCII", "https://bücher.test/", PICTURE),
    _row("localhost", "http://localhost:1313/", PICTURE),
    _row("127.0.0.1", "http://127.0.0.1:4000/", PICTURE),
    _row("[::1]", "http://[::1]:1313/", PICTURE),
    _row("a stranger over plain HTTP", "http://stranger.test/", HOTLINK),
    _row("a stranger over plain HTTP that hides", "http://stranger.test/", HOTLINK, _HIDING),
    _row("a stranger on another port", "https://stranger.test:8443/", HOTLINK),
    _row("a stranger with a dot at the end", "https://stranger.test./", HOTLINK),
    _row("a stranger with the blog as its user", "https://blog.test@stranger.test/", HOTLINK),
    _row("a stranger with the blog in its query", "https://stranger.test/?https://blog.test/", HOTLINK),
    _row("a stranger with the blog in its path", "https://stranger.test/blog.test/https://blog.test/", HOTLINK),
    _row("below the blog", "https://sub.blog.test/", HOTLINK),
    _row("below the blog, hiding", "https://sub.blog.test/", HOTLINK, _HIDING),
    _row("a name that ends like the blog's", "https://evilblog.test/", HOTLINK),
    _row("a name that begins like the blog's", "https://blog.test.stranger.test/", HOTLINK),
    _row("a name that differs from the blog's by its dot", "https://blogxtest.test/", HOTLINK),
    _row("a name that looks like the blog's, with a Cyrillic letter", "https://bl\u043eg.test/", HOTLINK),
    _row("the apex of the wildcard", "https://garden.test/", HOTLINK),
    _row("a name that ends like the wildcard", "https://notgarden.test/", HOTLINK),
    _row("a host called none", "http://none/", HOTLINK),
    _row("a host called null", "http://null/", HOTLINK),
    _row("a neighbour on the image host's own domain", "https://forum.pictures.test/", HOTLINK),
    _row("a neighbour on the image host's own domain, hiding", "https://forum.pictures.test/", HOTLINK, _HIDING),
    _row("the blog, the image host with a dot at the end", "https://blog.test/", PICTURE, _DOTTED),
    _row("a stranger, the image host with a dot at the end", "https://stranger.test/", HOTLINK, _DOTTED),
    # On a secure page the browser requests the picture over HTTPS. On other pages nginx redirects it.
    _row("the blog, the picture over plain HTTP", "https://blog.test/", PICTURE, _PLAIN),
    _row("a stranger, the picture over plain HTTP", "https://stranger.test/", HOTLINK, _PLAIN),
    _row("the blog, both over plain HTTP", "http://blog.test/", PICTURE, _PLAIN, 301, 200),
    _row("a stranger, both over plain HTTP", "http://stranger.test/", HOTLINK, _PLAIN, 301, 403),
    _row("a stranger that hides, both over plain HTTP", "http://stranger.test/", HOTLINK,
         f"<meta name=referrer content=no-referrer>{_PLAIN}", 301, 403),
    _row("the blog, no such picture", "https://blog.test/", MISSING, _NO_SUCH),
    _row("a stranger, no such picture", "https://stranger.test/", HOTLINK, _NO_SUCH),
    _row("the blog, a query behind the address", "https://blog.test/", MISSING, "<img src='IMAGE?a'>"),
    _row("a stranger, a query behind the address", "https://stranger.test/", MISSING, "<img src='IMAGE?a'>"),
)  # fmt: skip
