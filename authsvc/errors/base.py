"""The root of the tree of errors."""

from typing import ClassVar


class AuthsvcError(Exception):
    """A failure whose text may be shown to the person who caused it.

    `text` is the class's template, filled in with `values`.
    """

    template: ClassVar[str] = "{reason}"

    def __init__(self, **values: object) -> None:
        self.values = values
        self.text = self.template.format(**values)
        super().__init__(self.text)
