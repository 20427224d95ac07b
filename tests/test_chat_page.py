"""The chat page in a real browser, talking to a real bot by way of real workers.

Needs a chromium: Debian's package, or any other that is found. Where there is none, one test says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from servers import free_port
from wechat.chat.app import App
from wechat.chat.stage import Stage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NONE = "there is no chromium, so the page was not tested: apt install chromium"

BOT = """
import time
from wechat import Article, Bot, Image, Music, News, Transfer, Video, ask, step
from wechat.demo import KEY, APPID, routes

bot = Bot("s3cret", store="sqlite:///bot.db", aes_key=KEY, appid=APPID, plaintext=True, waits=1)
bot.include(routes)


@step
def think() -> str:
    time.sleep(4)
    return "想好了"


@bot.text("想")
def thinker(message):
    return (yield from think())


KINDS = {
    "news": News(Article("标题", "https://example.com/1", "摘要", "https://example.com/1.png")),
    "image": Image("m1"),
    "music": Music("https://example.com/1.mp3", "歌", "词"),
    "video": Video("m2", "片", "短"),
    "transfer": Transfer(),
}


@bot.text("kind news", "kind image", "kind music", "kind video", "kind transfer")
def kinds(message):
    return KINDS[message.text.split()[1]]
"""


def test_there_is_a_browser_to_test_the_page_with() -> None:
    assert CHROMIUM, NONE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, NONE
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@contextlib.contextmanager
def served(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "shop:bot", **more: Any) -> Iterator[str]:
    """The page of a bot in that folder, behind a WeChat that waits one second. Gives its address."""
    (folder / "shop.py").write_text(BOT, "utf-8")
    monkeypatch.chdir(folder)
    port = free_port()
    stage = Stage(name, "/wechat", f"http://127.0.0.1:{port}/wechat", **{"seconds": 1.0, **more})
    app = App(stage, "/wechat")
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        app.end()
        server.should_exit = True
        thread.join()


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(tmp_path, monkeypatch) as url:
        yield url


class Phone:
    """One user's phone on a page."""

    def __init__(self, page: Page, name: str = "小明") -> None:
        self.page = page
        self.whole = page.get_by_role("region", name=name)
        self.log = self.whole.get_by_role("log")

    def say(self, text: str) -> None:
        box = self.whole.get_by_role("textbox")
        box.fill(text)
        box.press("Enter")

    def sees(self, text: str) -> None:
        expect(self.log).to_contain_text(text, timeout=20_000)


@contextlib.contextmanager
def opened(browser: Browser, url: str, **more: Any) -> Iterator[Page]:
    """A page on which nothing goes wrong unnoticed."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN", **more})
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(url)
    expect(page.get_by_text("运行中").or_(page.get_by_text("up", exact=False)).first).to_be_visible(timeout=20_000)
    yield page
    context.close()
    # pictures of bots lie elsewhere, and nothing elsewhere is reached from here
    assert [line for line in wrong if "ERR_" not in line] == []


def axe(page: Page) -> list[str]:
    """What is seriously wrong for who does not see, or not well."""
    found = Axe().run(page)["violations"]
    return [f"{it['id']}: {it['nodes'][0]['html'][:200]}" for it in found if it["impact"] in ("serious", "critical")]


def test_the_articles_opening_scene_and_a_dialog_to_its_end(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        phone.whole.get_by_role("button", name="累加器").click()
        phone.sees("您需要累加几个数字？")
        for text, answer in (("2", "目前累加和:0"), ("10", "目前累加和:10"), ("20", "累加结束，累加和: 30")):
            phone.say(text)
            phone.sees(answer)
        assert axe(page) == []


def test_options_are_tapped(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        phone.say("买水果")
        phone.sees("想买什么水果")
        phone.log.get_by_role("button", name="香蕉").click()
        phone.sees("买几个？")


def test_a_slow_answer_is_fetched_by_a_tap_and_each_push_is_shown_with_its_time(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        phone.say("想")
        phone.sees("正在思考…")
        expect(page.get_by_role("tabpanel")).to_contain_text(
            "想好了", timeout=20_000
        )  # in the timeline: the step is done
        phone.log.get_by_role("button", name="继续").click()
        phone.sees("想好了")
        page.get_by_role("tab", name="推送").click()
        expect(page.get_by_role("tabpanel")).to_contain_text("1.0")
        assert axe(page) == []


def test_a_worker_is_killed_and_survived(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        phone.say("累加器")
        phone.sees("您需要累加几个数字？")
        page.get_by_role("button", name="kill -9").click()
        expect(page.get_by_text("#2, pid")).to_be_visible(timeout=20_000)
        phone.say("1")
        phone.sees("请输入第1个数字")
        expect(page.get_by_text("1 条日志")).to_be_visible()


def test_a_reply_that_is_lost_is_pushed_for_again(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        page.get_by_role("button", name="丢失下一条回复").click()
        phone.say("累加器")
        phone.sees("您需要累加几个数字？")
        page.get_by_role("tab", name="推送").click()
        expect(page.get_by_role("tabpanel")).to_contain_text("2")


def test_pushes_are_encrypted_where_that_is_chosen(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        switch = page.get_by_role("button", name="加密")
        switch.click()
        expect(switch).to_have_attribute("aria-pressed", "true")
        phone.say("累加器")
        phone.sees("您需要累加几个数字？")


def test_two_users_talk_side_by_side(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        ming, hong = Phone(page), Phone(page, "小红")
        ming.say("累加器")
        hong.say("买水果")
        ming.sees("您需要累加几个数字？")
        hong.sees("想买什么水果")
        expect(hong.log).not_to_contain_text("累加")


@pytest.mark.parametrize("kind", ["news", "image", "music", "video", "transfer"])
def test_every_kind_of_reply_is_shown(browser: Browser, address: str, kind: str) -> None:
    with opened(browser, address) as page:
        phone = Phone(page)
        phone.say(f"kind {kind}")
        shown = {"news": "标题", "image": "m1", "music": "歌", "video": "片", "transfer": "客服"}
        phone.sees(shown[kind])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_every_screen_by_day_and_by_night(browser: Browser, address: str, width: int, scheme: str) -> None:
    size = {"width": width, "height": 844}
    with opened(browser, address, viewport=size, color_scheme=scheme) as page:
        phone = Phone(page)
        phone.say("买水果")
        phone.sees("想买什么水果")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe(page) == []


def test_who_reads_english_reads_english(browser: Browser, address: str) -> None:
    with opened(browser, address, locale="en-US") as page:
        expect(page.get_by_role("tab", name="Timeline")).to_be_visible()
        assert axe(page) == []


PICTURE = Path(__file__).parent.parent / "docs" / "assets" / "chat-page.png"


def test_the_readmes_picture_is_the_accumulator_on_the_page(browser: Browser, address: str, tmp_path: Path) -> None:
    """It is made anew where the variable PICTURES is set."""
    made = PICTURE if "PICTURES" in os.environ else tmp_path / "made.png"
    with opened(browser, address, viewport={"width": 1280, "height": 760}) as page:
        phone, other = Phone(page), Phone(page, "小红")
        lines = [
            ("累加器", "您需要累加几个数字？"),
            ("2", "请输入第1个数字"),
            ("10", "请输入第2个数字"),
            ("20", "累加和: 30"),
        ]
        for text, answer in lines:
            phone.say(text)
            phone.sees(answer)
        other.say("买水果")
        other.sees("想买什么水果")
        phone.whole.get_by_role("textbox").click()
        page.screenshot(path=made)
    assert made.read_bytes()[16:24] == PICTURE.read_bytes()[16:24]  # as wide and as high


def test_code_that_cannot_be_imported_is_shown_until_it_is_mended(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, monkeypatch) as url, opened(browser, url) as page:
        shop = tmp_path / "shop.py"
        shop.write_text(BOT + "\nnothing_of_that_name\n", "utf-8")
        expect(page.get_by_text("NameError").first).to_be_visible(timeout=20_000)
        assert axe(page) == []
        shop.write_text(BOT + "\n", "utf-8")
        expect(page.get_by_text("NameError: name").first).not_to_be_visible(timeout=20_000)
        phone = Phone(page)
        phone.say("累加器")
        phone.sees("您需要累加几个数字？")
