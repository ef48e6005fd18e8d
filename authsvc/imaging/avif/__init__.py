"""AVIF (AV1 Image File Format) and the ISO base media file format below it."""
