"""The `authsvc` command: one module for each group of commands."""

from authsvc.cli.root import main

__all__ = ["main"]
