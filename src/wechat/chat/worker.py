"""The worker: serves the bot under development on a port of the loopback, and tells the stage what it does.

    python -m wechat.chat.worker BOT PATH NAME        the stage's address and the key are in the environment

It ends when the stage says so, and when the stage is gone. A bot that cannot be imported is told as a traceback.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import socket
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..bot import Bot
from ..cli import run, serve
from ..errors import ConfigurationError
from ..lint import DialogWarning
from ..router import Route
from ..stores.memory import MemoryStore
from ..web import asgi
from .channel import Channel, reached
from .watch import Watched

#: where the stage listens, and what it must be told: in the environment, where no other user of the machine can read it
STAGE, KEY = "WECHAT_DIALOG_STAGE", "WECHAT_DIALOG_STAGE_KEY"

#: words of routes that the page offers to try
TRIES = 10
#: what a line of a traceback may show of a secret: a text behind a name that is called so
_SECRET = re.compile(r"""((?:token|aes_key|secret|passw\w*|api_key)\s*=\s*)(["']).*?\2""", re.IGNORECASE)


def main() -> int:
    name, path, worker = sys.argv[1:4]
    host, _, port = os.environ.pop(STAGE).rpartition(":")
    return asyncio.run(_serve(name, path, worker, host, int(port), os.environ.pop(KEY)))


async def _serve(name: str, path: str, worker: str, host: str, port: int, key: str) -> int:
    channel = await reached(host, port, key)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", DialogWarning)
            bot = made(name)
    except (Exception, SystemExit) as error:
        why = _why(error)
        print(why, file=sys.stderr, flush=True)
        channel.tell(broken=why, files=sorted(_files(name)))
        await channel.close()
        return 1
    with socket.create_server(("127.0.0.1", 0)) as listens:
        watched = Watched(bot, channel.tell, worker)
        server = _server(watched, path)
        serving = asyncio.ensure_future(server.serve(sockets=[listens]))
        channel.tell(up=_about(bot), port=listens.getsockname()[1], files=sorted(_files(name)))
        for warning in warned:
            print(f"{warning.filename}:{warning.lineno}: {warning.message}", file=sys.stderr, flush=True)
            if issubclass(warning.category, DialogWarning):
                channel.tell(lint=str(warning.message))
        hearing = asyncio.ensure_future(_hear(channel, watched))
        await asyncio.wait({serving, hearing}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True  # the stage said so, or is gone
        await serving
    await channel.close()
    return 0


def _server(watched: Watched, path: str) -> Any:
    uvicorn = serve.uvicorn()
    serve.log()
    application = asgi.app(watched, path=path)
    return uvicorn.Server(
        uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=serve.GRACE)
    )


async def _hear(channel: Channel, watched: Watched) -> None:
    """Do what the stage says, until it says stop, or is gone."""
    async for said in channel.told():
        if said["do"] == "stop":
            return
        await DOES[said["do"]](watched, said)


async def _attend(watched: Watched, said: Mapping[str, Any]) -> None:
    watched.soon(watched.attend(said["account"], said["openid"]))


async def _slow(watched: Watched, said: Mapping[str, Any]) -> None:
    watched.slow = said["seconds"]


async def _forget(watched: Watched, said: Mapping[str, Any]) -> None:
    await watched.bot.user(said["openid"], account=said["account"]).forget()
    watched.soon(watched.attend(said["account"], said["openid"]))


DOES = {"attend": _attend, "slow": _slow, "forget": _forget}


# ---- the bot --------------------------------------------------------------------------------------------------------


def made(name: str) -> Bot:
    """The bot that ``module:variable`` names, or that the function of this name makes. Raises whatever goes wrong."""
    module, _, variable = name.partition(":")
    there = getattr(run.imported(module), variable, None)
    bot = there() if inspect.isfunction(there) else run.found(name)
    if not isinstance(bot, Bot):
        raise ConfigurationError(f"{name} is several bots: name one of them")
    return bot


def _about(bot: Bot) -> dict[str, Any]:
    """What the stage must know to push to it, and what the page shows."""
    ciphers = bot.settings.ciphers
    return {
        "token": bot.settings.token,
        "aes_key": ciphers[0].aes_key if ciphers else None,
        "appid": ciphers[0].appid if ciphers else None,
        "plaintext": bot.settings.plaintext,
        "account": bot.settings.account,
        "store": repr(bot.store),
        "forgets": isinstance(bot.store, MemoryStore),
        "try": list(dict.fromkeys(max(words, key=len) for words in _words(bot.routes, "text")))[:TRIES],
        "keys": [key for words in _words(bot.routes, "event:click") for key in sorted(words)],
        "scenes": [scene for words in _words(bot.routes, "event:scan") for scene in sorted(words)],
    }


def _words(routes: Iterable[Route], kind: str) -> Iterator[frozenset[str]]:
    """What routes of a kind take word for word."""
    return (route.words for route in routes if route.kind == kind and route.words)


def _files(name: str) -> Iterator[str]:
    """The files of the working folder that were imported, and that of the bot itself, even where it could not be."""
    here = Path.cwd()
    yield str(here / (name.partition(":")[0].replace(".", os.sep) + ".py"))
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(here) and "site-packages" not in file:
            yield file


def _why(error: BaseException) -> str:
    """What went wrong, as the developer reads it: their own lines, and no secret among them."""
    if isinstance(error, ConfigurationError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and __package__ not in frame.filename]
    shown = traceback.StackSummary.from_list(own[2:] or own).format()
    lines = "".join([*shown, *traceback.format_exception_only(type(error), error)])
    return _SECRET.sub(r"\1\2…\2", lines)


if __name__ == "__main__":
    sys.exit(main())
