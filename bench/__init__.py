"""Benchmarks against other servers: `make bench-read`, `make bench-upload`, `make bench-images`."""
