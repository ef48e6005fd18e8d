import asyncio
import re
import tempfile
import tomllib
from pathlib import Path

import pytest
from starlette.routing import Route

from authsvc.errors import AnswerError
from authsvc.model import SiteList
from authsvc.nginx.render import RenderTarget, render
from authsvc.service.app import create_app
from authsvc.settings import load
from authsvc.verdict.embedder import HIDDEN, INVALID, NONE
from authsvc.verdict.policy import Reason, Rules, decide
from authsvc.verdict.sites import SiteSet
from tests.support.docs.markdown import DOCS, ROOT, ZH, blocks, name_of, section, spans, tables

NOWHERE = Path("/nowhere")
TERMS = (
    "blob", "digest", "key", "shard", "store", "catalog", "size", "placeholder",
    "site", "referer", "verdict", "token", "scope", "envelope",
)  # fmt: skip
RULES = Rules(
    sites=SiteSet.of(("blog.example.com",)),
    own_hosts=frozenset({"img.example.com"}),
    allows_empty=True,
    allows_hidden=False,
)
EMBEDDERS = {
    Reason.KNOWN_SITE: "blog.example.com",
    Reason.OWN_HOST: "img.example.com",
    Reason.STRANGER: "stranger.example",
    Reason.NO_REFERER: NONE,
    Reason.HIDDEN_REFERER: HIDDEN,
    Reason.INVALID_REFERER: INVALID,
}
WORDS = {DOCS / "verdict.md": {"allow": True, "deny": False}, ZH / "verdict.md": {"允许": True, "拒绝": False}}


def test_every_location_of_nginx_is_named() -> None:
    files = render(load(flags={"data_dir": NOWHERE}).settings, SiteList(1, ()), NOWHERE, RenderTarget(NOWHERE, NOWHERE))
    text = "\n".join(files.values())
    locations = re.findall(r'^\s*location (?:[=~^]+ )?"?(.+?)"? \{$', text, re.MULTILINE)
    assert len(locations) == len(re.findall(r"^\s*location ", text, re.MULTILINE))
    named = set(spans(DOCS / "addresses.md"))
    named |= {f"/_error/native/{code}" for code in named} | {span.split()[-1] for span in named}
    assert {place for place in locations if place not in named and f"{place}…" not in named} == set()


def test_every_route_of_the_service_is_named() -> None:
    async def paths(folder: Path) -> set[str]:
        app = create_app(load(flags={"data_dir": folder}).settings)
        async with app.router.lifespan_context(app):
            return {route.path for route in app.routes if isinstance(route, Route)}

    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        found = asyncio.run(paths(Path(folder)))
    named = {span.split()[-1] for span in spans(DOCS / "addresses.md")}
    assert found - named == set()


@pytest.mark.parametrize("term", TERMS)
def test_term_has_one_meaning_and_a_place_in_the_code(term: str) -> None:
    rows = [line for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith(f"| **{term}** |")]
    assert len(rows) == 1
    place = rows[0].split("|")[3].strip()
    assert "](../" in place


def test_glossary_points_to_names_that_exist() -> None:
    text = (DOCS / "glossary.md").read_text()
    for path, name in re.findall(r"\]\(\.\./([\w/.]+)\): `(?:\w+\.)?(\w+)`", text):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), name


def test_layers_are_those_that_imports_are_checked_by() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert "\n".join(layers) + "\n" in [block.text for block in blocks(DOCS / "architecture.md", "text")]


@pytest.mark.parametrize("page", WORDS, ids=name_of)
@pytest.mark.parametrize("reason", Reason)
def test_table_of_rules_agrees_with_the_policy(reason: Reason, page: Path) -> None:
    verdict = decide(EMBEDDERS[reason], RULES)
    assert verdict.reason is reason
    rules = next(table for table in tables(page) if len(table) == len(Reason) + 1)
    rows = [cells for cells in rules if cells[3] == f"`{reason.value}`"]
    assert len(rows) == 1
    cells = rows[0]
    assert WORDS[page][cells[2]] is verdict.allowed
    if EMBEDDERS[reason].startswith("-"):
        assert cells[0] == f"`{EMBEDDERS[reason]}`"


def test_error_page_names_every_answer_of_nginx() -> None:
    table = section(DOCS / "errors.md", "## What nginx itself refuses")
    files = render(load(flags={"data_dir": NOWHERE}).settings, SiteList(1, ()), NOWHERE, RenderTarget(NOWHERE, NOWHERE))
    codes = set(re.findall(r"=\d+ /_error/native/(\w+);", files["snippets/uploads/upload.conf"]))
    # The body of `error_page 500` is chosen by a variable, of these two.
    assert codes | {"full", "unavailable"} == set(re.findall(r"\| `(\w+)` \|", table))
    assert codes <= {kind.code for branch in AnswerError.__subclasses__() for kind in branch.__subclasses__()}
