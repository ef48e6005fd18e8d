"""Colour profiles: keep the colours, remove what identifies the device they were measured on (ICC.1:2022)."""

import struct
from collections.abc import Iterator
from typing import Final

_HEADER_BYTES: Final = 128  # section 7.2
_TAG: Final = ">4sII"  # section 7.3
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
    table = range(_HEADER_BYTES + 4 + len(tags) * struct.calcsize(_TAG))
    # Several tags may share their data: section 7.3.1.
    kept = [table, *(place for name, place in tags if name not in _DEVICE)]
    device = (place for name, place in tags if name in _DEVICE and not any(_overlap(place, other) for other in kept))
    cleaned = bytearray(profile)
    at = 0
    for place in sorted(device, key=lambda place: place.start):
        # Write no byte twice: each of 1,000 tags may claim all of 20 MB.
        rest = range(max(place.start, at), place.stop)
        cleaned[rest.start : rest.stop] = bytes(len(rest))
        at = max(at, place.stop)
    if cleaned != profile:
        cleaned[_PROFILE_ID] = bytes(16)
    return bytes(cleaned)


def _tags(profile: bytes) -> Iterator[tuple[bytes, range]]:
    """Yield each tag's name, and the place of its data in the profile."""
    if profile[_SIGNATURE] != b"acsp":
        return
    at = _HEADER_BYTES + 4
    count = min(
        int.from_bytes(profile[_HEADER_BYTES:at], "big"), _MAX_TAGS, (len(profile) - at) // struct.calcsize(_TAG)
    )
    for number in range(count):
        name, start, size = struct.unpack_from(_TAG, profile, at + number * struct.calcsize(_TAG))
        yield name, range(start, min(start + size, len(profile)))


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
