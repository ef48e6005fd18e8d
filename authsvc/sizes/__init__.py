"""Resized copies of pictures, made on demand."""
