"""What a language model writes, as WeChat shows it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat import plain

SHOWN = {
    "words": ("你好，世界", "你好，世界"),
    "nothing": ("", ""),
    "emphasis": ("**粗**，*斜*，__粗__，_斜_，***两样***，~~删~~", "粗，斜，粗，斜，两样，删"),
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
    "a fence": ("```python\nif a < b:\n    go()\n\nx = '*'\n```\n完", "  if a < b:\n      go()\n\n  x = '*'\n\n完"),
    "an open fence": ("```\nx", "  x"),
    "code": ("用 `pip install **x**`", "用 pip install **x**"),
    "a quotation": ("> 一\n> 二\n\n三", "> 一\n> 二\n\n三"),
    "a rule": ("一\n\n---\n\n二", "一\n\n————\n\n二"),
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
    "other tags": ("1 < 2 <b>x</b> a<b", "1 < 2 <b>x</b> a<b"),
    "a break": ("一<br>二<BR/> 三", "一\n二\n三"),
    "a tag in code": ("`<a>`\n\n    <a>", "＜a>\n\n  ＜a>"),
    "a formula": (r"$a_1*b_2*c$，$$x^*\\y^*$$，\(a*b*c\)，\[_d_\]", r"$a_1*b_2*c$，$$x^*\\y^*$$，\(a*b*c\)，\[_d_\]"),
    "money": ("$5 和 **$6** 和 $7", "$5 和 $6 和 $7"),
    "entities": ("&lt;a&gt; &amp; &copy;", "＜a> & ©"),
}


@pytest.mark.parametrize(("markdown", "text"), SHOWN.values(), ids=SHOWN)
def test_markdown_is_shown_as_text(markdown: str, text: str) -> None:
    assert plain(markdown) == text


MARKS = st.text(st.sampled_from("*_`~#>-+|[]()<>!\\$&;:/ab1 \n\t。a"), max_size=60)


@given(MARKS | st.text())
def test_whatever_is_written_no_tag_is_left_but_a_link_that_is_closed(markdown: str) -> None:
    text = plain(markdown)
    assert re.search(r"</?a\b", re.sub(r'<a href="https?://[^"<>]*">[^<]*</a>', "", text), re.IGNORECASE) is None
    assert not text.startswith("\n")
    assert not text.endswith("\n")


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
    ],
)
def test_no_markdown_takes_long(odd: str) -> None:
    began = time.process_time()
    plain(odd)
    assert time.process_time() - began < 5


def test_the_parser_is_loaded_when_it_is_used() -> None:
    code = "import sys, wechat; assert 'markdown_it' not in sys.modules; wechat.plain('x'); assert 'markdown_it' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
