"""Every kind of picture that the tests know, and cut off or damaged copies of them."""

import base64
import random
from collections.abc import Iterator

from authsvc.model import ImageType
from tests.support.imaging.avif_files import MADE
from tests.support.imaging.hdr_pictures import KINDS
from tests.support.imaging.private_pictures import PRIVATE
from tests.support.imaging.real_pictures import PICTURES

# Written by libvips 8.18.7: a gradient of 73 x 41 pixels with 10 and 12 bits a sample, which Pillow does not write.
_DEEP = {
    "AVIF, 10 bits": (
        "0000SW^{RQVRmU|00000ZE0pPVRmU|ZE0a<0002iZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=IV*mgE07O6l"
        "0RRC200000`Tzj{00000003S9001LtX>Mi!000000RR916=`l}WdZ;I000310AY48F#rGn01j|zbZr0t0000100011X>f9I0000uX>en2000"
        "0CVRkV?fdEVZ0000KX>)L8000000000<0000f0000GaA|mH000000}2WX0000MX>e^}0000000001009Gm0s{a50A_7uVRRAz3JDk)WKh)s4"
        "F-fVPZeXs!tmh)5P?AeK$o_lO$y16PfK7uEPqx{|NgPKcDjKo3e!ihSrJq=AM`u_{;xJhlAzrahOdP@@BjbuzIDHSzI}EZrJZaQbw>=J"
    ),
    "AVIF, 12 bits": (
        "0000SW^{RQVRmU|00000ZE0pPVRmU|ZE0a<0002iZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=IV*mgE07O6l"
        "0RRC200000`Tzj{00000003tI001LtX>Mi!000000RR916=`l}WdZ;I000310AY48F#rGn01j|zbZr0t0000100011X>f9I0000uX>en2000"
        "0CVRkV?fk0va0000KX>)L8000000000<0000f0000GaA|mH000000}Kod0000MX>e^}0000000001009Gm0s{a50B>z%VRRAz3JF*lWKh<Ch"
        "J!>hSQTM0a&SQgD4+*G&&bI{kKo<bkN5jot<^eBNl=Wi^uu%hXTYpxr2?=T`<2wXhe3Z!eotL}2L%ji7JQ<{bS=D@RGrOYQmr%gws%hyqF!@"
        "v|B6VXzy"
    ),
}

VALID: dict[str, tuple[ImageType, bytes]] = {
    **PICTURES,
    **{f"private {name}": entry for name, entry in PRIVATE.items()},
    **{f"HDR, {name}": (ImageType.JPEG, content) for name, content in KINDS.items()},
    **{f"AVIF, made of boxes, {name}": (ImageType.AVIF, made.to_bytes()) for name, made in MADE.items()},
    **{name: (ImageType.AVIF, base64.b85decode(text)) for name, text in _DEEP.items()},
}
"""Valid pictures by a descriptive name."""


def cut(content: bytes, *, every_percent: int) -> Iterator[bytes]:
    """Yield the file cut off at every multiple of so many percent of its length."""
    for percent in range(0, 100, every_percent):
        yield content[: len(content) * percent // 100]


def damaged(content: bytes, *, places: int, seed: int) -> Iterator[bytes]:
    """Yield the file with one byte flipped, at places drawn from a seed."""
    shade = random.Random(seed)
    for _ in range(places):
        changed = bytearray(content)
        changed[shade.randrange(len(content))] ^= shade.randrange(1, 256)
        yield bytes(changed)
