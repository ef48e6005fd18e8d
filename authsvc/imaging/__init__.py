"""Picture files: their types, checks, metadata and decoders."""
