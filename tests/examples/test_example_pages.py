"""What the examples have in common, and what their pages say of them."""

from __future__ import annotations

import datetime as dt
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from loaded import EXAMPLES, load

from wechat import Bot
from wechat.testing import Chat

ENGLISH, CHINESE = ((EXAMPLES / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
BOTS = [path.stem for path in sorted(EXAMPLES.glob("*.py")) if re.search(r"^bot = ", path.read_text("utf-8"), re.M)]
MONDAY = dt.datetime(2026, 3, 2, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def code(block: str) -> str:
    """Without remarks, which are in the page's language."""
    return re.sub(r"\s*#.*", "", block)


def blocks(page: str) -> list[str]:
    return [code(block) for block in re.findall(r"^```\w+\n.*?^```", page, re.M | re.S)]


def sections(page: str) -> dict[str, str]:
    """What stands under a heading, by the first of the files that it names."""
    parts = re.split(r"^## (.*)\n", page, flags=re.M)[1:]
    return {re.findall(r"`(\w+)\.py`", title)[0]: text for title, text in zip(parts[::2], parts[1::2], strict=True)}


def named(page: str) -> list[str]:
    """The files that headings name, in order."""
    return [name for title in re.findall(r"^## .*", page, re.M) for name in re.findall(r"`(\w+)\.py`", title)]


# ---- the files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTS)
def test_an_example_says_what_it_is_and_its_import_does_nothing_and_warns_of_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)  # as it is there
    threads = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = load(name)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    assert f"wechat-dialog run {name}:bot" in (module.__doc__ or "")
    assert "wechat-dialog send http://127.0.0.1:8000/wechat --user me " in (module.__doc__ or "")
    assert isinstance(module.bot, Bot)
    assert module.bot.routes


@pytest.mark.parametrize("name", BOTS)
def test_an_example_takes_the_token_of_the_account_or_that_of_a_try(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delenv("WECHAT_TOKEN", raising=False)
    assert load(name).bot.settings.token == "demo"
    monkeypatch.setenv("WECHAT_TOKEN", "s3cret")
    assert load(name).bot.settings.token == "s3cret"


# ---- the pages ------------------------------------------------------------------------------------------------------


def test_both_languages_name_every_example_in_the_same_order() -> None:
    assert named(ENGLISH) == named(CHINESE)
    assert set(named(ENGLISH)) == {"demo_dialog", "demo_server", *BOTS}


def test_both_languages_show_the_same_commands_and_the_same_talk() -> None:
    assert blocks(ENGLISH) == blocks(CHINESE)


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_example_has_a_paragraph_and_is_run_as_it_says(page: str) -> None:
    for name, text in sections(page).items():
        if "<!-- llm -->" in text:
            continue
        paragraph = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S).strip()
        assert len(paragraph) > 40, name
        assert f"run {name}:bot" in text or "python demo_server.py" in text


def of_2017(module: ModuleType) -> Chat:
    return Chat(Bot.from_module(module, token="demo"), user="me", now=MONDAY)


def slow(module: ModuleType) -> Chat:
    chat = Chat(module.bot, user="me", now=MONDAY, steps={module.read_total: lambda url: Decimal("12.50")})
    chat.slow(module.read_total, 20)
    return chat


#: where a talk needs more than the bot
STAGES: Mapping[str, Callable[[ModuleType], Chat]] = {"demo_dialog": of_2017, "receipt": slow}
#: what the arguments of ``wechat-dialog send`` do
SENDS: Mapping[str, Callable[[Chat, str], object]] = {
    "--click": Chat.click,
    "--image": Chat.image,
    "--scan": Chat.scan,
    "--subscribe": Chat.follow,
}
#: the talks with a language model are not played: it says what it likes
PLAYED = [name for name in named(ENGLISH) if name in sections(ENGLISH) and not name.startswith("llm")]


@pytest.mark.parametrize("name", PLAYED)
def test_the_talk_on_the_page_is_what_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = load(name)
    chat = STAGES[name](module) if name in STAGES else Chat(module.bot, user="me", now=MONDAY)
    [talk] = re.findall(r"^```text\n(.*?)^```", sections(ENGLISH)[name], re.M | re.S)
    for line in talk.splitlines():
        if line.startswith("$ python human.py "):
            module.answer(*line.split()[3:])
            continue
        sent, shown = line.split(" → ")
        kind, _, what = sent.partition(" ")
        said = SENDS[kind](chat, what) if kind in SENDS else chat.say(sent)
        assert str(said).replace("\n", " ") == shown
