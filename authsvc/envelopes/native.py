"""The envelope of `/api/v1/upimg`, the 2018 script's API.

Clients depend on it: MWeb and PicGo's web-uploader read `data.url` or
`data.path`, uPic `["data","url"]`, ShareX `{json:data.url}`; the script's own
failures had their text in `data`.
"""

import html
import re
from typing import Final

from authsvc.errors import AnswerError
from authsvc.model import Image

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
            "path": image.key.path,
            "md5": image.key.digest,
            "sha256": image.sha256,
            "size": image.size,
            "width": image.width,
            "height": image.height,
            "mime": image.key.mime,
            "name": name,
            "markdown": f"![{_markdown_text(name)}]({url})",
            "html": f'<img src="{url}" alt="{title}" width="{image.width}" height="{image.height}">',
            "bbcode": f"[img]{url}[/img]",
        },
    }


def failure(error: AnswerError) -> dict[str, object]:
    """Return the answer to a refused upload."""
    return {"status": 1, "code": error.code, "message": error.text, "data": error.text}


def _markdown_text(name: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", name)
