"""`authsvc up`: service and nginx under one parent, in the foreground."""
