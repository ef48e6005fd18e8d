"""The obvious way with Pillow: a process for each core, each decodes, scales and encodes what it is asked for.

`python rival_pillow.py FOLDER PORT`; then `GET /NAME?w=WIDTH&q=QUALITY`.
"""

import io
import sys
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageOps

PROCESSES = 2


def derive(path: str, width: int, quality: int) -> bytes:
    """Return a picture as WebP; `draft` lets libjpeg shrink while it decodes."""
    with Image.open(path) as image:
        height = round(image.height * width / image.width)
        image.draft("RGB", (width, height))
        small = ImageOps.exif_transpose(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def main(folder: str, port: int) -> None:
    """Serve until killed."""
    pool = ProcessPoolExecutor(PROCESSES)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            wanted = parse_qs(parts.query)
            path = str(Path(folder, parts.path[1:]))
            content = pool.submit(derive, path, int(wanted["w"][0]), int(wanted["q"][0])).result()
            self.send_response(200)
            self.send_header("Content-Type", "image/webp")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
