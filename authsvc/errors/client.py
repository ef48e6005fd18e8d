"""The failures that an upload client can get, each with its HTTP status and code."""

from typing import ClassVar

from authsvc.errors.base import AuthsvcError


class AnswerError(AuthsvcError):
    """A failure with an HTTP status (RFC 9110 section 15) and a stable code."""

    status: ClassVar[int]
    code: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds for the Retry-After header; None sends no such header."""


class UploadRefused(AnswerError):
    """The request cannot be accepted; sending it again does not help."""


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
    """The token is missing, wrong, revoked or expired; the answer does not show which."""

    status = 401
    code = "bad_token"
    template = (
        "The token is missing or not valid. Send it as the header `token: …` or "
        "`Authorization: Bearer …`; `authsvc token add NAME` makes a new one."
    )


class WrongScope(UploadRefused):
    """The token is valid, but not for uploads."""

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
    template = "This address accepts POST only."


class Collision(UploadRefused):
    """A picture with the same md5 but other bytes is already stored: a forged digest."""

    status = 409
    code = "collision"
    template = (
        "Another picture with the same md5 but other bytes is already stored, so this one is "
        "refused. Save the picture again in an editor, which changes its bytes, and upload that."
    )


class TooLarge(UploadRefused):
    """The picture has more bytes than `max_upload_bytes`."""

    status = 413
    code = "too_large"
    template = "The picture is larger than {limit_bytes} bytes. Make it smaller, or raise max_upload_bytes."


class Unsupported(UploadRefused):
    """The first bytes are not those of one of the five accepted image types."""

    status = 415
    code = "unsupported"
    template = (
        "The file is not a JPEG, PNG, GIF, WebP or AVIF picture (the file name does not matter). "
        "Convert it to one of these."
    )


class Corrupt(UploadRefused):
    """The type is accepted, but the file breaks that type's format."""

    status = 422
    code = "corrupt"
    template = "The {kind} file is damaged: {reason}. Export the picture again and upload that."


class Truncated(UploadRefused):
    """The file ends before its picture does: the transfer was cut off."""

    status = 422
    code = "truncated"
    template = "The picture is cut off: {reason}. Upload the whole file."


class TooManyPixels(UploadRefused):
    """The picture has more pixels than `max_pixels`, or a side longer than `max_side`."""

    status = 422
    code = "too_many_pixels"
    template = "The picture has {found}; the limit is {limit}. Make it smaller, or raise {setting}."


class TooManyScans(UploadRefused):
    """The JPEG has more scans than `max_scans`; a decoder passes over the whole picture once per scan."""

    status = 422
    code = "too_many_scans"
    template = "The JPEG has more than {limit} scans. Export it again, or raise max_scans."


class TooManyFrames(UploadRefused):
    """The animation has more frames than `max_frames`, or more pixels in all frames than `max_animation_pixels`."""

    status = 422
    code = "too_many_frames"
    template = "The animation has {found}; the limit is {limit}. Make it shorter or smaller, or raise {setting}."


class Bomb(UploadRefused):
    """The picture, or a compressed part of the file such as its colour profile, unpacks to more than its limit."""

    status = 422
    code = "bomb"
    template = "The {what} unpacks to more than {limit_bytes} bytes. Export the picture again, smaller or without it."


class TooSlow(UploadRefused):
    """Decoding the picture takes longer than `decode_timeout`."""

    status = 422
    code = "too_slow"
    template = "Decoding the picture takes longer than {limit} seconds. Make it smaller, or raise decode_timeout."


class HeadersTooLarge(UploadRefused):
    """The request's address or headers exceed nginx's buffers."""

    status = 431
    code = "headers_too_large"
    template = "The request's headers are too large. Send fewer cookies or a shorter address."


class ServerError(AnswerError):
    """The server cannot accept the upload now; sending it again may help."""


class RateLimited(ServerError):
    """One address sends more uploads than nginx's limits allow."""

    status = 429
    code = "rate"
    retry_after = 1
    template = "Too many uploads from this address. Wait a second and try again."


class Internal(ServerError):
    """An error in this service; its log has the traceback."""

    status = 500
    code = "internal"
    template = "Something went wrong on the server; its log has the reason. Try again later."


class Unavailable(ServerError):
    """nginx cannot reach the service, or the service stopped before the picture was on the disk."""

    status = 502
    code = "unavailable"
    retry_after = 2
    template = "The upload service is not running or is just restarting. Try again in a few seconds."


class Busy(ServerError):
    """More uploads run than `max_concurrent_uploads`, no worker is free, or the catalog stays locked."""

    status = 503
    code = "busy"
    retry_after = 2
    template = "The server is busy with other uploads. Try again in a few seconds."


class TimedOut(ServerError):
    """The service accepted the upload but did not answer in time."""

    status = 504
    code = "timeout"
    retry_after = 5
    template = "The upload service did not answer in time. Try again; a picture is never stored twice."


class DiskFull(ServerError):
    """The disk, or the quota on it, has no room left."""

    status = 507
    code = "full"
    template = "The server's disk is full, so nothing was stored. Ask its owner to make room."
