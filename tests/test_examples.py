"""The article's deployment, step by step, as a reader of it would do it: real files, a real Redis, a real server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from servers import free_port, running_redis

EXAMPLES = Path(__file__).parent.parent / "examples"
TOKEN = "t0ken"


@contextlib.contextmanager
def demo_server(folder: Path, port: int) -> Iterator[str]:
    """``python demo_server.py`` in that folder; gives its address. It is killed, not asked to end."""
    variables = {**os.environ, "WECHAT_TOKEN": TOKEN, "PORT": str(port)}
    command = [sys.executable, "demo_server.py"]
    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            for line in server.stderr:
                if "Running on http://127.0.0.1" in line:
                    break
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.kill()


def signed(**more: str) -> dict[str, str]:
    joined = "".join(sorted([TOKEN, "1790000000", "42"]))
    return {"signature": hashlib.sha1(joined.encode()).hexdigest(), "timestamp": "1790000000", "nonce": "42", **more}


def say(url: str, text: str, id: int) -> str | None:
    body = (
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oUser</FromUserName><CreateTime>1790000000</CreateTime>"
        f"<MsgType>text</MsgType><Content><![CDATA[{text}]]></Content><MsgId>{id}</MsgId></xml>"
    )
    return ET.fromstring(httpx.post(url, params=signed(), content=body.encode()).text).findtext("Content")


def configured(folder: Path, **settings: object) -> None:
    """Step 3: change the REDIS settings at the beginning of demo_dialog.py."""
    path = folder / "demo_dialog.py"
    text = path.read_text("utf-8")
    for name, value in settings.items():
        text, changed = re.subn(rf"^REDIS_{name} = .*$", f"REDIS_{name} = {value!r}", text, flags=re.M)
        assert changed == 1
    path.write_text(text, "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_articles_steps_lead_to_a_conversation_that_outlives_its_server(tmp_path: Path, folder: Path) -> None:
    with running_redis(tmp_path, "--requirepass", "s3cret") as redis_port:
        configured(folder, HOST="127.0.0.1", PORT=redis_port, PASSWORD="s3cret", DB=2)
        port = free_port()
        with demo_server(folder, port) as url:
            assert httpx.get(url, params=signed(echostr="5927")).text == "5927"
            assert say(url, "累加器", 1) == "您需要累加几个数字？"
            assert say(url, "2", 2) == "请输入第1个数字, 目前累加和:0"
        with demo_server(folder, port) as url:
            assert say(url, "3", 3) == "请输入第2个数字, 目前累加和:3"
            assert say(url, "3", 3) == "请输入第2个数字, 目前累加和:3"
            assert say(url, "4", 4) == "累加结束，累加和: 7"
        with redis.Redis(port=redis_port, password="s3cret", db=2) as client:
            assert client.keys() == [b"wechat-dialog:demo:oUser:2"]


def test_whoever_is_not_wechat_is_turned_away_and_so_is_what_is_no_push(tmp_path: Path, folder: Path) -> None:
    with running_redis(tmp_path) as redis_port:
        configured(folder, HOST="127.0.0.1", PORT=redis_port, PASSWORD="")
        with demo_server(folder, free_port()) as url:
            assert httpx.get(url).status_code == 403
            assert httpx.post(url, params={**signed(), "nonce": "43"}, content=b"<xml/>").status_code == 403
            refused = httpx.post(url, params=signed(), content=b"<!DOCTYPE x><xml/>")
            assert (refused.status_code, refused.text) == (400, "This is not a message of WeChat.")
            assert httpx.post(url, params=signed(), content=b"<xml>" * 20_000).status_code == 413
            assert say(url, "你好", 1) is not None
        with redis.Redis(port=redis_port) as client:
            assert client.keys() == [b"wechat-dialog:demo:oUser:2"]


def test_the_view_that_the_example_recommends_does_the_same(tmp_path: Path, folder: Path) -> None:
    """The lines at its end, without their comment marks, in place of the article's."""
    source = (folder / "demo_server.py").read_text("utf-8")
    start = source.index("#   from wechat import Bot")
    lines = source[start : source.index("if __name__")].replace("#   ", "").replace("#\n", "\n")
    app = f"import demo_dialog\nfrom flask import Flask\n\napp, TOKEN = Flask(__name__), {TOKEN!r}\n{lines}"
    talk = "for text in ('累加器', '1', '5'):\n    print(say(text))\n"
    code = app + SAY + talk
    with running_redis(tmp_path) as redis_port:
        configured(folder, HOST="127.0.0.1", PORT=redis_port, PASSWORD=None)
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [
        "您需要累加几个数字？",
        "请输入第1个数字, 目前累加和:0",
        "累加结束，累加和: 5",
        "",
    ]


SAY = f"""
import itertools, xml.etree.ElementTree as ET
count = itertools.count(1)
def say(text):
    body = ("<xml><ToUserName>gh_1</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>"
            f"<MsgType>text</MsgType><Content>{{text}}</Content><MsgId>{{next(count)}}</MsgId></xml>")
    said = app.test_client().post("/", query_string={signed()!r}, data=body.encode())
    return ET.fromstring(said.data).findtext("Content")
"""
