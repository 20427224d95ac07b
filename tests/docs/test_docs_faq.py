"""The questions: what their answers name is there, and their figures are the code's."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import wechat
from wechat import attempt, budget, record

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "faq.md", DOCS / "faq.zh-CN.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_an_answer_names_is_there(page: Path) -> None:
    code = " ".join(re.findall(r"`([^`\n]+)`", page.read_text("utf-8")))
    for name in re.findall(r"@bot\.(\w+)", code):
        assert hasattr(wechat.Bot, name), name
    for name in re.findall(r"\bask\.(\w+)", code):
        assert hasattr(wechat.ask, name), name
    for name in re.findall(r"bot\.user\(openid\)\.(\w+)|user\.(\w+)", code):
        assert hasattr(wechat.User, name[0] or name[1]), name
    for argument in re.findall(r"Bot\((\w+)=", code):
        assert argument in inspect.signature(wechat.Bot).parameters, argument


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_answer_is_short_and_leads_to_pages_of_its_language(page: Path) -> None:
    answers = re.findall(r"^### .*\n\n(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(answers) >= 30
    for answer in answers:
        assert len(answer) < 600, answer
        for link in re.findall(r"\]\(([^)]+)\)", answer):
            assert link.endswith(".zh-CN.md") is ("zh-CN" in page.name), link
            assert (DOCS / link).is_file(), link


@pytest.mark.parametrize(
    ("english", "chinese", "figure"),
    [
        ("within some {} seconds is the reply", "大约 {} 秒之内好了", (2 * 5_000 + attempt.WECHAT.last_chance) // 1000),
        ("an answer waits for {} hours", "答案等 {} 小时", record.UNREAD // 3_600_000),
        ("after {} hang-ups in five minutes", "微信挂断 {} 次以后", budget.MOST),
    ],
)
def test_figures_are_those_of_the_code(english: str, chinese: str, figure: int) -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    assert english.format(figure) in texts[0]
    assert chinese.format(figure) in texts[1]
    assert record.QUEUE == 5
    assert record.GRACE == 600_000
    assert attempt.POISON == 3
    assert budget.SPAN == 300_000
