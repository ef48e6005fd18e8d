"""Facts about blobs, tokens and sites: the ports in `port`, and one SQL adapter for all databases."""
