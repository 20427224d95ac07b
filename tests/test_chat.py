"""The chat page's two processes: the stage that plays WeChat, and workers that are really killed and begun anew."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import inspect
import json
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from wechat import receive
from wechat.chat import bubbles, watch
from wechat.chat.app import App
from wechat.chat.stage import Stage
from wechat.cli import push
from wechat.errors import ConfigurationError

BOT = """
import os
from wechat import Bot, ask, recall, remember, step, stream

bot = Bot("s3cret", store="sqlite:///bot.db", account="gh_shop")


@step
def save(name):
    return {"number": 7, "password": "hunter2"}


@bot.text("报名", expire=600)
def signup(message):
    name = yield from ask.text("怎么称呼您？")
    sure = yield from ask.confirm(f"{name}，对吗？")
    saved = yield from save(name)
    yield from remember("api_token", "hunter2")
    yield from remember("visits", 1)
    return f"好，{saved['number']} 号"


@bot.text("坏")
def breaks(message):
    raise LookupError("没有了")
    yield


@bot.click("POINTS")
def points(event):
    return "77 分"
"""
ME = "oXiaoMing"


class Seen:
    """What one page was told."""

    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        self._queue, self.all = queue, list[dict[str, Any]]()

    async def until(self, fits: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any]:
        """The first that fits from now on."""
        with anyio.fail_after(30):
            while True:
                told = await self._queue.get()
                self.all.append(told)
                if fits(told):
                    return told

    async def said(self) -> Any:
        """What is shown next that no user said."""
        told = await self.until(lambda it: it["type"] == "bubble" and it["bubble"]["from"] != "user")
        bubble = told["bubble"]
        return "".join(part["text"] for part in bubble.get("segments", ())) or bubble.get("text") or bubble

    async def worker(self, state: str) -> dict[str, Any]:
        found: dict[str, Any] = (
            await self.until(lambda it: it["type"] == "worker" and it["worker"]["state"] == state)
        )["worker"]
        return found

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return [it["row"] for it in self.all if it["type"] == "row" and it["row"]["kind"] == kind]


@contextlib.asynccontextmanager
async def staged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: str = BOT, **more: Any
) -> AsyncIterator[tuple[Stage, Seen]]:
    """A stage whose worker is up, in a folder with that bot."""
    (folder / "shop.py").write_text(textwrap.dedent(code), "utf-8")
    monkeypatch.chdir(folder)
    stage = Stage("shop:bot", "/wechat", "http://127.0.0.1:1/wechat", **more)
    with stage.page() as queue:
        await stage.crew.begin()
        try:
            yield stage, Seen(queue)
        finally:
            await stage.crew.end()


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "shop.py"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


# ---- one conversation -----------------------------------------------------------------------------------------------


def test_a_conversation_is_pushed_as_wechat_does_and_told_as_it_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            for text, answer in (("报名", "怎么称呼您？"), ("小明", "小明，对吗？\n1. 是\n2. 否"), ("是", "好，7 号")):
                stage.send(ME, "text", {"text": text})
                assert await seen.said() == answer
            stand = (await seen.until(lambda it: it["type"] == "stand" and it["stand"]["data"]))["stand"]
            assert [(it["key"], it["value"]) for it in stand["data"]] == [("api_token", watch.HIDDEN), ("visits", "1")]
            [ended] = [row for row in seen.rows("step") if not row["open"]]
            assert (ended["title"], ended["tone"]) == ("save", "good")
            assert json.loads(ended["detail"]) == {"number": 7, "password": watch.HIDDEN}
            assert [row["detail"] for row in seen.rows("turn")] == ["asked", "asked", "ended"]
            assert "hunter2" not in json.dumps(seen.all)
            assert "s3cret" not in json.dumps(seen.all)

    anyio.run(talk)


def test_where_a_dialog_waits_is_told_by_file_line_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            stand = (await seen.until(lambda it: it["type"] == "stand" and it["stand"]["dialog"]))["stand"]
            line = textwrap.dedent(BOT).splitlines().index('    name = yield from ask.text("怎么称呼您？")') + 1
            assert (stand["file"], stand["line"]) == ("shop.py", line)
            assert stand["code"] == 'name = yield from ask.text("怎么称呼您？")'
            assert stand["question"] == "怎么称呼您？"
            await seen.until(lambda it: it["type"] == "row" and it["row"]["kind"] == "ask")

    anyio.run(talk)


def test_a_worker_that_is_killed_is_begun_anew_and_the_conversation_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            assert await seen.said() == "怎么称呼您？"
            first = stage.crew.status
            await stage.worker("kill")
            again = await seen.worker("up")
            assert (again["number"], again["pid"] != first.pid) == (first.number + 1, True)
            stage.send(ME, "text", {"text": "小明"})
            assert await seen.said() == "小明，对吗？\n1. 是\n2. 否"
            assert [row["detail"] for row in seen.rows("replay")] == ["1"]

    anyio.run(talk)


def test_a_worker_that_is_killed_in_mid_answer_is_survived_within_the_pushes_of_that_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            stage.options({"slow": 3})
            stage.send(ME, "click", {"key": "POINTS"})
            await seen.until(lambda it: it["type"] == "row" and it["row"]["kind"] == "step")
            await stage.worker("kill")
            assert await seen.said() == "77 分"

    anyio.run(talk)


def test_who_comes_to_a_stage_begun_anew_finds_the_question_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            await seen.said()
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            assert "重新启动过" in await seen.said()
            assert await seen.said() == "怎么称呼您？"

    anyio.run(talk)


def test_a_worker_that_dies_by_itself_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            assert stage.crew._process is not None
            stage.crew._process.kill()
            await seen.worker("down")
            assert (await seen.worker("up"))["number"] == 2

    anyio.run(talk)


def test_a_worker_ends_when_its_stage_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            process, channel = stage.crew._process, stage.crew._channel
            assert process is not None
            assert channel is not None
            await channel.close()
            with anyio.fail_after(20):
                assert await process.wait() == 0

    anyio.run(talk)


# ---- code that changes ----------------------------------------------------------------------------------------------


def test_changed_code_is_taken_up_and_the_conversation_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            await seen.said()
            change(tmp_path, "，对吗？", "，没错吧？")
            assert (await seen.worker("up"))["changed"] == ("shop.py",)
            assert await seen.said() == "代码改了（shop.py），对话接着进行。"
            stage.send(ME, "text", {"text": "小明"})
            assert await seen.said() == "小明，没错吧？\n1. 是\n2. 否"

    anyio.run(talk)


def test_a_conversation_that_fits_the_changed_code_no_more_is_told_before_anybody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            await seen.said()
            change(tmp_path, 'ask.text("怎么称呼您？")', 'ask.number("几位？", 1, 9)')
            assert "接着进行" in await seen.said()
            assert "对不上" in await seen.said()
            stage.crew.tell(do="attend", account="gh_shop", openid=ME)  # it is looked at once more
            again = await seen.until(lambda it: it["type"] == "stand" and it["user"] == ME)
            assert again["stand"]["diverged"]
            stage.send(ME, "text", {"text": "小明"})
            assert (await seen.said()).startswith("抱歉，程序更新了")

    anyio.run(talk)


def test_code_that_cannot_be_imported_is_told_without_its_secrets_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            change(tmp_path, 'bot = Bot("s3cret",', 'bot = Bots(token="s3cret",')
            broken = await seen.worker("broken")
            assert "NameError" in broken["why"]
            assert "shop.py" in broken["why"]
            assert "s3cret" not in broken["why"]
            change(tmp_path, 'Bots(token="s3cret",', 'Bot("s3cret",')
            await seen.worker("up")
            stage.send(ME, "click", {"key": "POINTS"})
            assert await seen.said() == "77 分"

    anyio.run(talk)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = 1\n", "bot is not there in shop"),
        ("def bot(:\n", "SyntaxError"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
    ],
)
def test_a_bot_that_is_none_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch, code) as (_, seen):
            assert why in (await seen.worker("broken"))["why"]

    anyio.run(talk)


# ---- what can be done to it -----------------------------------------------------------------------------------------


def test_a_reply_that_is_lost_is_fetched_by_the_next_push_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            stage.options({"lose": True})
            stage.send(ME, "text", {"text": "报名"})
            assert await seen.said() == "怎么称呼您？"
            over = [it["delivery"] for it in seen.all if it["type"] == "delivery" and it["delivery"]["ended"]]
            assert [(it["number"], it["state"]) for it in over] == [(1, "lost"), (2, "answered")]
            text = [it["response"].partition("<Content>")[2] for it in over]
            assert text[0] == text[1] != ""
            assert stage.state()["options"]["lose"] is False

    anyio.run(talk)


def test_every_push_is_made_twice_and_answered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            stage.options({"twice": True})
            for text in ("报名", "小明", "是"):
                stage.send(ME, "text", {"text": text})
                said = await seen.said()
            assert said == "好，7 号"
            assert len([row for row in seen.rows("step") if row["open"]]) == 1
            assert {it["delivery"]["twin"] for it in seen.all if it["type"] == "delivery"} == {True, False}

    anyio.run(talk)


def test_the_next_step_is_slow_and_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch, seconds=1.0) as (stage, seen):
            await seen.worker("up")
            stage.options({"slow": 1.5})
            stage.send(ME, "click", {"key": "POINTS"})
            assert await seen.said() == "77 分"
            over = [it["delivery"]["state"] for it in seen.all if it["type"] == "delivery" and it["delivery"]["ended"]]
            assert over == ["late", "answered"]
            assert stage.state()["options"]["slow"] == 0
            [row] = [row for row in seen.rows("step") if not row["open"]]
            assert row["ms"] >= 1_500

    anyio.run(talk)


def test_an_error_is_told_with_its_name_and_costs_one_apology(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "坏"})
            assert await seen.said() == "抱歉，出错了，请稍后再试。"
            [row] = seen.rows("error")
            line = textwrap.dedent(BOT).splitlines().index('    raise LookupError("没有了")') + 1
            assert (row["title"], row["detail"], row["tone"]) == ("LookupError", f"没有了 (shop.py:{line})", "bad")

    anyio.run(talk)


def test_a_bot_in_safe_mode_is_pushed_to_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "a" * 43
    safe = BOT.replace('account="gh_shop"', f'account="gh_shop", aes_key="{key}", appid="wx0123456789"')

    async def talk() -> None:
        async with staged(tmp_path, monkeypatch, safe) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            assert await seen.said() == "怎么称呼您？"
            last = [it["delivery"] for it in seen.all if it["type"] == "delivery"][-1]
            assert last["sealed"]
            assert "怎么称呼您" in last["response"]
            assert "Encrypt" in last["sealedResponse"]
            with pytest.raises(ConfigurationError, match="one mode only"):
                stage.options({"encrypt": False})

    anyio.run(talk)


def test_a_question_whose_time_is_over_is_not_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brief = BOT.replace("expire=600", "expire=0.001")

    def late(told: Mapping[str, Any]) -> bool:
        return told["type"] == "stand" and told["stand"]["state"] in ("late", "lapsed")

    async def talk() -> None:
        async with staged(tmp_path, monkeypatch, brief) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            await seen.until(late)
        async with staged(tmp_path, monkeypatch, brief) as (stage, seen):
            await seen.until(late)
            stage.add("小刚")
            await seen.until(lambda it: it["type"] == "user")
            assert seen.rows("ask") == []

    anyio.run(talk)


def test_what_is_kept_of_a_user_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            stage.send(ME, "text", {"text": "报名"})
            await seen.until(lambda it: it["type"] == "stand" and it["stand"]["dialog"])
            stage.forget(ME)
            gone = await seen.until(lambda it: it["type"] == "stand")
            assert (gone["stand"]["dialog"], gone["stand"]["bytes"]) == (None, 0)
            assert stage.state()["users"][0]["bubbles"] == []

    anyio.run(talk)


def test_what_cannot_be_done_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, _):
            for wrong in (
                lambda: stage.send("oNobody", "text", {"text": "x"}),
                lambda: stage.send(ME, "text", {"text": " "}),
                lambda: stage.send(ME, "poem", {}),
                lambda: stage.send(ME, "location", {"latitude": 99, "longitude": "x"}),
                lambda: stage.options({"slow": "long"}),
                lambda: stage.options({"fast": True}),
                lambda: stage.options({"encrypt": True}),
                lambda: stage.add(" "),
                lambda: stage.forget("oNobody"),
            ):
                with pytest.raises(ConfigurationError):
                    wrong()
            with pytest.raises(ConfigurationError):
                await stage.worker("explode")

    anyio.run(talk)


# ---- what is shown --------------------------------------------------------------------------------------------------

TAP = "weixin://bizmsgmenu?msgmenucontent=%E8%8B%B9%E6%9E%9C&amp;msgmenuid=1"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("你好", [{"text": "你好"}]),
        ("", [{"text": ""}]),
        (f'1. <a href="{TAP}">苹果</a>', [{"text": "1. "}, {"text": "苹果", "sends": "苹果", "menu": "1"}]),
        ('<a href="https://a.cn/?b=1">看</a>。', [{"text": "看", "href": "https://a.cn/?b=1"}, {"text": "。"}]),
        ('<a href="javascript:x()">点</a>', [{"text": "点"}]),
        ("a < b <a", [{"text": "a < b <a"}]),
    ],
)
def test_a_text_is_shown_in_pieces(text: str, parts: list[dict[str, str]]) -> None:
    assert bubbles.segments(text) == parts


SENDS: list[tuple[str, dict[str, Any]]] = [
    ("text", {"text": "x"}),
    ("tap", {"text": "苹果", "menu": "1"}),
    ("image", {"url": "https://a.cn/1.png"}),
    ("voice", {"recognition": "你好"}),
    ("video", {}),
    ("location", {"latitude": 31.2, "longitude": "121.5", "label": "北门"}),
    ("link", {"url": "https://a.cn", "title": "t", "description": "d"}),
    ("click", {"key": "K"}),
    ("scan", {"scene": "7"}),
    ("subscribe", {"scene": ""}),
    ("subscribe", {"scene": "7"}),
    ("unsubscribe", {}),
]


@pytest.mark.parametrize(("kind", "given"), SENDS)
def test_whatever_a_user_sends_is_a_message_of_wechats(kind: str, given: dict[str, Any]) -> None:
    fields, bubble = bubbles.sent(kind, given)
    xml = push.Sender("http://x", "me", "gh_demo", "demo").message(fields)
    message = receive.parse(xml.encode(), dt.timezone.utc)
    assert message.openid == "me"
    assert bubble["kind"] in ("text", "image", "voice", "video", "location", "link", "event")


def test_every_kind_of_reply_has_a_bubble() -> None:
    assert set(bubbles.REPLIES) == set(push.SHOWN)


# ---- steps, looked at -----------------------------------------------------------------------------------------------


def plainly() -> str:
    return "done"


async def waiting() -> str:
    return "done"


def making() -> Any:
    yield "do"
    yield "ne"


async def streaming() -> Any:
    yield "do"
    yield "ne"


@pytest.mark.parametrize("function", [plainly, waiting, making, streaming])
def test_a_step_of_every_kind_does_what_it_did_and_tells_how_it_ended(function: Any) -> None:
    ended: list[Any] = []

    async def collect(made: Any) -> Any:
        return [piece async for piece in made]

    made = watch.paced(function, 0, lambda value, error: ended.append((value, error)))()
    if hasattr(made, "__aiter__"):
        made = asyncio.run(collect(made))
    elif inspect.iscoroutine(made):
        made = asyncio.run(made)
    assert "".join(made) == "done"
    assert ended == [("done", None)]


# ---- over HTTP ------------------------------------------------------------------------------------------------------


def asked(app: App, method: str, url: str, client: str = "127.0.0.1", **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=transport) as browser:
            return await browser.request(method, url, **more)

    return anyio.run(ask)


@pytest.fixture
def app() -> App:
    return App(Stage("shop:bot", "/wechat", "http://127.0.0.1:1/wechat"), "/wechat")


@pytest.mark.parametrize("path", ["/", "/chat/page.css", "/chat/page.js", "/chat/icon.svg"])
def test_the_page_loads_nothing_but_what_is_served_here(app: App, path: str) -> None:
    response = asked(app, "GET", f"http://localhost:8000{path}")
    assert response.status_code == 200
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert not [line for line in response.text.splitlines() if "//cdn" in line or "googleapis" in line]


@pytest.mark.parametrize(
    ("url", "client"),
    [
        ("http://evil.example/", "127.0.0.1"),
        ("http://127.0.0.1.evil.example/", "127.0.0.1"),
        ("http://127.0.0.1/", "10.0.0.7"),
    ],
)
def test_who_comes_from_elsewhere_or_by_another_name_sees_nothing(app: App, url: str, client: str) -> None:
    assert asked(app, "GET", url, client).status_code == 403
    assert asked(app, "GET", f"{url}chat/events", client).status_code == 403
    assert (
        asked(app, "POST", f"{url}chat/worker", client, json={"do": "kill"}, headers={"X-Chat": "1"}).status_code == 403
    )
    everyone = App(Stage("shop:bot", "/wechat", "x"), "/wechat", everyone=True)
    assert asked(everyone, "GET", url, client).status_code == 200


def test_only_the_page_itself_may_ask_for_something(app: App) -> None:
    body = {"user": ME, "kind": "text", "text": "x"}
    assert asked(app, "POST", "http://localhost/chat/send", json=body).status_code == 403
    wrong = asked(app, "POST", "http://localhost/chat/send", json={"user": ME}, headers={"X-Chat": "1"})
    assert (wrong.status_code, "error" in wrong.json()) == (400, True)
    broken = asked(app, "POST", "http://localhost/chat/send", content=b"{", headers={"X-Chat": "1"})
    assert broken.status_code == 400
    assert asked(app, "GET", "http://localhost/elsewhere").status_code == 404


def test_what_comes_to_the_bots_own_path_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> None:
        async with staged(tmp_path, monkeypatch) as (stage, seen):
            await seen.worker("up")
            app = App(stage, "/wechat")
            query, body = push.Sender("x", "oOther", "gh_shop", "s3cret").signed(
                push.Sender("x", "oOther", "gh_shop", "s3cret").message(push.text("报名"))
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("10.0.0.7", 1))) as client:
                came = await client.post("http://bot.example.com/wechat", params=query, content=body)
                refused = await client.post("http://bot.example.com/wechat", content=body)
            assert "怎么称呼您？" in came.text
            assert refused.status_code == 403
            told = await seen.until(lambda it: it["type"] == "stand" and it["user"] == "oOther")
            assert told["stand"]["dialog"] == "signup"

    anyio.run(talk)
