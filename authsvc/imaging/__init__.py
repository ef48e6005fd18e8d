"""What the service knows about image files: their types and their headers."""
