"""Colour profiles: keep the colours, remove what identifies the device they were measured on (ICC.1:2022)."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

_HEADER_BYTES: Final = 128  # section 7.2
_TAG: Final = struct.Struct(">4sII")  # section 7.3
_MAX_TAGS: Final = 1000
_SIGNATURE: Final = slice(36, 40)  # section 7.2.11
_PROFILE_ID: Final = slice(84, 100)
"""A checksum; zeros mean that it was not calculated: section 7.2.18."""
_DEVICE: Final = frozenset({b"mmod", b"meta", b"dscm"})
"""Tags that identify a device: Apple's make and model with the serial number, the name that the owner sees, and
metadata, in which colord writes the serial number of the screen. No decoder reads them."""


def without_device(profile: bytes) -> bytes:
    """Return a profile of the same length in which the tags that identify a device are zeros.

    A profile without such tags, and bytes that are not a profile, are returned unchanged.
    """
    tags = list(_tags(profile))
    device = [place for name, place in tags if name in _DEVICE]
    if not device:
        return profile
    cleaned = bytearray(profile)
    for place in _apart(device):
        cleaned[place.start : place.stop] = bytes(len(place))
    # Several tags may share their data (section 7.3.1), so what any other tag needs is written back.
    header_and_table = range(_HEADER_BYTES + 4 + len(tags) * _TAG.size)
    for place in _apart([header_and_table, *(place for name, place in tags if name not in _DEVICE)]):
        cleaned[place.start : place.stop] = profile[place.start : place.stop]
    if cleaned != profile:
        cleaned[_PROFILE_ID] = bytes(16)
    return bytes(cleaned)


def _tags(profile: bytes) -> Iterator[tuple[bytes, range]]:
    """Yield each tag's name, and the place of its data in the profile."""
    if profile[_SIGNATURE] != b"acsp":
        return
    at = _HEADER_BYTES + 4
    count = min(int.from_bytes(profile[_HEADER_BYTES:at], "big"), _MAX_TAGS, (len(profile) - at) // _TAG.size)
    for name, start, size in _TAG.iter_unpack(profile[at : at + max(count, 0) * _TAG.size]):
        yield name, range(start, max(start, min(start + size, len(profile))))


def _apart(places: Iterable[range]) -> Iterator[range]:
    """Yield the same places without overlaps: each of 1,000 tags may claim the whole profile."""
    end = 0
    for place in sorted(places, key=lambda place: place.start):
        if place.stop > end:
            yield range(max(place.start, end), place.stop)
            end = place.stop
