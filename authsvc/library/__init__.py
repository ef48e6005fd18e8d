"""Work on pictures that are stored: remove, reindex."""
