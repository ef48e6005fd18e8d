"""Cases: pages without their own address, pages in pages, style sheets, local files."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.pages import Document
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, PICTURE, Shows

_SIZE: Final = "width=600 height=400"
_INNER: Final = "https://HOST/inner"
_IMG: Final = Document("<!doctype html><img src=IMAGE>")

# A frame with the picture, on the blog and on a stranger's page: its content, and what the blog shows.
_FRAMES: Final[tuple[tuple[str, str, Shows], ...]] = (
    ("frame", f"<iframe {_SIZE} src={_INNER}></iframe>", PICTURE),
    ("sandboxed frame", f"<iframe {_SIZE} sandbox src={_INNER}></iframe>", HOTLINK),
    ("sandboxed frame with its own origin", f"<iframe {_SIZE} sandbox=allow-same-origin src={_INNER}></iframe>",
     PICTURE),
    ("sandboxed frame of the picture", f"<iframe {_SIZE} sandbox src=IMAGE></iframe>", PICTURE),
    ("srcdoc", f"<iframe {_SIZE} srcdoc='<img src=IMAGE>'></iframe>", PICTURE),
    ("sandboxed srcdoc", f"<iframe {_SIZE} sandbox srcdoc='<img src=IMAGE>'></iframe>", HOTLINK),
    ("data: frame", f"<iframe {_SIZE} src='data:text/html,<img src=IMAGE>'></iframe>", HOTLINK),
    ("blob: frame", ("<body><script>document.body.append(Object.assign(document.createElement('iframe'), "
     "{width: 600, height: 400, src: URL.createObjectURL(new Blob(['<img src=IMAGE>'], {type: 'text/html'}))}))"
     "</script>"), HOTLINK),
    ("about:blank frame, written into", (f"<iframe {_SIZE}></iframe><script>const page = frames[0].document;"
     "page.open(); page.write('<img src=IMAGE>'); page.close();</script>"), PICTURE),
    ("javascript: frame", f"<iframe {_SIZE} src='javascript:`<img src=IMAGE>`'></iframe>", HOTLINK),
    ("data: style sheet", ("<link rel=stylesheet href='data:text/css,p{width:320px;height:240px;"
     "background:url(IMAGE)}'><p>"), HOTLINK),
    ("frame of the picture that hides", f"<iframe {_SIZE} referrerpolicy=no-referrer src=IMAGE></iframe>", HOTLINK),
    ("frame that refreshes to the picture", (f"<iframe {_SIZE} srcdoc='<meta http-equiv=refresh "
     "content=\"0;url=IMAGE\">'></iframe>"), PICTURE),
    ("<embed> that hides", f"<meta name=referrer content=no-referrer><embed {_SIZE} type=image/png src=IMAGE>",
     HOTLINK),
)  # fmt: skip

# Whole pages, with the headers or the kind that makes them special.
_WHOLE: Final[tuple[tuple[str, str, Mapping[str, str], Shows], ...]] = (
    # The driver needs scripts to wait for it. The origin is opaque with and without scripts.
    ("page under CSP sandbox", "<img src=IMAGE>", {"Content-Security-Policy": "sandbox allow-scripts"}, HOTLINK),
    ("page that isolates itself", "<img src=IMAGE>", {"Cross-Origin-Embedder-Policy": "require-corp",
     "Cross-Origin-Opener-Policy": "same-origin"}, PICTURE),
    ("page that sends no credentials", "<img src=IMAGE>", {"Cross-Origin-Embedder-Policy": "credentialless"}, PICTURE),
    ("page with the other's <base>", "<base href=https://OTHER/><img src=IMAGE>", {}, PICTURE),
    ("XHTML page", "<html xmlns='http://www.w3.org/1999/xhtml'><img src='IMAGE' /></html>",
     {"Content-Type": "application/xhtml+xml"}, PICTURE),
    ("SVG page", "<svg xmlns='http://www.w3.org/2000/svg'><image width='320' height='240' href='IMAGE' /></svg>",
     {"Content-Type": "image/svg+xml"}, PICTURE),
)  # fmt: skip

_CHROME: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_EDITORS: Final = {
    "Typora": f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Typora/1.10.8 Chrome/128.0.6613.186 Electron/32.3.3 "
    "Safari/537.36",
    "Obsidian": f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} obsidian/1.8.10 Chrome/132.0.6834.210 Electron/34.3.0 "
    "Safari/537.36",
    "VS Code": f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Code/1.99.3 Chrome/132.0.6834.210 Electron/34.3.2 "
    "Safari/537.36",
    "MWeb": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
}

_SHEET: Final = Document("p { width: 320px; height: 240px; background: url(IMAGE) }", kind="text/css")


def _cases() -> Iterator[Case]:
    for who, host, other in (("blog", BLOG, STRANGER), ("stranger", STRANGER, BLOG)):
        for what, html, on_the_blog in _FRAMES:
            yield Case(
                name=f"{who}: {what}",
                at=f"https://{host}/",
                page=f"<body>{html.replace('HOST', host)}",
                shows=on_the_blog if host == BLOG else HOTLINK,
                also={f"{host}/inner": _IMG},
            )
        for what, page, headers, on_the_blog in _WHOLE:
            shows = on_the_blog if host == BLOG else HOTLINK
            at, html = f"https://{host}/whole", page.replace("OTHER", other)
            yield Case(name=f"{who}: {what}", at=at, page=html, headers=headers, shows=shows, is_whole=True)
    for editor, agent in _EDITORS.items():
        yield Case(name=f"{editor}'s preview", at="FILE", page="<img src=IMAGE>", shows=PICTURE, agent=agent)
        name = f"a stranger's page in {editor}"
        yield Case(name=name, at=f"https://{STRANGER}/", page="<img src=IMAGE>", shows=HOTLINK, agent=agent)


DOCUMENTS: Final = (
    *_cases(),
    Case(name="a local page in a browser", at="FILE", page="<img src=IMAGE>", shows=HOTLINK),
    Case(name="a data: page", at="data:text/html,<img src=IMAGE>", shows=HOTLINK),
    # The blog's own post and style sheet show the picture on every page that includes them: the request for the
    # picture is the same. A blog can forbid this (frame-ancestors, CORP).
    Case(
        name="the blog's post in a stranger's frame",
        at=f"https://{STRANGER}/", page=f"<iframe {_SIZE} src=https://{BLOG}/inner></iframe>",
        shows=PICTURE, also={f"{BLOG}/inner": _IMG},
    ),
    Case(
        name="a stranger's page in the blog's frame",
        at=f"https://{BLOG}/", page=f"<iframe {_SIZE} src=https://{STRANGER}/inner></iframe>",
        shows=HOTLINK, also={f"{STRANGER}/inner": _IMG},
    ),
    Case(
        name="the blog's style sheet on a stranger's page",
        at=f"https://{STRANGER}/", page=f"<link rel=stylesheet href=https://{BLOG}/a.css><p>",
        shows=PICTURE, also={f"{BLOG}/a.css": _SHEET},
    ),
    Case(
        name="a stranger's style sheet on the blog",
        at=f"https://{BLOG}/", page=f"<link rel=stylesheet href=https://{STRANGER}/a.css><p>",
        shows=HOTLINK, also={f"{STRANGER}/a.css": _SHEET},
    ),
    Case(
        name="the blog's own style sheet",
        at=f"https://{BLOG}/", page="<link rel=stylesheet href=/a.css><p>",
        shows=PICTURE, also={f"{BLOG}/a.css": _SHEET},
    ),
)  # fmt: skip
