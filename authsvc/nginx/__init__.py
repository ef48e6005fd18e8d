"""nginx: its files, rendered from the templates in `nginx/`, its program, and the nginx that a server already has."""
