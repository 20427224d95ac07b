"""The recipes: each is a whole bot, talked to as its page says."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient as FastAPIClient
from starlette.testclient import TestClient

from wechat import Bot, Text, TextMessage, Transfer
from wechat.testing import Chat

DOCS = Path(__file__).parents[2] / "docs"
RECIPES = DOCS / "code" / "recipes"
PAGES = [DOCS / "recipes.md", DOCS / "recipes.zh-CN.md"]


def load(name: str) -> ModuleType:
    """The recipe of that name, imported anew."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def chat(name: str, **more: Any) -> Chat:
    return Chat(load(name).bot, **more)


def at(hour: int) -> dt.datetime:
    return dt.datetime(2026, 3, 2, hour, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))


# ---- the pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_every_recipe_once_under_a_heading_of_its_own(page: Path) -> None:
    parts = re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = [re.findall(r'--8<-- "docs/code/recipes/(\w+)\.py"', part) for part in parts]
    assert all(len(names) == 1 for names in found)
    assert sorted(name for names in found for name in names) == sorted(path.stem for path in RECIPES.glob("*.py"))


def test_both_languages_have_the_recipes_in_the_same_order() -> None:
    orders = [re.findall(r"recipes/(\w+)\.py", page.read_text("utf-8")) for page in PAGES]
    assert orders[0] == orders[1]


def test_every_recipe_is_short() -> None:
    for path in RECIPES.glob("*.py"):
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        assert len(lines) <= 35, path.name


# ---- the recipes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("地址", "人民路 1 号，地铁 2 号线 A 口。"),
        (" ｗｉｆｉ", "密码：welcome"),
        ("我的订单 123 呢", "订单 123 已发货。"),
        ("你们好", "可以问我：地址、电话、WiFi，或者发“订单 123”。"),
    ],
)
def test_keywords(typed: str, said: str) -> None:
    assert chat("keywords").say(typed) == said


def test_menu() -> None:
    talk = chat("menu")
    assert talk.follow() == "您可以：\n订座\n营业时间"
    assert talk.tap("订座") == "几位？"
    assert talk.click("HOURS") == "每天 9:00–21:00"
    assert talk.say("营业时间") == "每天 9:00–21:00"
    assert talk.say("两位") == "好的，2 位。"
    assert talk.click("BOOK") == "几位？"


def test_several_bots() -> None:
    module = load("several_bots")
    shop, school = Chat(module.shop), Chat(module.school)
    assert [shop.say("地址"), school.say("地址")] == ["人民路 1 号"] * 2
    assert [shop.say("营业时间"), school.say("营业时间")] == ["每天 9:00–21:00", None]
    client = TestClient(module.app)
    paths = ("/wechat/shop", "/wechat/school", "/wechat")
    assert [client.get(path, params={"echostr": "x"}).status_code for path in paths] == [403, 403, 404]


def test_rate_limit() -> None:
    talk = chat("rate_limit", now=at(9))
    said = [talk.say(str(i)) for i in range(12)]
    assert said == [*map(str, range(10)), *["您发得太快了，请过一会儿再试。"] * 2]
    assert talk.other("oOther").say("a") == "a"
    talk.later(60)
    assert talk.say("b") == "b"


def test_block_list() -> None:
    talk = chat("block_list")
    admin = talk.other("oAdmin")
    assert talk.say("拉黑 oAdmin") == "拉黑 oAdmin"
    assert admin.say("拉黑 oUser") == "已拉黑 oUser"
    assert talk.say("a") == "您暂时不能使用本服务。"
    assert admin.say("放行 oUser") == "已放行 oUser"
    assert talk.say("a") == "a"


def test_ai_label() -> None:
    module = load("ai_label")
    talk = Chat(module.bot)
    assert talk.say("写首诗") == "春天来了，花开了。\n（内容由 AI 生成）"
    assert talk.say("地址") == "人民路 1 号"
    talk.slow(module.model, 20)
    first = talk.say("再写一首")
    assert isinstance(first, str)
    assert "春天来了，" in first
    assert "由 AI 生成" not in first
    talk.later(10)
    assert str(talk.tap("继续")).endswith("花开了。\n（内容由 AI 生成）")


def test_payment() -> None:
    module = load("payment")
    talk = Chat(module.bot)
    talk.say("买咖啡")
    assert talk.say("两杯") == "订单 A1：去支付"
    module.paid("A1")
    module.paid("A1")
    assert talk.say("继续") == "订单 A1 已支付，请稍候取餐。"
    assert talk.say("继续") is None
    step = module.create.function
    assert step("oUser", 1, idempotency_key="k") == step("oUser", 1, idempotency_key="k") == "A2"


def test_reminder() -> None:
    module = load("reminder")
    talk = Chat(module.bot)
    for _ in range(2):  # cron ran twice
        module.bot.wait(module.remind())
    assert talk.say("继续") == "提醒您：明天 9:30 有预约。"
    assert talk.say("继续") is None
    assert talk.other("oOther").say("继续") == "提醒您：明天 14:00 有预约。"


def test_the_reminder_is_a_program_that_cron_may_run_twice(tmp_path: Path) -> None:
    store, account = f"sqlite:///{tmp_path / 'bot.db'}", "gh_0123456789ab"
    for _ in range(2):
        env = {**os.environ, "WECHAT_STORE": store, "WECHAT_ACCOUNT": account}
        subprocess.run([sys.executable, str(RECIPES / "reminder.py")], env=env, check=True, timeout=60)
    bot = Bot("token", store=store)
    message = TextMessage(id="1", openid="oUser", account=account, text="继续", time=dt.datetime.now(dt.timezone.utc))
    try:
        assert bot.wait(bot.deliver(message)) == Text("提醒您：明天 9:30 有预约。")
    finally:
        bot.wait(bot.aclose())


def test_sub_dialogs() -> None:
    talk = chat("sub_dialogs")
    assert talk.say("送餐") == "哪个城市？\n1. 北京\n2. 上海"
    talk.say("上海")
    assert talk.say("人民路 1 号") == "饭会送到上海人民路 1 号。"
    assert talk.say("送花") == "还是送到上海人民路 1 号吗？\n1. 是\n2. 否"
    assert talk.say("好的") == "卡片上写什么？"
    assert talk.say("生日快乐") == "花会送到上海人民路 1 号，卡片：生日快乐"


def test_looping_form() -> None:
    talk = chat("looping_form")
    assert talk.say("点菜") == "已点：还没有。要什么？点完了就回复好了。"
    talk.say("鱼")
    talk.say("鸡")
    assert talk.say("不要鱼") == "已点：鸡。要什么？点完了就回复好了。"
    assert talk.tap("好了") == "下单：鸡"


def test_back() -> None:
    talk = chat("back", now=at(9))
    first = talk.say("旅行")
    assert talk.say("上一步") == first
    assert talk.say("山里") == "几位？"
    assert talk.say("上一步") == first
    talk.say("海边")
    talk.say("两位")
    assert talk.say("明天") == "03月03日，2 位去海边。"


def test_human() -> None:
    open_, closed = chat("human", now=at(10)), chat("human", now=at(20))
    assert open_.say("退货") == closed.say("退货") == "订单号？（客服请发“人工”）"
    assert open_.say("人工") == Transfer()
    assert closed.say("转人工") == "客服 9:00–18:00 在线，请在工作时间再发“人工”。"
    assert open_.say("17") == closed.say("17") == "订单 17 的退货已登记。"


def test_photo_ocr() -> None:
    module = load("photo_ocr")
    talk = Chat(module.bot, steps={module.read: lambda url: f"总计 28.00（{url[-5:]}）"})
    assert talk.image() == "读到：总计 28.00（1.jpg）\n对吗？\n1. 是\n2. 否"
    assert talk.tap("否") == "那么是多少钱？"
    assert talk.say("二十八块五") == "已记账 28.5 元。"
    assert module.recognised(b"") == "总计 28.00"


def test_scan() -> None:
    talk = chat("scan")
    asked = "您在 3 号桌，吃什么？\n1. 面\n2. 饭"
    assert talk.follow() == "欢迎！"
    assert talk.other("oNew").follow("table-3") == asked
    assert talk.scan("table-3") == asked
    assert talk.tap("面") == "3 号桌：面，请稍候。"


def test_language() -> None:
    talk = chat("language")
    talk.say("订座")
    assert talk.say("?") == "请回复 1 到 20 的整数"
    assert talk.say("english") == "OK."
    assert talk.say("?") == "Please reply with a whole number from 1 to 20"
    assert talk.say("2") == "2 ✓"
    assert talk.say("book") == "How many guests?"
    assert talk.say("中文") == "好的。"
    assert talk.other("oOther").say("book") == "几位？"


def test_long_text() -> None:
    talk = chat("long_text")
    read = [talk.say("讲故事")]
    while str(read[-1]).endswith(" 继续"):
        assert len(str(read[-1]).encode()) <= 2047
        read.append(talk.tap("继续"))
    assert len(read) > 1
    assert "".join(map(str, read)).count("从前有座山") == 80
    assert str(read[-1]).endswith("（完）")


def test_web_page() -> None:
    module = load("web_page")
    talk, client = Chat(module.bot), FastAPIClient(module.app)
    assert talk.say("会员") == "请填写姓名，然后回复任意文字。"
    path = f"/name/oUser/{module.ticket('oUser')}"
    assert client.post("/name/oOther/" + module.ticket("oUser"), params={"name": "坏人"}).status_code == 403
    assert client.post(path, params={"name": "小明"}).json() == "好了，请回到公众号。"
    assert talk.say("好了") == "您好，小明。"
    assert talk.say("会员") == "您好，小明。"


@pytest.mark.parametrize(
    ("began", "joined", "to_one", "to_other"),
    [
        ("石头", "剪刀", "您赢了！", "您输了。"),
        ("石头", "布", "您输了。", "您赢了！"),
        ("布", "布", "平局。", "平局。"),
    ],
)
def test_two_players(began: str, joined: str, to_one: str, to_other: str) -> None:
    one = chat("two_players")
    other = one.other("oFriend")
    one.say("开局")
    invitation = str(one.say(began)).removeprefix("请让朋友发：")
    other.say(invitation)
    assert str(other.say(joined)).endswith(f"{began} 对 {joined}：{to_other}")
    assert str(one.say("继续")).endswith(f"{began} 对 {joined}：{to_one}")
    other.say(invitation)
    assert other.say("布") == "没有这一局，或者已经有人应战。"


def test_several_kinds() -> None:
    module = load("several_kinds")
    saved: list[Any] = []
    talk = Chat(module.bot, steps={module.save: lambda *given: saved.append(given)})
    talk.say("报修")
    assert talk.image() == "在哪里？发位置，或者打地址。"
    assert talk.image() == "请回复位置或文字。\n在哪里？发位置，或者打地址。"
    assert talk.location(31.2, 121.5, "人民广场") == "收到，人民广场，我们会尽快处理。"
    talk.say("报修")
    talk.voice("灯坏了")
    assert talk.say("三楼") == "收到，三楼，我们会尽快处理。"
    talk.say("报修")
    talk.voice()
    assert [kind for _, kind, _ in saved] == ["image", "voice", "voice"]
    assert [what for *_, what in saved][1:] == ["灯坏了", "media-2"]
    assert module.save.function("oUser", "text", "") is None


def test_custom_prompt() -> None:
    talk = chat("custom_prompt")
    talk.say("停车")
    assert talk.say("12345") == "请回复车牌号，如 京A12345"
    assert talk.say("京a·12345") == "京A12345 开始计时。"


def test_metrics(caplog: pytest.LogCaptureFixture) -> None:
    module = load("metrics")
    talk = Chat(module.bot)
    assert [talk.say("报名"), talk.say("小明")] == ["怎么称呼您？", "小明，报名成功。"]
    assert module.TURNS == {("signup", "asked"): 1, ("signup", "ended"): 1}
    talk.say("报名")
    talk.later(61)
    talk.say("小明")
    assert module.TURNS["signup", "timed_out"] == 1


def test_daily() -> None:
    talk = chat("daily", now=at(9))
    assert re.fullmatch(r"签到成功，连续 1 天，得 \d+ 分。", str(talk.say("签到")))
    assert talk.say("签到") == "今天签过了，连续 1 天。"
    talk.later(24 * 3600)
    assert str(talk.say("签到")).startswith("签到成功，连续 2 天")
    talk.later(2 * 24 * 3600)
    assert str(talk.say("签到")).startswith("签到成功，连续 1 天")
