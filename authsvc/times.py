"""How long the parts of a running installation wait for each other.

These are not settings: some depend on others, and no installation needs to
change them. They are together in one place because nginx's files and the
service share several of them, and because tests run parts with shorter ones.

Other times are beside the code that uses them, because no other part depends on
them and no part waits for them while everything works:

- until `authsvc nginx` reports that nginx did not reload: `nginx/program.py`
- until `authsvc up` reports that service or nginx does not answer, and that the
  service of a killed `authsvc up` still runs: `up/supervisor.py`, `up/start.py`
- until `authsvc up` kills what SIGTERM did not end: `up/supervisor.py`. It
  limits `up_grace`, and a test checks their sum
- until `authsvc doctor` reports a service or a certificate that it cannot
  read: `doctor/service.py`, `nginx/certificate.py`
- until a worker is killed that does not start or end: `imaging/decoder/handle.py`
- nginx's `proxy_connect_timeout`, in its templates: a Unix socket accepts or
  refuses a connection at once
- nginx's limits for slow clients, in its templates and settings
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Durations in seconds. The defaults are what an installation uses."""

    # nginx, waiting for the service
    verdict_answer: float = 1.0
    """nginx waits this long for a verdict. A frozen service delays unknown embedders by this, but no known site."""
    verdict_kept: float = 10.0
    """How long nginx keeps a verdict. A change of sites takes effect after at most this time."""
    legacy_answer: float = 2.0
    """nginx waits this long for the answer to other spellings of an address of the 2018 script."""
    token_answer: float = 30.0
    """nginx waits this long for the check of a token. A restart of the service takes less."""
    upload_answer: float = 60.0
    """nginx waits this long for the answer to an upload. Twice `decoder_wait`."""
    size_answer: float = 5.0
    """The service waits this long for a new size; then the reader gets the picture. nginx waits a second longer."""

    # nginx, waiting for a client
    refused_body: float = 10.0
    """nginx waits this long for more of a refused upload, which it reads so that the client receives the answer."""

    # the service
    access_poll: float = 1.0
    """Time between two checks for tokens and sites that other processes have changed. A revoked token
    must stop working within two seconds."""
    avif_pause: float = 1.0
    """Pause before the next AVIF while readers wait for sizes; an AVIF takes three times as long."""
    catalog_busy: float = 10.0
    """A write waits this long for another process's transaction before it fails as busy."""
    decoder_wait: float = 30.0
    """A job waits this long for a free decoder. Half of `upload_answer`."""
    service_grace: float = 4.0
    """A stopped service lets requests in progress run for this long. Whole seconds."""

    # `authsvc up`
    up_grace: float = 3.0
    """At the end, requests in progress may run for this long; with the steps after it, everything ends within 5 s."""
    death_window: float = 30.0
    """The service may die four times within this time; after the fifth death `authsvc up` ends."""
    reload_pause: float = 1.0
    """Time between two reloads, because each one starts nginx's workers again."""


TIMES: Final = Times()
