"""The operating system: durable files, locks, sockets, filters for system calls."""
