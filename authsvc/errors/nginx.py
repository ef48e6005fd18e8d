"""The refusals that nginx makes itself on upload addresses, and the error that each one means."""

from dataclasses import dataclass
from typing import Final

from authsvc.errors.client import (
    AnswerError,
    BadRequest,
    BadToken,
    Busy,
    DiskFull,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    TimedOut,
    TooLarge,
    Unavailable,
    WrongScope,
)


@dataclass(frozen=True, slots=True)
class NginxRefusal:
    """An error that nginx answers without the service.

    `statuses` are nginx's own statuses that become this error on an upload
    address; without any, a location chooses the error itself.
    """

    error: type[AnswerError]
    statuses: tuple[int, ...] = ()


NGINX_REFUSALS: Final = (
    NginxRefusal(BadRequest, (400,)),
    NginxRefusal(BadToken, (401,)),
    NginxRefusal(WrongScope, (403,)),
    NginxRefusal(MethodNotAllowed, (405,)),
    NginxRefusal(TooLarge, (413,)),
    NginxRefusal(RateLimited, (429,)),
    # 494 is nginx's own status for headers that are too large. Clients get 431.
    NginxRefusal(HeadersTooLarge, (414, 494)),
    NginxRefusal(Unavailable, (502,)),
    NginxRefusal(Busy, (503,)),
    NginxRefusal(TimedOut, (504,)),
    NginxRefusal(NotFound),
    # A status of 500 is DiskFull or Unavailable: see upload.conf.j2.
    NginxRefusal(DiskFull),
)
