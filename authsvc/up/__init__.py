"""`authsvc up`: service and nginx under one parent."""
