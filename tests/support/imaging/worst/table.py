"""All files of the smallest pieces, by type and piece."""

from authsvc.model import ImageType
from tests.support.imaging.worst import avif, gif, jpeg, png, webp
from tests.support.imaging.worst.filling import Maker

FILES: dict[str, tuple[ImageType, Maker]] = {
    f"{kind.name}, {name}": (kind, make)
    for kind, files in (
        (ImageType.JPEG, jpeg.FILES),
        (ImageType.PNG, png.FILES),
        (ImageType.GIF, gif.FILES),
        (ImageType.WEBP, webp.FILES),
        (ImageType.AVIF, avif.FILES),
    )
    for name, make in files.items()
}
