"""Every error that a client, an operator or a caller may meet, in one tree.

AuthsvcError
├── UploadRefused                 what a client sent cannot be taken
│   ├── Empty                400  empty          the file has no bytes
│   ├── NoFile               400  no_file        no part of the form is a file
│   ├── BadMultipart         400  bad_multipart  the body is not a form we can read
│   ├── BadRequest           400  bad_request    nginx could not read the request
│   ├── BadToken             401  bad_token      missing, wrong, revoked or expired
│   ├── WrongScope           403  scope          the token may not do this
│   ├── NotFound             404  not_found      no such address
│   ├── MethodNotAllowed     405  method_not_allowed
│   ├── Collision            409  collision      same md5, other bytes
│   ├── TooLarge             413  too_large      more bytes than the limit
│   ├── Unsupported          415  unsupported    not one of the five image types
│   ├── Corrupt              422  corrupt        it is not built as its type is
│   ├── Truncated            422  truncated      it ends before its picture does
│   ├── TooManyPixels        422  too_many_pixels  more than decoders are asked to hold
│   ├── TooManyFrames        422  too_many_frames  of an animation, or too many pixels in all
│   ├── TooManyScans         422  too_many_scans   each costs a decoder a pass over all of it
│   ├── Bomb                 422  bomb           it, or a part of it, unpacks to far more than it may
│   ├── TooSlow              422  too_slow       decoding it takes longer than it may
│   └── HeadersTooLarge      431  headers_too_large
├── ServerError                        the server does not take it now; it may later
│   ├── RateLimited          429  rate           too many uploads from one address
│   ├── Internal             500  internal       a fault of ours
│   ├── Unavailable          502  unavailable    nginx does not reach the service
│   ├── Busy                 503  busy           too many uploads under way
│   ├── TimedOut             504  timeout        the service did not answer in time
│   └── DiskFull                 507  full           no room left on the disk
└── OperatorError                        an operator's command or setting is wrong
    ├── BadSetting                a setting is unknown or out of range
    ├── BadSite                   not a site pattern
    ├── BadName                   a token's name, scope or text is unusable
    ├── NoSuchObject                  the named token, site or image does not exist
    ├── InUse                     a port or data folder is taken
    └── Broken                    a folder, file or program is not as needed

The first two branches have an HTTP status and a stable code, which
`docs/errors.md` lists; `routes.answers` turns them into answers. OperatorError is
what the command line prints as one line before it exits.
"""

from typing import ClassVar


class AuthsvcError(Exception):
    """A failure whose text may be shown to whoever caused it.

    `text` is the class's template, filled in with `values`.
    """

    template: ClassVar[str] = "{reason}"

    def __init__(self, **values: object) -> None:
        self.text = self.template.format(**values)
        super().__init__(self.text)


class AnswerError(AuthsvcError):
    """A failure with an HTTP status (RFC 9110 section 15) and a stable code."""

    status: ClassVar[int]
    code: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds for the Retry-After header; None sends no such header."""


class UploadRefused(AnswerError):
    """What the client sent cannot be taken; sending it again will not help."""


class Empty(UploadRefused):
    """The file part has no bytes."""

    status = 400
    code = "empty"
    template = "The file is empty. Choose a picture that has some bytes."


class NoFile(UploadRefused):
    """The form has no file part."""

    status = 400
    code = "no_file"
    template = (
        "The form has no file. Send the picture as a multipart/form-data part "
        "with a filename, for example: curl -F file=@picture.png"
    )


class BadMultipart(UploadRefused):
    """The body is not multipart/form-data that can be read within the limits."""

    status = 400
    code = "bad_multipart"
    template = "The body is not readable multipart/form-data: {reason}. Send one file part with ordinary headers."


class BadRequest(UploadRefused):
    """The request line or a header breaks HTTP, so that nginx refused it."""

    status = 400
    code = "bad_request"
    template = "The request is not valid HTTP. Check the address, the headers and the length."


class BadToken(UploadRefused):
    """No token, or one that is wrong, revoked or expired: never told apart."""

    status = 401
    code = "bad_token"
    template = (
        "The token is missing or not valid. Send it as the header `token: …` or "
        "`Authorization: Bearer …`; `authsvc token add NAME` makes a new one."
    )


class WrongScope(UploadRefused):
    """The token is valid, but for something else."""

    status = 403
    code = "scope"
    template = "This token may not upload. Make one with `authsvc token add NAME --scope upload`."


class NotFound(UploadRefused):
    """There is nothing at this address."""

    status = 404
    code = "not_found"
    template = "There is nothing at this address. Pictures are uploaded to /api/v1/upimg."


class MethodNotAllowed(UploadRefused):
    """The address exists, but not for this method."""

    status = 405
    code = "method_not_allowed"
    template = "This address takes POST only."


class Collision(UploadRefused):
    """Other bytes with the same md5 are stored already: a forged digest."""

    status = 409
    code = "collision"
    template = (
        "Another picture with the same md5 but other bytes is stored already, so this one is "
        "refused. Save the picture again in an editor, which changes its bytes, and upload that."
    )


class TooLarge(UploadRefused):
    """More bytes than `max_upload_bytes`."""

    status = 413
    code = "too_large"
    template = "The picture is larger than {limit_bytes} bytes. Make it smaller, or raise max_upload_bytes."


class Unsupported(UploadRefused):
    """The first bytes are none of the five accepted image types."""

    status = 415
    code = "unsupported"
    template = (
        "The file is not a JPEG, PNG, GIF, WebP or AVIF picture, whatever its name says. Convert it to one of these."
    )


class Corrupt(UploadRefused):
    """The type is accepted, but the file is not built as that type is."""

    status = 422
    code = "corrupt"
    template = "The {kind} file is damaged: {reason}. Export the picture again and upload that."


class Truncated(UploadRefused):
    """The file ends before its picture does: it was cut off on its way."""

    status = 422
    code = "truncated"
    template = "The picture is cut off: {reason}. Upload the whole file."


class TooManyPixels(UploadRefused):
    """The picture has more pixels, or a longer side, than `max_pixels` and `max_side` allow."""

    status = 422
    code = "too_many_pixels"
    template = "The picture has {found}; the limit is {limit}. Make it smaller, or raise {setting}."


class TooManyScans(UploadRefused):
    """The JPEG has more scans than `max_scans`; each costs a decoder a pass over the whole picture."""

    status = 422
    code = "too_many_scans"
    template = "The JPEG has more than {limit} scans. Export it again, or raise max_scans."


class TooManyFrames(UploadRefused):
    """The animation has more frames than `max_frames`, or more pixels in all of them than `max_animation_pixels`."""

    status = 422
    code = "too_many_frames"
    template = "The animation has {found}; the limit is {limit}. Make it shorter or smaller, or raise {setting}."


class Bomb(UploadRefused):
    """A part of the file that is no picture data, or the picture in its decoder, unpacks to far more than it may."""

    status = 422
    code = "bomb"
    template = "The {what} unpacks to more than {limit_bytes} bytes. Export the picture again, smaller or without it."


class TooSlow(UploadRefused):
    """Decoding the picture takes longer than `image_timeout`."""

    status = 422
    code = "too_slow"
    template = "Decoding the picture takes longer than {limit} seconds. Make it smaller, or raise image_timeout."


class HeadersTooLarge(UploadRefused):
    """The request's headers exceed nginx's buffers."""

    status = 431
    code = "headers_too_large"
    template = "The request's headers are too large. Send fewer cookies or a shorter address."


class ServerError(AnswerError):
    """The server does not take the upload now; sending it again may help."""


class RateLimited(ServerError):
    """More uploads from one address than nginx's limits let through."""

    status = 429
    code = "rate"
    retry_after = 1
    template = "Too many uploads from this address. Wait a second and try again."


class Internal(ServerError):
    """A fault in this service; its log has the traceback."""

    status = 500
    code = "internal"
    template = "Something went wrong on the server; its log says what. Try again later."


class Unavailable(ServerError):
    """nginx does not reach the service, or this one stops before the disk has what it was sent."""

    status = 502
    code = "unavailable"
    retry_after = 2
    template = "The upload service is not running or is just restarting. Try again in a few seconds."


class Busy(ServerError):
    """More uploads are under way than `max_concurrent_uploads`, no worker has time, or the catalog stays locked."""

    status = 503
    code = "busy"
    retry_after = 2
    template = "The server is busy with other uploads. Try again in a few seconds."


class TimedOut(ServerError):
    """The service took the upload but did not answer in time."""

    status = 504
    code = "timeout"
    retry_after = 5
    template = "The upload service did not answer in time. Try again; a picture is never stored twice."


class DiskFull(ServerError):
    """The disk, or the quota on it, has no room left."""

    status = 507
    code = "full"
    template = "The server's disk is full, so nothing was stored. Ask its owner to make room."


class OperatorError(AuthsvcError):
    """A command, a setting or the machine is not as it must be."""


class BadSetting(OperatorError):
    """A setting is unknown, of the wrong type or out of range."""


class BadSite(OperatorError):
    """The text is no site pattern; the template says how to spell it."""

    template = "{pattern!r} is not a site: {reason}"


class BadName(OperatorError):
    """A token's name, scope, expiry or own text cannot be used."""


class NoSuchObject(OperatorError):
    """The named token, site or image does not exist."""


class InUse(OperatorError):
    """Another process holds the port or the data folder."""


class Broken(OperatorError):
    """A folder, a file or a program is missing or not usable."""
