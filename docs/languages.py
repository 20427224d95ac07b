"""The site's two languages, as MkDocs builds them: Chinese at its root, English in en/, each a whole site of its own.

A page is two files, ``page.zh-CN.md`` and ``page.md``, and each build takes those of its language. The build of mkdocs.yml
is the Chinese one, and ends with that of mkdocs.en.yml. So each language has its own search, and neither finds the
other's pages.

The navigation stands once, in mkdocs.yml, in the names of the English pages; what its sections are called in English
stands in mkdocs.en.yml. A drawing (a block of ``mermaid``) stands in its page as text, which GitHub draws; here it is the
file that drawings.py has made of it, inlined, so that it takes the page's colours.
"""

from __future__ import annotations

import logging
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drawings
import jieba  # without it the search finds no Chinese
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

log = logging.getLogger("mkdocs.languages")  # below MkDocs' own, where --strict counts warnings

CHINESE = ".zh-CN.md"
#: the line of a page that leads to its other language; the site's header does
OTHER = re.compile(r"^\[(?:中文|English)\]\([\w./-]+\)\n\n?", re.MULTILINE)


#: a line of a paragraph that ends in Chinese, before one that goes on: a browser would make a space of it
BROKEN = re.compile(
    r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])\n(?=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef`\[\w]|\*\*)(?!\d+\. )"
)
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Other:
    """A page in the other language. (No list, so Material makes no `link` of it, and looks for no sitemap there.)"""

    name: str
    language: str
    link: str


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    jieba.setLogLevel(logging.WARNING)
    config.nav = _localized(config.nav, config)
    return config


def _localized(nav: Any, config: MkDocsConfig) -> Any:
    """The navigation in the names, of files and sections, of the language that is built."""
    if isinstance(nav, list):
        return [_localized(entry, config) for entry in nav]
    if isinstance(nav, dict):
        called = config.extra.get("sections", {})
        return {called.get(name, name): _localized(under, config) for name, under in nav.items()}
    return nav.replace(".md", CHINESE) if _language(config) == "zh" else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Those of one language; where there is a pair of them, either stands at the same address."""
    chinese = _language(config) == "zh"
    for file in list(files):
        if not file.is_documentation_page():
            continue
        if file.src_uri.endswith(CHINESE) is not chinese:
            files.remove(file)
        elif chinese:
            files.remove(file)
            files.append(_placed(file, config))
    return files


def _placed(file: File, config: MkDocsConfig) -> File:
    english = file.src_uri.replace(CHINESE, ".md")
    at = File(english, config.docs_dir, config.site_dir, config.use_directory_urls).dest_uri
    found = File(file.src_uri, config.docs_dir, config.site_dir, config.use_directory_urls, dest_uri=at)
    found.name = posixpath.basename(english).removesuffix(".md")  # "index": the home of its folder
    return found


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    drawn, missing = drawings.inlined(markdown, Path(config.docs_dir), page.file.src_uri)
    for file in missing:
        log.warning("%s: %s is not the drawing of its text; see docs/drawings.py", page.file.src_uri, file.name)
    return _joined(OTHER.sub("", drawn, count=1))


def _joined(markdown: str) -> str:
    """Paragraphs whose lines end in Chinese, without the spaces that a browser would put there."""
    parts = FENCED.split(markdown)
    return "".join(part if place % 2 else BROKEN.sub("", part) for place, part in enumerate(parts))


def on_page_context(context: Any, page: Page, config: MkDocsConfig, nav: Any) -> Any:
    """What the header's link to the other language needs, on this very page."""
    chinese, english = page.url, f"en/{page.url}"
    config.extra["alternate"] = (
        Other("中文", "zh-CN", get_relative_url(chinese, english))
        if _language(config) == "en"
        else Other("English", "en", get_relative_url(english, chinese))
    )
    return context


def on_post_build(config: MkDocsConfig) -> None:
    if _language(config) == "en":
        return
    other = Path(config.config_file_path).with_name("mkdocs.en.yml")
    english = load_config(str(other), site_dir=str(Path(config.site_dir, "en")), strict=config.strict)
    english.plugins.on_startup(command="build", dirty=False)
    try:
        build(english)
    finally:
        english.plugins.on_shutdown()


def _language(config: MkDocsConfig) -> str:
    language: str = config.theme["language"]
    return language
