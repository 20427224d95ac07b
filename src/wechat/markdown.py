"""Markdown, as language models write it, as a text that WeChat can show: it knows lines, and links.

What is only emphasis goes; what is structure is kept by signs that everybody reads: 【】 for a heading, • for a list, a line
for each row of a table. No tag but our own links is left: a stray ``<a`` would swallow what follows it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:  # it is loaded when it is used
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode as Node
else:
    Node = Any

#: the beginning of a tag that WeChat would take for a link
_TAG = re.compile(r"<(?=/?a\b)", re.IGNORECASE)
#: stands for the < of a link of ours, until every other is known; the parser leaves no NUL
_OURS = "\0"
#: **重点：**内容 is no emphasis to the letter of the standard, which asks for a space there; Chinese has none
_STRONG = re.compile(r"(?<![0-9a-zA-Z*])\*\*(?=[^\s*])([^*\n]{1,300}?)(?<=[^\s*])\*\*(?!\*)")
_BREAK = re.compile(r"<br\s*/?>[ \t]*", re.IGNORECASE)
_FORMULA = re.compile(
    r"\$\$.{1,999}?\$\$|\$(?=\S)[^$\n]{1,999}?(?<=\S)\$(?!\d)|\\\(.{1,999}?\\\)|\\\[.{1,999}?\\\]", re.DOTALL
)
#: what is left as it is, by the sign that it begins with
_LITERAL = {
    "$": _FORMULA,
    "\\": _FORMULA,
    "*": re.compile(r"(?<=[0-9a-zA-Z)])\*{1,2}(?=[0-9])|(?<=[0-9])\*{1,2}(?=[a-zA-Z(])"),  # 2*3*4
    ":": re.compile(
        r"(?<=http)://[\w\-.~/?#@!$&'+,;=%:]+|(?<=https)://[\w\-.~/?#@!$&'+,;=%:]+", re.ASCII | re.IGNORECASE
    ),
}
_WEB = re.compile(r"https?://", re.IGNORECASE)
#: what stands in an address as it is
_ADDRESS = "!#$%&'()*+,-./:;=?@[]_~"
_DEEPER, _LINE = "  ", re.compile(r"\n(?!\n)")
_RULE = "————"


def plain(markdown: str) -> str:
    """What a language model wrote, without Markdown's signs: what WeChat shows as text.

    Headings, lists, tables and code keep their lines; links and pictures with an http address become links to tap.
    """
    from markdown_it.tree import SyntaxTreeNode

    text = _blocks(SyntaxTreeNode(_parser().parse(markdown))).strip("\n")
    return _TAG.sub("＜", text).replace(_OURS, "<")


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "literal", _literal)
    parser.inline.ruler.before("emphasis", "strong", _strong)
    return parser


def _strong(state: Any, silent: bool) -> bool:
    match = _STRONG.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        end, (state.pos, state.posMax) = state.posMax, match.span(1)
        state.md.inline.tokenize(state)
        state.posMax = end
    state.pos = match.end()
    return True


def _literal(state: Any, silent: bool) -> bool:
    """A formula, or what stands in a bare address behind its scheme: nothing in them is emphasis."""
    pattern = _LITERAL.get(state.src[state.pos])
    match = pattern.match(state.src, state.pos) if pattern else None
    if match is None:
        return False
    if not silent:
        state.pending += match[0]
    state.pos = match.end()
    return True


# ---- blocks ---------------------------------------------------------------------------------------------------------


def _blocks(node: Node) -> str:
    """The blocks in a node, an empty line between them; none behind a heading, nor in a tight list."""
    text, before = "", ""
    for child in node.children:
        tight = child.hidden or before == "heading" or (node.type == "list_item" and child.type.endswith("_list"))
        text += ("" if not text else "\n" if tight else "\n\n") + _BLOCKS.get(child.type, _blocks)(child)
        before = child.type
    return text


def _heading(node: Node) -> str:
    return f"【{_inline(node).strip()}】"


def _list(node: Node) -> str:
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    lines = []
    for place, item in enumerate(node.children):
        mark = "• " if number is None else f"{number + place}. "
        lines.append(mark + _LINE.sub("\n" + _DEEPER, _blocks(item)))
    return "\n".join(lines)


def _code(node: Node) -> str:
    return "\n".join(_DEEPER + line if line else "" for line in node.content.rstrip("\n").split("\n"))


def _quote(node: Node) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in _blocks(node).split("\n"))


def _table(node: Node) -> str:
    """Each row a line: of two columns 「name：value」, of more each cell with its heading."""
    head, *rows = [[_inline(cell).strip() for cell in row.children] for part in node.children for row in part.children]
    if len(head) <= 2:
        return "\n".join("：".join(filter(None, row)) for row in [head, *rows])
    lines = [
        [f"{name}：{cell}" if name else cell for name, cell in zip(head, row, strict=True) if cell] for row in rows
    ]
    return "\n".join(f"• {'，'.join(line)}" for line in lines)


_BLOCKS: Mapping[str, Callable[[Node], str]] = {
    "heading": _heading,
    "paragraph": lambda node: _inline(node),
    "bullet_list": _list,
    "ordered_list": _list,
    "fence": _code,
    "code_block": _code,
    "blockquote": _quote,
    "table": _table,
    "hr": lambda node: _RULE,
}


# ---- in a line ------------------------------------------------------------------------------------------------------


def _inline(node: Node) -> str:
    return "".join(map(_inline_one, node.children))


def _inline_one(node: Node) -> str:
    return _INLINE.get(node.type, _inline)(node)


def _text(node: Node) -> str:
    return _BREAK.sub("\n", node.content)


def _link(node: Node) -> str:
    label = "".join(child.content if child.type == "image" else _inline_one(child) for child in node.children)
    return _to(str(node.attrs.get("href", "")), label)


def _image(node: Node) -> str:
    return _to(str(node.attrs.get("src", "")), node.content or "图片")


def _to(address: str, label: str) -> str:
    """A link to tap where it leads to the web; the address alone where that is its label, too."""
    if label in (address, address.removeprefix("mailto:")) or not address or not label:
        return label or address
    if _WEB.match(address) is None:
        return f"{label}（{address}）"
    return f'{_OURS}a href="{quote(address, safe=_ADDRESS)}">{label.replace("<", "＜")}{_OURS}/a>'


_INLINE: Mapping[str, Callable[[Node], str]] = {
    "text": _text,
    "code_inline": lambda node: node.content,
    "softbreak": lambda node: "\n",
    "hardbreak": lambda node: "\n",
    "link": _link,
    "image": _image,
}
