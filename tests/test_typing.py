"""The dialogs that the type checkers read are talked to here: what is annotated is what happens.

`make check` reads ``tests/typing``; that folder is on the path of these tests (pyproject.toml), it is no package.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import inspect
import re
from types import ModuleType
from typing import Any

import dialogs
import msgspec
import names
import pytest

import wechat
from talk import Chat
from wechat import Article, News, Transfer

HELP = "回复“帮助”看看能做什么。"


@pytest.fixture
def chat() -> Chat:
    return Chat(dialogs.bot)


def talk(chat: Chat, *texts: str) -> list[Any]:
    """What is shown for each text."""
    return [chat.say(text) for text in texts]


def monday(chat: Chat) -> None:
    """The library is closed on Mondays: wait for the next noon of one."""
    time = chat.text("").time
    chat.later(86_400 * (7 - time.weekday()) + 3_600 * (12 - time.hour))


# ---- one conversation with each dialog ------------------------------------------------------------------------------


def test_the_dialog_of_the_readme_takes_an_order(chat: Chat) -> None:
    dialogs.ORDERS.clear()
    assert talk(chat, "买水果", "香蕉", "两个") == ["想买什么水果？\n1. 苹果\n2. 香蕉", "买几个？", "下单成功，单号 A1"]
    assert dialogs.ORDERS == [("香蕉", 2)]


def test_a_card_is_issued_after_three_answers(chat: Chat) -> None:
    shown = talk(chat, "办证", "bo", "十二", "好的")
    assert shown[1:] == ["Bo 今年几岁？", "给bo办少儿证？\n1. 是\n2. 否", "少儿证办好了：l2012"]
    assert talk(chat, "办证", "bo", "40", "不用了")[-1] == "那就先不办。"


def test_a_visit_is_booked_by_a_form_and_what_a_prompt_gives_is_what_it_says(chat: Chat) -> None:
    shown = talk(chat, "团体参观", "2030-3-8", "下午三点", "12位", "138 0013 8000", "地图和古籍", "8块8")
    assert shown[:4] == ["哪天来？", "几点？", "几位？", "联系电话？"]
    assert shown[-1] == "2030 False True 古籍、地图 20.80"


def test_books_are_fetched_where_a_place_was_sent(chat: Chat) -> None:
    assert chat.say("上门取书") == "拍一下封面？"
    assert chat.image("http://x/1.jpg") == "在哪里取？"
    assert chat.location(23, 113, "沙面") == "哪天取？"
    assert talk(chat, "2030-5-1", "15:30") == ["几点？", "http://x/1.jpg 沙面 05-01 15:30"]


def test_a_number_that_is_not_understood_is_asked_again_and_then_given_up(chat: Chat) -> None:
    talk(chat, "办证", "bo")
    assert chat.say("三四") == "请回复 3 到 120 的整数"
    assert chat.say("2") == "抱歉，还是没有看懂，刚才的对话已结束。"


def test_a_chat_goes_on_with_its_state_and_shows_what_is_streamed(chat: Chat) -> None:
    assert talk(chat, "聊书", "三体", "红楼梦") == [
        "您最近在读什么？（机器人）",
        "第2句。（机器人）",
        "第4句。（机器人）",
    ]
    assert chat.say("退出") == "已取消。（机器人）"


def test_small_talk_is_counted_in_the_users_own_data(chat: Chat) -> None:
    shown = talk(chat, "有书吗", "有吗？", "忘了我", "还有吗")
    assert shown[:2] == ["有书吗？\n（第 1 问）（机器人）", "有吗？？\n（第 2 问）（机器人）"]
    assert shown[2:] == ["忘了。", "还有吗？\n（第 1 问）（机器人）"]


def test_a_seat_is_taken_after_one_step_back(chat: Chat) -> None:
    monday(chat)
    days, seats = "哪天来？\n1. 今天\n2. 明天", "坐哪儿？\n1. 7 号座\n2. 12 号座"
    assert talk(chat, "订座", "明天", "返回", "2") == [days, seats, days, seats]
    tomorrow = chat.text("").time + dt.timedelta(days=1)
    assert chat.say("7") == f"{tomorrow:%m月%d日} 7 号座，押金 0.5 元"


def test_a_seat_may_be_closed_lost_cancelled_or_given_up(chat: Chat) -> None:
    monday(chat)
    assert talk(chat, "占座", "今天")[-1] == "那天闭馆。\n哪天来？\n1. 今天\n2. 明天"
    assert talk(chat, "明天", "12 号座")[-1] == "没有占到（Full）：刚被占了"
    assert talk(chat, "占座", "取消")[-1] == "好，座位不留了。"
    assert talk(chat, "占座", "?")[-1] == "请回复选项前的数字，或选项本身\n1. 今天\n2. 明天"
    assert chat.say("??") == Transfer()


def test_a_picture_is_read_and_fetched_from_a_place(chat: Chat) -> None:
    chat.say("捐书")
    assert chat.say("好") == "要的是封面的照片"
    assert chat.image("https://x/a.jpg") == "《a.jpg》（1998）到哪里取？"
    taken = chat.location(31.2, 121.5, "北门")
    assert taken == News(Article("谢谢您捐的书", "https://example.com/thanks", "到北门取"))
    chat.image("https://x/b.jpg")
    assert chat.say("家里").articles[0].description == "到家里取"


def test_a_menu_click_stands_aside_or_takes_over(chat: Chat) -> None:
    chat.say("办证")
    assert chat.click("LOANS").startswith("在借 3 本")
    assert chat.say("bo") == "Bo 今年几岁？"
    assert chat.click("DESK").endswith("办什么？\n1. 续借\n2. 找馆员")
    assert chat.say("续借") == "回复书号续借（RENEW）"
    chat.click("DESK")
    assert chat.say("2") == Transfer()


def test_who_follows_is_greeted_and_known_the_next_time(chat: Chat) -> None:
    assert chat.follow() == "欢迎来到图书馆！您贵姓？"
    assert talk(chat, "取消", "二") == ["爱看哪一架？\n1. 小说\n2. 历史", "取消，历史在 history 区。办证"]
    assert chat.follow() == "取消，又见面了。"


def test_who_follows_and_is_slow_is_not_pressed(chat: Chat) -> None:
    chat.follow()
    chat.later(121)
    assert chat.say("你好").startswith("想好了回复 办证。")


def test_a_game_yields_what_it_says(chat: Chat) -> None:
    shown = talk(chat, "猜书号", "一", "不玩了", "2")
    assert shown[:2] == ["我想了一个 1 到 3 的书号。", "要数字。"]
    assert shown[2].startswith(HELP)
    assert re.fullmatch("您猜 2。\n(猜中了！|是 [13]。)", shown[3])


def test_a_coroutine_is_made_of_parts_of_both_kinds(chat: Chat) -> None:
    shown = talk(chat, "送书上门", "东城", "长安街1号", "9", "3", "110", "13800000042", "对")
    assert shown == [
        "送到哪个区？",
        "哪条路几号？",
        "借几本？",
        "请回复 1 到 5 的整数",
        "手机号？",
        "11 位的手机号",
        "3 本送到东城区长安街1号？\n1. 是\n2. 否",
        "联系 0042",
    ]
    assert talk(chat, "两头", "西城", "二环", "5")[-1] == "西城区二环 × 5"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("几点开门", "九点到五点。"),
        ("帮助", "试试 办证 订座"),
        ("书号 42", "42 在架上"),
        ("书号", HELP),
        ("喂", "图书馆里请安静。"),
        ("坏了", "机器卡纸了（LookupError）"),
    ],
)
def test_handlers_and_hooks_answer_at_once(chat: Chat, text: str, shown: str) -> None:
    assert chat.say(text) == shown


def test_every_command_gives_the_same_yielded_and_awaited() -> None:
    def told(dialog: Any) -> Any:
        bot = wechat.Bot("names", store="memory://")
        bot.text("开始")(dialog)
        chat = Chat(bot)
        talk(chat, "开始", "一", "二")
        chat.image("https://x/1.jpg")
        talk(chat, "三", "四", "五", "6", "红", "大杯", "贵", "9块9", "糖、奶", "2030-5-1", "15:30", "138 0000 0042")
        chat.image("https://x/2.jpg")
        chat.location(23, 113, "沙面")
        return talk(chat, "奶茶", "18", "是", "ff 00", "7")[-1]

    seen = told(names.yielded)
    assert seen == told(names.awaited)
    typed = ["开始", "一", "二", "https://x/1.jpg", "三", "四", "五"]
    chosen = [6, "红", names.Cup.大杯, decimal.Decimal(9), decimal.Decimal("9.9"), ["糖", "奶"], dt.date(2030, 5, 1)]
    sent = [dt.time(15, 30), "13800000042", "https://x/2.jpg", "沙面", names.Drink("奶茶", decimal.Decimal(18)), True]
    done = [names.Drink("五", decimal.Decimal(6)), [dt.date(2024, 2, 29)], names.Cup.大杯, "啦啦", "从前"]
    assert seen == repr([*typed, *chosen, *sent, b"\xff\x00", *done, 0, None, None, 7, dt.date(2024, 1, 2)])


@pytest.mark.parametrize(("dialog", "asks"), [(names.yielded, "yield from"), (names.awaited, "await")])
def test_type_checkers_are_asked_what_every_prompt_gives(dialog: Any, asks: str) -> None:
    asserted = re.findall(rf"(\w+) = {asks} ask\.(\w+)\(.*\n +assert_type\(\1, ", inspect.getsource(dialog))
    prompts = {name for name, _ in inspect.getmembers(wechat.ask, inspect.ismethod) if name[0] != "_"}
    assert {name for _, name in asserted} == prompts


def test_a_decorator_gives_the_function_back_however_it_was_written() -> None:
    names.steps()
    names.registered(wechat.Bot("names", store="memory://"), wechat.Router("routes"))


# ---- the public names -----------------------------------------------------------------------------------------------

#: what may be called, by its dotted name in `wechat`, and the parameters that it takes
CALLED = {
    "link": "label, sends=None",
    "plain": "markdown",
    "say": "what, /",
    "stream": "text",
    "again": "say=None, /, **state",
    "call": "part",
    "recall": "key, default=None, /",
    "remember": "key, value, /, *, expire=None",
    "forget": "*keys",
    "now": "",
    "rng": "",
    "run": "bot, *, host='127.0.0.1', port=8000, path='/wechat'",
    "step": "fn=None, /, *, name=None, retries=0, timeout=None, once=False",
    "ask": "say=None, /, *, accept=None, key=None, timeout=None, otherwise=..., cancel=True, back=False",
    "ask.text": "say, /, *, longest=None, **more",
    "ask.number": "say, low=None, high=None, /, **more",
    "ask.choice": "say, options, /, *, taps=True, **more",
    "ask.confirm": "say, /, *, taps=True, **more",
    "ask.parsed": "say, read, /, **more",
    "Text": "text",
    "Image": "media_id",
    "Voice": "media_id",
    "Video": "media_id, title='', description=''",
    "Music": "url, title='', description='', hq_url='', thumb_media_id=''",
    "Article": "title, url, description='', image=''",
    "News": "*articles",
    "Transfer": "agent=''",
    "Router": "name=''",
    "Router.include": "self, *routers",
    "Router.event": "self, event, key=None, **options",
    **{f"Router.{kind}": "self, *words, **options" for kind in ("text", "click", "scan", "image", "voice", "video")},
    **{f"Router.{kind}": "self, *words, **options" for kind in ("location", "link", "subscribe", "unsubscribe", "default")},
    "Bot": "token=None, *, account=None, appid=None, aes_key=None, store=None, expire=60, cancel=('取消', '退出'),"
    " back=('上一步', '返回'), fetch=('继续',), texts=CHINESE, timezone='Asia/Shanghai', plaintext=False, log_text=False",
    "Bot.from_module": "module, **settings",
    "bot.answer": "data, module",
    "reply.TextMsg": "toUserName, fromUserName, content",
    "reply.ImageMsg": "toUserName, fromUserName, mediaId",
    "reply.NewsMsg": "toUserName, fromUserName, articles",
    "receive.parse_xml": "web_data",
    "Bot.before": "self, hook, /",
    "Router.version": "self, of, number",
    "Bot.user": "self, openid, *, account=None",
    "User.recall": "self, key, default=None, /",
    "User.remember": "self, key, value, /, *, expire=None",
    "User.tell": "self, say, /, *, key, expire=7 * 86_400",
    "User.waiting": "self",
    "User.end": "self, say=None, /",
    "User.forget": "self",
    "Bot.after": "self, hook=None, /, *, pieces=False",
    "Bot.on_error": "self, hook, /",
    "Bot.wait": "self, work, /",
    "Bot.aclose": "self",
}  # fmt: skip

#: whose fields users read
READ = {
    "Message": "id openid account time text raw",
    "TextMessage": "text",
    "ImageMessage": "url media_id",
    "VoiceMessage": "media_id format",
    "VideoMessage": "media_id thumb_media_id short",
    "LocationMessage": "latitude longitude scale label",
    "LinkMessage": "title description url",
    "Event": "event key",
    "SubscribeEvent": "scene ticket",
    "UnsubscribeEvent": "event",
    "ScanEvent": "scene ticket",
    "ClickEvent": "key",
    "Turn": "message reply dialog seconds deliveries outcome",
    "Texts": "thinking more cancelled timed_out failed gave_up pick_kind still_waiting not_taken",
}

#: what may be raised, and what it is
RAISED = {
    "ConfigurationError": "WeChatError",
    "ProtocolError": "WeChatError",
    "StoreError": "WeChatError",
    "DialogError": "WeChatError",
    "ForgottenYield": "DialogError",
    "Diverged": "DialogError",
    "TimedOut": "DialogError",
    "GaveUp": "DialogError",
    "WentBack": "DialogError",
    "StepFailed": "DialogError",
    "StepInterrupted": "StepFailed",
}


def found(name: str) -> Any:
    """What stands under a dotted name."""
    value: Any = wechat
    for part in name.split("."):
        value = getattr(value, part)
    return value


FREE = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def shape(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """What a caller must know of a parameter."""
    kind = parameter.kind
    return (kind,) if kind in FREE else (kind, parameter.name, parameter.default)


@pytest.mark.parametrize("name", CALLED)
def test_a_public_name_takes_its_parameters_and_needs_no_others(name: str) -> None:
    ours = inspect.signature(eval(f"lambda {CALLED[name]}: None", {"CHINESE": wechat.CHINESE})).parameters
    theirs = inspect.signature(found(name)).parameters
    expected = [shape(parameter) for parameter in ours.values()]
    assert [known for known in map(shape, theirs.values()) if known in expected] == expected
    added = [parameter for parameter in theirs.values() if shape(parameter) not in expected]
    assert [parameter for parameter in added if parameter.default is parameter.empty] == []


@pytest.mark.parametrize("name", READ)
def test_what_users_read_is_a_field_of_a_frozen_value(name: str) -> None:
    kind = found(name)
    struct = issubclass(kind, msgspec.Struct)
    there = kind.__struct_fields__ if struct else [field.name for field in dataclasses.fields(kind)]
    assert set(READ[name].split()) <= set(there)
    assert (kind.__struct_config__ if struct else kind.__dataclass_params__).frozen


@pytest.mark.parametrize("name", RAISED)
def test_an_error_stands_where_it_belongs(name: str) -> None:
    assert found(name).__base__ is found(RAISED[name])


def test_2017s_names_do_what_they_did() -> None:
    module = ModuleType("module")
    module.ROUTER = {}  # type: ignore[attr-defined]
    push = b"<xml><ToUserName>g</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>"
    assert names.of_2017(module, push) == "success"


def test_what_a_dialog_must_not_swallow_is_no_exception() -> None:
    assert wechat.Cancelled.__bases__ == wechat.Reroute.__bases__ == (BaseException,)
    assert wechat.bot.UnexpectAnswer.__bases__ == (wechat.Reroute,)


def test_every_public_name_is_in_one_of_these_tables() -> None:
    named = {name.split(".")[0] for name in (*CALLED, *READ, *RAISED)}
    types = {"Command", "Step", "StepFunction", "Again", "Dialog", "SubDialog", "Say", "Reply"}
    values = {"CHINESE", "ENGLISH", "log", "WeChatError", "Cancelled", "Reroute"}
    source = inspect.getsource(wechat)
    rooms = {"bot", "reply", "receive"}  # 2017's names stand there
    assert set(re.findall(r"import \w+ as (\w+)", source)) == (named | types | values) - rooms
    assert set(wechat.__all__) == (named | types | values) - rooms
    assert all(hasattr(wechat, name) for name in wechat.__all__)
