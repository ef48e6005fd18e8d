"""Lets `python -m authsvc` do what `authsvc` does."""

from authsvc.cli import main

main()
