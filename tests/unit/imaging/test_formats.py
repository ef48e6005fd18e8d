import re
from typing import Any

import pytest

from authsvc.errors import Unsupported
from authsvc.imaging.formats import FORMATS, HEAD_BYTES, Format
from authsvc.model import EXTENSIONS, ImageType, Key
from authsvc.settings import Settings
from tests.support.imaging.real_pictures import PICTURES

ROWS = pytest.mark.parametrize(("kind", "row"), FORMATS.items(), ids=[kind.name for kind in FORMATS])


def test_every_type_has_one_row() -> None:
    assert set(FORMATS) == set(ImageType)
    assert len({row.name for row in FORMATS.values()}) == len(ImageType)


@ROWS
def test_row_has_the_media_type_and_the_extension_of_its_type(kind: ImageType, row: Format[Any]) -> None:
    assert (row.mime, row.extensions[0]) == (kind.mime, kind.value)


def test_extensions_of_the_rows_are_those_of_keys() -> None:
    types = {extension: kind for kind, row in FORMATS.items() for extension in row.extensions}
    assert types == {extension: Key("0" * 32, extension).kind for extension in EXTENSIONS}


@ROWS
def test_only_its_own_row_recognises_a_picture(kind: ImageType, row: Format[Any]) -> None:
    found = {name for name, (_, content) in PICTURES.items() if row.has_signature(content[:HEAD_BYTES])}
    assert found == {name for name, (each, _) in PICTURES.items() if each is kind}


@ROWS
def test_texts_that_list_the_types_name_it(kind: ImageType, row: Format[Any]) -> None:  # noqa: ARG001
    placeholder = Settings.model_fields["hotlink_placeholder"].description or ""
    for text in (Unsupported().text, placeholder):
        assert re.search(rf"\b{row.name}\b", text)
