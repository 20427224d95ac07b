"""What the README shows works as it stands there, and both languages show the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wechat.testing import Chat

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def code(block: str) -> str:
    return re.sub(r"\s*#.*", "", block)


@pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_dialog_of_the_first_screen_talks_as_its_transcript_says(readme: str) -> None:
    made: dict[str, Any] = {"__name__": "readme"}
    exec(blocks(readme, "python")[0], made)
    chat = Chat(made["bot"])
    transcript = re.sub(r"\[(.*?)\]\(\)", r"\1", re.search(r"^> (用户.*)$", readme, re.MULTILINE)[1])  # type: ignore[index]
    lines = [line.split("：", 1) for line in transcript.split("<br>")]
    for (who, asked), (whom, answered) in zip(lines[::2], lines[1::2], strict=True):
        assert (who, whom) == ("用户", "公众号")
        assert chat.say(asked).replace("\n", " ") == answered


@pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_test_of_the_readme_passes_and_its_dialog_has_nine_lines_at_most(readme: str) -> None:
    [block] = [block for block in blocks(readme, "python") if "wechat.testing" in block]
    made: dict[str, Any] = {"__name__": "readme"}
    exec(block, made)
    made["test_signup"]()
    dialog = re.search(r"^@bot.*?\n\n", block, re.DOTALL | re.MULTILINE)
    assert dialog is not None
    assert len(dialog[0].strip().splitlines()) <= 9


def test_both_languages_show_the_same_code() -> None:
    for language in ("python", "sh"):
        english, chinese = blocks(ENGLISH, language), blocks(CHINESE, language)
        assert [code(block) for block in english] == [code(block) for block in chinese]


def test_both_languages_have_the_same_parts() -> None:
    for line in (r"^#+ ", r"^\| ", r"^```"):
        count = [len(re.findall(line, text, re.MULTILINE)) for text in (ENGLISH, CHINESE)]
        assert count[0] == count[1], line
