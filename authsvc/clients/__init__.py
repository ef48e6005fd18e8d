"""The upload APIs that clients speak: `port.py` lists what an API defines; `native.py` is one API.

To add an API: write its class beside `native.py` and add it to `table.py`.
Routes, nginx's locations and nginx's own refusals follow from the table.
"""
