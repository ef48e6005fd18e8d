"""Cases: the eight referrer policies, set in three ways, on the blog and on a stranger's page."""

from collections.abc import Iterator
from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, PICTURE, Shows

# What the blog shows. Two policies send no Referer to another host, as a stranger
# that hides would do: docs/verdict.md asks owners to remove that line.
_ON_THE_BLOG: Final[dict[str, Shows]] = {
    "no-referrer": HOTLINK,
    "no-referrer-when-downgrade": PICTURE,
    "origin": PICTURE,
    "origin-when-cross-origin": PICTURE,
    "same-origin": HOTLINK,
    "strict-origin": PICTURE,
    "strict-origin-when-cross-origin": PICTURE,
    "unsafe-url": PICTURE,
}


def _cases() -> Iterator[Case]:
    for policy, on_the_blog in _ON_THE_BLOG.items():
        meta = f"<meta name=referrer content={policy}><img src=IMAGE>"
        attribute = f"<img referrerpolicy={policy} src=IMAGE>"
        headers = {"Referrer-Policy": policy}
        for who, host, shows in (("blog", BLOG, on_the_blog), ("stranger", STRANGER, HOTLINK)):
            at = f"https://{host}/post?a=b"
            yield Case(name=f"{who}: {policy} by <meta>", at=at, page=meta, shows=shows)
            yield Case(name=f"{who}: {policy} by attribute", at=at, page=attribute, shows=shows)
            yield Case(name=f"{who}: {policy} by header", at=at, page="<img src=IMAGE>", headers=headers, shows=shows)


POLICIES: Final = tuple(_cases())
