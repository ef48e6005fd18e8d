"""What every image catalog does. A subclass defines how to open one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision, NoSuchObject
from authsvc.model import Image, Key
from tests.support.contract.values import an_image, received_as, some_digests


def _added(images: ImageCatalog, image: Image) -> Image:
    row = images.add(image, received_as(image)).result()
    if isinstance(row, Collision):
        raise row
    return row


def _found_received(images: ImageCatalog, sha256: str) -> Image | None:
    return images.find_all_received([sha256]).get(sha256)


class ImageCatalogContract:
    @pytest.fixture
    def images(self) -> ImageCatalog:
        """An empty catalog."""
        raise NotImplementedError

    @pytest.fixture
    def elsewhere(self) -> ImageCatalog:
        """The same catalog, opened a second time."""
        raise NotImplementedError

    def test_added_image_is_found_by_its_digest(self, images: ImageCatalog, elsewhere: ImageCatalog) -> None:
        image = an_image(name="Katze 猫.png", created_at=1_712_345_678)
        assert _added(images, image) == image
        assert images.find(image.key.digest) == image
        assert elsewhere.find(image.key.digest) == image

    def test_unknown_image_is_not_found(self, images: ImageCatalog) -> None:
        image = an_image()
        assert images.find(image.key.digest) is None
        assert _found_received(images, image.sha256) is None

    def test_known_bytes_keep_the_facts_of_their_first_upload(self, images: ImageCatalog) -> None:
        first = _added(images, an_image(extension="jpeg", name="first.jpeg", created_at=1))
        again = an_image(digest=first.key.digest, sha256=first.sha256, extension="jpg", name="again.jpg", created_at=2)
        assert _added(images, again) == first
        assert images.find(first.key.digest) == first
        assert images.page(after=None, limit=10) == [first]

    def test_forged_digest_is_refused_and_the_first_image_stays(self, images: ImageCatalog) -> None:
        first = _added(images, an_image())
        forgery = an_image(digest=first.key.digest)
        with pytest.raises(Collision):
            _added(images, forgery)
        assert images.find(first.key.digest) == first
        assert _found_received(images, forgery.sha256) is None

    def test_images_added_together_get_each_its_own_result(self, images: ImageCatalog, elsewhere: ImageCatalog) -> None:
        known, buried = _added(images, an_image()), _added(images, an_image())
        images.bury(buried.key, now=2)
        new, twice = an_image(), an_image(name="first.png")
        again = an_image(digest=twice.key.digest, sha256=twice.sha256, name="again.png")
        entries = [new, an_image(digest=known.key.digest), known, buried, twice, again, an_image(digest=new.key.digest)]
        results = [future.result() for future in [images.add(image, received_as(image)) for image in entries]]
        assert [result for result in results if isinstance(result, Image)] == [new, known, buried, twice, twice]
        assert [at for at, result in enumerate(results) if isinstance(result, Collision)] == [1, 6]
        kept = {image.key.digest: image for image in (new, known, buried, twice)}
        assert {digest: elsewhere.find(digest) for digest in [*kept, "0" * 32]} == kept | {"0" * 32: None}
        received = {image.sha256: image for image in kept.values()}
        assert elsewhere.find_all_received([image.sha256 for image in entries]) == received
        assert images.buried() == []

    def test_no_digest_finds_no_image(self, images: ImageCatalog) -> None:
        assert images.find_all_received([]) == {}

    def test_image_is_found_by_every_file_it_was_received_as(self, images: ImageCatalog) -> None:
        image = an_image()
        forms = [some_digests(), some_digests()]
        for form in forms:
            images.add(image, form).result()
        assert [_found_received(images, form.sha256) for form in forms] == [image, image]
        assert images.page(after=None, limit=10) == [image]

    def test_file_that_is_cleaned_differently_now_leads_to_its_newest_image(self, images: ImageCatalog) -> None:
        form = some_digests()
        images.add(an_image(), form).result()
        newer = an_image()
        images.add(newer, form).result()
        assert _found_received(images, form.sha256) == newer

    def test_buried_image_is_found_no_more(self, images: ImageCatalog, elsewhere: ImageCatalog) -> None:
        image = _added(images, an_image())
        assert images.bury(image.key, now=2) is True
        for opened in (images, elsewhere):
            assert opened.find(image.key.digest) is None
            assert _found_received(opened, image.sha256) is None
            assert opened.page(after=None, limit=10) == []
            assert opened.buried() == [image.key]

    def test_burial_of_an_unknown_image_returns_false(self, images: ImageCatalog) -> None:
        image = _added(images, an_image(extension="jpeg"))
        assert images.bury(an_image().key, now=2) is False
        assert images.bury(Key(image.key.digest, "jpg"), now=2) is False
        assert images.find(image.key.digest) == image
        assert images.buried() == []

    def test_upload_lifts_the_tombstone(self, images: ImageCatalog) -> None:
        image = _added(images, an_image(name="first.png"))
        images.bury(image.key, now=2)
        assert _added(images, an_image(digest=image.key.digest, sha256=image.sha256)) == image
        assert images.find(image.key.digest) == image
        assert images.buried() == []
        assert images.forget(image.key) == image

    def test_forgery_does_not_lift_the_tombstone(self, images: ImageCatalog) -> None:
        image = _added(images, an_image())
        images.bury(image.key, now=2)
        with pytest.raises(Collision):
            _added(images, an_image(digest=image.key.digest))
        assert images.buried() == [image.key]

    def test_forgotten_image_is_not_found_by_how_it_was_received(self, images: ImageCatalog) -> None:
        image = _added(images, an_image(name="first.png"))
        images.bury(image.key, now=2)
        for _ in range(2):
            assert images.forget(image.key) is None
        assert images.find(image.key.digest) is None
        assert _found_received(images, image.sha256) is None
        assert images.buried() == []
        newcomer = an_image(digest=image.key.digest)
        assert _added(images, newcomer) == newcomer

    def test_image_without_a_tombstone_is_not_forgotten(self, images: ImageCatalog, elsewhere: ImageCatalog) -> None:
        image = _added(images, an_image())
        assert images.forget(image.key) == image
        assert elsewhere.find(image.key.digest) == image

    @pytest.mark.parametrize("is_buried", [False, True], ids=["recorded", "buried"])
    def test_another_extension_is_another_image_to_forget(self, images: ImageCatalog, *, is_buried: bool) -> None:
        image = _added(images, an_image(extension="jpeg"))
        if is_buried:
            images.bury(image.key, now=2)
        assert images.forget(Key(image.key.digest, "jpg")) is None
        assert images.buried() == ([image.key] if is_buried else [])

    def test_image_is_forgotten_or_recorded_again_and_both_sides_know_which(
        self, images: ImageCatalog, elsewhere: ImageCatalog
    ) -> None:
        def forget(key: Key) -> Image | None:
            return elsewhere.forget(key)

        with ThreadPoolExecutor(1) as thread:
            for _ in range(40):
                image = _added(images, an_image(name="first.png"))
                again = an_image(digest=image.key.digest, sha256=image.sha256, name="again.png")
                images.bury(image.key, now=2)
                forgetting = thread.submit(forget, image.key)
                recorded = _added(images, again)
                assert (recorded, forgetting.result()) in [(again, None), (image, image)]
                assert images.find(image.key.digest) == recorded

    def test_pages_give_every_image_once_and_newest_first(self, images: ImageCatalog) -> None:
        added = [_added(images, an_image()) for _ in range(7)]
        seen: list[Image] = []
        while page := images.page(after=seen[-1].key if seen else None, limit=3):
            assert len(page) <= 3
            seen += page
            # Images added meanwhile are newer than all following pages.
            _added(images, an_image())
        assert seen == added[::-1]

    def test_page_continues_after_an_image_buried_meanwhile(self, images: ImageCatalog) -> None:
        oldest, middle, _ = (_added(images, an_image()) for _ in range(3))
        images.bury(middle.key, now=2)
        assert images.page(after=middle.key, limit=5) == [oldest]

    @pytest.mark.parametrize("is_other_extension", [False, True], ids=["unknown digest", "other extension"])
    def test_page_after_an_unknown_image_is_refused(self, images: ImageCatalog, *, is_other_extension: bool) -> None:
        image = _added(images, an_image(extension="jpg"))
        after = Key(image.key.digest, "jpeg") if is_other_extension else an_image().key
        with pytest.raises(NoSuchObject):
            images.page(after=after, limit=5)

    def test_same_image_from_many_threads_is_recorded_once(self, images: ImageCatalog, elsewhere: ImageCatalog) -> None:
        image = an_image()
        copies = [an_image(digest=image.key.digest, sha256=image.sha256, name=f"{number}.png") for number in range(20)]

        def add(number: int) -> Image:
            return _added((images, elsewhere)[number % 2], copies[number])

        with ThreadPoolExecutor(20) as threads:
            results = list(threads.map(add, range(20)))
        assert set(results) == {images.find(image.key.digest)}
        assert results[0] in copies
        assert len(images.page(after=None, limit=50)) == 1

    def test_images_from_many_threads_are_all_recorded(self, images: ImageCatalog) -> None:
        added = [an_image() for _ in range(60)]

        def add(image: Image) -> Image:
            return _added(images, image)

        with ThreadPoolExecutor(20) as threads:
            assert list(threads.map(add, added)) == added
        assert set(images.page(after=None, limit=100)) == set(added)
