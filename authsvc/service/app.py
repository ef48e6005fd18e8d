"""The web application of the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from authsvc.errors import AnswerError
from authsvc.routes.answers import on_answer_error, on_http_exception, on_unexpected_error
from authsvc.service.wiring import running_routes
from authsvc.settings import Settings


def create_app(settings: Settings) -> Starlette:
    """Return the application of the one service of this data folder.

    Nothing happens before its lifespan begins. The lifespan does the start-up
    work and adds the routes; it raises AuthsvcError or OSError if the service
    cannot start.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running_routes(settings) as routes:
            app.router.routes[:] = routes
            yield

    return Starlette(
        exception_handlers={
            AnswerError: on_answer_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected_error,
        },
        lifespan=lifespan,
    )
