"""The charts of the code's tables: each is as the code is now, and says so in both languages."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wechat import Bot, Reroute, ask, attempt, journal, record
from wechat.receive import Message
from wechat.stores import Patch
from wechat.stores.memory import MemoryStore
from wechat.testing import Chat

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def _charts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("charts", DOCS / "charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


charts = _charts()
DRAWN: dict[str, str] = charts.drawn()


@pytest.mark.parametrize("file", DRAWN)
def test_a_chart_is_as_the_code_is(file: str) -> None:
    assert (charts.FOLDER / file).read_text("utf-8") == DRAWN[file], "python docs/charts.py draws it anew"


def test_no_chart_is_left_over_and_each_is_shown_in_the_page_of_its_language() -> None:
    assert {path.name for path in charts.FOLDER.iterdir()} == DRAWN.keys()
    for lang, page in (("en", "how-it-works.md"), ("zh-CN", "how-it-works.zh-CN.md")):
        shown = re.findall(r"!\[([^\]]+)\]\(assets/charts/([\w-]+\.[\w-]+\.svg)\)", (DOCS / page).read_text("utf-8"))
        assert sorted(file for _, file in shown) == sorted(file for file in DRAWN if file.endswith(f".{lang}.svg"))
        for title, file in shown:
            assert title == ET.fromstring(DRAWN[file]).findtext(f"{SVG}title")


@pytest.mark.parametrize("file", DRAWN)
def test_a_chart_is_read_aloud_and_fits_its_sheet(file: str) -> None:
    svg = ET.fromstring(DRAWN[file])
    assert svg.get("role") == "img"
    assert svg.get("lang") == file.split(".")[1]
    assert len(svg.findtext(f"{SVG}desc") or "") > 40
    assert "prefers-color-scheme:dark" in DRAWN[file]
    width, height = float(svg.get("width", 0)), float(svg.get("height", 0))
    for text in svg.iter(f"{SVG}text"):
        size = 11.0 if "small" in text.get("class", "") else 12.5
        long = charts.wide(text.text or "", size)
        start = (
            float(text.get("x", 0)) - {"start": 0, "middle": long / 2, "end": long}[text.get("text-anchor", "start")]
        )
        assert start >= 0, text.text
        assert start + long <= width, text.text
        assert 0 < float(text.get("y", 0)) < height, text.text


def test_what_a_chart_takes_from_the_code_is_in_it() -> None:
    for lang in charts.LANGUAGES:
        assert all(
            f'["{letter}", at' in DRAWN[f"journal.{lang}.svg"].replace("&quot;", '"') for letter in journal.KINDS
        )
        assert all(f"{state} · {letter}<" in DRAWN[f"states.{lang}.svg"] for state, letter in record._STATES.items())
        assert f"{attempt.WECHAT.answer_by / 1000:g}" in DRAWN[f"deliveries.{lang}.svg"]
        assert DRAWN[f"meetings.{lang}.svg"].count("<rect") == len(attempt.MEETINGS) * 2 + 5 + 1


# ---- the states, observed -------------------------------------------------------------------------------------------


class Watched(MemoryStore):
    """A store that notes which states of messages follow upon each other."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.moves: set[tuple[str, str]] = set()

    async def patch(self, key: str, version: str, patch: Patch) -> Any:
        before = record.read((await self.load(key)).fields).seen
        came = await super().patch(key, version, patch)
        for id, seen in record.read((await self.load(key)).fields).seen.items():
            was = before[id].state if id in before else ""
            self.moves |= {(was, seen.state)} - {(seen.state, seen.state)}
        return came


def _bot() -> Bot:
    bot = Bot("token", store="memory://")

    @bot.text("表单")
    def form(message: Message) -> Iterator[Any]:
        text = yield ask("?")
        if text == "别的":
            raise Reroute
        yield ask("?")

    @bot.text("别的")
    def handler() -> str:
        return "好"

    @bot.before
    def checked(message: Message) -> str | None:
        return "不" if message.text == "违禁" else None

    return bot


def test_states_follow_upon_each_other_as_they_are_drawn() -> None:
    talk = Chat(_bot())
    store = talk._world.store = Watched(lambda: talk._world.now)
    for text in ("别的", "表单", "别的", "违禁", "继续", "一", "取消", "没有人"):
        talk.say(text)
    talk.image()
    reached = {(a, b) for a, b, _ in charts.MOVES if b}
    reached |= {("checking", state) for state in record._STATES if state != "checking"}
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    assert {("", "checking"), ("checking", "done"), ("checking", "aside"), ("aside", "done")} <= store.moves
    assert {move for move in store.moves if move[0]} <= reached
    assert {state for _, state in store.moves} - {"checking"} <= set(charts.arrivals()) | {"taken"}


def test_a_state_that_somebody_else_sets_is_missed_in_the_chart() -> None:
    assert charts.unknown_moves() == set()
    charts.MOVES, moves = charts.MOVES[1:], charts.MOVES
    try:
        assert charts.unknown_moves() == {("admit", "")}
        with pytest.raises(LookupError, match="admit"):
            charts.states(charts.Language("en"))
    finally:
        charts.MOVES = moves


# ---- the page's example ---------------------------------------------------------------------------------------------


def test_the_pages_example_leaves_the_entries_that_the_page_shows() -> None:
    spec = importlib.util.spec_from_file_location("order", DOCS / "code" / "how-it-works" / "order.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    talk = Chat(module.bot)
    talk.say("买水果")
    assert talk.say("1") == "单号 17，地址？"
    began, answered, result = [journal.read(line) for line in talk._world.record("oUser").journal]
    assert [began[0], *began[2:6], began[-1]] == ["b", "order", 1, "text", None, "买水果"]
    assert [answered[0], *answered[-3:-1]] == ["m", "1", 3]
    assert [result[0], *result[2:]] == ["r", "save_order", 17]
