"""Cases: every element and style that shows a picture, on the blog and on a stranger's page."""

from collections.abc import Iterator
from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, NOTHING, PICTURE

_BOX: Final = "width:320px;height:240px"

_ELEMENTS: Final[tuple[tuple[str, str], ...]] = (
    ("<img>", "<img src=IMAGE>"),
    ("<img> that is lazy", "<img loading=lazy src=IMAGE>"),
    ("<img srcset>", "<img srcset='IMAGE 1x'>"),
    ("<picture>", "<picture><source srcset=IMAGE type=image/png><img></picture>"),
    ("CSS background", f"<div style='{_BOX};background:url(IMAGE)'></div>"),
    ("CSS background in a style sheet", f"<style>p {{ {_BOX};background-image:url(IMAGE) }}</style><p>"),
    ("CSS image-set()", f"<div style='{_BOX};background-image:image-set(\"IMAGE\" 1x)'></div>"),
    ("CSS content", "<style>p::before { content:url(IMAGE) }</style><p>"),
    ("CSS list-style", "<ul style='list-style:inside url(IMAGE)'><li></ul>"),
    ("CSS border-image", f"<div style='{_BOX};border:50px solid;border-image:url(IMAGE) 50'></div>"),
    ("SVG <image>", "<svg width=320 height=240><image width=320 height=240 href=IMAGE /></svg>"),
    ("SVG <feImage>", ("<svg width=320 height=240><filter id=f x=0 y=0 width=1 height=1><feImage href=IMAGE /></filter>"
     "<rect width=320 height=240 filter=url(#f) /></svg>")),
    ("<iframe>", "<iframe width=600 height=400 src=IMAGE></iframe>"),
    ("<frame>", "<frameset><frame src=IMAGE></frameset>"),
    ("<embed>", "<embed width=320 height=240 type=image/png src=IMAGE>"),
    ("<video poster>", "<video width=320 height=240 poster=IMAGE></video>"),
    ("<input type=image>", "<input type=image src=IMAGE>"),
    ("<body background>", "<body background=IMAGE>"),
    ("<table background>", "<table background=IMAGE width=320 height=240><tr><td></table>"),
    ("<link rel=preload> and <img>", "<link rel=preload as=image href=IMAGE><img src=IMAGE>"),
    ("an old address, /?path=", "<img src='https://img.pictures.test/?path=PATH'>"),
)  # fmt: skip

# When the picture is refused, a stranger's page shows nothing: an <object> shows its fallback content, and the
# others need permission to read the picture. The area under the mask has the colour of the picture.
_OR_NOTHING: Final[tuple[tuple[str, str], ...]] = (
    ("<object>", "<object width=320 height=240 type=image/png data=IMAGE></object>"),
    ("<img crossorigin>", "<img crossorigin src=IMAGE>"),
    ("<link rel=preload crossorigin> and <img>",
     "<link rel=preload as=image crossorigin href=IMAGE><img crossorigin src=IMAGE>"),
    ("CSS mask", f"<div style='{_BOX};background:rgb(0 176 80);mask:url(IMAGE)'></div>"),
)  # fmt: skip

# These are invisible on the page: the test compares what nginx sent.
_UNSEEN: Final[tuple[tuple[str, str], ...]] = (
    ("<link rel=preload>", "<link rel=preload as=image href=IMAGE>"),
    ("<link rel=prefetch>", "<link rel=prefetch href=IMAGE>"),
    ("favicon", "<link rel=icon type=image/png href=IMAGE>"),
    ("CSS cursor", f"<div style='{_BOX};cursor:url(IMAGE),auto'></div>"),
)


def _cases() -> Iterator[Case]:
    refused, allowed = frozenset({403}), frozenset({200})
    for what, html in _ELEMENTS:
        yield Case(name=f"blog: {what}", at=f"https://{BLOG}/", page=html, shows=PICTURE)
        yield Case(name=f"stranger: {what}", at=f"https://{STRANGER}/", page=html, shows=HOTLINK)
    for what, html in _OR_NOTHING:
        yield Case(name=f"blog: {what}", at=f"https://{BLOG}/", page=html, shows=PICTURE)
        yield Case(name=f"stranger: {what}", at=f"https://{STRANGER}/", page=html, shows=NOTHING, sent=refused)
    for what, html in _UNSEEN:
        yield Case(name=f"blog: {what}", at=f"https://{BLOG}/", page=html, shows=NOTHING, sent=allowed)
        yield Case(name=f"stranger: {what}", at=f"https://{STRANGER}/", page=html, shows=NOTHING, sent=refused)


ELEMENTS: Final = tuple(_cases())
