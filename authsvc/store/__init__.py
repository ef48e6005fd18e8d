"""Where blobs live: the port in `port`, one module for each back end."""
