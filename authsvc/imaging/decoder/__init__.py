"""Worker processes that decode pictures."""
