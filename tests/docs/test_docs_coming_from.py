"""The pages for who comes from WeRoBot, wechatpy, or the wechat-dialog of 2017: their code on our side, and both at once."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import wechatpy
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import ArticlesReply, ImageReply

import wechat
from wechat import Article, Image, News, TextMessage, receive
from wechat.crypto import signature
from wechat.testing import Chat

DOCS = Path(__file__).parents[2] / "docs"
CODE = DOCS / "code" / "coming-from"
PAGES = sorted((DOCS / "coming-from").glob("*.md"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CODE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts what a reader has already in the place of their module."""

    def put(name: str, **names: Any) -> None:
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)

    monkeypatch.syspath_prepend(str(CODE))
    yield put
    sys.modules.pop("signup_2017", None)


# ---- the pages ------------------------------------------------------------------------------------------------------


def test_there_is_a_page_for_each_in_both_languages() -> None:
    names = [f"{name}{lang}.md" for name in ("2017", "werobot", "wechatpy") for lang in ("", ".zh-CN")]
    assert [page.name for page in PAGES] == sorted(names)


def test_both_languages_have_the_same_parts() -> None:
    for page in (page for page in PAGES if "zh" not in page.name):
        texts = [each.read_text("utf-8") for each in (page, page.with_suffix(".zh-CN.md"))]
        for line in (r"^#+ ", r"^\| ", r"^```", r"^- ", r"^\d\. ", r'^--8<-- ".*"$'):
            assert len({len(re.findall(line, text, re.MULTILINE)) for text in texts}) == 1, (page.name, line)
        assert re.findall(r"^```text\n(.*?)^```", texts[0], re.M | re.S) == re.findall(
            r"^```text\n(.*?)^```", texts[1], re.M | re.S
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_what_there_is(page: Path) -> None:
    """Of the table of names, the right column."""
    rows = re.findall(r"^\|.*\| (.*) \|$", page.read_text("utf-8"), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`@?bot\.(\w+)", row)}
    assert names
    assert all(hasattr(wechat.Bot, name) for name in names)
    said = {name for row in rows for name in re.findall(r"`([A-Z]\w+)\(", row)}
    assert all(hasattr(wechat, name) or name == "Chat" for name in said)
    fields = {name for row in rows for name in re.findall(r"`message\.(\w+)", row)}
    kinds = [kind for kind in vars(receive).values() if isinstance(kind, type) and issubclass(kind, receive.Message)]
    known = {name for kind in kinds for name in kind.__struct_fields__} | {"match"}
    assert fields <= known


# ---- WeRoBot --------------------------------------------------------------------------------------------------------


def test_werobot_the_same_in_our_words() -> None:
    talk = Chat(load("werobot_same").bot)
    assert talk.say("帮助") == "请发城市名，如“天气 北京”"
    assert talk.say("天气 北京") == "北京：晴"
    assert talk.say("今天天气 上海") == "上海：晴"
    assert talk.click("HOURS") == "每天 9:00–21:00"
    assert talk.follow() == "欢迎！"
    assert talk.say("?") == "没有听懂。"


def test_werobot_a_session_becomes_a_dialog() -> None:
    talk = Chat(load("werobot_session").bot)
    for times in (1, 2):
        talk.say("报名")
        talk.say("小明")
        assert talk.say("八岁") == f"小明，8 岁，第 {times} 次报名成功。"


def test_werobot_and_ours_at_once(old: Any) -> None:
    """Of WeRoBot itself only what the page's code touches stands here: it is no dependency of ours."""

    class TextReply(SimpleNamespace):
        pass

    class ArticlesReply(SimpleNamespace):
        pass

    article = SimpleNamespace(title="标题", url="http://x", description="描述", img="http://x/1.png")
    replies = {
        "几点": TextReply(content="九点"),
        "新闻": ArticlesReply(_articles=[article]),
        "HOURS": TextReply(content="点了菜单"),
    }
    old("werobot")
    old(
        "werobot.parser",
        process_message=lambda raw: SimpleNamespace(key=raw.get("EventKey"), content=raw.get("Content")),
    )
    old("robot", robot=SimpleNamespace(get_reply=lambda message: replies.get(message.content or message.key)))
    talk = Chat(load("werobot_both").bot)
    assert talk.say("几点") == "九点"
    assert talk.say("新闻") == News(Article("标题", "http://x", "描述", "http://x/1.png"))
    assert talk.say("什么") is None
    assert talk.say("报名") == "怎么称呼您？"
    assert talk.click("HOURS") == "点了菜单"
    assert talk.say("小明") == "小明，报名成功。"


# ---- wechatpy -------------------------------------------------------------------------------------------------------


def test_wechatpy_the_same_in_our_words() -> None:
    module = load("wechatpy_same")
    talk = Chat(module.bot)
    assert talk.say("你好") == "你好"
    assert talk.say("新闻") == News(Article("标题", "https://example.com", "描述", "https://example.com/1.png"))
    assert talk.image(media_id="m") == Image("m")
    assert talk.follow("42") == "欢迎！42"


def test_wechatpy_the_view_takes_what_wechatpy_seals_and_wechatpy_opens_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WECHAT_STORE", f"sqlite:///{tmp_path / 'bot.db'}")
    module = load("wechatpy_same")
    key, appid = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef"
    crypto, stamp = WeChatCrypto("token", key, appid), str(1_790_000_000)
    push = (
        "<xml><ToUserName>gh_0123456789ab</ToUserName><FromUserName>o</FromUserName><CreateTime>1790000000</CreateTime>"
        "<MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId></xml>"
    )
    sealed = crypto.encrypt_message(push, "nonce", stamp)
    signed = re.findall(r"<MsgSignature><!\[CDATA\[(\w+)", sealed)[0]
    query = {"signature": signature("token", stamp, "nonce"), "timestamp": stamp, "nonce": "nonce"}
    given = {**query, "encrypt_type": "aes", "msg_signature": signed}
    try:
        with module.app.test_client() as client:
            came = client.post("/wechat", query_string=given, data=sealed)
        assert came.status_code == 200
        back = came.get_data(as_text=True)
        signed, stamp, nonce = (
            re.findall(rf"<{name}>(?:<!\[CDATA\[)?(\w+)", back)[0] for name in ("MsgSignature", "TimeStamp", "Nonce")
        )
        opened = crypto.decrypt_message(back, signed, stamp, nonce)
        assert "<![CDATA[hello]]>" in (opened if isinstance(opened, str) else opened.decode())
    finally:
        module.bot.wait(module.bot.aclose())


def test_wechatpy_and_ours_at_once(old: Any) -> None:
    articles = [{"title": "标题", "description": "描述", "url": "http://x"}]

    def answer(message: Any) -> Any:
        if message.type == "image":
            return ImageReply(media_id=message.media_id)
        if message.type == "event":
            return f"{message.event} {getattr(message, 'scene_id', '')}"
        return articles if message.content == "新闻" else message.content.upper() if message.content != "?" else None

    old("answers", answer=answer)
    talk = Chat(load("wechatpy_both").bot)
    assert talk.say("a") == "A"
    assert talk.say("?") is None
    assert talk.say("新闻") == News(Article("标题", "http://x", "描述"))
    assert talk.image(media_id="m") == Image("m")
    assert talk.follow("42") == "subscribe_scan 42"
    assert talk.say("报名") == "怎么称呼您？"
    assert talk.say("小明") == "小明，报名成功。"
    assert ArticlesReply.type == "news"


def test_wechatpys_client_is_called_in_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("wechatpy_client")
    assert Chat(module.bot, steps={module.upload: lambda path: f"media of {path}"}).say("海报") == Image(
        "media of poster.png"
    )
    assert callable(module.client.media.upload)
    (tmp_path / "poster.png").write_bytes(b"png")
    monkeypatch.setattr(
        type(module.client.media), "upload", lambda self, kind, file: {"media_id": f"{kind} {file.read()!r}"}
    )
    assert module.upload.function(str(tmp_path / "poster.png")) == "image b'png'"


# ---- 2017 -----------------------------------------------------------------------------------------------------------


def test_2017_beside_dialogs_of_today(old: Any) -> None:
    talk = Chat(load("both_2017").bot)
    assert talk.say("什么") == "请发“报名”"
    assert talk.follow() == "请发“报名”"
    assert talk.say("预约") == "哪天？"
    assert str(talk.say("明天")).endswith("约好了。")
    assert [talk.say("报名"), talk.say("小明"), talk.say("很大")] == [
        "怎么称呼您？",
        "您的年龄？",
        "请回复 1 到 149 的整数",
    ]
    assert talk.say("八岁") == "小明，8 岁，报名成功。"


def test_2017_who_stands_in_an_old_dialog_ends_with_it_when_it_has_moved(old: Any) -> None:
    import signup_2017  # from the folder of the page's code

    bot = wechat.Bot.from_module(signup_2017, token="token")
    talk = Chat(bot)
    assert [talk.say("报名"), talk.say("小明")] == ["怎么称呼您？", "您的年龄？"]
    with pytest.raises(wechat.ConfigurationError, match="two dialogs are named 'signup'"):
        bot.text("报名")(load("now_2017").signup)
    bot.text("报名", name="signup of today")(load("now_2017").signup)
    talk.crash()
    assert talk.say("8") == "小明，8 岁，报名成功"
    assert [talk.say("报名"), talk.say("小明"), talk.say("很大")][-1] == "请回复 1 到 149 的整数"


def test_2017_the_view_as_it_was(old: Any) -> None:
    module = load("view_2017")
    for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD"):
        delattr(module.signup_2017, name)
    bot = wechat.Bot.from_module(module.signup_2017, token="token", store="memory://")
    push = (
        "<xml><ToUserName>gh_0123456789ab</ToUserName><FromUserName>o</FromUserName><CreateTime>{0}</CreateTime>"
        "<MsgType>text</MsgType><Content>{1}</Content><MsgId>{0}</MsgId></xml>"
    )
    try:
        with module.app.test_client() as client:
            said = [client.post("/", data=push.format(1_790_000_000 + i, text)).get_data(as_text=True)
                    for i, text in enumerate(("报名", "小明", "8"))]  # fmt: skip
        assert ["怎么称呼您？" in said[0], "您的年龄？" in said[1], "小明，8 岁，报名成功" in said[2]] == [True] * 3
    finally:
        bot.wait(bot.aclose())


def test_2017_the_same_as_one_would_write_it_now() -> None:
    talk = Chat(load("now_2017").bot)
    assert talk.follow() == "请发“报名”"
    assert talk.say("报名") == "怎么称呼您？"
    assert talk.say("小明") == "您的年龄？"
    assert talk.say("很大") == "请回复 1 到 149 的整数"
    assert talk.say("八岁") == "小明，8 岁，报名成功"
    assert talk.send(TextMessage(text="?")) == "请发“报名”"


def test_wechatpy_is_the_version_that_the_page_speaks_of() -> None:
    assert wechatpy.__version__.startswith("1.8")
