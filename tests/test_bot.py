"""Settings and the sentence that each wrong one gives; what a bot says of itself."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from talk import Chat
from wechat import (
    CHINESE,
    ENGLISH,
    Bot,
    ConfigurationError,
    Dialog,
    ProtocolError,
    Router,
    StepFailed,
    Text,
    TextMessage,
    ask,
    step,
    stream,
)
from wechat.stores.memory import MemoryStore

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"token": None},
        "token (argument token=, variable WECHAT_TOKEN) is missing: "
        "the Token of the account's server settings, 3 to 32 letters and digits",
    ),
    (
        {"token": "to"},
        "token (argument token=, variable WECHAT_TOKEN) must be 3 to 32 letters and digits, as in the account's server settings",
    ),
    (
        {"token": "to-ken"},
        "token (argument token=, variable WECHAT_TOKEN) must be 3 to 32 letters and digits, as in the account's server settings",
    ),
    (
        {"account": "wx123"},
        "account (argument account=, variable WECHAT_ACCOUNT) must be the account's original id, like gh_0123456789ab, not 'wx123'",
    ),
    (
        {"appid": "gh_1"},
        "appid (argument appid=, variable WECHAT_APPID) must be the account's AppID, like wx0123456789abcdef, not 'gh_1'",
    ),
    (
        {"aes_key": KEY},
        "appid (argument appid=, variable WECHAT_APPID) is missing: with an aes_key every reply is sealed with the AppID (wx…)",
    ),
    (
        {"aes_key": KEY + "=", "appid": "wx0123456789"},
        "aes_key (argument aes_key=, variable WECHAT_AES_KEY) must be the 43 letters and digits of EncodingAESKey "
        "(or a sequence of two such)",
    ),
    (
        {"plaintext": True},
        "plaintext=True lets plain pushes in beside encrypted ones: it needs an aes_key (WECHAT_AES_KEY)",
    ),
    ({"expire": 0}, "expire= must be a number of seconds above 0 (math.inf: for ever), not 0"),
    ({"expire": math.nan}, "expire= must be a number of seconds above 0 (math.inf: for ever), not nan"),
    ({"expire": "60"}, "expire= must be a number of seconds above 0 (math.inf: for ever), not '60'"),
    ({"cancel": "取消"}, 'cancel= must be a sequence of words, like ("取消", "退出"), not \'取消\''),
    ({"back": ("返回", " ")}, "back= holds an empty word, which every empty message would be"),
    ({"fetch": ("取消",)}, "'取消' stands in cancel= and in fetch=: it can mean one thing only"),
    (
        {"texts": "english"},
        "texts= must be a Texts (CHINESE, ENGLISH), or a function of the message that gives one, not 'english'",
    ),
    (
        {"timezone": "Peking"},
        "timezone= must be a name of the tz database, like \"Asia/Shanghai\", not 'Peking'",
    ),
    (
        {"store": 5},
        "store (argument store=, variable WECHAT_STORE) must be a URL like sqlite:///bot.db, "
        "or an object with a store's methods, not 5",
    ),
]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "ACCOUNT", "APPID", "AES_KEY", "STORE"):
        monkeypatch.delenv(f"WECHAT_{name}", raising=False)


@pytest.mark.parametrize(("settings", "sentence"), WRONG)
def test_a_wrong_setting_gives_one_sentence_that_says_what_is_right(settings: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Bot(**{"token": "token", "store": "memory://", **settings})
    assert str(caught.value) == sentence


def test_a_store_url_that_names_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"argument store=, variable WECHAT_STORE"):
        Bot("token", store="mysql://x")


def test_an_argument_comes_before_its_variable_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHAT_TOKEN", "fromenv")
    monkeypatch.setenv("WECHAT_ACCOUNT", "gh_env")
    assert Bot().settings.token == "fromenv"
    assert Bot("argument").settings.token == "argument"
    assert Bot(account="gh_argument").settings.account == "gh_argument"
    assert Bot().settings.account == "gh_env"


def test_an_old_and_a_new_key_stand_side_by_side() -> None:
    bot = Bot("token", aes_key=[KEY, KEY[::-1]], appid="wx0123456789", store="memory://")
    assert len(bot.settings.ciphers) == 2


def test_repr_masks_every_secret() -> None:
    bot = Bot("sEcReT1", aes_key=KEY, appid="wx0123456789", store="memory://")
    for shown in (repr(bot), repr(bot.settings), repr(bot.settings.ciphers)):
        assert "sEcReT1" not in shown
        assert KEY not in shown


def test_an_object_with_a_stores_methods_is_a_store() -> None:
    assert Bot("token", store=MemoryStore())


def test_nothing_is_opened_before_the_first_delivery(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bot = Bot("token")
    assert list(tmp_path.iterdir()) == []
    anyio.run(bot.deliver, message())
    assert (tmp_path / "wechat-dialog.db").exists()


def message(text: str = "x", account: str = "gh_1") -> TextMessage:
    return TextMessage(text=text, id="1", openid="oAbCdEfGhIjKlMn", account=account)


def test_the_default_store_is_named_in_the_log_with_the_first_delivery(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "wechat")
    anyio.run(Bot("token").deliver, message())
    assert str(tmp_path / "wechat-dialog.db") in caplog.text


def test_one_line_a_turn_and_nothing_of_what_was_written(caplog: pytest.LogCaptureFixture) -> None:
    bot = Bot("token", store="memory://")

    @bot.text
    def echo(message: Any) -> Any:
        return f"you said {message.text}"
        yield

    caplog.set_level(logging.INFO, "wechat")
    anyio.run(bot.deliver, message("my secret"))
    lines = [record.getMessage() for record in caplog.records if "echo" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith("gh_1 oAbC…KlMn ")
    assert "ended" in lines[0]
    assert "delivery 1" in lines[0]
    assert "secret" not in caplog.text
    told = Bot("token", store="memory://", log_text=True)
    told.include(_with(echo))
    anyio.run(told.deliver, message("my secret"))
    assert "my secret" in caplog.text


def _with(dialog: Any) -> Router:
    router = Router()
    router.text(dialog)
    return router


def test_an_error_in_a_dialog_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    bot = Bot("token", store="memory://")

    @bot.text
    def broken(message: Any) -> Any:
        raise ZeroDivisionError("of ours")
        yield

    reply: Any = anyio.run(bot.deliver, message())
    assert reply.text == "抱歉，出错了，请稍后再试。"
    assert "ZeroDivisionError: of ours" in caplog.text
    assert "in broken" in caplog.text


def test_a_push_to_another_account_is_refused() -> None:
    bot = Bot("token", account="gh_1", store="memory://")
    with pytest.raises(ProtocolError, match="gh_2"):
        anyio.run(bot.deliver, message(account="gh_2"))


def test_texts_may_depend_on_the_message() -> None:
    bot = Bot("token", store="memory://", texts=lambda message: ENGLISH if message.openid == "oE" else CHINESE)

    @bot.text("n")
    def number(message: Any) -> Any:
        yield ask.number("?", 1, 9)

    assert [Chat(bot, user=user).say("n") for user in ("oE", "oC")] == ["?", "?"]
    english, chinese = Chat(bot, user="oE"), Chat(bot, user="oC")
    english.say("n")
    chinese.say("n")
    assert english.say("x") == "Please reply with a whole number from 1 to 9"
    assert chinese.say("x") == "请回复 1 到 9 的整数"


def test_a_sentence_can_be_replaced() -> None:
    bot = Bot("token", store="memory://", texts=dataclasses.replace(CHINESE, cancelled="bye"))

    @bot.text("n")
    def number(message: Any) -> Any:
        yield "?"

    chat = Chat(bot)
    chat.say("n")
    assert chat.say("取消") == "bye"


def test_english_and_chinese_fill_in_the_same() -> None:
    import string

    for field in dataclasses.fields(CHINESE):
        names = [
            {name for _, name, _, _ in string.Formatter().parse(getattr(texts, field.name)) if name}
            for texts in (CHINESE, ENGLISH)
        ]
        assert names[0] == names[1], field.name


def test_several_routers_are_one_bot() -> None:
    shop, club = Router("shop"), Router("club")

    @shop.text("buy")
    def buy(message: Any) -> Any:
        return "bought"
        yield

    @club.text("join")
    @step
    def join(message: Any) -> str:
        return "joined"

    bot = Bot("token", store="memory://")
    bot.include(shop, club)
    chat = Chat(bot)
    assert [chat.say("buy"), chat.say("join")] == ["bought", "joined"]


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_what_a_text_was_before_it_broke_off_is_said(kind: str) -> None:
    bot = Bot("token", store="memory://")

    @step(name="poem")
    def written() -> Iterator[str]:
        yield "Roses "
        yield "are"
        raise OSError("no more ink")

    @step(name="poem")
    async def spoken() -> AsyncIterator[str]:
        yield "Roses "
        yield "are"
        raise OSError("no more breath")

    @bot.text("go")
    def go(message: TextMessage) -> Dialog:
        try:
            yield stream(written() if kind == "generator" else spoken())
        except StepFailed as failed:
            return failed.message

    reply = anyio.run(bot.deliver, Chat(bot).text("go"))
    assert isinstance(reply, Text)
    assert reply.text == f"Roses are\nno more {'ink' if kind == 'generator' else 'breath'}"


def test_a_piece_that_is_none_is_nothing_and_one_that_is_no_text_fails_the_step() -> None:
    bot = Bot("token", store="memory://")

    @step
    async def poem(last: Any) -> AsyncIterator[str]:
        yield "Roses"
        yield last

    @bot.text("none")
    def none(message: TextMessage) -> Dialog:
        yield stream(poem(None))

    @bot.text("number")
    def number(message: TextMessage) -> Dialog:
        try:
            yield stream(poem(7))
        except StepFailed as failed:
            return failed.message

    async def said(text: str) -> str:
        reply = await bot.deliver(Chat(bot, user=text).text(text))
        assert isinstance(reply, Text)
        return reply.text

    assert anyio.run(said, "none") == "Roses"
    assert anyio.run(said, "number") == "Roses\na step that makes text yields pieces of text, not int"


@pytest.mark.parametrize("wrong", ["出错 {code}", "{", None])
def test_a_sentence_that_nobody_could_say_is_refused_where_it_is_made(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="failed"):
        dataclasses.replace(CHINESE, failed=wrong)


def test_a_step_whose_turn_was_cancelled_and_that_never_ends_keeps_no_worker_from_going_down() -> None:
    bot = Bot("token", store="memory://")
    began, ended = anyio.Event(), []

    @step
    async def endless() -> None:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    @bot.text("go")
    def go(message: TextMessage) -> Dialog:
        yield endless()

    async def scene() -> None:
        chat = Chat(bot)
        async with anyio.create_task_group() as pushes:
            pushes.start_soon(bot.deliver, chat.text("go"))
            await began.wait()
            await bot.deliver(chat.text("取消"))
            pushes.cancel_scope.cancel()
        assert bot._runtime.jobs
        await bot._runtime.close(grace=0)
        assert ended == ["cancelled"]
        assert not bot._runtime.jobs

    anyio.run(scene)


def test_a_message_that_no_route_takes_leaves_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever forgot a route finds out; an event that nobody wants is no news."""
    caplog.set_level("INFO", "wechat")
    assert anyio.run(Bot("token", account="gh_1", store="memory://").deliver, message("x")) is None
    assert [line for line in caplog.messages if "unrouted" in line]


@pytest.mark.parametrize("waits", [0, 0.5, -5, float("inf"), float("nan"), True, "5"])
def test_who_pushes_waits_a_number_of_seconds(waits: Any) -> None:
    with pytest.raises(ConfigurationError, match="waits="):
        Bot("token", waits=waits)


def test_a_bot_behind_a_gateway_may_say_how_long_that_waits() -> None:
    assert Bot("token", waits=3).conduct(message()).deadlines.last_chance == 2_300
