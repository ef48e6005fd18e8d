"""Facts about blobs, tokens and sites: the ports in `port`, one SQL adapter."""
