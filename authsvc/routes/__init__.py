"""HTTP, as nginx speaks it to the service: one module for each kind of question."""
