"""A bot as a view of a Flask application: ``app.add_url_rule("/wechat", view_func=view(bot))``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask import Response, request

from . import METHODS, Answers, Request, drawn, query, respond, written
from .wsgi import patience


@dataclass(frozen=True)
class View:
    """Flask asks a view for its methods, and for the name of its endpoint."""

    bot: Answers
    __name__: ClassVar[str] = "wechat"
    methods: ClassVar[tuple[str, ...]] = tuple(METHODS)
    provide_automatic_options: ClassVar[bool] = False

    def __call__(self) -> Response:
        given = query(request.query_string.decode("latin-1"))
        came = Request(request.method, given, drawn(request.stream.read), patience(request.environ))
        response = self.bot.wait(respond(self.bot, came))
        made = Response(response.body, response.status, response.headers)
        if response.sent is not None:
            made.call_on_close(lambda: self.bot.wait(written(response)))
        return made


def view(bot: Answers) -> View:
    """A view that answers GET and POST; of several in one application, each needs an ``endpoint=`` of its own."""
    return View(bot)
