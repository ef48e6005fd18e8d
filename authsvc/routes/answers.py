"""Turn errors into answers: the only place where the two meet."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from authsvc.clients import native
from authsvc.errors import AnswerError, BadToken, Internal, MethodNotAllowed, NotFound

UPLOAD_HEADERS = {
    "Cache-Control": "no-store",
}


def refusal(error: AnswerError) -> Response:
    """Return the answer for `error` in the native envelope."""
    headers = dict(UPLOAD_HEADERS)
    # A page on another site may read why it was refused; it says nothing secret.
    headers["Access-Control-Allow-Origin"] = "*"
    if isinstance(error, BadToken):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(native.failure(error), error.status, headers)


async def on_answer_error(_request: Request, error: Exception) -> Response:
    """Answer an error of ours that a route has let through."""
    if not isinstance(error, AnswerError):
        raise error
    return refusal(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer Starlette's own 404 and 405."""
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        answer = refusal(MethodNotAllowed())
        answer.headers["Allow"] = (error.headers or {}).get("Allow", "")
        return answer
    return refusal(NotFound())


async def on_fault(_request: Request, _error: Exception) -> Response:
    """Answer a fault of ours; the server logs its traceback."""
    return refusal(Internal())
