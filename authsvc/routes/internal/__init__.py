"""Routes that nginx itself asks."""
