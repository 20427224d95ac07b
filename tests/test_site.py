"""The site is built without a warning, has no dead link, loads nothing from elsewhere, and says what the code says."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

import wechat
import wechat.cli
import wechat.errors
from wechat import Bot, receive, router
from wechat.prompts import More

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ENGLISH = sorted(page for page in DOCS.rglob("*.md") if not page.name.endswith(".zh-CN.md"))
PAIRS = [(page, page.with_suffix("").with_suffix(".zh-CN.md")) for page in ENGLISH]
NAMES = [page.relative_to(DOCS).as_posix() for page in ENGLISH]
#: what a fenced block may hold by itself; all else is a file that some test runs
SHOWN = {"text", "mermaid", "diff"}
#: folders of docs/code whose files a test takes as they come
WHOLE = {"serving": "test_serving.py", "reference": "test_site.py", "simulation": "test_site.py"}


def text(page: Path) -> str:
    return page.read_text("utf-8")


def imported(name: str) -> ModuleType:
    """A script of the documentation."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- the pages, as they are written ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=NAMES)
def test_both_languages_have_the_same_parts(english: Path, chinese: Path) -> None:
    texts = [text(page) for page in (english, chinese)]
    for line in (r"^#{1,4} ", r"^ *\| ", r"^ *```", r"^ *- ", r"^ *\d+\. ", r"^<", r"^::: "):
        assert len({len(re.findall(line, said, re.MULTILINE)) for said in texts}) == 1, line
    assert texts[0].splitlines()[2] == f"[中文]({chinese.name})"
    assert texts[1].splitlines()[2] == f"[English]({english.name})"


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: in which language, and what they hold."""
    found = re.findall(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", text(page), re.MULTILINE | re.DOTALL)
    return [(language, held) for _, language, held in found]


def included(page: Path) -> list[str]:
    return re.findall(r'^ *--8<-- "([^"]+)"$', text(page), re.MULTILINE)


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=NAMES)
def test_code_is_a_file_and_both_languages_show_the_same(english: Path, chinese: Path) -> None:
    assert included(english) == included(chinese)
    for page in english, chinese:
        for language, held in blocks(page):
            assert language in SHOWN or re.fullmatch(r' *--8<-- "docs/code/[\w@./-]+(:\w+)?"\n', held), held


def test_every_file_of_code_is_shown_and_some_test_knows_it() -> None:
    shown = {name.partition(":")[0] for page in ENGLISH for name in included(page)}
    files = [file for file in (DOCS / "code").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    tests = {path.name: text(path) for folder in ("tests", "tests/docs") for path in (ROOT / folder).glob("*.py")}
    for file in files:
        folder = file.relative_to(DOCS / "code").parts[0]
        known = folder in WHOLE or any(re.search(rf"\b{re.escape(file.stem)}(?!\w)", said) for said in tests.values())
        assert known, f"no test runs {file}"
    there = {file.relative_to(ROOT).as_posix() for file in files}
    assert shown <= there
    assert {Path(name).name for name in there - shown} <= {"conftest.py"}  # it only supports what is shown beside it
    assert set(WHOLE.values()) <= tests.keys()


def test_every_command_that_a_page_shows_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    for file in (DOCS / "code").rglob("*.sh"):
        said = text(file)
        assert set(re.findall(r"^make (\w+)", said, re.MULTILINE)) <= targets, file
        assert set(re.findall(r"^wechat-dialog ([a-z-]+)", said, re.MULTILINE)) <= set(wechat.cli.COMMANDS), file


def test_every_drawing_is_that_of_its_text() -> None:
    drawings = imported("drawings")
    drawn = set()
    for page in (page for pair in PAIRS for page in pair):
        name = page.relative_to(DOCS).as_posix()
        assert drawings.inlined(text(page), DOCS, name)[1] == [], "python docs/drawings.py draws it anew"
        drawn |= {DOCS / drawings.place(name, number) for number, _ in drawings.blocks(text(page))}
    assert set((DOCS / drawings.FOLDER).iterdir()) == drawn


# ---- the reference --------------------------------------------------------------------------------------------------


def test_the_reference_shows_what_each_command_says_of_itself() -> None:
    command_line = imported("command_line")
    helps = command_line.helps()
    there = {file.name: text(file) for file in command_line.FOLDER.iterdir()}
    assert there.keys() == helps.keys()
    for name, said in helps.items():
        assert there[name].split() == said.split(), "python docs/command_line.py writes it anew"


def referred() -> set[str]:
    pages = [page for page in ENGLISH if page.parent.name == "reference"]
    return {name for page in pages for name in re.findall("^::: (.+)$", text(page), re.MULTILINE)}


def test_the_reference_holds_every_public_name() -> None:
    names = {f"wechat.{name}" for name in re.findall(r"import \w+ as (\w+)$", text(Path(wechat.__file__)), re.M)}
    errors = {f"wechat.{name}" for name in vars(wechat.errors)}
    assert names - errors - referred() == {"wechat.ask"}
    assert {"wechat.prompts._Ask", "wechat.errors", "wechat.testing.Chat", "wechat.web.respond"} <= referred()


def rows(page: str, heading: str = "") -> list[list[str]]:
    """The first table of a page, or the first below a heading, without its head."""
    said = text(DOCS / "reference" / page).partition(heading)[2] if heading else text(DOCS / "reference" / page)
    table = re.search(r"(^\|.*\n)+", said, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


@pytest.mark.parametrize(("page", "heading"), [("bot.md", "## Settings"), ("bot.zh-CN.md", "## 设置")])
def test_the_settings_of_the_reference_are_those_of_a_bot(
    page: str, heading: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        argument.strip("`"): (variable.strip("`"), default) for argument, variable, default, _ in rows(page, heading)
    }
    parameters = dict(inspect.signature(Bot).parameters)
    assert sorted(said) == sorted(parameters)
    for name, (variable, default) in said.items():
        assert variable == (
            f"WECHAT_{name.upper()}" if f"WECHAT_{name.upper()}" in inspect.getsource(wechat.bot) else ""
        )
        if parameters[name].default not in (None, wechat.CHINESE):
            assert default == f"`{parameters[name].default!r}`".replace("'", '"')


@pytest.mark.parametrize(("page", "heading"), [("bot.md", "## What a route takes"), ("bot.zh-CN.md", "## 路由的参数")])
def test_the_options_of_the_reference_are_those_of_a_route(page: str, heading: str) -> None:
    assert [row[0].strip("`") for row in rows(page, heading)] == list(router.Options.__annotations__)


@pytest.mark.parametrize("page", ["ask.md", "ask.zh-CN.md"])
def test_the_arguments_of_the_reference_are_those_of_a_prompt(page: str) -> None:
    assert {re.match(r"`(\w+)=", row[0])[1] for row in rows(page)} == set(More.__annotations__)  # type: ignore[index]


@pytest.mark.parametrize("page", ["messages.md", "messages.zh-CN.md"])
def test_the_fields_of_the_reference_are_those_of_messages(page: str) -> None:
    common = {*receive.Message.__struct_fields__} - {"event", "key"}
    for kind, fields, _ in rows(page):
        own = {*getattr(wechat, kind.strip("`")).__struct_fields__} - common
        shown = set(re.findall(r"`(\w+)`", fields))
        assert shown <= own
        assert own - shown <= {"event", "key"}


# ---- the site, as it is built ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page has: places to go to, things it loads, and ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.other = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
            self.other = given["href"] if "other-language" in given.get("class", "") else self.other
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(given["href"])
        elif tag in ("script", "img", "iframe", "source", "video", "audio") and "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, encoding="utf-8")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARNING" not in built.stdout + built.stderr
    return folder


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """By their paths. The page for what is not there knows not where it is, and is left out."""
    return {
        path.relative_to(site).as_posix(): Page(text(path)) for path in site.rglob("*.html") if path.name != "404.html"
    }


def within(pages: dict[str, Page]) -> Iterator[tuple[str, str, str]]:
    """What leads from one page to another, or to a file: from where, which path, which part of it."""
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc:
                yield path, unquote(urlsplit(urljoin(f"/{path}", link)).path)[1:], unquote(parts.fragment)


def test_every_link_within_the_site_leads_to_what_is_there(site: Path, pages: dict[str, Page]) -> None:
    assert sum(1 for _ in within(pages)) > 2_000
    for path, target, part in within(pages):
        file = f"{target}index.html" if target == "" or target.endswith("/") else target
        assert (site / file).is_file(), f"{path} leads to {target}"
        if part and not part.startswith("__"):
            assert part in pages[file].ids, f"{path} leads to {target}#{part}"


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    loaded = {load for page in pages.values() for load in page.loads}
    assert loaded
    assert not {load for load in loaded if urlsplit(load).netloc}
    for sheet in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", text(sheet)), sheet


def test_each_page_stands_in_both_languages_and_each_leads_to_the_other(pages: dict[str, Page]) -> None:
    addresses = {re.sub(r"(^|/)index\.md$", r"\1index.html", name).replace(".md", "/index.html") for name in NAMES}
    assert pages.keys() == addresses | {f"en/{address}" for address in addresses}
    for path in addresses:
        for here, there in ((path, f"en/{path}"), (f"en/{path}", path)):
            leads = urljoin(f"/{here}", pages[here].other)[1:]
            assert leads + ("index.html" if leads == "" or leads.endswith("/") else "") == there


def test_each_language_is_searched_by_itself_and_chinese_in_words(site: Path) -> None:
    chinese, english = (
        json.loads(text(site / folder / "search" / "search_index.json"))["docs"] for folder in (".", "en")
    )
    assert len(chinese) == len(english) > 100
    assert any("步骤\u200b" in found["text"] for found in chinese)  # words, as jieba tells them apart
    assert any("placeholder" in found["text"] for found in english)
    assert not any(found["location"].startswith("en/") for found in chinese)
