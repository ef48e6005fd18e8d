"""The way of one upload, from the request to the store."""
