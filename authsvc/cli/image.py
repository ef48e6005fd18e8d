"""`authsvc image`: the stored pictures."""

import click

from authsvc.cli.backends import backends_of
from authsvc.cli.context import EXIT_FAILED, Given, moment, pass_given, show_json, show_table
from authsvc.errors import AuthsvcError, NoSuchObject, OperatorError
from authsvc.library.remove import remove
from authsvc.model import Image, Key
from authsvc.settings import Settings


@click.group()
def image() -> None:
    """List, show and remove stored pictures."""


@image.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Number of pictures.")
@click.option("--after", metavar="KEY", help="Start after this picture.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def list_(given: Given, limit: int, after: str | None, *, as_json: bool) -> None:
    """Show pictures, newest first."""
    start = None if after is None else _key(after)
    settings = given.settings
    with backends_of(given) as backends:
        found = backends.catalog.images.page(after=start, limit=limit)
    if as_json:
        show_json([_described(item, settings) for item in found])
        return
    rows = [
        (item.key.path, f"{item.width}x{item.height}", str(item.size), moment(item.created_at), item.name)
        for item in found
    ]
    show_table(("path", "pixels", "bytes", "uploaded", "name"), rows)
    if len(found) == limit:
        click.echo(f"more: authsvc image list --after {found[-1].key}", err=True)


@image.command("show")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def show(given: Given, key: str, *, as_json: bool) -> None:
    """Show what is known about one picture.

    KEY is its path, its key or its md5.
    """
    wanted = _digest(key)
    with backends_of(given) as backends:
        found = backends.catalog.images.find(wanted)
    if found is None:
        raise NoSuchObject(reason=f"there is no picture {key!r}; `authsvc image list` shows all")
    described = _described(found, given.settings)
    if as_json:
        show_json(described)
    else:
        show_table(("fact", "value"), [(name, str(value)) for name, value in described.items()])


@image.command("rm")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@pass_given
def rm(given: Given, keys: tuple[str, ...]) -> None:
    """Remove pictures permanently.

    Their addresses answer with 404 within 10 seconds. KEY is a picture's path
    or its key.
    """
    has_failed = False
    with backends_of(given) as backends:
        for text in keys:
            try:
                key = _key(text)
                is_removed = remove(
                    key,
                    images=backends.catalog.images,
                    store=backends.store,
                    sizes=backends.sizes,
                )
            except AuthsvcError as error:
                click.echo(f"authsvc: {error.text}", err=True)
                has_failed = True
            else:
                click.echo(
                    f"{key.path} is removed"
                    if is_removed
                    else f"{key.path} was uploaded again in the meantime, so it is kept"
                )
    if has_failed:
        raise SystemExit(EXIT_FAILED)


def _described(item: Image, settings: Settings) -> dict[str, object]:
    return {
        "url": settings.base_url + item.key.path,
        "path": item.key.path,
        "key": str(item.key),
        "md5": item.key.digest,
        "sha256": item.sha256,
        "mime": item.key.mime,
        "size": item.size,
        "width": item.width,
        "height": item.height,
        "name": item.name,
        "uploaded": moment(item.created_at),
    }


def _key(text: str) -> Key:
    try:
        return Key.parse(text)
    except ValueError as error:
        raise OperatorError(reason=str(error)) from error


def _digest(text: str) -> str:
    is_digest = len(text) == 32 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 — an md5 in hex
    return text if is_digest else _key(text).digest
