"""The envelope of `/api/v1/upimg`, the 2018 script's API.

Clients depend on it: MWeb and PicGo's web-uploader read `data.url` or
`data.path`, uPic `["data","url"]`, ShareX `{json:data.url}`; the script's own
failures had their text in `data`.
"""

import html
import re
from typing import Final

from authsvc.errors import AnswerError
from authsvc.model import WIDTHS, Image

THUMBNAIL_WIDTH: Final = 320
"""In pixels, one of WIDTHS: of what `thumbnail_url` shows, and the least that a page is offered to choose."""

_MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#!|&])")


def success(image: Image, *, base_url: str, name: str) -> dict[str, object]:
    """Return the answer to a successful upload, new or duplicate.

    `base_url` has no slash at its end; `name` is this upload's file name, or
    "", which stands as the alternative text.
    """
    url = base_url + image.key.path
    title = html.escape(name, quote=True)
    return {
        "status": 0,
        "message": "ok",
        "data": {
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
        },
    }


def failure(error: AnswerError) -> dict[str, object]:
    """Return the answer to a refused upload."""
    return {"status": 1, "code": error.code, "message": error.text, "data": error.text}


def _sizes(url: str, image: Image) -> str:
    """Return the attributes that let a browser choose a smaller size, where there is one worth choosing.

    See HTML, 4.8.4.2.1: on a screen that is narrower than the picture it is as wide as the screen.
    """
    narrower = [width for width in WIDTHS if THUMBNAIL_WIDTH <= width < image.width]
    if not narrower:
        return ""
    choices = [*(f"{url}?w={width} {width}w" for width in narrower), f"{url} {image.width}w"]
    return f' srcset="{", ".join(choices)}" sizes="(max-width: {image.width}px) 100vw, {image.width}px"'


def _markdown_text(name: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", name)
