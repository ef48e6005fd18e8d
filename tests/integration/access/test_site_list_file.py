import stat
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.access.site_list_file import publish_sites, read_site_list
from authsvc.errors import Broken
from authsvc.model import SiteList
from authsvc.nginx.site_map import render_sites
from tests.support.actors import change_sites_and_publish
from tests.support.contract.small_disk import fill, small_disk
from tests.support.workplace import Workplace, open_workplace

FIRST_SITES = ("127.0.0.1", "[::1]", "localhost")
HEADER = "# authsvc sites, revision "


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sites.list"


def _publish(place: Workplace) -> SiteList:
    return publish_sites(place.catalog.access, place.settings)


def test_published_list_is_read_back(place: Workplace) -> None:
    place.catalog.access.add_site("*.example.com", now=1)
    published = _publish(place)
    assert published.patterns == ("*.example.com", *FIRST_SITES)
    assert published.revision == place.catalog.access.revision().sites
    assert read_site_list(place.settings.site_list_path) == published


def test_own_hosts_are_not_on_the_published_list(place: Workplace) -> None:
    settings = place.settings.model_copy(update={"extra_hosts": ("pics.example.org",)})
    assert "pics.example.org" not in publish_sites(place.catalog.access, settings).patterns
    assert "\\pics.example.org 1;" in render_sites(settings, read_site_list(settings.site_list_path))


def test_list_is_world_readable_and_only_its_owner_can_write_it(place: Workplace) -> None:
    _publish(place)
    assert stat.S_IMODE(place.settings.site_list_path.stat().st_mode) == 0o644


def test_unchanged_list_is_not_written_again(place: Workplace) -> None:
    _publish(place)
    before = place.settings.site_list_path.stat()
    _publish(place)
    after = place.settings.site_list_path.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_reader_of_an_old_list_still_reads_all_of_it(place: Workplace) -> None:
    _publish(place)
    with place.settings.site_list_path.open() as old:
        place.catalog.access.add_site("example.com", now=1)
        _publish(place)
        assert old.read().splitlines()[1:] == list(FIRST_SITES)


@pytest.mark.parametrize(
    "damaged", [b"", b"\xff\xfe\x00", b"# authsvc sites, rev"], ids=["empty", "not UTF-8", "cut off"]
)
def test_damaged_list_is_replaced_by_the_next_publication(place: Workplace, damaged: bytes) -> None:
    place.settings.site_list_path.write_bytes(damaged)
    published = _publish(place)
    assert read_site_list(place.settings.site_list_path) == published


@pytest.mark.needs_root
def test_full_disk_leaves_the_old_list(tmp_path: Path, new_catalog: Path) -> None:
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        place = open_workplace(disk / "data", new_catalog)
        before = _publish(place)
        place.catalog.access.add_site("example.com", now=1)
        ballast = fill(disk)
        with pytest.raises(OSError, match="No space left"):
            _publish(place)
        assert read_site_list(place.settings.site_list_path) == before
        ballast.unlink()
        assert "example.com" in _publish(place).patterns
        assert "example.com" in read_site_list(place.settings.site_list_path).patterns
        place.catalog.close()


def test_concurrent_publishers_never_publish_an_older_list(place: Workplace) -> None:
    publish = partial(change_sites_and_publish, place.settings.data_dir)
    _publish(place)
    seen = [read_site_list(place.settings.site_list_path).revision]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        working = [processes.submit(publish, name, 12) for name in ("ant", "bee", "cat")]
        is_done = False
        while not is_done:
            is_done = all(future.done() for future in working)
            found = read_site_list(place.settings.site_list_path)
            # Whole: every site from the first revision on is there.
            assert len(found.patterns) == len(FIRST_SITES) + found.revision - 1
            seen.append(found.revision)
        published = [future.result() for future in working]
    assert seen == sorted(seen)
    assert all(revisions == sorted(revisions) for revisions in published)
    assert seen[-1] == place.catalog.access.revision().sites == 37


@pytest.mark.parametrize(
    "line",
    [
        "*",
        "http://example.com",
        "EXAMPLE.com",
        "example.com.",
        " example.com",
        "example.com 1;",
        "example.com;",
        "}",
        "include /etc/passwd;",
        "bücher.de",
        "",
        "# a comment",
        "a..b",
        "[::1",
        "[0::1]",
    ],
    ids=[
        "everybody",
        "an address",
        "upper case",
        "trailing dot",
        "leading space",
        "a map entry",
        "semicolon",
        "closing brace",
        "a directive",
        "not in its xn-- form",
        "empty line",
        "comment",
        "two dots",
        "open bracket",
        "IPv6 spelled otherwise",
    ],
)
def test_list_with_an_invalid_line_is_refused_as_a_whole(path: Path, line: str) -> None:
    path.write_text(f"{HEADER}7\nlocalhost\n{line}\nexample.com\n")
    with pytest.raises(Broken, match="is not a site pattern; the list is not used"):
        read_site_list(path)


@pytest.mark.parametrize(
    "header",
    ["", "localhost", HEADER, f"{HEADER}x", f"{HEADER}-1", f"{HEADER}1 ", f"{HEADER}²", f"{HEADER}{'9' * 5000}"],
    ids=["empty", "a site", "no number", "a letter", "negative", "trailing space", "superscript", "5000 digits"],
)
def test_list_without_a_revision_is_refused(path: Path, header: str) -> None:
    path.write_text(f"{header}\nlocalhost\n")
    with pytest.raises(Broken):
        read_site_list(path)


@given(content=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"{HEADER}1\n{text}".encode()))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "whatever.list"
    path.write_bytes(content)
    try:
        read = read_site_list(path)
    except Broken:
        return
    assert read.revision >= 0
    assert not any(set(pattern) & set(" ;{}\"'\\$\n") for pattern in read.patterns)


def test_missing_list_is_refused_with_its_name(path: Path) -> None:
    with pytest.raises(Broken, match=r"sites\.list"):
        read_site_list(path)


def test_sites_listed_twice_count_once_and_in_order(path: Path) -> None:
    path.write_text(f"{HEADER}7\nlocalhost\nexample.com\nlocalhost\n")
    assert read_site_list(path) == SiteList(7, ("example.com", "localhost"))
