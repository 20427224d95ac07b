"""A bot in a FastAPI application, as a route at exactly its path: ``app.include_router(router(bot))``.

In an application of Starlette alone: ``Route("/wechat", wechat.web.asgi.app(bot))``.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.routing import Route

from . import Answers
from .asgi import Endpoint


def router(bot: Answers, path: str = "/wechat") -> APIRouter:
    """A router with one route, which stands in no schema; of several bots, each has a router and a path of its own."""
    return APIRouter(routes=[Route(path, Endpoint(bot), include_in_schema=False)])
