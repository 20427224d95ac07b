"""Draws what the pages say in Mermaid, once, when it is written: ``python docs/drawings.py MERMAID.MIN.JS``.

A drawing is kept as assets/drawings/PAGE.NUMBER.svg, and holds a digest of its text: whoever changes the text is told to
draw it again. So the site loads no Mermaid (three megabytes), from nowhere.

Drawing needs a browser, through the package playwright, and mermaid.min.js, as it lies in the package of that name
(``npm pack mermaid@10``). Looking needs nothing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

BLOCK = re.compile(r"^```mermaid\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
FOLDER = Path("assets", "drawings")
#: the page's own colours, light or dark: Material names them
STYLE = """
  .node rect, .node polygon, .node circle, .node path, rect.actor, .label-container, .statediagram-state rect.basic
    { fill: var(--drawing-box) !important; stroke: var(--drawing-line) !important; }
  .note { fill: var(--drawing-note) !important; stroke: var(--drawing-line) !important; }
  text, tspan, .noteText, .messageText, .actor tspan, .edgeLabel text, .nodeLabel
    { fill: var(--md-default-fg-color) !important; color: var(--md-default-fg-color) !important; stroke: none !important; }
  .flowchart-link, .transition, line
    { stroke: var(--drawing-ink) !important; }
  marker path, .arrowheadPath, .arrowMarkerPath, #statediagram-barbEnd, .state-start, .start-state
    { fill: var(--drawing-ink) !important; stroke: var(--drawing-ink) !important; }
  .end-state-outer, .end-state-inner { stroke: var(--drawing-ink) !important; }
  .edgeLabel rect, .labelBkg, .edgeLabel { fill: var(--md-default-bg-color) !important; opacity: 1 !important; }
"""
PLAIN = {"htmlLabels": False}  # labels of SVG alone
SETTINGS = {
    "startOnLoad": False,
    "themeCSS": STYLE,
    "fontFamily": "inherit",
    **PLAIN,
    "flowchart": PLAIN,
    "state": PLAIN,
}


def blocks(markdown: str) -> Iterator[tuple[int, str]]:
    """The drawings of a page, as texts, by their numbers."""
    return enumerate((match[1] for match in BLOCK.finditer(markdown)), 1)


def inlined(markdown: str, docs: Path, page: str) -> tuple[str, list[Path]]:
    """The page with drawings in place of their texts, and which are missing: not drawn, or not since their text changed."""
    numbers = iter(range(1, len(BLOCK.findall(markdown)) + 1))
    missing = []

    def drawn(match: re.Match[str]) -> str:
        file = docs / place(page, next(numbers))
        svg = file.read_text("utf-8") if file.is_file() else ""
        if digest(match[1]) in svg:
            return f'<figure class="drawing" markdown="0">{svg}</figure>\n'
        missing.append(file)
        return match[0]

    return BLOCK.sub(drawn, markdown), missing


def place(page: str, number: int) -> Path:
    return FOLDER / f"{page.removesuffix('.md').replace('/', '-')}.{number}.svg"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def draw(docs: Path, mermaid: Path) -> None:
    """Draw what is not drawn yet, or not since its text changed."""
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=shutil.which("chromium")) as browser,
    ):
        page = browser.new_page()
        page.set_content("<body style='font: 16px sans-serif'></body>")
        page.add_script_tag(path=mermaid)
        page.evaluate("settings => mermaid.initialize(settings)", SETTINGS)
        for source in sorted(docs.rglob("*.md")):
            name, markdown = source.relative_to(docs).as_posix(), source.read_text("utf-8")
            missing = inlined(markdown, docs, name)[1]
            for number, text in blocks(markdown):
                file = docs / place(name, number)
                if file in missing:
                    arguments = [f"drawing-{file.stem.replace('.', '-')}", text]
                    svg = page.evaluate("([id, text]) => mermaid.render(id, text).then(made => made.svg)", arguments)
                    _keep(file, digest(text), svg)


def _keep(file: Path, digest: str, svg: str) -> None:
    """In one line: in a page, Markdown would end it at an empty one."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(" ".join(svg.split("\n")).replace("<svg ", f'<svg data-text="{digest}" ', 1) + "\n", "utf-8")


if __name__ == "__main__":
    draw(Path(__file__).parent, Path(sys.argv[1]))
