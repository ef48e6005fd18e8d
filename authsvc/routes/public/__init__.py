"""Routes that nginx passes on to clients."""
