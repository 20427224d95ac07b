"""What a language model writes, as WeChat shows it."""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wechat import plain

SHOWN = {
    "words": ("你好，世界", "你好，世界"),
    "nothing": ("", ""),
    "emphasis": ("**粗**，*斜*，__粗__，_斜_，***两样***", "粗，斜，粗，斜，两样"),
    "what is struck out": ("原价 ~~100 元~~，<del>旧</del> <s>**错**</s>", "原价 ~~100 元~~，~~旧~~ ~~错~~"),
    "emphasis beside Chinese marks": (
        "这是**重点：**内容，他说**“你好”**。**《书》**是**100%**的",
        "这是重点：内容，他说“你好”。《书》是100%的",
    ),
    "what is multiplied": ("2*3*4=24，12*3=36，f=2*x*y，2**3 和 4**5", "2*3*4=24，12*3=36，f=2*x*y，2**3 和 4**5"),
    "a tag in pieces": ("<**a** href='x'>hi `<`a b", "＜a href='x'>hi ＜a b"),
    "a picture as a link": (
        "[![i](http://a.cn/i.png)](http://a.cn) [](http://b.cn)",
        '<a href="http://a.cn">i</a> http://b.cn',
    ),
    "names of Python, and of many files": (
        "__init__.py，`__x__` 和 __main__，*.py,*.txt，src/*/x/**/y",
        "__init__.py，__x__ 和 __main__，*.py,*.txt，src/*/x/**/y",
    ),
    "what is no emphasis": ("2 * 3 * 4，snake_case_name，5*", "2 * 3 * 4，snake_case_name，5*"),
    "escaped": (r"\*不斜\* 1\. 一", "*不斜* 1. 一"),
    "headings": ("# 一\n## 二 **粗**\n文\n\n三\n===\n尾", "【一】\n【二 粗】\n文\n\n【三】\n尾"),
    "paragraphs": ("一\n二  \n三\n\n四", "一\n二\n三\n\n四"),
    "brackets that are no heading": ("见【附录】\n\n完", "见【附录】\n\n完"),
    "a list": ("- 一\n- 二 **粗**\n* 三", "• 一\n• 二 粗\n\n• 三"),
    "a numbered list": ("3. 三\n4. 四", "3. 三\n4. 四"),
    "lists within lists": ("- 一\n  - 甲\n    1. 子\n- 二", "• 一\n  • 甲\n    1. 子\n• 二"),
    "a loose list": ("- 一\n\n  续\n\n- 二", "• 一\n\n  续\n• 二"),
    "a list behind words": ("有：\n- 一\n- 二\n\n完", "有：\n\n• 一\n• 二\n\n完"),
    "tasks": ("- [x] 做了\n- [ ] 没做", "• [x] 做了\n• [ ] 没做"),
    "a table of two": ("|名|价|\n|-|-|\n|苹果|**3元**|\n|梨||", "名：价\n苹果：3元\n梨"),
    "a table of three": ("|名|价|量|\n|-|-|-|\n|苹果|3|5|\n|梨||2|", "• 名：苹果，价：3，量：5\n• 名：梨，量：2"),
    "a table with more cells than columns": ("|名|价|\n|-|-|\n|`a|b`|3|4|\n|梨|", "名：价\n`a：b` | 3 | 4\n梨"),
    "a table in a list": ("- |名|价|\n  |-|-|\n  |梨|3\\|4|5|", "• 名：价\n  梨：3|4 | 5"),
    "lines in a cell": ("|名|价|\n|-|-|\n|苹果<br>梨|3|", "名：价\n苹果；梨：3"),
    "a fence": ("```python\nif a < b:\n    go()\n\nx = '*'\n```\n完", "  if a < b:\n      go()\n\n  x = '*'\n\n完"),
    "an open fence": ("```\nx", "  x"),
    "code": ("用 `pip install **x**`", "用 pip install **x**"),
    "a quotation": ("> 一\n> 二\n\n三", "> 一\n> 二\n\n三"),
    "a rule": ("一\n\n---\n\n二", "一\n\n————\n\n二"),
    "a rule at once below a paragraph": ("一，二。\n---\n三\n四\n---\n五", "一，二。\n\n————\n三\n四\n\n————\n五"),
    "a rule of another kind at once below a paragraph": (
        "你好。\n===\n好？世界\n---\n一\n二\n===",
        "你好。\n\n————\n好？世界\n\n————\n一\n二\n\n————",
    ),
    "a heading underlined": ("一\n---\n二", "【一】\n二"),
    "a heading without words": ("#\n\n一", "一"),
    "a link": ("看[这里](https://a.cn/b?c=1&d=2)。", '看<a href="https://a.cn/b?c=1&d=2">这里</a>。'),
    "a link of emphasis": ("[**粗**](http://a.cn)", '<a href="http://a.cn">粗</a>'),
    "a link in Chinese": ("[书](https://a.cn/书)", '<a href="https://a.cn/%E4%B9%A6">书</a>'),
    "a link with quotes": ('[a](https://a.cn/"b)', '<a href="https://a.cn/%22b">a</a>'),
    "a bare address": (
        "https://a.cn/_b_/_c_ 和 **http://a.cn** 和 <https://a.cn/d>",
        "https://a.cn/_b_/_c_ 和 http://a.cn 和 https://a.cn/d",
    ),
    "a link to elsewhere": (
        "[文](docs/a.md) <me@a.cn> [我](mailto:me@a.cn)",
        "文（docs/a.md） me@a.cn 我（mailto:me@a.cn）",
    ),
    "a link within the text": ("- [一、简介](#一简介)\n- [图](图/1.png)", "• 一、简介\n• 图（图/1.png）"),
    "a picture in the address": ("![猫](data:image/png;base64,AAAA)", "猫"),
    "a tap link of its own": (
        "[点](weixin://bizmsgmenu?msgmenucontent=x)",
        "点（weixin://bizmsgmenu?msgmenucontent=x）",
    ),
    "an address as its own label": ("[https://a.cn/_b_](https://a.cn/_b_)", "https://a.cn/_b_"),
    "pictures": (
        "![猫](https://a.cn/1.png)![](http://a.cn/2)",
        '<a href="https://a.cn/1.png">猫</a><a href="http://a.cn/2">图片</a>',
    ),
    "a stray tag": ('<a href="x">点</a> <A b <a', '＜a href="x">点＜/a> ＜A b ＜a'),
    "tags of emphasis": (
        '<b>粗**x**</b> <span style="color:red">红</span> <U>线</U> [<i>斜</i>](http://a.cn)',
        '粗x 红 线 <a href="http://a.cn">斜</a>',
    ),
    "other tags": ("1 < 2 <x>y</x> a<b 用 <b>、<p> 和 `<b>x</b>`", "1 < 2 <x>y</x> a<b 用 <b>、<p> 和 <b>x</b>"),
    "tags of blocks": (
        '<details>\n<summary>点开</summary>\n\n内容\n\n</details>\n\n<div align="center">\n中\n</div>\n\n<p>一</p><p>二</p>',
        "点开\n\n内容\n\n中\n\n一\n二",
    ),
    "raised and lowered": (
        "x<sup>2</sup>，H<sub>2</sub>O，x<SUP>n-1</SUP>，a<sub>i</sub>，**1<sup>2**</sup>",
        "x²，H₂O，xⁿ⁻¹，a_{i}，1<sup>2</sup>",
    ),
    "footnotes": (
        "一[^1]二[^注]\n\n[^1]: 出处\n[^注]: **见** http://a.cn\n\n- [^2]: 三",
        "一[^1]二[^注]\n\n[^1]: 出处\n[^注]: 见 http://a.cn\n\n• [^2]: 三",
    ),
    "a footnote like an address": ("文[^1]\n\n[^1]: 出处", "文[^1]\n\n[^1]: 出处"),
    "sources that are linked": (
        "增长5[1]，见[文][2]\n\n[1]: http://a.cn\n[2]: http://b.cn",
        '增长5<a href="http://a.cn">[1]</a>，见<a href="http://b.cn">文</a>',
    ),
    "sources that are not": (
        '文\n\n[1]: http://a.cn "题"\n[二]: http://b.cn\n\n尾',
        "文\n\n[1]: http://a.cn 题\n[二]: http://b.cn\n\n尾",
    ),
    "a break": ("一<br>二<BR/> 三", "一\n二\n三"),
    "a tag in code": ("`<a>`\n\n    <a>", "＜a>\n\n  ＜a>"),
    "a formula": (r"$a_1*b_2*c$，$$x^*\\y^*$$，\(a*b*c\)，\[_d_\]", r"$a_1*b_2*c$，$$x^*\\y^*$$，\(a*b*c\)，\[_d_\]"),
    "money": ("$5 和 **$6** 和 $7", "$5 和 $6 和 $7"),
    "entities": ("&lt;a&gt; &amp; &copy;", "＜a> & ©"),
}


@pytest.mark.parametrize(("markdown", "text"), SHOWN.values(), ids=SHOWN)
def test_markdown_is_shown_as_text(markdown: str, text: str) -> None:
    assert plain(markdown) == text


MARKS = st.text(st.sampled_from("*_`~#>-+|[]()<>!\\$&;:/ab1 \n\t。a^"), max_size=60)
TAGS = st.lists(
    st.sampled_from(
        [*"<ba|-\n", "<b>", "</b>", "<a>", "</a>", "<sup>", "</sup>", "<p>", "</p>", "<s>", "[^1]:", "[1]:"]
    )
)


@given(MARKS | st.text() | TAGS.map("".join))
def test_whatever_is_written_no_tag_is_left_but_a_link_that_is_closed(markdown: str) -> None:
    text = plain(markdown)
    assert re.search(r"</?a\b", re.sub(r'<a href="https?://[^"<>]*">[^<]*</a>', "", text), re.IGNORECASE) is None
    assert not text.startswith("\n")
    assert not text.endswith("\n")


ANSWERS = [
    "第一句。第二句有**重点。**第三句！\n第四句？还有`代码。`完。",
    "步骤：\n1. **甲**：说明。\n2. 乙。细节。\n   - 子项。\n   - **子项**\n\n   又一段。\n3. 丙\n\n完。",
    "- 甲。\n\n- 乙。\n\n# 标题。\n正文。\n\n> 引用。又一句。\n\n---\n\n*完*。",
    "看：\n\n```\n一。\n\n- 二。\n三\n```\n\n价格 $1。再看[链接。](https://example.com/a。b)。",
    "| 名称 | 说明。 |\n| --- | --- |\n| 甲 | 一。 |\n| 乙 | 二。 |\n\n完。",
    "\n\n开头空行。\n\n\n结尾空行。\n\n",
]


@pytest.mark.parametrize("markdown", ANSWERS)
def test_an_answer_is_the_same_character_by_character(markdown: str) -> None:
    pieces = list(plain(iter(markdown)))
    assert "".join(pieces) == plain(markdown)
    assert len(pieces) > 1


#: what one line may make of those above it, and of a sign that is open
LINES = [
    *("你好。", "问？", "世界", "1。", "\n", "\n\n", "\n===\n", "\n---\n", "=", " ", "# 题", "> 引"),
    *("1. 甲", "2. 乙", "3) 丙", "12. 丑", "- 子", "   - 孙", "\n2. 丁", "\n   文"),
    *("**粗", "**", "*", "`a`", "```\n", "| a | b |\n|-|-|\n", "| 1 | 2 |\n"),
    *("<details>", "</details>", "<summary>点</summary>", "<div>\n", "</div>\n", "<b>", "</b>"),
]


def in_pieces(text: str, sizes: Iterator[int]) -> Iterator[str]:
    while text:
        size = next(sizes)
        yield text[:size]
        text = text[size:]


@given(
    st.lists(st.sampled_from(sorted(SHOWN)), min_size=1, max_size=5), st.sampled_from(["\n\n", "。\n", "。"]), st.data()
)
def test_the_pieces_of_a_text_that_comes_in_pieces_are_the_whole(
    names: list[str], between: str, data: st.DataObject
) -> None:
    markdown = between.join(SHOWN[name][0] for name in names)
    sizes = itertools.cycle(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))
    assert "".join(plain(in_pieces(markdown, sizes))) == plain(markdown)


@given(st.lists(st.sampled_from(LINES), max_size=14).map("".join))
@example("你好。\n===\n结束")
@example("问？世界\n---\n")
@example("**文\n2. 粗**")
@example("文\n   - **子\n2. 粗**")
@example("2. 乙\n---\n**文\n3. 粗**")
@example("12. \n===\n**文\n2. 粗**")
@example("**文\n- \n粗**")
@example("<details>\n\n你好。\n\n</details>")
def test_what_is_given_of_a_text_is_changed_by_nothing_that_comes_behind_it(markdown: str) -> None:
    assert "".join(plain(iter(markdown))) == plain(markdown)


def test_the_items_of_a_numbered_list_come_one_by_one() -> None:
    pieces = list(plain(iter("步骤：\n\n2. **甲**：说明\n   - 子*项*\n3. **乙**\n4. **丙**\n")))
    assert pieces == ["步骤：", "\n\n2. 甲：说明", "\n  • 子项", "\n3. 乙", "\n4. 丙"]


@given(MARKS | TAGS.map("".join))
def test_whatever_comes_in_pieces_no_piece_comes_twice(markdown: str) -> None:
    """What was given cannot be taken back, but its length tells."""
    whole, pieces = plain(markdown), "".join(plain(iter(markdown)))
    assert len(pieces) <= 2 * len(whole) + 1
    assert pieces[-1:] == whole[-1:]


def test_a_piece_comes_as_soon_as_it_stays_as_it_is() -> None:
    came = []

    def model() -> Iterator[str]:
        for piece in ("**长城**很长", "。\n\n", "它有", "两万公里。", "\n\n- 秦", "\n- 明**朝", "**\n\n", "完"):
            came.append(piece)
            yield piece

    given = [(len(came), piece) for piece in plain(model())]
    assert given == [
        (2, "长城很长。"),
        (5, "\n\n它有两万公里。"),
        (6, "\n\n• 秦"),
        (7, "\n• 明朝"),
        (8, "\n\n完"),
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_text_that_breaks_off_is_given_as_far_as_it_came(asynchronous: bool) -> None:
    def model() -> Iterator[str]:
        yield "一。**二"
        raise OSError("broken off")

    async def as_it_comes() -> AsyncIterator[str]:
        for piece in model():
            yield piece

    async def collect_as_it_comes() -> None:
        async for piece in plain(as_it_comes()):
            given.append(piece)

    def collect() -> None:
        given.extend(plain(model()))

    given: list[str] = []
    with pytest.raises(OSError, match="broken off"):
        asyncio.run(collect_as_it_comes()) if asynchronous else collect()
    assert "".join(given) == "一。**二"


@pytest.mark.parametrize(
    "odd",
    [
        "*" * 20_000,
        "[" * 20_000,
        "> " * 5_000,
        "`" * 20_000,
        "$" * 20_000,
        "- " * 5_000,
        "<a" * 20_000,
        "\\(" * 10_000,
        "\\[" * 10_000,
        "**a" * 5_000,
        "<b>" * 6_000,
        "</p>" * 5_000,
        "<sup>" * 4_000,
        "[1]: http://a.cn\n" * 1_200,
        "[^1]: a\n" * 2_500,
        "|a|b|\n|-|-|\n" + "|1|2|3|\n" * 2_500,
    ],
)
def test_no_markdown_takes_long(odd: str) -> None:
    began = time.process_time()
    plain(odd)
    assert time.process_time() - began < 5


def test_the_parser_is_loaded_when_it_is_used() -> None:
    code = "import sys, wechat; assert 'markdown_it' not in sys.modules; wechat.plain('x'); assert 'markdown_it' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
