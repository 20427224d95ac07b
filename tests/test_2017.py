"""The article of 2017 that this project began with: its dialog, its Flask view, its Redis; and each fault of its code.

The numbers of the faults are those of a reading of the original, at its last commit.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib.util
import re
import threading
import weakref
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import pytest
import redis

import wechat.bot
from servers import free_port, running_redis
from wechat import Bot, ConfigurationError, ProtocolError, WeChatError, record
from wechat.errors import TooLarge
from wechat.runtime import Runtime
from wechat.stores.memory import MemoryStore

EXAMPLE = Path(__file__).parent.parent / "examples" / "demo_dialog.py"
ARTICLE = Path(__file__).parent.parent.parent / "shared" / "original_article.md"


def demo_dialog(**changed: Any) -> ModuleType:
    """The example's module, with these names changed; without its Redis unless that is among them."""
    spec = importlib.util.spec_from_file_location("demo_dialog", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB"):
        delattr(module, name)
    vars(module).update(changed)
    return module


class Clock:
    """A time that only the test moves."""

    def __init__(self) -> None:
        self.ms = 1_790_000_000_000

    def seconds(self) -> float:
        return self.ms / 1000


class Account:
    """A Flask application with the article's view, and one user who writes to it."""

    def __init__(self, module: ModuleType, clock: Clock | None = None) -> None:
        self.app, self.module, self.clock, self.count = flask.Flask("article"), module, clock or Clock(), 0
        names = {"app": self.app, "request": flask.request, "demo_dialog": module, "wechat": wechat}
        exec(VIEW, names)
        self.client = self.app.test_client()

    def post(self, body: bytes) -> flask.wrappers.Response:
        return self.client.post("/", data=body)

    def push(self, fields: str, kind: str, user: str = "oUser", id: int | None = None) -> bytes:
        self.count += 1
        return (
            f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{user}</FromUserName><MsgType>{kind}</MsgType>{fields}"
            f"<CreateTime>{self.clock.ms // 1000}</CreateTime><MsgId>{id or self.count}</MsgId></xml>"
        ).encode()

    def send(self, fields: str, kind: str, **more: Any) -> str:
        """What is said to a push; "success" for nothing."""
        body = self.post(self.push(fields, kind, **more)).get_data(as_text=True)
        return body if body == "success" else ET.fromstring(body).findtext("Content") or body

    def say(self, text: str, **more: Any) -> str:
        return self.send(f"<Content><![CDATA[{text}]]></Content>", "text", **more)


#: as the article has it
VIEW = """
@app.route('/', methods=['POST'])
def wechat_post():
    data = request.get_data()
    return wechat.bot.answer(data, demo_dialog).format()
"""


def clocked(module: ModuleType) -> Account:
    """An account whose bot has the test's clock."""
    clock = Clock()
    store = MemoryStore(lambda: clock.ms)
    bot = Bot.from_module(module, token="token", store=store)
    bot._runtime = Runtime(store, bot._hooks, bot._report, monotonic=clock.seconds)
    return Account(module, clock)


def kept(account: Account, user: str = "oUser") -> dict[str, str]:
    """What is on record of a user."""
    bot = wechat.bot._BOTS[account.module]
    return dict(bot.wait(bot._runtime.store.load(bot.key("gh_1", user))).fields)


# ---- the article ----------------------------------------------------------------------------------------------------


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.S)


def test_the_example_has_the_articles_accumulator_to_the_letter_and_this_file_its_view() -> None:
    if ARTICLE.exists():  # where it is not, there is nothing to compare with
        accumulator, view, *_ = blocks(ARTICLE.read_text("utf-8"))
        assert accumulator in EXAMPLE.read_text("utf-8")
        assert VIEW.strip() in view


def test_the_accumulator_adds_up() -> None:
    account = clocked(demo_dialog())
    assert [account.say(text) for text in ("累加器", "2", "3", "4")] == [
        "您需要累加几个数字？",
        "请输入第1个数字, 目前累加和:0",
        "请输入第2个数字, 目前累加和:3",
        "累加结束，累加和: 7",
    ]


def test_after_its_return_only_the_messages_seen_are_on_record() -> None:
    account = clocked(demo_dialog())
    for text in ("累加器", "1", "5"):
        account.say(text)
    assert {name[0] for name in kept(account)} == {"h", "s"}
    assert record.read(kept(account)).journal == []
    assert list(record.read(kept(account)).seen) == ["1", "2", "3"]


def test_fifty_nine_seconds_later_it_goes_on_and_sixty_one_seconds_later_it_is_a_new_conversation() -> None:
    account = clocked(demo_dialog())
    account.say("累加器")
    account.clock.ms += 59_000
    assert account.say("2") == "请输入第1个数字, 目前累加和:0"
    account.clock.ms += 59_000
    assert account.say("3") == "请输入第2个数字, 目前累加和:3"
    account.clock.ms += 61_000
    assert account.say("4").startswith("试试回复")


def test_what_is_not_a_number_ends_it_with_the_dialogs_own_words() -> None:
    account = clocked(demo_dialog())
    account.say("累加器")
    assert account.say("abc") == '输入不合法！我们需要一个整数，请输入"开始"重新开启累加器'
    assert account.say("开始") == "您需要累加几个数字？"


def test_the_examples_other_dialogs_do_what_they_say() -> None:
    account = clocked(demo_dialog())
    menu = account.say("菜单")
    assert menu.startswith("1. 苹果")
    assert account.say("2") == "给你一个香蕉"
    assert [account.say("菜单"), account.say("累加器")] == [menu, "您需要累加几个数字？"]
    assert account.say("1") == "请输入第1个数字, 目前累加和:0"
    account.say("1")
    assert "<Title><![CDATA[wechat-dialog]]></Title>" in account.say("源码")
    assert account.send("<Event>subscribe</Event>", "event").startswith("感谢关注！")


# ---- where it is kept -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def without_variables(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    for name in ("TOKEN", "ACCOUNT", "APPID", "AES_KEY", "STORE"):
        monkeypatch.delenv(f"WECHAT_{name}", raising=False)
    monkeypatch.chdir(folder)
    yield


def test_a_module_that_names_a_redis_is_kept_there_and_what_2017_left_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"REDIS_PASSWORD": "pa/ss", "REDIS_DB": 5, "REDIS_KEY": "mine:%(open_id)s"}
    with running_redis(tmp_path, "--requirepass", "pa/ss") as port, without_variables(monkeypatch, tmp_path):
        account = Account(demo_dialog(REDIS_HOST="127.0.0.1", REDIS_PORT=port, **named))
        with redis.Redis(port=port, password="pa/ss", db=5) as client:
            client.set("mine:oUser", '["show_help", "累加器"]', ex=60)
            assert account.say("累加器") == "您需要累加几个数字？"
            assert sorted(client.keys()) == [b"mine:oUser", b"mine:oUser:2"]
            assert client.get("mine:oUser") == '["show_help", "累加器"]'.encode()
            assert client.type("mine:oUser:2") == b"hash"
            assert account.say("1") == "请输入第1个数字, 目前累加和:0"
            assert account.say("5") == "累加结束，累加和: 5"
            assert [name for name in client.hkeys("mine:oUser:2") if name.isdigit()] == []
        close(account)
    assert list(tmp_path.glob("*.db")) == []


def test_two_processes_worth_of_bots_share_a_conversation_in_redis(tmp_path: Path) -> None:
    with running_redis(tmp_path) as port:
        one, other = (Account(demo_dialog(REDIS_HOST="127.0.0.1", REDIS_PORT=port)) for _ in range(2))
        one.count, other.count = 0, 100
        assert one.say("累加器") == "您需要累加几个数字？"
        assert other.say("1") == "请输入第1个数字, 目前累加和:0"
        assert one.say("5") == "累加结束，累加和: 5"
        close(one)
        close(other)


def test_a_module_that_names_no_redis_is_kept_in_the_default_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_variables(monkeypatch, tmp_path):
        account = Account(demo_dialog())
        assert [account.say(text) for text in ("累加器", "1", "5")][-1] == "累加结束，累加和: 5"
        assert (tmp_path / "wechat-dialog.db").exists()
        close(account)


def test_where_the_redis_is_not_there_the_user_is_told_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    account = Account(demo_dialog(REDIS_HOST="127.0.0.1", REDIS_PORT=free_port(), REDIS_PASSWORD="hunter2"))
    assert account.say("累加器") == "抱歉，出错了，请稍后再试。"
    assert "cannot be used" in caplog.text
    assert "hunter2" not in caplog.text
    close(account)


def test_a_bug_costs_one_apology_here_too_and_a_call_from_the_loop_itself_is_an_error() -> None:
    class Buggy(MemoryStore):
        async def load(self, key: str) -> Any:
            raise ZeroDivisionError("a bug")

    account = Account(demo_dialog())
    Bot.from_module(account.module, token="token", store=Buggy())
    assert account.say("累加器") == "抱歉，出错了，请稍后再试。"

    async def on_the_loop(bot: Bot) -> None:
        with pytest.raises(WeChatError, match="await it"):
            wechat.bot.answer(account.push("<Content>累加器</Content>", "text"), account.module)

    bot = wechat.bot._BOTS[account.module]
    bot.wait(on_the_loop(bot))
    close(account)


def close(account: Account) -> None:
    bot = wechat.bot._BOTS[account.module]
    bot.wait(bot.aclose())


# ---- answer ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"no xml", b"<xml></xml>", b"{}", b"<!DOCTYPE x><xml/>", "\ud83d", "<xml>"])
def test_what_is_no_push_raises_our_own_error(body: bytes | str) -> None:
    with pytest.raises(ProtocolError) as caught:
        wechat.bot.answer(body, demo_dialog())
    assert caught.value.status == 400


def test_what_is_larger_than_any_push_raises_our_own_error() -> None:
    with pytest.raises(TooLarge):
        wechat.bot.answer(b"<xml>" + b" " * 70_000 + b"</xml>", demo_dialog())


def test_text_and_json_are_pushes_too() -> None:
    account = clocked(demo_dialog())
    push = account.push("<Content>累加器</Content>", "text")
    said = wechat.bot.answer(push.decode(), account.module).format()
    assert ET.fromstring(said).findtext("Content") == "您需要累加几个数字？"
    body = b'{"ToUserName":"gh_1","FromUserName":"oUser","CreateTime":1,"MsgType":"text","Content":"1","MsgId":9}'
    assert '"Content":"请输入第1个数字, 目前累加和:0"' in wechat.bot.answer(body, account.module).format()


def test_a_module_is_answered_by_the_bot_that_was_made_of_it_last() -> None:
    module = demo_dialog()
    for expire in (10, 20):
        bot = Bot.from_module(module, token="token", store="memory://", expire=expire)
        assert wechat.bot._BOTS[module] is bot
    account = clocked(module)
    account.say("累加器")
    assert wechat.bot._BOTS[module].settings.expire == 60


def test_a_bot_is_forgotten_with_its_module() -> None:
    module = demo_dialog()
    bot = weakref.ref(Bot.from_module(module, token="token", store="memory://"))
    del module
    gc.collect()
    assert bot() is None


def test_a_bot_for_an_endpoint_needs_a_token_and_one_for_answer_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WECHAT_TOKEN", raising=False)
    monkeypatch.setenv("WECHAT_STORE", "memory://")
    with pytest.raises(ConfigurationError, match="WECHAT_TOKEN"):
        Bot.from_module(demo_dialog())
    assert Account(demo_dialog()).say("累加器") == "您需要累加几个数字？"


# ---- the faults of the original -------------------------------------------------------------------------------------


def module(**dialogs: Callable[..., Any]) -> ModuleType:
    made = ModuleType("made")
    made.ROUTER = {"text": [(f"^{name}$", name) for name in dialogs]}  # type: ignore[attr-defined]
    vars(made).update(dialogs)
    return made


def test_1_a_message_that_is_pushed_again_does_not_move_the_dialog() -> None:
    account = clocked(demo_dialog())
    account.say("累加器")
    said = [account.say("2", id=77) for _ in range(3)]
    assert said == ["请输入第1个数字, 目前累加和:0"] * 3
    assert account.say("3") == "请输入第2个数字, 目前累加和:3"


def test_2_a_dialog_without_the_two_lines_is_a_dialog() -> None:
    def direct(to_user: str) -> Any:
        name = yield ("TextMsg", "您贵姓？")
        return ("TextMsg", name)

    account = clocked(module(direct=direct))
    assert [account.say("direct"), account.say("王")] == ["您贵姓？", "王"]


def test_3_a_message_that_breaks_a_dialog_is_not_replayed_with_the_next() -> None:
    def fragile(to_user: str) -> Any:
        yield None
        yield None
        number = yield ("TextMsg", "number?")
        return ("TextMsg", str(int(number)))

    account = clocked(module(fragile=fragile))
    account.say("fragile")
    assert account.say("abc") == "抱歉，出错了，请稍后再试。"
    assert [account.say("fragile"), account.say("5")] == ["number?", "5"]


def test_4_users_in_many_threads_keep_their_own_conversations() -> None:
    account, sums = clocked(demo_dialog()), {}

    def talk(user: str, base: int) -> None:
        client = account.app.test_client()
        for i, text in enumerate(["累加器", "2", str(base), str(base)]):
            body = account.push(f"<Content>{text}</Content>", "text", user=user, id=base * 10 + i)
            sums[user] = ET.fromstring(client.post("/", data=body).data).findtext("Content")

    threads = [threading.Thread(target=talk, args=(f"o{i}", i)) for i in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == {f"o{i}": f"累加结束，累加和: {2 * i}" for i in range(1, 13)}


def test_4_one_message_in_many_threads_moves_its_dialog_once() -> None:
    account = clocked(demo_dialog())
    account.say("累加器")
    body, said = account.push("<Content>2</Content>", "text"), []

    def push() -> None:
        said.append(ET.fromstring(account.app.test_client().post("/", data=body).data).findtext("Content"))

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = {
        text for text in said if not str(text).startswith("正在思考")
    }  # which a push gets that the next one overtook
    assert answers == {"请输入第1个数字, 目前累加和:0"}
    assert account.say("3") == "请输入第2个数字, 目前累加和:3"


def test_5_the_database_is_the_one_that_is_named_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_redis(tmp_path) as port, redis.Redis(port=port) as client:
        account = Account(demo_dialog(REDIS_HOST="127.0.0.1", REDIS_PORT=port, REDIS_DB=7))
        for _ in range(5):
            account.say("累加器")
        assert client.info("keyspace").keys() == {"db7"}
        assert client.info("stats")["total_connections_received"] <= 4  # of five messages together, and the test's own
        close(account)
    assert capsys.readouterr() == ("", "")


def test_5_the_examples_server_checks_the_signature_of_every_push() -> None:
    tree = ast.parse((EXAMPLE.parent / "demo_server.py").read_text("utf-8"))
    checked = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
               and any(ast.unparse(mark) == "app.before_request" for mark in node.decorator_list)]  # fmt: skip
    assert checked == ["only_wechat"]


def test_6_no_kind_of_message_and_no_space_is_unexpected() -> None:
    account = clocked(demo_dialog())
    assert account.send("<PicUrl>p</PicUrl><MediaId>m</MediaId>", "image").startswith("试试回复")
    assert account.send("<MediaId>m</MediaId>", "voice") == "success"
    assert account.send("<Event> <![CDATA[subscribe]]> </Event>", " event ").startswith("感谢关注！")
    assert account.send("<Event>CLICK</Event>", "event") == "success"
    assert account.say("").startswith("试试回复")


def test_6_an_unexpected_answer_at_the_beginning_does_not_loop_for_ever_and_on_replay_is_caught() -> None:
    def never(to_user: str) -> Any:
        yield None
        raise wechat.bot.UnexpectAnswer

    def once(to_user: str) -> Any:
        yield None
        yield None
        yield ("TextMsg", "?")
        raise wechat.bot.UnexpectAnswer

    account = clocked(module(never=never, once=once))
    assert account.say("never") == "抱歉，出错了，请稍后再试。"
    account.say("once")
    assert [account.say("once"), account.say("else"), account.say("else")] == ["?", "success", "success"]


def test_6_a_dialog_that_is_unexpected_only_on_replay_costs_one_sentence_and_the_message_is_routed() -> None:
    runs = []

    def moody(to_user: str) -> Any:
        yield None
        yield None
        runs.append(to_user)
        if len(runs) > 1:
            raise wechat.bot.UnexpectAnswer
        return (yield ("TextMsg", "?"))

    def other(to_user: str) -> Any:
        yield None
        yield None
        return ("TextMsg", "other")

    account = clocked(module(moody=moody, other=other))
    account.say("moody")
    wechat.bot._BOTS[account.module]._runtime._hot.clear()
    assert account.say("other") == "抱歉，程序更新了，刚才的对话已结束，请重新开始。\nother"
    assert account.say("other") == "other"


def test_8_what_is_to_be_done_once_is_a_step_and_chance_and_time_come_from_the_journal() -> None:
    done: list[str] = []

    @wechat.step
    def insert(number: str) -> int:
        done.append(number)
        return len(done)

    def writes(to_user: str) -> Any:
        yield None
        yield None
        row = yield insert((yield ("TextMsg", "number?")))
        chance = wechat.rng().random()
        yield ("TextMsg", f"{row} {chance}")
        return ("TextMsg", f"{row} {chance}")

    account = clocked(module(writes=writes))
    account.say("writes")
    first = account.say("5")
    bot = wechat.bot._BOTS[account.module]
    bot._runtime._hot.clear()
    assert account.say("on") == first
    assert done == ["5"]


def test_9_a_dialog_that_was_changed_meanwhile_is_not_replayed_wrongly() -> None:
    def changed(to_user: str) -> Any:
        yield None
        yield None
        return ("TextMsg", "shorter")

    account = clocked(demo_dialog())
    account.say("累加器")
    account.say("2")
    bot = wechat.bot._BOTS[account.module]
    account.module.accumulator = changed  # type: ignore[attr-defined]
    new = Bot.from_module(account.module, token="token", store=bot._runtime.store)
    new._runtime = Runtime(bot._runtime.store, new._hooks, new._report, monotonic=account.clock.seconds)
    assert account.say("3").startswith("抱歉，程序更新了，刚才的对话已结束，请重新开始。\n试试回复")
