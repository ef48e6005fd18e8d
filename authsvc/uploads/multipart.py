"""Find the file in a multipart/form-data body, piece by piece (RFC 7578)."""

import re
from collections.abc import Collection
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from authsvc.errors import BadMultipart, NoFile

MAX_PARTS: Final = 100
MAX_PART_HEADERS: Final = 16
MAX_PART_HEADER_BYTES: Final = 8192
MAX_NAME_CHARACTERS: Final = 200

_REMOVED_FROM_NAMES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class FormFile:
    """A parser that reads a body piece by piece and returns the bytes of its first file part.

    A part is a file if it has a filename, a type that is not text, or one of
    the names in `picture_fields`. The parser holds at most the headers of one
    part. `name` is the file's name, "" until it is known and if there is none.
    """

    def __init__(self, content_type: str, *, picture_fields: Collection[str]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadMultipart(reason=f"the Content-Type is {content_type[:80]!r}")
        self.name = ""
        self._picture_fields = picture_fields
        self._pieces: list[bytes] = []
        self._parts = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._is_in_file = False
        self._has_file = False
        self._is_complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_end": self._end,
                },
                max_header_count=MAX_PART_HEADERS,
                max_header_size=MAX_PART_HEADER_BYTES,
            )
        except FormParserError as error:
            raise BadMultipart(reason=str(error)) from error

    def feed(self, chunk: bytes) -> list[bytes]:
        """Parse the next bytes of the body; return those that belong to the file.

        Raises BadMultipart for a body that is not a form or exceeds the limits above.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadMultipart(reason=str(error)) from error
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """Check the whole body. Raises BadMultipart when its end is missing, NoFile without a file part."""
        if not self._is_complete:
            raise BadMultipart(reason="it ends before its last boundary")
        if not self._has_file:
            raise NoFile

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadMultipart(reason=f"it has more than {MAX_PARTS} parts")
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if not self._has_file and self._is_file(options):
            self._is_in_file = self._has_file = True
            self.name = _clean_name(options.get(b"filename", b""))

    def _is_file(self, options: dict[bytes, bytes]) -> bool:
        kind = self._headers.get(b"content-type", b"text/plain").lower()
        return (
            not options.keys().isdisjoint({b"filename", b"filename*"})
            or options.get(b"name", b"").decode("latin-1") in self._picture_fields
            or not kind.startswith(b"text/")
        )

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_in_file:
            self._pieces.append(data[start:end])

    def _end_part(self) -> None:
        self._is_in_file = False

    def _end(self) -> None:
        self._is_complete = True


def _clean_name(raw: bytes) -> str:
    """Return a file name as text, without folders and without characters that reorder or break text."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = raw.decode("latin-1")
    base = re.split(r"[/\\]", name)[-1]
    return _REMOVED_FROM_NAMES.sub("", base).strip()[:MAX_NAME_CHARACTERS].rstrip()
