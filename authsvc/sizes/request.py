"""Which sizes there are: what a reader asks for, and what the file of a size is called."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from authsvc.model import Key


class BestFormat(StrEnum):
    """The newest picture format that a reader's Accept header names."""

    AVIF = "avif"
    WEBP = "webp"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, order=True)
class SizeRequest:
    """A size that a reader asks for; `width` is one of WIDTHS, in pixels."""

    key: Key
    width: int
    best_format: BestFormat


class FileSuffix(StrEnum):
    """The part of a size's file name after its width and a dot; nginx finds the media type by its last letters.

    WEBP_PLAIN is for readers that accept WebP when a WebP would be useless: a
    link to the picture itself.
    """

    AVIF = "avif"
    WEBP = "webp"
    WEBP_PLAIN = "webp.{extension}"
    PLAIN = "plain.{extension}"


SUFFIXES: Final = {
    BestFormat.AVIF: (FileSuffix.AVIF, FileSuffix.WEBP, FileSuffix.WEBP_PLAIN),
    BestFormat.WEBP: (FileSuffix.WEBP, FileSuffix.WEBP_PLAIN),
    BestFormat.PLAIN: (FileSuffix.PLAIN,),
}
"""The files that nginx tries, in this order, for each kind of reader."""
