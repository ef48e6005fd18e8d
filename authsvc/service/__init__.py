"""The web application and the process that runs it."""
