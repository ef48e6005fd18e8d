"""Measurements beside other ways; `make bench-read` and `make bench-upload`."""
