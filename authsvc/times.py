"""How long the parts of a running installation wait for each other.

These are not settings: some depend on others, and no installation needs to
change them. They are together in one place because nginx's files and the
service share several of them, and because tests run parts with shorter ones.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Durations in seconds. The defaults are what an installation uses."""

    # nginx, waiting for the service
    verdict_answer: float = 1.0
    """For a verdict. A frozen service delays unknown embedders by this, and known sites by nothing."""
    verdict_kept: float = 10.0
    """How long nginx keeps a verdict, so the longest time until a change of sites takes effect."""
    legacy_answer: float = 2.0
    """For the other spellings of an address of the 2018 script."""
    token_answer: float = 30.0
    """For the check of a token. Longer than a restart of the service takes."""
    upload_answer: float = 60.0
    """For the answer to an upload. Twice `decoder_wait`."""
    size_answer: float = 5.0
    """For a size that is not made yet; then the reader gets the picture itself. nginx waits a second longer."""

    # nginx, waiting for a client
    refused_body: float = 10.0
    """For the next bytes of a refused upload, which nginx reads so that the client receives the answer."""

    # the service
    access_poll: float = 1.0
    """Between two checks for tokens and sites that other processes have changed. A revoked token
    has to stop working within two seconds."""
    avif_pause: float = 1.0
    """Pause before the next AVIF while readers wait for sizes; an AVIF takes three times as long."""
    catalog_busy: float = 10.0
    """For another process's transaction, before a write fails as busy."""
    decoder_wait: float = 30.0
    """For a free decoder: half of `upload_answer`."""
    service_grace: float = 4.0
    """For requests in progress when the service is stopped, in whole seconds."""

    # `authsvc up`
    up_grace: float = 3.0
    """For requests in progress at the end; with the steps after it, everything has ended within 5 s."""
    death_window: float = 30.0
    """Within which the service may die four times; with the fifth death `authsvc up` ends."""
    reload_pause: float = 1.0
    """Between two reloads: each one starts nginx's workers again."""


TIMES: Final = Times()
