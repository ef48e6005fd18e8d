"""Bodies of multipart/form-data, and feeding them to the parser in pieces."""

from collections.abc import Iterable
from itertools import pairwise

from authsvc.clients.port import Client
from authsvc.uploads.multipart import FormFile

CONTENT_TYPE = "multipart/form-data; boundary=B"
END = b"--B--\r\n"
PICTURE_FIELDS = Client.picture_fields


def part(disposition: bytes, content: bytes, *headers: bytes) -> bytes:
    """Return one part, without the closing boundary of the body."""
    lines = b"\r\n".join([b"Content-Disposition: " + disposition, *headers])
    return b"--B\r\n" + lines + b"\r\n\r\n" + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    """Return a whole body."""
    return b"".join(parts) + END


def pieces(content: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut `content` at the given places."""
    edges = [0, *sorted(cuts), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


def fed(content: bytes, content_type: str = CONTENT_TYPE, *, cuts: Iterable[int] = ()) -> tuple[FormFile, bytes]:
    """Return the form after all of a body, and the bytes of its file."""
    form = FormFile(content_type, picture_fields=PICTURE_FIELDS)
    found = b"".join(piece for chunk in pieces(content, cuts) for piece in form.feed(chunk))
    form.finish()
    return form, found
