"""What the page on serving shows is served as it stands there: each application, by each command, over a socket."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from servers import free_port
from wechat import crypto
from wechat.cli import push

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "serving.md").read_text("utf-8")
KEY, APPID = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef"

#: by how it is said in a module, or in the command itself, which bot stands at which path
PLACES = {
    r"asgi\.app\(\{|wsgi\.app\(\{|BOTS = |/wechat/shop": {"shop": "/wechat/shop", "school": "/wechat/school"},
    r"bots:shop": {"shop": "/wechat"},
    r"": {"shop": "/wechat", "school": "/wechat/school"},
}
#: these have one thread, and it is never held for longer than a moment
ONE_THREAD = {
    "gunicorn wsgi_app:app --bind 127.0.0.1:8000",
    "uwsgi --http-socket 127.0.0.1:8000 --module wsgi_app:app --master --enable-threads",
}

#: beside the page's bots: a step that takes until the test lets it go
WAITS = """
import socket
from wechat import step


@step
def released() -> str:
    with socket.create_connection(("127.0.0.1", {port})) as connection:
        connection.recv(1)
    return "等到了。"


@shop.text("等")
def waiter(message):
    return (yield released())
"""


def shown(ending: str) -> list[Path]:
    """The files with that ending that the page shows, in its order."""
    return [
        DOCS.parent / name for name in re.findall(rf'^--8<-- "(docs/code/serving/\w+\.{ending})"$', PAGE, re.MULTILINE)
    ]


def modules() -> dict[str, str]:
    """The page's, by their names."""
    return {file.stem: file.read_text("utf-8") for file in shown("py")}


def commands() -> list[str]:
    return [line for file in shown("sh") for line in file.read_text("utf-8").splitlines()]


def places(command: str) -> dict[str, str]:
    """Where the bots are."""
    said = command + "".join(text for name, text in modules().items() if name in command)
    return next(found for pattern, found in PLACES.items() if re.search(pattern, said))


@dataclass
class Served:
    """A server that runs one command of the page."""

    command: str
    port: int

    def url(self, bot: str) -> str:
        return f"http://127.0.0.1:{self.port}{places(self.command)[bot]}"

    def say(self, bot: str, text: str, user: str = "me") -> str | None:
        """What that user sees. The school is in safe mode."""
        cipher = crypto.Cipher(KEY, APPID, bot) if bot == "school" else None
        return push.Sender(self.url(bot), user, f"gh_{bot}", bot, cipher).send(push.text(text), lambda why: None)


@contextlib.contextmanager
def serving(folder: Path, command: str, released: int) -> Iterator[Served]:
    port = free_port()
    for name, text in modules().items():
        more = WAITS.format(port=released) if name == "bots" else ""
        (folder / f"{name}.py").write_text(text.replace("8000", str(port)) + more, "utf-8")
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    arguments = shlex.split(command.replace("8000", str(port)).replace("uwsgi ", "pyuwsgi "))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["/usr/bin/env", f"PATH={here}", f"PYTHONPATH={folder}", *arguments],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as server,
    ):
        try:
            until_it_listens(server, port, folder / "log")
            yield Served(command, port)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.02)
            raise AssertionError(log.read_text("utf-8", "replace"))


def test_every_module_and_every_command_of_the_page_is_known_here() -> None:
    assert sorted([*shown("py"), *shown("sh")]) == sorted((DOCS / "code" / "serving").iterdir())
    assert len(modules()) == PAGE.count("```python") == len(re.findall(r"^`(\w+)\.py`:$", PAGE, re.MULTILINE)) > 8
    assert len(commands()) == len(set(commands())) > 14
    assert set(commands()) >= ONE_THREAD


@pytest.mark.parametrize("command", commands())
def test_an_application_is_served_as_the_page_says(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gate, serving(tmp_path, command, gate.getsockname()[1]) as served:
        for bot in places(command):
            it_is_bound(served, bot)
            it_holds_a_conversation(served, bot)
        whoever_waits_keeps_nobody_else_waiting(served, gate)
        assert httpx.get(f"{served.url('shop')}/elsewhere").status_code == 404


def it_is_bound(served: Served, bot: str) -> None:
    """As the console binds it; and not with another account's Token."""
    signed = {"timestamp": "1790000000", "nonce": "42", "echostr": "5927"}
    right, wrong = (crypto.signature(token, "1790000000", "42") for token in (bot, "another"))
    assert httpx.get(served.url(bot), params={**signed, "signature": right}).text == "5927"
    assert httpx.get(served.url(bot), params={**signed, "signature": wrong}).status_code == 403
    assert httpx.put(served.url(bot)).status_code == 405


def it_holds_a_conversation(served: Served, bot: str) -> None:
    assert served.say(bot, "报名") == "怎么称呼您？"
    assert served.say(bot, "小明") == "小明，报名成功。"


def whoever_waits_keeps_nobody_else_waiting(served: Served, gate: socket.socket) -> None:
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(served.say, "shop", "等")
        with gate.accept()[0]:  # the step has begun, and ends behind this block
            assert served.say("shop", "报名", user="another") == "怎么称呼您？"
            if served.command in ONE_THREAD:
                assert waiting.result() == "正在思考… 继续"
            else:
                assert not waiting.done()
        if served.command in ONE_THREAD:
            assert served.say("shop", "继续") == "回复“等”：\n等到了。"
        else:
            assert waiting.result() == "等到了。"
