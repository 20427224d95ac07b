"""Markdown, as language models write it, as a text that WeChat can show: it knows lines, and links.

What is only emphasis goes; what is structure is kept by signs that everybody reads: 【】 for a heading, • for a list, a line
for each row of a table. What means something stays, as it was written where there is nothing better: ~~struck~~, footnotes,
formulas. No tag but our own links is left: a stray ``<a`` would swallow what follows it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import quote, unquote

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
#: tags of which only shows what stands between: with their partner near (characters), and the first ones alone on their line
_BLOCK_TAGS = ("details", "summary", "div", "center", "p", "section")
_MARKUP = re.compile(
    rf"<(/?)({'|'.join(_BLOCK_TAGS)}|b|strong|i|em|u|ins|s|del|mark|small|big|kbd|font|span)\b[^<>]{{0,200}}>",
    re.IGNORECASE,
)
_NEAR = 2_000
_SPAN = re.compile(r"`[^`\n]*`")
#: shown instead of a tag, where not nothing is
_INSTEAD = dict.fromkeys(("s", "/s", "del", "/del"), "~~") | {f"/{tag}": "\n" for tag in _BLOCK_TAGS}
#: x<sup>2</sup>, H<sub>2</sub>O: x², H₂O; what has no such sign is x^{…}, x_{…}
_RAISED = re.compile(r"<(sup|sub)>([^<>\n]{1,60})</\1>", re.IGNORECASE)
_SMALL = {
    "sup": ("^", dict(zip("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ", strict=True))),
    "sub": ("_", dict(zip("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", strict=True))),
}
_FORMULA = re.compile(
    r"\$\$.{1,999}?\$\$|\$(?=\S)[^$\n]{1,999}?(?<=\S)\$(?!\d)|\\\(.{1,999}?\\\)|\\\[.{1,999}?\\\]", re.DOTALL
)
#: what is left as it is, by the sign that it begins with
_LITERAL = {
    "$": _FORMULA,
    "\\": _FORMULA,
    # 2*3*4, *.py, src/*/x
    "*": re.compile(
        r"(?<=[0-9a-zA-Z)])\*{1,2}(?=[0-9])|(?<=[0-9])\*{1,2}(?=[a-zA-Z(])|\*(?=\.[a-zA-Z])|(?<=/)\*{1,2}(?=/)"
    ),
    "_": re.compile(r"(?<!\w)__[a-z]\w*?[a-z0-9]__(?!\w)", re.ASCII),  # __init__
    ":": re.compile(
        r"(?<=http)://[\w\-.~/?#@!$&'+,;=%:]+|(?<=https)://[\w\-.~/?#@!$&'+,;=%:]+", re.ASCII | re.IGNORECASE
    ),
}
_WEB = re.compile(r"https?://", re.IGNORECASE)
#: what stands in an address as it is
_ADDRESS = "!#$%&'()*+,-./:;=?@[]_~"
#: a place in the very text, and a picture within the address
_NOWHERE = ("#", "data:")
_DEEPER, _LINE = "  ", re.compile(r"\n(?!\n)")
_RULE = "————"
#: what ends a sentence, and stands in no heading
_SENTENCE = re.compile(r"[。！？；：….!?;:]\Z|[。！？!?](?=\s|[^\x00-\xff])|\n")
_BETWEEN_CELLS, _AROUND_CELLS = re.compile(r"(?<!\\)\|"), re.compile(r"\A\||(?<!\\)\|\Z")


#: as far as nothing that is still to come can change it: whole blocks, items of a list, and behind those the sentences without
#: Markdown's signs
_SENTENCES = r"(?:[^*_`~$|\[<#\\\n=-]*[。！？!?](?=\s|[^\x00-\xff]))?"
_SETTLED = (
    re.compile(rf"(?s:.*\n(?=\n|[ \t]*(?:[-*+]|#+|1[.)])[ \t]+\S))?{_SENTENCES}"),
    # 2. begins an item where another stands above it, and no paragraph
    re.compile(
        r"(?s:.*\n(?=\n|1[.)][ \t]+\S))?"
        rf"(?:\n*\d+[.)][ \t]+\S[^\n]*\n(?:(?:\t| {{3}})[^\n]*\n)*(?=\d+[.)][ \t]+\S))*{_SENTENCES}"
    ),
)
#: says what a text is called that may stand anywhere behind it: a footnote, the address of a link
_DEFINED_LATER = re.compile(r"\[\^|\]\s*\[|\](?![(\[])")


@overload
def plain(markdown: str) -> str: ...
@overload
def plain(markdown: AsyncIterator[str]) -> AsyncIterator[str]: ...
@overload
def plain(markdown: Iterator[str]) -> Iterator[str]: ...
def plain(markdown: str | AsyncIterator[str] | Iterator[str]) -> str | AsyncIterator[str] | Iterator[str]:
    """What a language model wrote, without Markdown's signs: what WeChat shows as text.

    Headings, lists, tables and code keep their lines; links and pictures with an http address become links to tap.

    Of a text that comes in pieces it gives pieces, each as soon as nothing that is still to come can change it; together they
    are what it gives of the whole. Where the text breaks off with an exception, what there is of it comes first.
    """
    if isinstance(markdown, str):
        return _plain(markdown)
    return _plain_as_it_comes(markdown) if isinstance(markdown, AsyncIterator) else _plain_pieces(markdown)


class _Growing:
    """A text that is still being made, and how much of it was given."""

    def __init__(self) -> None:
        self._text = self._settled = self._given = ""

    def more(self, piece: str) -> str:
        """What there is to give now; nothing where it may still change."""
        self._text += piece
        found = filter(None, (pattern.match(self._text) for pattern in _SETTLED))
        settled = max((match[0].rstrip() for match in found), key=len)
        known = len(self._settled)  # by an eighth at least, so that a long text is not read for each of its sentences
        if len(settled) <= known + known // 8 or _DEFINED_LATER.search(settled):
            return ""
        self._settled = settled
        shown = _plain(settled)
        return self._give(shown) if shown.startswith(self._given) else ""

    def rest(self) -> str:
        return self._give(_plain(self._text))

    def _give(self, shown: str) -> str:
        alike = zip(self._given, shown, strict=False)  # what was given cannot be taken back
        same = next((place for place, (one, other) in enumerate(alike) if one != other), len(self._given))
        self._given = shown
        return shown[same:]


def _plain_pieces(pieces: Iterator[str]) -> Iterator[str]:
    growing, broken = _Growing(), None
    try:
        for piece in pieces:
            if new := growing.more(piece):
                yield new
    except Exception as error:
        broken = error
    if new := growing.rest():
        yield new
    if broken is not None:
        raise broken


async def _plain_as_it_comes(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    growing, broken = _Growing(), None
    try:
        async for piece in pieces:
            if new := growing.more(piece):
                yield new
    except Exception as error:
        broken = error
    if new := growing.rest():
        yield new
    if broken is not None:
        raise broken


def _plain(markdown: str) -> str:
    from markdown_it.tree import SyntaxTreeNode

    text = _blocks(SyntaxTreeNode(_without_used(_parser().parse(markdown)))).strip("\n")
    return _TAG.sub("＜", text).replace(_OURS, "<")


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "inline_definitions": True})
    parser.block.ruler.before("reference", "footnote", _footnote)
    parser.block.ruler.at("table", _wide_table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("escape", "literal", _literal)
    parser.inline.ruler.before("escape", "tag", _tag)
    parser.inline.ruler.before("emphasis", "strong", _strong)
    return parser.enable("table")


def _without_used(tokens: Sequence[Any]) -> list[Any]:
    """Without the definitions of what is linked somewhere: ``[1]: http://…``. The others would be lost."""
    inline = [child for token in tokens for child in token.children or ()]
    linked = {token.attrs.get("href") or token.attrs.get("src") for token in inline}
    return [token for token in tokens if token.type != "definition" or token.meta["url"] not in linked]


def _footnote(state: Any, start: int, end: int, silent: bool) -> bool:
    """``[^1]: …`` is words, and no definition of a link."""
    from markdown_it.rules_block import paragraph

    begins = state.bMarks[start] + state.tShift[start]
    return state.src.startswith("[^", begins) and not silent and paragraph(state, start, end, silent)


def _wide_table(state: Any, start: int, end: int, silent: bool) -> bool:
    """A table, with the cells of a row that it has no column for in its last one."""
    from markdown_it.rules_block import table

    before = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    cells: list[Any] = []
    for token in state.tokens[before:]:
        if token.type == "inline":
            cells.append(token)
        elif token.type == "tr_close":
            line = cells[0].map[0]
            written = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
            more = _BETWEEN_CELLS.split(_AROUND_CELLS.sub("", written.strip()))[len(cells) :]
            cells[-1].content = " | ".join((cells[-1].content, *map(str.strip, more)))
            cells = []
    return True


def _tag(state: Any, silent: bool) -> bool:
    """A tag that means nothing to WeChat: shown is what it stands around."""
    raised = _RAISED.match(state.src, state.pos, state.posMax)
    match = raised or _MARKUP.match(state.src, state.pos, state.posMax)
    if match is None or not (raised or _paired(state.src, match)):
        return False
    if not silent:
        state.pending += _small(match) if raised else _INSTEAD.get(match[1] + match[2].lower(), "")
    state.pos = match.end()
    return True


def _paired(text: str, tag: re.Match[str]) -> bool:
    """Whether its partner stands near, or it is alone on its line."""
    before, behind = text[max(0, tag.start() - _NEAR) : tag.start()], text[tag.end() : tag.end() + _NEAR]
    partner = rf"<{tag[2]}\b" if tag[1] else rf"</{tag[2]}\b"
    if re.search(partner, _SPAN.sub("", before if tag[1] else behind), re.IGNORECASE):
        return True
    alone = not (before.rpartition("\n")[2] + behind.partition("\n")[0]).strip()
    return alone and tag[2].lower() in _BLOCK_TAGS


def _small(tag: re.Match[str]) -> str:
    sign, signs = _SMALL[tag[1].lower()]
    if all(character in signs for character in tag[2]):
        return "".join(signs[character] for character in tag[2])
    return f"{sign}{{{tag[2]}}}"


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
        block = _BLOCKS.get(child.type, _blocks)(child)
        if not block:
            continue
        tight = child.hidden or before == "heading" or before == child.type == "definition"
        tight = tight or (node.type == "list_item" and child.type.endswith("_list"))
        text += ("" if not text else "\n" if tight else "\n\n") + block
        before = child.type
    return text


def _heading(node: Node) -> str:
    text = _inline(node).strip()
    if node.markup in ("-", "=") and _SENTENCE.search(text):  # a paragraph, and --- at once below it
        return f"{text}\n\n{_RULE}"
    return f"【{text}】" if text else ""


def _definition(node: Node) -> str:
    return " ".join(filter(None, (f"[{node.meta['label']}]:", node.meta["url"], node.meta["title"])))


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
    head, *rows = [[_cell(cell) for cell in row.children] for part in node.children for row in part.children]
    if len(head) <= 2:
        return "\n".join("：".join(filter(None, row)) for row in [head, *rows])
    lines = [
        [f"{name}：{cell}" if name else cell for name, cell in zip(head, row, strict=True) if cell] for row in rows
    ]
    return "\n".join(f"• {'，'.join(line)}" for line in lines)


def _cell(node: Node) -> str:
    """Its lines in one: a row is a line."""
    return "；".join(filter(None, map(str.strip, _inline(node).split("\n"))))


_BLOCKS: Mapping[str, Callable[[Node], str]] = {
    "heading": _heading,
    "paragraph": lambda node: _inline(node).strip("\n"),
    "bullet_list": _list,
    "ordered_list": _list,
    "fence": _code,
    "code_block": _code,
    "blockquote": _quote,
    "table": _table,
    "hr": lambda node: _RULE,
    "definition": _definition,
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
    if address.startswith(_NOWHERE):
        return label
    if _WEB.match(address) is None:
        return f"{label}（{unquote(address)}）"
    label = f"[{label}]" if label.isdecimal() else label  # of 增长5[1] 51 would be left
    return f'{_OURS}a href="{quote(address, safe=_ADDRESS)}">{label.replace("<", "＜")}{_OURS}/a>'


_INLINE: Mapping[str, Callable[[Node], str]] = {
    "text": _text,
    "code_inline": lambda node: node.content,
    "softbreak": lambda node: "\n",
    "hardbreak": lambda node: "\n",
    "link": _link,
    "image": _image,
}
