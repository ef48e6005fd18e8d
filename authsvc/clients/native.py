"""The native API, `/api/v1/upimg`: the API of the 2018 script.

These programs depend on the fields: MWeb and PicGo's web-uploader read
`data.url` or `data.path`, uPic `["data","url"]`, ShareX `{json:data.url}`. The
2018 script's own failures had their text in `data`.
"""

import html
import re
from typing import ClassVar, Final

from authsvc.clients.port import UNCACHED, Answer, Client
from authsvc.errors import AnswerError
from authsvc.model import WIDTHS, Image

THUMBNAIL_WIDTH: Final = 320
"""Width of the picture at `thumbnail_url`, and the smallest width in `srcset`; in pixels, one of WIDTHS."""

_MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#!|&])")


class Native(Client):
    """See Client."""

    name: ClassVar[str] = "native"
    used_by: ClassVar[tuple[str, ...]] = (
        "curl", "MWeb", "PicGo (core 3.1.0) with web-uploader 1.1.1", "PicList 0.3.2 (advancedplist)", "uPic", "ShareX",
        "Flameshot",
    )  # fmt: skip
    paths: ClassVar[tuple[str, ...]] = ("/api/v1/upimg",)

    def success(self, image: Image, *, base_url: str, name: str) -> Answer:
        """See Client.success. `name` is also the alternative text."""
        url = base_url + image.key.path
        title = html.escape(name, quote=True)
        facts = {
            "url": url,
            "thumbnail_url": f"{url}?w={THUMBNAIL_WIDTH}",
            "path": image.key.path,
            "md5": image.key.digest,
            "sha256": image.sha256,
            "size": image.size,
            "width": image.width,
            "height": image.height,
            "mime": image.key.mime,
            "name": name,
            "markdown": f"![{_markdown_text(name)}]({url})",
            "html": f'<img src="{url}"{_sizes(url, image)} alt="{title}" '
            f'width="{image.width}" height="{image.height}">',
            "bbcode": f"[img]{url}[/img]",
        }
        return Answer(200, {"status": 0, "message": "ok", "data": facts}, UNCACHED)

    def failure(self, error: AnswerError) -> Answer:
        """See Client.failure."""
        content = {"status": 1, "code": error.code, "message": error.text, "data": error.text}
        return Answer(error.status, content, self.failure_headers(error))


def _sizes(url: str, image: Image) -> str:
    """Return the attributes that let a browser choose a smaller size, or "" when there is none to choose.

    See HTML, 4.8.4.2.1. On a screen narrower than the picture, the picture is as wide as the screen.
    """
    narrower = [width for width in WIDTHS if THUMBNAIL_WIDTH <= width < image.width]
    if not narrower:
        return ""
    choices = [*(f"{url}?w={width} {width}w" for width in narrower), f"{url} {image.width}w"]
    return f' srcset="{", ".join(choices)}" sizes="(max-width: {image.width}px) 100vw, {image.width}px"'


def _markdown_text(name: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", name)
