"""Serve a bot of your own.

BOT names it as module:variable, from the working folder; bots.py with `bot = Bot(…)` in it is bots:bot:

  wechat-dialog run bots:bot
  wechat-dialog run bots:bot --host 0.0.0.0 --port 80 --workers 4

A variable may also be a dict of bots by name: each then answers at PATH/name.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TypeGuard

from ..errors import ConfigurationError
from ..web import Answers, Bots, asgi
from . import serve

#: how worker processes, which start with nothing but an import, are told what to serve
BOT, PATH = "WECHAT_DIALOG_RUN_BOT", "WECHAT_DIALOG_RUN_PATH"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot", metavar="BOT", help="module:variable")
    serve.address(parser)
    parser.add_argument("--path", default="/wechat", help="(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")


def main(options: argparse.Namespace) -> int:
    serve.uvicorn()
    bots = found(options.bot)  # so that what is wrong is said once, here, and not by every worker
    serve.free(options.host, options.port)
    _warn_of_a_known_token(bots, options.host)
    os.environ[BOT], os.environ[PATH] = options.bot, serve.rooted(options.path, "--path")
    print(serve.url(options.host, options.port, options.path), flush=True)
    return serve.serve(
        f"{__name__}:application", factory=True, host=options.host, port=options.port, workers=options.workers
    )


def _warn_of_a_known_token(bots: Bots, host: str) -> None:
    """Whoever knows the Token of a bot can send in WeChat's name, and everybody knows that of the examples."""
    each = bots.values() if isinstance(bots, Mapping) else (bots,)
    if host not in ("127.0.0.1", "::1", "localhost") and any(bot.settings.token == "demo" for bot in each):
        print(
            "The Token is demo, which everybody knows, and the bot can be reached from elsewhere: set WECHAT_TOKEN.",
            file=sys.stderr,
        )


def application() -> asgi.App:
    """What each worker serves."""
    serve.log()
    return asgi.app(found(os.environ[BOT]), path=os.environ[PATH])


def found(name: str) -> Bots:
    """The bot, or bots, that ``module:variable`` names.

    Raises `ConfigurationError` where it names none; what the module itself raises comes through as it is.
    """
    module, separator, variable = name.partition(":")
    if not (separator and variable and all(part.isidentifier() for part in module.split("."))):
        raise ConfigurationError(f"a bot is named as module:variable, like bots:bot (for bots.py), not {name!r}")
    there = imported(module)
    value = getattr(there, variable, None)
    if _is_bot(value) or _are_bots(value):
        return value
    is_now = f"is a {type(value).__name__}, not a Bot" if hasattr(there, variable) else "is not there"
    raise ConfigurationError(f"{variable} {is_now} in {module} ({there.__file__}); {_others(there, module)}")


def imported(module: str) -> ModuleType:
    """A module of the working folder, or an installed one. Raises `ConfigurationError` where there is none."""
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module imports: its own traceback says it best
        raise ConfigurationError(f"there is no module {error.name} in {folder}, and none is installed") from None


def _is_bot(value: object) -> TypeGuard[Answers]:
    from ..bot import Bot

    return isinstance(value, Bot)


def _are_bots(value: object) -> TypeGuard[Mapping[str, Answers]]:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_bot, value.values()))


def _others(there: ModuleType, module: str) -> str:
    names = [f"{module}:{name}" for name, value in vars(there).items() if _is_bot(value)]
    return f"there is {', '.join(names)}" if names else "write there: bot = Bot(token=…)"
