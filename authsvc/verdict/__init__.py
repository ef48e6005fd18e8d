"""Decide whether a page may embed pictures. Pure: no files, clock, sockets or framework."""
