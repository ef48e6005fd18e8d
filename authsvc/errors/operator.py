"""The failures that a command prints as one line before it exits."""

from authsvc.errors.base import AuthsvcError


class OperatorError(AuthsvcError):
    """A wrong command, a wrong setting, or a problem of the machine."""


class BadSetting(OperatorError):
    """A setting is unknown, has the wrong type or is out of range."""


class BadSite(OperatorError):
    """The text is not a site pattern; the reason explains how to write it."""

    template = "{pattern!r} is not a site: {reason}"


class BadName(OperatorError):
    """A token's name, scope, expiry or text cannot be used."""


class NoSuchObject(OperatorError):
    """The named token, site or image does not exist."""


class InUse(OperatorError):
    """Another process uses the port or the data folder."""


class Broken(OperatorError):
    """A folder, a file or a program is missing or not usable."""
