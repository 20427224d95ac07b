"""A bot as a WSGI application, at exactly one path. It needs no asynchronous server: the bot has a thread for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from . import HURRY, MOST, Answers, Bots, Request, Response, drawn, healthy, not_found, paths, query, respond, written

# as in `wsgiref.types`, which is there from 3.11 on
Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


def app(bot: Bots, /, *, path: str = "/wechat", health: str | None = None) -> App:
    """A WSGI application that answers at exactly `path`; several bots, by name, at ``path/name``. Elsewhere: 404.

    At `health`, where that is given, it tells how the worker is (`healthy`): keep it from the public.
    """
    bots = paths(bot, path, health)
    any_bot = next(iter(bots.values()))

    def serve(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = _text(environ.get("PATH_INFO", ""))
        found = bots.get(asked)
        if found is not None:
            response = found.wait(respond(found, _request(environ)))
        else:
            response = any_bot.wait(healthy(bots)) if asked == health else not_found()
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", list(response.headers.items()))
        if found is None or response.sent is None:
            return [response.body]
        return _Body(found, response)

    return serve


class _Body(list[bytes]):
    """A server closes what it has written."""

    def __init__(self, bot: Answers, response: Response) -> None:
        super().__init__([response.body])
        self._bot, self._response = bot, response

    def close(self) -> None:
        self._bot.wait(written(self._response))


def _request(environ: Environ) -> Request:
    body = drawn(environ["wsgi.input"].read, _length(environ))
    given = query(environ.get("QUERY_STRING", ""))
    return Request(environ["REQUEST_METHOD"], given, body, patience(environ))


def patience(environ: Mapping[str, Any]) -> float | None:
    """How long one delivery may be held: where it holds the only thread, others wait behind it (PEP 3333)."""
    return None if environ.get("wsgi.multithread", True) else HURRY


def _length(environ: Environ) -> int:
    """How much of the body to read. Without a length only a server that ends the body itself may be read to its end."""
    given = environ.get("CONTENT_LENGTH") or ""
    if given.isascii() and given.isdigit():
        return int(given) if len(given) < 10 else MOST + 1
    return MOST + 1 if environ.get("wsgi.input_terminated") else 0


def _text(wsgi: str) -> str:
    """WSGI hands bytes over as if they were Latin-1."""
    return wsgi.encode("latin-1", "replace").decode("utf-8", "replace")
