"""Develop a bot: talk to it in the browser, and see what happens inside.

  wechat-dialog dev bot:bot
  wechat-dialog dev shop.bot:bot --port 8080 --path /wechat/shop

Open http://127.0.0.1:8000/ then. The page plays WeChat: what is said there is pushed to the bot signed, over HTTP, three
times if it takes too long; beside it stands every push, step and turn, and the line at which the dialog waits.

The bot runs in a process of its own, which is begun anew when its code changes; conversations go on. It is reached at
PATH as in service, so `wechat-dialog send` and a tunnel work, too.

The page is for you: it is shown to nobody who comes from another machine, unless --everyone says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import ConfigurationError
from . import serve


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot", metavar="BOT", help="module:variable, as with run")
    address(parser)
    parser.add_argument("--path", default="/wechat", help="where the bot is (default: %(default)s)")


def address(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that serves the page."""
    serve.address(parser)
    parser.add_argument("--everyone", action="store_true", help="show the page to whoever comes: it has no password")


def main(options: argparse.Namespace) -> int:
    path = serve.rooted(options.path, "--path")
    if not all(part.isidentifier() for part in options.bot.replace(":", ".").split(".")) or ":" not in options.bot:
        raise ConfigurationError(f"a bot is named as module:variable, like bot:bot (for bot.py), not {options.bot!r}")
    return shown(options, options.bot, path)


def shown(
    options: argparse.Namespace,
    bot: str,
    path: str,
    *,
    demo: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Serve the page, and the bot behind it, until interrupted. Gives the exit code."""
    from ..chat.app import App
    from ..chat.stage import Stage

    uvicorn = serve.uvicorn()
    url = serve.url(options.host, options.port, path)
    stage = Stage(bot, path, url, demo=demo, environment=environment)
    if not demo:
        serve.free(options.host, options.port)
        print(f"{serve.url(options.host, options.port, '/')}  (the bot: {url})", flush=True)
    app = App(stage, path, everyone=options.everyone)

    class Server(uvicorn.Server):  # type: ignore[misc, name-defined]
        def handle_exit(self, *args: Any) -> None:
            app.end()
            super().handle_exit(*args)

    return serve.serve(app, host=options.host, port=options.port, server=Server)
