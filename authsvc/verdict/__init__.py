"""Whether an embedder may show pictures. Pure: no files, clock, sockets or framework."""
