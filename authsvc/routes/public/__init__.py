"""Requests of clients that nginx passes on."""
