"""The chats with a language model, against a real server of OpenAI's protocol: what is read, and what the model is sent."""

from __future__ import annotations

import datetime as dt
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from loaded import EXAMPLES, load
from openai_server import Answer, OpenAIServer, refusal, running_openai

from wechat import Bot
from wechat.cli import push, run
from wechat.testing import Chat
from wechat.web import asgi

MORNING = dt.datetime(2026, 3, 8, 10, tzinfo=dt.timezone(dt.timedelta(hours=8)))
LABEL = "（由 AI 生成）\n"
SETTINGS = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "LLM_MODEL")


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with running_openai() as server:
        yield server


@pytest.fixture
def model(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    """The model, and the settings that lead to it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in zip(SETTINGS, (server.url, "sk-test", "qwen"), strict=True):
        monkeypatch.setenv(name, value)
    server.says("好。")
    server.asked.clear()
    return server


@pytest.fixture
def llm(model: OpenAIServer) -> ModuleType:
    return load("llm")


def entered(llm: ModuleType) -> Chat:
    """The chat that one enters."""
    chat = Chat(load("llm_chat").bot, now=MORNING)
    assert chat.say("聊天") == "想聊点什么？聊完了说一声再见。"
    return chat


def default(llm: ModuleType) -> Chat:
    """The chat with whatever no route takes."""
    return Chat(load("llm_default").bot, now=MORNING)


@pytest.fixture(params=[entered, default])
def chat(request: pytest.FixtureRequest, llm: ModuleType) -> Chat:
    """Either, where the next message goes to the model."""
    opened: Chat = request.param(llm)
    return opened


# ---- what the model is sent -----------------------------------------------------------------------------------------


def test_the_model_is_asked_as_the_settings_say(chat: Chat, model: OpenAIServer) -> None:
    chat.say("你好")
    (asked,) = model.asked
    assert asked.authorization == "Bearer sk-test"
    assert asked.body["model"] == "qwen"
    assert asked.body["stream"] is True
    assert asked.body["messages"][0]["role"] == "system"


def test_the_model_is_told_what_was_said_before_without_labels(chat: Chat, model: OpenAIServer) -> None:
    model.says("北京", "。")
    assert chat.say("中国的首都是哪里？") == LABEL + "北京。"
    chat.crash()
    model.says("两千万。")
    assert chat.say("有多少人？") == LABEL + "两千万。"
    assert model.asked[1].messages == [
        ("user", "中国的首都是哪里？"),
        ("assistant", "北京。"),
        ("user", "有多少人？"),
    ]


def test_it_is_told_the_last_twenty_messages(chat: Chat, model: OpenAIServer) -> None:
    for number in range(13):
        chat.say(f"问题 {number}")
    last = model.asked[-1].messages
    assert len(last) == 20 + 1
    assert last[0] == ("user", "问题 2")
    assert last[-1] == ("user", "问题 12")


def test_it_is_told_six_thousand_characters_in_whole_questions(chat: Chat, model: OpenAIServer) -> None:
    model.says("长" * 1_998)
    for number in range(5):
        chat.say(f"问{number}")
    assert [len(asked.messages) for asked in model.asked] == [1, 3, 5, 7, 7]
    assert model.asked[-1].messages[0] == ("user", "问1")


def test_an_answer_that_is_too_long_to_be_told_again_is_forgotten(chat: Chat, model: OpenAIServer) -> None:
    model.says("长" * 6_001)
    chat.say("写长一点")
    model.says("短。")
    assert chat.say("写短一点").startswith(LABEL + "短。")
    assert model.asked[1].messages == [("user", "写短一点")]


# ---- what the user reads --------------------------------------------------------------------------------------------


def test_markdown_is_made_fit_to_be_read(chat: Chat, model: OpenAIServer) -> None:
    model.says(
        "# 三",
        "件事\n\n先看*",
        "*重点**：\n\n- 甲\n",
        "- `乙`\n\n```py",
        "\nprint(1)\n```\n",
        "\n|a|b|\n|-|",
        "-|\n|1|2|\n",
    )
    assert chat.say("说说") == LABEL + "【三件事】\n先看重点：\n\n• 甲\n• 乙\n\n  print(1)\n\na：b\n1：2"


def test_a_slow_answer_is_shown_in_parts_with_one_label(chat: Chat, llm: ModuleType, model: OpenAIServer) -> None:
    model.says("长城很长。", "它有两万", "多公里。", "秦朝就有了。", "明朝修得最多。")
    chat.slow(llm.answer, 20)
    assert chat.say("长城有多长？") == LABEL + "长城很长。它有两万多公里。（未完，继续）"
    chat.later(20)
    assert chat.tap("继续") == "回复“长城有多长？”：\n秦朝就有了。明朝修得最多。"
    chat.slow(llm.answer, 0)
    chat.say("谢谢")
    assert model.asked[1].messages[1] == ("assistant", "长城很长。它有两万多公里。秦朝就有了。明朝修得最多。")
    assert len(model.asked) == 2


def test_an_answer_that_takes_too_long_leaves_what_there_is_of_it(
    chat: Chat, llm: ModuleType, model: OpenAIServer
) -> None:
    model.says(*["这是一句话。"] * 100)
    chat.slow(llm.answer, 180)
    assert chat.say("说个没完").startswith(LABEL + "这是一句话。")
    chat.later(120)
    said = chat.tap("继续")
    assert said.startswith("回复“说个没完”：\n这是一句话。")
    assert said.endswith("\n想了太久，没有答完，请再问一次。")
    chat.slow(llm.answer, 0)
    chat.say("谢谢")
    assert model.asked[1].messages == [("user", "谢谢")]


# ---- what is not said -----------------------------------------------------------------------------------------------


def test_what_must_not_be_asked_does_not_reach_the_model(chat: Chat, model: OpenAIServer) -> None:
    assert chat.say("说说敏感词吧") == "这个话题我不能聊，换一个吧。"
    assert model.asked == []
    assert chat.say("那说说天气") == LABEL + "好。"
    assert model.asked[0].messages == [("user", "那说说天气")]


def test_what_the_model_must_not_say_is_masked(chat: Chat, llm: ModuleType, model: OpenAIServer) -> None:
    model.says("这个违禁", "词不能说。", "那个也不能。")
    assert chat.say("说吧") == LABEL + "这个＊＊＊不能说。那个也不能。"
    chat.slow(llm.answer, 16)
    assert chat.say("再说") == LABEL + "这个＊＊＊不能说。（未完，继续）"
    chat.later(20)
    assert chat.tap("继续") == "回复“再说”：\n那个也不能。"


# ---- when it goes wrong ---------------------------------------------------------------------------------------------

NO_ANSWER = "语言模型没有回答，请稍后再问。"
BROKEN = "（没有答完就中断了，请再问一次。）"
FAILURES = {
    "too many": (refusal(429, "rate_limit_exceeded", Retry_After="60"), "现在问的人太多了，请过一会儿再问。"),
    "broken": (refusal(500, "server_error"), NO_ANSWER),
    "no such key": (refusal(401, "invalid_api_key"), NO_ANSWER),
    "cut off at once": (Answer(cut=True), NO_ANSWER),
    "ends at once": (Answer(ends=None), BROKEN),
    "says nothing": (Answer(["\n", " "]), BROKEN),
    "no JSON": (Answer(body="<html>502</html>", headers={"Content-Type": "text/html"}), BROKEN),
    "broken JSON": (Answer(body="data: {broken\n\n", headers={"Content-Type": "text/event-stream"}), NO_ANSWER),
    "an error in the stream": (Answer(body='data: {"error": {"message": "overloaded"}}\n\n'), NO_ANSWER),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_one_sentence_and_leaves_no_trace(chat: Chat, model: OpenAIServer, failure: str) -> None:
    chat.say("你好")
    model.answer, sentence = FAILURES[failure]
    assert chat.say("在吗？") == sentence
    assert len(model.asked) == 2  # it was not asked again
    model.says("在。")
    assert chat.say("还在吗？") == LABEL + "在。"
    assert model.asked[2].messages == [("user", "你好"), ("assistant", "好。"), ("user", "还在吗？")]


@pytest.mark.parametrize("missing", SETTINGS[1:])
def test_a_setting_that_is_missing_is_told_at_the_first_question(
    chat: Chat, model: OpenAIServer, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(missing)
    assert chat.say("你好") == "还没有接上语言模型：请设置 OPENAI_API_KEY 和 LLM_MODEL，再启动。"
    assert model.asked == []


def test_a_worker_that_dies_in_mid_answer_costs_nothing(chat: Chat, llm: ModuleType, model: OpenAIServer) -> None:
    model.says(*"第一句。第二句。第三句。第四句。")
    chat.slow(llm.answer, 20)
    assert chat.say("说四句") == LABEL + "第一句。第二句。（未完，继续）"
    chat.crash()
    chat.slow(llm.answer, 0)
    assert chat.tap("继续") == "回复“说四句”：\n第三句。第四句。"
    assert [asked.messages for asked in model.asked] == [[("user", "说四句")]] * 2


def test_an_answer_that_is_made_again_in_other_words_says_so(chat: Chat, llm: ModuleType, model: OpenAIServer) -> None:
    model.says(*"第一句。第二句。第三句。第四句。")
    chat.slow(llm.answer, 20)
    assert chat.say("说四句") == LABEL + "第一句。第二句。（未完，继续）"
    chat.crash()
    chat.slow(llm.answer, 0)
    model.says("换一种说法。")
    assert chat.tap("继续") == "回复“说四句”：\n（重新生成）\n" + LABEL + "换一种说法。"
    chat.say("谢谢")
    assert model.asked[2].messages[:2] == [("user", "说四句"), ("assistant", "换一种说法。")]


# ---- so many a day --------------------------------------------------------------------------------------------------


def test_there_are_so_many_questions_a_day_and_failed_ones_do_not_count(
    chat: Chat, llm: ModuleType, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm, "DAILY", 2)
    assert chat.say("一") == LABEL + "好。"
    model.answer = refusal(500, "server_error")
    assert chat.say("二") == NO_ANSWER
    model.says("好。")
    assert chat.say("三") == LABEL + "好。"
    asked = len(model.asked)
    assert chat.say("四") == "今天的 2 个问题已经问完了，明天再来吧。"
    assert len(model.asked) == asked


def test_the_next_day_there_are_as_many_again(
    llm: ModuleType, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm, "DAILY", 1)
    chat = default(llm)
    chat.later(13.9 * 3600)  # almost midnight, where the account is
    assert [chat.say("一"), chat.say("二")] == [LABEL + "好。", "今天的 1 个问题已经问完了，明天再来吧。"]
    assert chat.other("oSomebody").say("一") == LABEL + "好。"
    chat.later(0.2 * 3600)
    assert [chat.say("一"), chat.say("二")] == [LABEL + "好。", "今天的 1 个问题已经问完了，明天再来吧。"]


# ---- the chat that one enters ---------------------------------------------------------------------------------------


def test_goodbye_ends_it(llm: ModuleType, model: OpenAIServer) -> None:
    chat = entered(llm)
    chat.say("你好")
    assert chat.say("再见！") == "再见，想聊了再来。"
    assert chat.waiting is None
    assert chat.say("你好") == "回复聊天，跟我聊聊。"


def test_half_an_hour_of_silence_ends_it(llm: ModuleType, model: OpenAIServer) -> None:
    chat = entered(llm)
    chat.say("你好")
    chat.later(1_790)
    assert chat.say("还在？") == LABEL + "好。"
    chat.later(1_810)
    assert chat.say("还在？") == "太久没有收到回复，刚才的对话已结束。\n回复聊天，跟我聊聊。"


def test_what_is_typed_while_the_model_thinks_is_answered_next(
    chat: Chat, llm: ModuleType, model: OpenAIServer
) -> None:
    model.says(*"第一句。第二句。第三句。第四句。")
    chat.slow(llm.answer, 20)
    assert chat.say("一") == LABEL + "第一句。第二句。（未完，继续）"
    assert chat.say("二") == "正在思考… 继续\n回复“一”：\n第三句。第四句。"
    chat.later(20)
    assert chat.say("继续") == "回复“二”：\n" + LABEL + "第一句。第二句。第三句。第四句。"
    assert model.asked[1].messages[-1] == ("user", "二")


# ---- the chat with whatever no route takes --------------------------------------------------------------------------


def test_other_routes_stay(llm: ModuleType, model: OpenAIServer) -> None:
    chat = default(llm)
    assert chat.follow() == "欢迎！想问什么就直接问，回答由 AI 生成。"
    assert chat.say("帮助") == "想问什么就直接问；回复新话题从头开始。"
    assert chat.image() == "我只看得懂文字和语音。"
    assert model.asked == []
    assert chat.voice("听得到吗？") == LABEL + "好。"
    chat.slow(llm.answer, 60)
    chat.say("说慢一点")
    assert chat.say("帮助") == "想问什么就直接问；回复新话题从头开始。"


@pytest.mark.parametrize("how", ["新话题", "half an hour"])
def test_a_new_subject_begins_without_the_old_one(llm: ModuleType, model: OpenAIServer, how: str) -> None:
    chat = default(llm)
    chat.say("你好")
    if how == "新话题":
        assert chat.say("新话题") == "好，之前说的都忘了。聊点什么？"
    else:
        chat.later(1_801)
    chat.say("天气如何？")
    assert model.asked[1].messages == [("user", "天气如何？")]


# ---- all of it, over HTTP -------------------------------------------------------------------------------------------


def test_the_command_finds_both_before_anything_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)  # as it is there
    for setting in SETTINGS:
        monkeypatch.delenv(setting, raising=False)
    for module in ("llm", "llm_chat", "llm_default"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert "chat" in repr(run.found("llm_chat:bot"))
    assert "anything" in repr(run.found("llm_default:bot"))


@pytest.fixture
def user(llm: ModuleType) -> Iterator[push.Sender]:
    """A user of the bot on a real server, through a WeChat that waits for one second instead of five."""
    bot = Bot("token", store="memory://", waits=1)
    bot.include(load("llm_default").bot)
    bot.before(llm.refused)
    bot.after(pieces=True)(llm.masked)
    uvicorn_server = uvicorn.Server(uvicorn.Config(asgi.app(bot), log_level="critical", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # so whoever connects early waits
        thread = threading.Thread(target=uvicorn_server.run, args=([listening],))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/wechat"
        yield push.Sender(url, "oUser", "gh_1", "token", seconds=1)
        uvicorn_server.should_exit = True
        thread.join()


def test_a_slow_answer_over_http_is_fetched(user: push.Sender, model: OpenAIServer) -> None:
    begins, notes = model.event(), []
    model.says(begins, "长城很长。", "有两万多公里。")
    assert user.send(push.text("长城有多长？"), notes.append) == "正在思考… 继续"
    assert notes  # a push was left waiting, as WeChat's are
    begins.set()
    assert user.send(push.text("继续"), print) == "回复“长城有多长？”：\n" + LABEL + "长城很长。有两万多公里。"
    assert len(model.asked) == 1


def test_a_slow_answer_over_http_is_shown_in_parts(user: push.Sender, model: OpenAIServer) -> None:
    goes_on, whole = model.event(), LABEL + "长城很长。有两万多公里。"
    model.says("长城很长。有两", goes_on, "万多公里。")
    said = user.send(push.text("长城有多长？"), lambda note: None)
    parts = {
        LABEL + "长城很长。（未完，继续）": "有两万多公里。",
        "正在思考… 继续": whole,
    }  # the latter where all is slow
    assert said in parts
    goes_on.set()
    assert user.send(push.text("继续"), print) == "回复“长城有多长？”：\n" + parts[said]


@pytest.mark.parametrize("how", [{"cut": True}, {"ends": None}, {"ends": "length"}, {"ends": "content_filter"}])
def test_an_answer_that_breaks_off_over_http_stays_said(
    user: push.Sender, model: OpenAIServer, how: Mapping[str, Any]
) -> None:
    model.answer = Answer(["长城很长。有**两", "万"], **how)
    assert user.send(push.text("长城有多长？"), print) == LABEL + "长城很长。有**两万\n" + BROKEN
    model.says("好。")
    assert user.send(push.text("你好"), print) == LABEL + "好。"
    assert model.asked[1].messages == [("user", "你好")]
