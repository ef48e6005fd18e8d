"""PNG (Third Edition)."""
