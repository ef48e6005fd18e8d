"""Turn what a client's API answers, and errors, into HTTP answers."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from authsvc.clients.port import Answer
from authsvc.clients.table import client_at
from authsvc.errors import AnswerError, Internal, MethodNotAllowed, NotFound


def response(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    """Return the HTTP answer, with more headers than its own if there are any."""
    return JSONResponse(answer.content, answer.status, {**answer.headers, **(headers or {})})


async def on_answer_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours in the API of the request's address."""
    if not isinstance(error, AnswerError):
        raise error
    return _refusal(request, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer Starlette's own 404 and 405."""
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        answer = _refusal(request, MethodNotAllowed())
        answer.headers["Allow"] = (error.headers or {}).get("Allow", "")
        return answer
    return _refusal(request, NotFound())


async def on_unexpected_error(request: Request, _error: Exception) -> Response:
    """Answer an error in our own code; the server logs its traceback."""
    return _refusal(request, Internal())


def _refusal(request: Request, error: AnswerError) -> Response:
    return response(client_at(request.scope["path"]).failure(error))
