"""Serve the demo bot, and a page to talk to it: see in a minute what a dialog is.

Nothing is needed for it, no account and no database. Open the address that it prints, and say something; or talk to the
bot from another terminal:

  wechat-dialog send http://127.0.0.1:8000/wechat --user me

Stop it in the middle of a conversation (Ctrl-C, kill -9), start it again, and go on where you were.

To talk to it from WeChat, enter its address in the account's server settings, and set what stands there:
WECHAT_TOKEN (default: demo), and for the safe mode WECHAT_AES_KEY and WECHAT_APPID.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from . import dev, serve

PATH = "/wechat"

WELCOME = """\
演示机器人的网页在 {page} ，在浏览器里打开它。
也可以在另一个终端里和它说话：
  {command} send {url} --user me{more}
对话保存在 {store}。按 Ctrl-C 停下，再启动，对话会接着进行。

The page of the demo bot is {page} : open it in a browser.
Or talk to it from another terminal: the line above opens a chat.
Conversations are kept in {store}. Stop it with Ctrl-C and start it again: they go on where they were.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    dev.address(parser)
    parser.add_argument("--store", metavar="URL", help="(default: WECHAT_STORE, or a SQLite file in your data folder)")


def main(options: argparse.Namespace) -> int:
    serve.uvicorn()
    store = options.store or serve.variable("WECHAT_STORE") or f"sqlite:///{_file()}"
    from ..demo import served

    served(store)  # so that what is wrong is said at once
    serve.free(options.host, options.port)
    page, url = (serve.url(options.host, options.port, path) for path in ("/", PATH))
    more = " --token …" if serve.variable("WECHAT_TOKEN") else ""
    told = {"command": _command(), "page": page, "url": url, "store": _without_password(store), "more": more}
    print(WELCOME.format(**told), flush=True)
    return dev.shown(options, "wechat.demo:served", PATH, demo=True, environment={"WECHAT_STORE": store})


def _command() -> str:
    """How to call this command in another terminal, where no virtual environment may be active."""
    found = shutil.which("wechat-dialog")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "wechat-dialog"
    python = Path(sys.executable)
    return f"{python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python} -m wechat"


def _without_password(store: str) -> str:
    scheme, _, rest = store.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _file() -> Path:
    """Where the demo keeps its conversations; the folder is made."""
    folder = data_folder(sys.platform, os.environ, Path.home()) / "wechat-dialog"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "demo.db"


def data_folder(platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """Where a platform keeps the data of a user's programs.

    Sources: the XDG Base Directory Specification (a relative path is to be ignored); Apple's File System Programming
    Guide; Microsoft's KNOWNFOLDERID, FOLDERID_LocalAppData.
    """
    return FOLDERS.get(platform, _xdg)(environ, home)


def _xdg(environ: Mapping[str, str], home: Path) -> Path:
    given = Path(environ.get("XDG_DATA_HOME") or ".")
    return given if given.is_absolute() else home / ".local" / "share"


def _apple(environ: Mapping[str, str], home: Path) -> Path:
    return home / "Library" / "Application Support"


def _windows(environ: Mapping[str, str], home: Path) -> Path:
    given = environ.get("LOCALAPPDATA")
    return Path(given) if given else home / "AppData" / "Local"


FOLDERS: Mapping[str, Callable[[Mapping[str, str], Path], Path]] = {"darwin": _apple, "win32": _windows}
