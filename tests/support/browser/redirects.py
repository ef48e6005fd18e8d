"""Cases: redirects over other hosts to the picture."""

from collections.abc import Iterator
from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, NOTHING, PICTURE, Shows

_B: Final = f"https://{BLOG}"
_S: Final = f"https://{STRANGER}"
_FETCH: Final = (
    "<script>window.told = fetch('WAY').then((answer) => answer.blob()).then(() => 'read', () => 'refused')</script>"
)


def _by_status() -> Iterator[Case]:
    for status in (301, 302, 303, 307, 308):
        way = f"/to/{status}?IMAGE"
        yield Case(name=f"blog: {status} at a stranger", at=f"{_B}/", page=f"<img src={_S}{way}>", shows=PICTURE)
        yield Case(name=f"stranger: {status} at the blog", at=f"{_S}/", page=f"<img src={_B}{way}>", shows=HOTLINK)


def _row(name: str, at: str, page: str, shows: Shows) -> Case:
    return Case(name=name, at=f"{at}/", page=page, shows=shows)


REDIRECTS: Final = (
    *_by_status(),
    _row("blog: over a stranger that hides", _B, f"<img src={_S}/to/302/no-referrer?IMAGE>", HOTLINK),
    _row("stranger: over the blog, which hides", _S, f"<img src={_B}/to/302/no-referrer?IMAGE>", HOTLINK),
    _row("stranger: over the blog, which sends its address", _S, f"<img src={_B}/to/302/unsafe-url?IMAGE>", HOTLINK),
    _row("stranger: over the blog, a stranger and the blog", _S,
         f"<img src={_B}/to/302?{_S}/to/307?{_B}/to/301?IMAGE>", HOTLINK),
    _row("blog: over a stranger, itself and a stranger", _B,
         f"<img src={_S}/to/302?{_B}/to/307?{_S}/to/301?IMAGE>", PICTURE),
    _row("stranger: a frame over the blog", _S, f"<iframe width=600 height=400 src={_B}/to/302?IMAGE></iframe>",
         HOTLINK),
    _row("stranger: a style over the blog", _S,
         f"<div style='width:320px;height:240px;background:url({_B}/to/302?IMAGE)'></div>", HOTLINK),
    # After a redirect from another host the browser sends the Origin `null`, so no script may read the picture.
    Case(name="blog: fetch over a stranger", at=f"{_B}/", page=_FETCH.replace("WAY", f"{_S}/to/302?IMAGE"),
         shows=NOTHING, told="refused", sent=frozenset({200})),
    Case(name="blog: fetch over itself", at=f"{_B}/", page=_FETCH.replace("WAY", "/to/302?IMAGE"),
         shows=NOTHING, told="read", sent=frozenset({200})),
    Case(name="stranger: fetch over the blog", at=f"{_S}/", page=_FETCH.replace("WAY", f"{_B}/to/302?IMAGE"),
         shows=NOTHING, told="refused", sent=frozenset({403})),
)  # fmt: skip
