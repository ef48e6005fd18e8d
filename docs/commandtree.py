"""All commands, as the command line finds them."""

from collections.abc import Iterator

import click


def contexts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the context of each command, groups before what is in them."""
    context = click.Context(command, parent=parent, info_name=name, help_option_names=["-h", "--help"])
    yield context
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            child = command.get_command(context, sub)
            if child is not None:
                yield from contexts(child, sub, context)
