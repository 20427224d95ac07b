"""What `run` and the commands that serve share: a server, and a log that is read in a terminal."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import socket
from types import ModuleType
from typing import Any

from ..errors import ConfigurationError
from ..web import Bots, asgi

#: seconds that deliveries under way get when the server goes down: WeChat listens for no longer
GRACE = 5


def run(bot: Bots, *, host: str = "127.0.0.1", port: int = 8000, path: str = "/wechat") -> None:
    """Serve a bot at `path` until interrupted; several bots, by name, at ``path/name``.

    Raises `ConfigurationError` where no server is installed, or for a path without a slash; `SystemExit` where the port
    is taken.
    """
    application = asgi.app(bot, path=rooted(path, "path="))
    uvicorn()
    print(url(host, port, path), flush=True)
    if code := serve(application, host=host, port=port):
        raise SystemExit(code)


def address(parser: argparse.ArgumentParser) -> None:
    """The arguments of everything that serves."""
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: reachable from everywhere (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")


def log() -> None:
    """One line for each turn, on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


def serve(application: Any, *, host: str, port: int, server: Any = None, **more: Any) -> int:
    """Serve an application, or with ``factory=True`` what the named function makes, until interrupted. Gives the exit code.

    `server`: a class of one process's server, instead of uvicorn's own. Raises `ConfigurationError` where none is installed.
    """
    program = uvicorn()
    log()
    # The access log would show signatures, which open the door to whoever reads them.
    settings = {"log_level": "warning", "access_log": False, "timeout_graceful_shutdown": GRACE} | more
    try:
        if server is not None:
            server(program.Config(application, host=host, port=port, **settings)).run()
        else:
            program.run(application, host=host, port=port, **settings)
    except SystemExit as end:  # uvicorn's way to say that the port is taken, having said so
        return int(end.code or 0)
    return 0


def free(host: str, port: int) -> None:
    """Raises `ConfigurationError` where nobody could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(f"another program has port {port}: end it, or say --port {port + 1}") from None
        raise ConfigurationError(f"nobody can listen at {host}, port {port}: {error.strerror or error}") from None


def uvicorn() -> ModuleType:
    """The server. Raises `ConfigurationError` where it is not installed."""
    try:
        import uvicorn
    except ModuleNotFoundError:
        raise ConfigurationError('this needs a server: pip install "wechat-dialog[server]"') from None
    return uvicorn


def url(host: str, port: int, path: str) -> str:
    """Where to reach it from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}{path}"


def rooted(path: str, argument: str) -> str:
    """The path, if it is one. Raises `ConfigurationError`, which names the argument."""
    if not path.startswith("/"):
        raise ConfigurationError(f"{argument} must begin with a slash, like /wechat, not {path!r}")
    return path


def variable(name: str) -> str | None:
    """An environment variable; None where it is not set, or empty."""
    return os.environ.get(name) or None
