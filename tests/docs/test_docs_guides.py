"""What the guides show about replay, steps, slow answers and data does what they say."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import http
import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from guides import CODE, PAGES, ROOT, Guide, opened

from wechat import budget, journal, record, runtime
from wechat.attempt import WECHAT
from wechat.errors import ConfigurationError
from wechat.lint import DialogWarning
from wechat.testing import Chat
from wechat.web import HURRY


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("replay", tmp_path, monkeypatch)


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("steps", tmp_path, monkeypatch)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("slow", tmp_path, monkeypatch)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("data", tmp_path, monkeypatch)


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def transcripts(name: str) -> list[list[tuple[str, str]]]:
    """The text blocks of a page that are talked: what the user says, and what is shown, line by line."""
    blocks = re.findall(r"```text\n(用户：.*?)```", page(name), re.DOTALL)
    return [
        [
            (said, shown.strip().replace("\n        ", "\n"))
            for said, shown in re.findall(r"用户：(.*?)\n公众号：(.*?)(?=\n用户：|\Z)", block, re.DOTALL)
        ]
        for block in blocks
    ]


# ---- every page -----------------------------------------------------------------------------------------------------

NAMES = ("replay", "steps", "slow", "data", "testing", "deploying", "sizing", "upgrading", "security")


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same_transcripts(name: str) -> None:
    english, chinese = (
        re.findall(r"```text\n(.*?)```", (PAGES / f"{name}{end}.md").read_text("utf-8"), re.DOTALL)
        for end in ("", ".zh-CN")
    )
    assert english == chinese


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_a_page_is_shown_there(name: str) -> None:
    shown = set(re.findall(rf'--8<-- "docs/code/guides/{name}/(.*?)[":]', page(name)))
    assert shown == {file.name for file in (CODE / name).iterdir() if file.is_file()}


#: the tests that a page shows, and the files beside them that they run
TESTS = {
    "replay": (["test_hidden"], ["hidden"]),
    "steps": (["test_keys"], ["database"]),
    "data": (["test_tell"], ["bot", "outside"]),
    "testing": (["test_deploy", "test_http", "test_shop"], ["shop"]),
    "upgrading": (["test_upgrade"], ["inserted", "keys", "reworded", "swapped", "version_1", "version_2"]),
}


def test_every_test_that_is_shown_is_run() -> None:
    shown = {(file.parent.name, file.stem) for file in CODE.glob("*/test_*.py")}
    assert shown == {(name, test) for name, (tests, _) in TESTS.items() for test in tests}


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_that_are_shown_pass(name: str) -> None:
    tests, files = TESTS[name]
    said = "".join(Guide(name).text(f"{test}.py") for test in tests)
    assert [file for file in files if not re.search(rf"\b{file}\b", said)] == []
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CODE / name)]
    settings = {"WECHAT_TOKEN": "test", "WECHAT_STORE": "memory://", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | settings)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# ---- replay ---------------------------------------------------------------------------------------------------------


def test_an_order_is_talked_as_its_transcript_says(replay: Guide) -> None:
    [talk] = transcripts("replay")
    chat = Chat(replay.load("order").bot)
    for said, shown in talk:
        assert chat.say(said) == shown
        chat.crash()


def test_the_lint_says_what_the_page_shows(replay: Guide) -> None:
    with pytest.warns(DialogWarning) as warned:
        replay.load("wrong")
    found = [re.sub(r".*[\\/]", "", str(warning.message)) for warning in warned]
    [shown] = re.findall(r"```text\n(wrong\.py.*?)```", page("replay"), re.DOTALL)
    assert found == shown.splitlines()


def test_the_lint_finds_nothing_in_what_is_right(replay: Guide, tmp_path: Path) -> None:
    chat = Chat(replay.load("right").bot)
    chat.say("抽奖")
    chat.later(30)
    assert re.fullmatch(r"小明，您好。\n您的号码是 \d+，\d\d月\d\d日前有效。", str(chat.say("小明")))
    assert re.fullmatch(r"小明 \d+\n", (tmp_path / "winners.txt").read_text("utf-8"))


def test_values_are_as_the_page_shows(replay: Guide) -> None:
    [shown] = re.findall(r"```text\n(\{.*?)\n```", page("replay"), re.DOTALL)
    assert Chat(replay.load("values").bot).say("看看") == shown


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((1, 2), [1, 2]),
        ({"a"}, ["a"]),
        ({1: "A"}, {"1": "A"}),
        (dt.date(2026, 3, 8), "2026-03-08"),
        (decimal.Decimal("12.50"), "12.50"),
        (http.HTTPStatus.OK, 200),
    ],
)
def test_values_without_an_annotation_are_as_the_table_says(given: Any, found: Any) -> None:
    assert journal.plain(given) == found


def test_a_worker_keeps_as_many_conversations_alive_and_has_as_many_threads_as_the_pages_say() -> None:
    assert f"{runtime.HOT:,} conversations" in page("replay")

    async def threads() -> float:
        return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert f"{anyio.run(threads):.0f} threads" in page("steps")
    assert ("five at most" in page("slow")) == (record.QUEUE == 5)
    assert f"{budget.MOST} times in five minutes" in page("slow")
    assert f"{WECHAT.last_chance / 1000} s" in page("slow")
    assert f"{HURRY} s" in page("slow")


def test_what_was_reserved_is_given_back_where_nobody_answers_and_not_where_a_worker_dies(replay: Guide) -> None:
    module, given_back = replay.load("waits"), []
    chat = Chat(module.bot, steps={module.cancel_seat: given_back.append})
    assert chat.say("订座") == "12 号座，怎么称呼您？"
    chat.crash()
    assert given_back == []
    assert chat.say("取消") == "已取消。"
    assert given_back == [12]
    assert chat.say("订座") == "12 号座，怎么称呼您？"
    assert chat.say("小明") == "小明，12 号座给您留好了。"
    assert given_back == [12]


# ---- steps ----------------------------------------------------------------------------------------------------------


class Provider(http.server.BaseHTTPRequestHandler):
    """Somebody else's service: it takes a key once, and knows one city."""

    charges: dict[str, int]

    def do_POST(self) -> None:
        key, body = self.headers["Idempotency-Key"], self.rfile.read(int(self.headers["Content-Length"]))
        self.charges.setdefault(key, json.loads(body)["yuan"])
        self.answer(200, {"id": f"P{list(self.charges).index(key) + 1}"})

    def do_GET(self) -> None:
        known = self.path == "/weather/%E6%9D%AD%E5%B7%9E"
        self.answer(200 if known else 404, {"text": "晴"})

    def answer(self, status: int, body: dict[str, str]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[str]:
    Provider.charges = {}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_results_are_restored_by_their_annotation(steps: Guide) -> None:
    chat = Chat(steps.load("results").bot)
    assert chat.say("我的订单") == "17 号，12.50 元，03月08日"


def test_a_failure_reaches_the_dialog(steps: Guide, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = steps.load("failures")
    monkeypatch.setattr(module, "WEATHER", f"{provider}/weather")
    chat = Chat(module.bot)
    for city, shown in [("杭州", "晴"), ("那里", "没有这个城市。")]:
        chat.say("天气")
        assert chat.say(city) == shown
    chat.slow(module.weather, 20)
    chat.say("天气")
    assert chat.say("杭州") == "正在思考… 继续"
    chat.later(60)
    assert chat.tap("继续") == "回复“杭州”：\n天气台太慢了。"
    monkeypatch.setattr(module, "WEATHER", "http://127.0.0.1:9/weather")
    chat = Chat(module.bot)
    chat.say("天气")
    assert chat.say("杭州") == "天气台没有回答。"


def test_a_step_that_may_run_once_is_not_run_again(steps: Guide) -> None:
    module, sent = steps.load("once"), []
    chat = Chat(module.bot, steps={module.send_sms: sent.append})
    chat.slow(module.send_sms, 10)
    chat.say("验证码")
    assert chat.say("13800138000") == "短信已经发出。"
    chat.slow(module.send_sms, 60)
    chat.say("验证码")
    assert chat.say("13800138000") == "正在思考… 继续"
    chat.later(20)
    assert "短信可能已经发出" in str(chat.tap("继续"))
    assert sent == ["13800138000"] * 2


def test_a_database_takes_a_key_once(steps: Guide, tmp_path: Path) -> None:
    module = steps.load("database")
    chat = Chat(module.bot)
    chat.slow(module.save_order, 20)
    chat.say("买水果")
    chat.tap("苹果")
    chat.crash()
    chat.later(40)
    chat.slow(module.save_order, 0)
    assert "单号 1" in str(chat.say("继续"))
    database = sqlite3.connect(tmp_path / "orders.db")
    assert database.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    database.close()


def test_a_payment_is_charged_once(steps: Guide, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = steps.load("payment")
    monkeypatch.setattr(module, "PAYMENTS", f"{provider}/charges")
    chat = Chat(module.bot)
    chat.slow(module.charge, 8)
    chat.say("充值")
    pushed, run = [], chat._world.do

    def and_dies(work: Any, effect: Any) -> Any:
        pushed.append(effect.key)
        came = run(work, effect)
        if len(pushed) == 1:
            chat.crash()
        return came

    monkeypatch.setattr(chat._world, "do", and_dies)
    assert chat.say("一百") == "充了 100 元，流水号 P1。"
    assert len(pushed) == 2
    assert Provider.charges == {pushed[0]: 100}


def test_a_file_is_there_once(steps: Guide, tmp_path: Path) -> None:
    module = steps.load("letters")
    chat = Chat(module.bot)
    chat.slow(module.keep, 20)
    chat.say("留言")
    chat.say("谢谢你们")
    chat.crash()
    chat.slow(module.keep, 0)
    chat.later(10)
    assert "收到了" in str(chat.say("继续"))
    assert [path.read_text("utf-8") for path in (tmp_path / "letters").iterdir()] == ["谢谢你们"]


def test_handlers_are_steps(steps: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    module = steps.load("handlers")
    chat = Chat(module.bot)
    assert chat.say("帮助") == "可以说：积分"
    assert chat.say("积分") == "您有 30 分。"

    async def broken(openid: str) -> int:
        raise ConnectionError

    monkeypatch.setattr(module, "count", broken)
    assert chat.say("积分") == "没有查到，请稍后再试。"


# ---- slow -----------------------------------------------------------------------------------------------------------


def test_a_slow_answer_is_talked_as_its_transcript_says(slow: Guide) -> None:
    module = slow.load("report")
    chat = Chat(module.bot)
    chat.slow(module.report, 30)
    talk = transcripts("slow")[0]
    for said, shown in talk:
        assert (chat.tap(said) if said == "继续" else chat.say(said)) == shown
        chat.later(8)


def test_a_stream_is_read_in_pieces_as_its_transcript_says(slow: Guide) -> None:
    module = slow.load("stream")
    chat = Chat(module.bot)
    chat.slow(module.answer, 35)
    talk = transcripts("slow")[1]
    for said, shown in talk:
        assert str(chat.tap(said) if said == "继续" else chat.say(said)).strip() == shown
        chat.later(5)


def test_what_is_typed_early_is_told_or_queued(slow: Guide) -> None:
    module = slow.load("busy")
    chat = Chat(module.bot)
    chat.slow(module.think, 20)
    chat.say("报名")
    assert chat.say("小明") == "正在思考… 继续"
    assert str(chat.say("是")).startswith("（没有收下，请看完问题再回复一次）")
    chat = Chat(module.bot)
    chat.slow(module.think, 20)
    assert chat.say("聊天") == "正在思考… 继续"
    chat.say("西湖")
    chat.later(60)
    found = [str(chat.say("继续")) for _ in range(2)]
    assert "关于“西湖”，我想了很久。" in "\n".join(found)


def test_settings_of_slow_answers(slow: Guide) -> None:
    module = slow.load("settings")
    assert module.held.settings.slow == "hold"
    assert module.prompt.settings.slow == "placeholder"
    assert module.behind_a_gateway.settings.deadlines.last_chance == 2300
    assert module.in_other_words.settings.texts.thinking == "马上就好，点这里 {fetch}"


# ---- data -----------------------------------------------------------------------------------------------------------


def test_points_are_counted_once_in_twelve_hours(data: Guide) -> None:
    chat = Chat(data.load("points").bot)
    assert chat.say("签到") == "签到成功，您有 1 分。"
    chat.later(12 * 3600 - 60)
    assert chat.say("签到") == "今天签过到了。"
    chat.later(60)
    assert chat.say("签到") == "签到成功，您有 2 分。"


def test_what_a_turn_remembers_is_written_when_it_ends(data: Guide) -> None:
    bot = data.load("points").bot
    chat, user = Chat(bot), bot.user("oUser")
    chat.say("签到")
    assert chat.say("清零") == "积分和签到都清掉，对吗？\n1. 是\n2. 否"
    assert bot.wait(user.recall("asked")) is True
    assert chat.say("取消") == "已取消。"
    assert (bot.wait(user.recall("asked")), bot.wait(user.recall("points"))) == (True, 1)
    chat.say("清零")
    assert chat.tap("是") == "清掉了。"
    assert bot.wait(user.recall("points")) is None


def test_cron_tells_everybody_it_is_given_and_nobody_twice(
    data: Guide, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WECHAT_STORE", f"sqlite:///{tmp_path}/bot.db")
    monkeypatch.setenv("WECHAT_ACCOUNT", "gh_0123456789ab")
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "cron.py", "oOne", "oTwo"],
            cwd=data.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert ran.returncode == 0, ran.stderr
    with sqlite3.connect(tmp_path / "bot.db") as database:
        told = database.execute("SELECT count(*) FROM field WHERE name LIKE 'u%'").fetchone()
    database.close()
    assert told == (2,)


def test_a_payment_call_back_tells_the_user(data: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    module = data.load("callback")
    bot = module.bot

    async def paid() -> int:
        transport = httpx.ASGITransport(module.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.post("/paid/oUser/17")).status_code

    chat = Chat(bot)
    assert asyncio.run(paid()) == 200
    assert chat.say("包裹") == "没有包裹。\n订单 17 收到付款了。"


def test_an_account_must_be_known(data: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHAT_STORE", "memory://")
    bot = data.load("bot").bot
    with pytest.raises(ConfigurationError, match="WECHAT_ACCOUNT"):
        bot.wait(bot.user("oUser").recall("parcel"))
