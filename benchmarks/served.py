"""What a server serves: a bot of ours or a robot of WeRoBot, in plain or safe mode, on the Redis that its environment names."""

from __future__ import annotations

import importlib
import os
from typing import Any

_MAKES = {"plain": {"ours": "bot", "werobot": "robot"}, "safe": {"ours": "safe", "werobot": "safe"}}


def _made(whose: str) -> Any:
    module = importlib.import_module(f"contenders.{whose}")
    return getattr(module, _MAKES[os.environ["BENCH_MODE"]][whose])(os.environ["BENCH_STORE"])


def __getattr__(name: str) -> Any:
    """An application, made when a server asks for it: nobody else's is imported."""
    if name == "werobot":
        return _made("werobot").wsgi
    if name == "ours":
        from wechat.web import asgi

        return asgi.app(_made("ours"))
    if name == "ours_wsgi":
        from wechat.web import wsgi

        return wsgi.app(_made("ours"))
    raise AttributeError(name)
