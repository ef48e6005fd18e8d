"""Cases: the picture's address in a tab of its own, and several pages in one profile."""

from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.pages import Document
from tests.support.browser.places import BELOW_BLOG, BLOG, NEIGHBOUR, STRANGER
from tests.support.browser.sight import HOTLINK, PICTURE, Shows

_B: Final = f"https://{BLOG}/"
_S: Final = f"https://{STRANGER}/"
_BELOW: Final = f"https://{BELOW_BLOG}/"
_IMG: Final = "<img src=IMAGE>"
_HIDING: Final = "<meta name=referrer content=no-referrer><img src=IMAGE>"
_NO_REFERRER: Final = "<meta name=referrer content=no-referrer>"
_CLICK: Final = "document.querySelector('a').click();"

_PAGES: Final = {
    f"{host}/{path}": Document(f"<!doctype html>{page}")
    for host in (BLOG, STRANGER, BELOW_BLOG, NEIGHBOUR)
    for path, page in (("", _IMG), ("inner", _IMG), ("hiding", _HIDING))
}


def _link(name: str, at: str, attributes: str, shows: Shows, *, opens_tab: bool = False) -> Case:
    page = f"<a href=IMAGE {attributes}>The picture</a>"
    return Case(name=name, at=at, page=page, act=_CLICK, shows=shows, opens_tab=opens_tab)


def _leaving(name: str, at: str, act: str, shows: Shows, page: str = "<p>") -> Case:
    return Case(name=name, at=at, page=page, act=act, shows=shows)


def _walk(name: str, first: tuple[str, Shows], *then: tuple[str, Shows], requests: int | None = None) -> Case:
    return Case(name=name, at=first[0], shows=first[1], then=then, also=_PAGES, requests=requests)


# A page that shows the other page in a frame, removes it, and then shows the picture itself. A careless browser
# would take it from the memory of the same process.
_AFTER_FRAME: Final = """<body><script>
window.done = new Promise((loaded) => {
    const frame = Object.assign(document.createElement('iframe'), {src: 'INNER', onload: loaded});
    document.body.append(frame);
}).then(() => {
    document.querySelector('iframe').remove();
    const image = document.body.appendChild(Object.assign(new Image(), {src: 'IMAGE'}));
    return image.decode();
});
</script>"""


def _after_frame(name: str, at: str, inner: str, shows: Shows) -> Case:
    page = _AFTER_FRAME.replace("INNER", f"{inner}inner")
    return Case(name=name, at=f"{at}outer", page=page, shows=shows, also=_PAGES, sent=frozenset({200, 403}))


VISITS: Final = (
    Case(name="the address bar", at="IMAGE", shows=PICTURE),
    Case(name="the address bar over plain HTTP", at="http://img.pictures.testPATH", shows=PICTURE,
         sent=frozenset({301, 200})),
    Case(name="the address bar over a stranger's redirect", at=f"{_S}to/302?IMAGE", shows=PICTURE),
    Case(name="the address dragged onto a page", at=_S, page="IMAGE", act="drop", shows=PICTURE, opens_tab=True,
         chromium_only="BiDi cannot drop anything"),
    _link("blog: a link", _B, "", PICTURE),
    _link("blog: a link that hides", _B, "rel=noreferrer", PICTURE),
    _link("stranger: a link", _S, "", HOTLINK),
    _link("stranger: a link that hides", _S, "rel=noreferrer", PICTURE),
    _link("stranger: a link without an opener", _S, "rel=noopener", HOTLINK),
    _link("blog: a link to a new tab", _B, "target=_blank", PICTURE, opens_tab=True),
    _link("stranger: a link to a new tab", _S, "target=_blank", HOTLINK, opens_tab=True),
    _link("stranger: a link to a new tab that hides", _S, "target=_blank rel=noreferrer", PICTURE, opens_tab=True),
    _leaving("blog: a script that goes there", _B, "location.href = 'IMAGE';", PICTURE),
    _leaving("stranger: a script that goes there", _S, "location.href = 'IMAGE';", HOTLINK),
    # In its own tab the picture is not embedded, as with the address bar.
    _leaving("stranger: a script that goes there, hiding", _S, "location.href = 'IMAGE';", PICTURE, _NO_REFERRER),
    Case(name="blog: <meta refresh>", at=_B, page="<meta http-equiv=refresh content='0;url=IMAGE'>",
         leaves=True, shows=PICTURE),
    Case(name="stranger: <meta refresh>", at=_S, page="<meta http-equiv=refresh content='0;url=IMAGE'>",
         leaves=True, shows=HOTLINK),
    Case(name="stranger: Refresh in a header", at=_S, page="<p>", headers={"Refresh": "0;url=IMAGE"}, leaves=True,
         shows=HOTLINK),
    _walk("blog, then a stranger", (_B, PICTURE), (_S, HOTLINK)),
    _walk("a stranger, then the blog", (_S, HOTLINK), (_B, PICTURE)),
    _walk("blog, then a stranger that hides", (_B, PICTURE), (f"{_S}hiding", HOTLINK)),
    _walk("blog, then below it", (_B, PICTURE), (_BELOW, HOTLINK)),
    _walk("blog, then below it, hiding", (_B, PICTURE), (f"{_BELOW}hiding", HOTLINK)),
    _walk("below the blog, then the blog", (_BELOW, HOTLINK), (_B, PICTURE)),
    _walk("the address bar, then a stranger", ("IMAGE", PICTURE), (_S, HOTLINK)),
    _walk("the address bar, then a stranger that hides", ("IMAGE", PICTURE), (f"{_S}hiding", HOTLINK)),
    _walk("the address bar, then a neighbour that hides", ("IMAGE", PICTURE), (f"https://{NEIGHBOUR}/hiding", HOTLINK)),
    _walk("a stranger, then the address bar", (_S, HOTLINK), ("IMAGE", PICTURE)),
    # Without this the cases above would prove nothing: the picture is cached, and the hotlink placeholder never is.
    _walk("blog, then its next post", (_B, PICTURE), (f"{_B}inner", PICTURE), requests=1),
    _walk("stranger, then its next page", (_S, HOTLINK), (f"{_S}inner", HOTLINK), requests=2),
    _walk("blog, a stranger, then the blog's next post", (_B, PICTURE), (_S, HOTLINK), (f"{_B}inner", PICTURE),
          requests=2),
    _walk("blog, reloaded", (_B, PICTURE), ("reload", PICTURE), ("reload", PICTURE), requests=1),
    _walk("stranger, reloaded", (_S, HOTLINK), ("reload", HOTLINK), ("reload", HOTLINK), requests=3),
    _walk("blog, a stranger, back and forward", (_B, PICTURE), (_S, HOTLINK), ("back", PICTURE), ("forward", HOTLINK)),
    _walk("a stranger, the blog, back and forward", (_S, HOTLINK), (_B, PICTURE), ("back", HOTLINK),
          ("forward", PICTURE)),
    _walk("the picture, a stranger, back and forward", ("IMAGE", PICTURE), (_S, HOTLINK), ("back", PICTURE),
          ("forward", HOTLINK)),
    _after_frame("stranger, behind a frame of the blog", _S, _B, HOTLINK),
    _after_frame("below the blog, behind a frame of the blog", _BELOW, _B, HOTLINK),
    _after_frame("blog, behind a frame of a stranger", _B, _S, PICTURE),
    _after_frame("blog, behind a frame of a page below it", _B, _BELOW, PICTURE),
)  # fmt: skip
