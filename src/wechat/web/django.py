"""A bot as a view of a Django project: a line of ``urlpatterns``, at exactly its path.

    path("wechat", view(bot))            # under WSGI: gunicorn, uWSGI
    path("wechat", async_view(bot))      # under ASGI: uvicorn, daphne

Either works under both; under ASGI a synchronous view costs a thread for each delivery that is held, and an asynchronous one
nothing but memory.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from django.core.handlers.wsgi import WSGIRequest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse

from . import Answers, Request, Response, drawn, query, respond, written
from .wsgi import patience

F = TypeVar("F", bound=Callable[..., Any])
View: TypeAlias = Callable[[HttpRequest], HttpResponse]
AsyncView: TypeAlias = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]

#: what Django's middlewares look for on a view
_MARKS = {"csrf_exempt": True, "login_required": False}


def view(bot: Answers) -> View:
    """A view that answers GET and POST, for WSGI."""

    def wechat(request: HttpRequest) -> HttpResponse:
        return _Response(bot, bot.wait(respond(bot, _request(request))))

    return _open(wechat)


def async_view(bot: Answers) -> AsyncView:
    """A view that answers GET and POST, for ASGI."""

    async def wechat(request: HttpRequest) -> HttpResponse:
        if isinstance(request, WSGIRequest):  # then this event loop is the request's own, and no home for what goes on
            return _Response(bot, bot.wait(respond(bot, _request(request))))
        return _Response(bot, await respond(bot, _request(request)))

    return _open(wechat)


class _Response(HttpResponse):
    """A server closes what it has written."""

    def __init__(self, bot: Answers, response: Response) -> None:
        super().__init__(response.body, status=response.status, headers=response.headers)
        self._bot, self._made = bot, response

    def close(self) -> None:
        super().close()
        if self._made.sent is not None:
            self._bot.wait(written(self._made))


def _request(request: HttpRequest) -> Request:
    held = patience(request.environ) if isinstance(request, WSGIRequest) else None
    given = query(request.META.get("QUERY_STRING", ""))
    return Request(request.method or "", given, drawn(request.read), held)


def _open(made: F) -> F:
    """WeChat has neither a token of ours nor a login, and no transaction stands open while it is held."""
    for mark, value in _MARKS.items():
        setattr(made, mark, value)
    for database in connections:
        made = transaction.non_atomic_requests(using=database)(made)
    return made
