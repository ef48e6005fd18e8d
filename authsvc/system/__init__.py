"""The operating system: durable files, locks, sockets."""
