"""How large the frames of an AV1 stream are, whatever the file around it says (AV1 specification, section 5.5)."""

from typing import Final

_SEQUENCE_HEADER: Final = 1  # OBU type: section 6.2.2
_MAX_UNITS: Final = 16
_LEVEL_WITH_TIER: Final = 7


def frame_size(stream: bytes) -> tuple[int, int] | None:
    """Return the largest width and height that the stream's sequence header allows, in pixels.

    None when there is no such header among the first units, or it ends early.
    """
    try:
        for _ in range(_MAX_UNITS):
            header = stream[0]
            at = 2 if header & 4 else 1
            length, at = _leb128(stream, at) if header & 2 else (len(stream) - at, at)
            if header >> 3 & 15 == _SEQUENCE_HEADER:
                return _sequence_size(_Bits(stream[at : at + length]))
            stream = stream[at + length :]
    except IndexError:
        pass
    return None


class _Bits:
    """Reads bits, the first of a byte first (section 4.10.2). Raises IndexError at the end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> int:
        number = 0
        for _ in range(count):
            byte = self._content[self._at >> 3]
            number = number << 1 | byte >> (7 - (self._at & 7)) & 1
            self._at += 1
        return number

    def skip_variable(self) -> None:
        """Skip a number of variable length: uvlc, section 4.10.3."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(min(zeros, 32))


def _leb128(stream: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` (section 4.10.5), and where it ends."""
    number = 0
    for place in range(8):
        byte = stream[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return number, at + place + 1
    raise IndexError


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.take(3 + 1)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(32)
        bits.take(32)
        if bits.take(1):
            bits.skip_variable()
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > _LEVEL_WITH_TIER:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
