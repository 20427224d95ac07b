"""The tutorial: its bots talk as its pages say, its tests pass, its commands run, and what it says of the library holds."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

import wechat.errors
from wechat import Bot, attempt, cli
from wechat.cli import check_url
from wechat.testing import Chat

ROOT = Path(__file__).parents[2]
DOCS, CODE = ROOT / "docs", ROOT / "docs" / "code"
PAGES = sorted([*(DOCS / "tutorial").glob("*.md"), *DOCS.glob("index*.md")])
#: by what stands in a page between two asterisks, what the user sends
SENT = {"图片": lambda chat: chat.image()}
ANSWER = ["长城全长", "**两万多公里**", "。"]


def load(folder: str, name: str) -> ModuleType:
    """A bot of a page, imported anew."""
    spec = importlib.util.spec_from_file_location(name, CODE / folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where annotations are looked up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A language model's server, which always says `ANSWER`. Gives what it was asked."""
    asked: list[dict[str, Any]] = []

    class Model(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for index, piece in enumerate(ANSWER):
                ends = "stop" if index == len(ANSWER) - 1 else None
                chunk = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": ends}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *arguments: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Model) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        settings = {"OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1", "OPENAI_API_KEY": "sk-test"}
        for name, value in {**settings, "LLM_MODEL": "a-model", "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        yield asked
        server.shutdown()
        serving.join()


# ---- what is said ---------------------------------------------------------------------------------------------------


def talks() -> list[Any]:
    """The conversations of all pages: where one stands, and its lines, the user's first."""
    found = []
    for page in PAGES:
        shown = re.findall(
            r'<div class="chat" markdown data-bot="(\w+)"([^>]*)>\n\n(.*?)\n\n</div>', text(page), re.DOTALL
        )
        for number, (bot, more, lines) in enumerate(shown, 1):
            name = f"{page.relative_to(DOCS)} {number}"
            found.append(pytest.param(page, bot, more, re.findall(r"^- (.*)$", lines, re.MULTILINE), id=name))
    return found


def text(page: Path) -> str:
    return page.read_text("utf-8")


def seen(line: str) -> str:
    return re.sub(r"</?u>", "", line.replace("<br>", "\n"))


def said(chat: Chat, line: str) -> Any:
    event = re.fullmatch(r"\*(.+)\*", line)
    return SENT[event[1]](chat) if event else chat.say(line)


@pytest.mark.parametrize(("page", "bot", "more", "lines"), talks())
def test_a_bot_talks_as_its_page_says(
    page: Path, bot: str, more: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    chat = Chat(load("index" if page.parent == DOCS else "tutorial", bot).bot)
    later = re.search(r'data-later="(\d+)"', more)
    assert len(lines) % 2 == 0
    for number, (asked, answered) in enumerate(zip(lines[::2], lines[1::2], strict=True), 1):
        if later and number == len(lines) // 2:
            chat.later(int(later[1]))
        assert said(chat, asked) == seen(answered)
        links = re.findall(r"<a href=[^>]*>(.*?)</a>", chat._last)
        assert links == re.findall(r"<u>(.*?)</u>", answered), "what is shown as a link is one, and nothing else"


def test_every_page_has_its_conversations_in_both_languages() -> None:
    for page in PAGES:
        if not page.name.endswith(".zh-CN.md"):
            both = [text(page), text(page.with_suffix("").with_suffix(".zh-CN.md"))]
            english, chinese = (re.findall(r'<div class="chat".*?</div>', said, re.DOTALL) for said in both)
            assert english == chinese
    assert len(talks()) > 20


# ---- what runs ------------------------------------------------------------------------------------------------------


def test_the_tests_of_the_page_on_testing_pass_beside_its_bot(tmp_path: Path) -> None:
    shutil.copy(CODE / "tutorial" / "people.py", tmp_path / "bot.py")
    shutil.copy(CODE / "tutorial" / "test_bot.py", tmp_path)
    [command] = text(CODE / "tutorial" / "pytest.sh").splitlines()
    assert command.startswith("python ")
    ran = run([sys.executable, *shlex.split(command)[1:], "-p", "no:cacheprovider"], tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "6 passed" in ran.stdout


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": here, "NO_PROXY": "127.0.0.1", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, encoding="utf-8")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def serving(folder: Path, command: list[str], port: int) -> Iterator[None]:
    """That command, until the block ends; then it is killed, with all that it began."""
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    with server:
        try:
            while not listens(port):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(0.02)
                    raise AssertionError((folder / "log").read_text("utf-8"))
            yield
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def command(file: str, port: int) -> list[str]:
    """The last line of a file, to be run here, at that port."""
    words = shlex.split(text(CODE / "tutorial" / file).splitlines()[-1])
    assert words[0] == "wechat-dialog"
    return [sys.executable, "-m", "wechat", *words[1:], "--port", str(port)]


def transcript(file: str) -> list[tuple[str, str]]:
    """The commands of a file, and what each prints."""
    return re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", text(CODE / "tutorial" / file), re.MULTILINE)


def test_the_first_bot_is_killed_in_the_middle_and_goes_on_as_the_page_says(tmp_path: Path) -> None:
    shutil.copy(CODE / "tutorial" / "first.py", tmp_path / "bot.py")
    port = free_port()
    for file in "talk.console", "goes-on.console":
        with serving(tmp_path, command("run.sh", port), port):
            for typed, printed in transcript(file):
                ran = run(shlex.split(typed.replace("8000", str(port))), tmp_path)
                assert (ran.stdout, ran.returncode) == (printed, 0), ran.stderr


def test_a_bot_is_developed_as_the_page_says(tmp_path: Path) -> None:
    shutil.copy(CODE / "tutorial" / "first.py", tmp_path / "bot.py")
    port = free_port()
    with serving(tmp_path, command("dev.sh", port), port):
        page = httpx.get(f"http://127.0.0.1:{port}/")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("file", ["serve.sh", "safe.sh", "check.sh", "run.sh", "dev.sh"])
def test_what_a_command_is_told_it_understands(file: str) -> None:
    for line in text(CODE / "tutorial" / file).splitlines():
        if line.startswith("wechat-dialog "):
            _, name, *arguments = shlex.split(line)
            parser = cli._parser_of(name, cli._command(name))
            parser.parse_intermixed_args(arguments)


def test_what_is_installed_is_what_a_new_project_asks_for() -> None:
    required = text(ROOT / "src" / "wechat" / "cli" / "skeleton" / "requirements.txt").splitlines()
    for folder in "tutorial", "index":
        assert shlex.split(text(CODE / folder / "install.sh")) == ["pip", "install", required[0]]


# ---- what is said of WeChat and of the library ------------------------------------------------------------------------


def test_the_model_is_asked_what_the_user_said_and_its_markdown_is_not_shown(model: list[dict[str, Any]]) -> None:
    chat = Chat(load("tutorial", "model").bot)
    assert chat.say("长城有多长？") == "（由 AI 生成）\n长城全长两万多公里。"
    assert [(asked["model"], asked["messages"]) for asked in model] == [
        ("a-model", [{"role": "user", "content": "长城有多长？"}])
    ]
    settings = text(CODE / "tutorial" / "settings.sh")
    assert all(name in settings for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "LLM_MODEL"))


def test_a_slow_step_is_met_as_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = load("tutorial", "steps")
    last = 10 + attempt.WECHAT.last_chance / 1000
    assert int(last) == 14
    for page in "language-model.md", "language-model.zh-CN.md":
        assert text(DOCS / "tutorial" / page).count(" 14 ") >= 3
    chat = Chat(module.bot)
    for words in "买水果", "苹果", "3":
        chat.say(words)
    chat.slow(module.save_order, 13)
    assert chat.tap("是") == "下单成功，单号 1。"
    for words in "买水果", "苹果", "3":
        chat.say(words)
    chat.slow(module.save_order, 60)
    assert chat.tap("是") == "正在思考… 继续"
    assert chat.tap("继续") == "正在思考… 继续"
    chat.later(60)
    assert chat.say("买水果") == "想买什么水果？\n1. 苹果\n2. 香蕉\n3. 橙子\n回复“是”：\n下单成功，单号 2。"


def test_a_step_whose_worker_died_runs_again_with_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys: list[str] = []
    module = load("tutorial", "steps")

    def save(openid: str, fruit: str, count: int, idempotency_key: str = "") -> int:
        keys.append(idempotency_key)
        return int(module.save_order.function(openid, fruit, count, idempotency_key))

    chat = Chat(module.bot, steps={module.save_order: save})
    for words in "买水果", "苹果", "3":
        chat.say(words)
    chat.slow(module.save_order, 20)
    assert chat.tap("是") == "正在思考… 继续"
    chat.crash()
    chat.slow(module.save_order, 0)
    chat.later(10)
    assert chat.tap("继续") == "回复“是”：\n下单成功，单号 1。"
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_payment_that_fails_and_one_of_which_nobody_knows_are_told_apart() -> None:
    module = load("tutorial", "once")

    def refused(amount: int) -> str:
        raise ConnectionError("no")

    chat = Chat(module.bot, steps={module.charge: refused})
    chat.say("付款")
    assert chat.say("12") == "没有付成，请再试一次。"
    chat = Chat(module.bot)
    chat.slow(module.charge, 11)  # longer than its timeout
    chat.say("付款")
    assert chat.say("12") == "付款结果还不清楚，请不要再付，我们会查清楚告诉您。"


def test_the_token_is_read_where_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHAT_TOKEN", "fromtheconsole")
    assert load("tutorial", "token").bot.settings.token == "fromtheconsole"
    monkeypatch.delenv("WECHAT_TOKEN")
    assert load("tutorial", "token").bot.settings.token == "demo"
    key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    names = re.findall(r"^export (\w+)=", text(CODE / "tutorial" / "safe.sh"), re.MULTILINE)
    for name, value in zip(names, ("wx0123456789abcdef", key), strict=True):
        monkeypatch.setenv(name, value)
    assert Bot("demo").settings.ciphers
    assert Bot("demo", plaintext=True).settings.plaintext


def test_nginx_passes_on_what_the_bot_answers() -> None:
    said = text(CODE / "tutorial" / "nginx.conf")
    assert said.count("{") == said.count("}") == 1
    assert "location /wechat {" in said
    assert "proxy_pass http://127.0.0.1:8000;" in said
    assert [line for line in said.splitlines() if line.strip().endswith((";", "{", "}"))] == said.splitlines()


@pytest.mark.parametrize("page", ["real-account.md", "real-account.zh-CN.md"])
def test_check_url_says_what_the_ten_causes_are_found_by(page: str) -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", text(DOCS / "tutorial" / page), re.MULTILINE)
    assert [number for number, _ in rows] == [str(number) for number in range(1, 11)]
    source = inspect.getsource(check_url)
    for _, shown in rows:
        for words in re.findall(r"`([^`]+)`", shown):
            status = re.fullmatch(r"(?:HTTP )?(\d{3})", words)
            if status:
                assert int(status[1]) in {*check_url.STATUSES, 301, 302, 307, 308}
            else:
                assert words == "connection" or words in source


@pytest.mark.parametrize("page", ["steps.md", "steps.zh-CN.md", "people.md", "people.zh-CN.md"])
def test_the_errors_that_a_page_names_are_there(page: str) -> None:
    named = set(re.findall(r"`(Step[A-Z]\w+|Cancelled|TimedOut|WentBack|GaveUp)`", text(DOCS / "tutorial" / page)))
    assert named
    assert all(hasattr(wechat.errors, name) for name in named)
