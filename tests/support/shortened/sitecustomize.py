"""Python imports this at its start, because the folder is on PYTHONPATH in a stack with times of its own.

It replaces `TIMES` before any other module of the product reads it, so the
product itself needs no switch for tests. See tests/support/times.py.
"""

import json
import os

from authsvc import times

# Not in workers, which need no times: they do not get the service's variables.
if "TIMES_FOR_TESTS" in os.environ:
    vars(times)["TIMES"] = times.Times(**json.loads(os.environ["TIMES_FOR_TESTS"]))
