"""What the pages say of the code is so, and both languages say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wechat import attempt, budget, journal, record, turn, web

DOCS = Path(__file__).parent.parent / "docs"
PAIRS = [
    (page, page.with_suffix("").with_suffix(".zh-CN.md")) for page in sorted(DOCS.glob("*.md")) if "zh" not in page.name
]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_both_languages_have_the_same_parts(english: Path, chinese: Path) -> None:
    texts = [page.read_text("utf-8") for page in (english, chinese)]
    for line in (r"^#+ ", r"^\| ", r"^```", r"^- ", r"P\d+"):
        assert len({len(re.findall(line, text, re.MULTILINE)) for text in texts}) == 1, line
    assert chinese.name in texts[0]
    assert english.name in texts[1]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
def test_both_languages_show_the_same_code(english: Path, chinese: Path) -> None:
    texts = [page.read_text("utf-8") for page in (english, chinese)]
    blocks = [re.findall(r"```(?:python|sh)\n.*?```", text, re.DOTALL) for text in texts]
    assert [re.sub(r" *#.*", "", block) for block in blocks[0]] == [re.sub(r" *#.*", "", block) for block in blocks[1]]


def test_the_times_that_a_page_names_are_those_of_the_code() -> None:
    said = (DOCS / "how-it-works.md").read_text("utf-8")
    for words, ms in {
        "It lasts {} seconds": record.LEASE,
        "renewed every {} while": turn.HEARTBEAT,
        "no older than {} s": attempt.WECHAT.answer_by,
        "comes {} s after the last push": attempt.WECHAT.last_chance,
        "has its chance after {} s: WeChat": attempt.WECHAT.last_chance,
        "has its chance after {} s, so": web.HURRY * 1000,
    }.items():
        assert words.format(f"{ms / 1000:g}") in said
    assert f"hang up {budget.MOST} times in {budget.SPAN // 60_000} minutes" in said
    assert f"after {attempt.POISON} claims" in said
    assert f"forgotten after {record.KEEP // 60_000} minutes" in said


def test_the_entries_that_a_page_shows_are_of_kinds_that_there_are() -> None:
    said = (DOCS / "how-it-works.md").read_text("utf-8")
    letters = re.findall(r'`\["(\w)"', said)
    assert letters == ["b", "m", "r"]
    assert set(letters) <= set(journal.KINDS)
    assert json.loads(journal.encode(journal.Result(1, "save_order", 17))) == ["r", 1, "save_order", 17]


def test_each_promise_has_tests_that_are_named_after_it() -> None:
    said = (DOCS / "promises.md").read_text("utf-8")
    tests = (Path(__file__).parent / "test_promises.py").read_text("utf-8")
    promised = re.findall(r"^\| \*\*P(\d+)\*\*", said, re.MULTILINE)
    assert promised == [str(number) for number in range(1, 12)]
    assert all(f"def test_p{number}_" in tests for number in range(1, 10))
