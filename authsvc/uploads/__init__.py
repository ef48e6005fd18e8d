"""What happens to one upload, from the request to the store."""
