"""What the prompts understand, what they refuse, and which arguments they take."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import itertools
import math
import time
import typing
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from talk import Chat
from wechat import Bot, GaveUp, ImageMessage, step
from wechat.dialog import Ask, Call, Sentence
from wechat.errors import ConfigurationError
from wechat.meaning import tidy
from wechat.medium import Medium
from wechat.prompts import More, ask
from wechat.replay import Said
from wechat.texts import CHINESE, ENGLISH

REFUSED = "(refused)"
#: when everything in the tables was said: a Friday in Beijing, and still Thursday in London
SAID = dt.datetime(2026, 11, 27, 7, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def words(spaced: str, *others: str) -> list[str]:
    """Texts without spaces in them, written as one; and others."""
    return [*spaced.split(" "), *others]


def meant(prompt: Any, text: str) -> Any:
    """What a prompt makes of a text; only ValueError is a refusal."""
    assert isinstance(prompt, Ask)
    assert prompt.read is not None
    try:
        return prompt.read(text, SAID) if prompt.dated else prompt.read(text)
    except ValueError:
        return REFUSED


class Level(enum.Enum):
    新手 = "new"
    老手 = "old"


NUMBER = ask.number("几个？")
AGE = ask.number("年龄？", 1, 149)
CONFIRM = ask.confirm("对吗？")
FRUIT = ask.choice("哪个？", ["苹果", "香蕉"])
SWAPPED = ask.choice("哪个？", ["2", "1"])
TABLE = ask.choice("几人桌？", ["2人", "10人"])
DRINK = ask.choice("喝什么？", ["苹果", "苹果汁", "要冰", "不要冰", "C++", "C"])
MONTH = ask.choice("哪个月？", [f"{name}月" for name in "甲乙丙丁戊己庚辛壬癸子丑"])
SERVICE = ask.choice("做什么？", {"查订单": "order", "找人工": None})
SIZE = ask.choice("多大？", ["10m²", "20m²"])
ROOM = ask.choice("哪种？", ["单人间", "电话咨询", "不要早餐", "“大床”"])
MARKS = ask.choice("怎么了？", ["?", "!"])
ONLY = ask.choice("哪个？", ["冰"])
LEVEL = ask.choice("您是？", Level)
NAME = ask.text("怎么称呼您？", longest=5)
MONEY = ask.amount("多少钱？")
PRICE = ask.amount("出价？", Decimal("0.5"), 100)
BALANCE = ask.amount("结余？", -10)
DAY = ask.date("哪天？")
COMING = ask.date("哪天来？", SAID.date())
RECENT = ask.date("哪天的？", SAID.date() - dt.timedelta(days=7), SAID.date())
YEAR = ask.date("哪天？", dt.date(2026, 1, 1), dt.date(2026, 12, 31))
SOON = ask.date("哪天？", dt.date(2026, 12, 10))
BORN = ask.date("生日？", dt.date(1900, 1, 1), SAID.date())
CLOCK = ask.time("几点？")
OPEN = ask.time("几点来？", dt.time(9), dt.time(18))
PHONE = ask.phone("手机号？")
SEVERAL = ask.choices("要哪些？", ["苹果", "香蕉", "梨"])
TWO = ask.choices("哪两个？", ["苹果", "香蕉", "梨"], least=2, most=2)
SOME = ask.choices("还要什么？", ["糖和奶", "冰"], least=0)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.time:
    return dt.time.fromisoformat(text)


def yuan(text: str) -> Decimal:
    return Decimal(text)


#: of each prompt: what is meant, and the texts that mean it; REFUSED: texts that mean nothing
MEANINGS: dict[str, tuple[Any, dict[Any, list[str]]]] = {
    "number": (
        NUMBER,
        {
            3: words(
                "3 ３ 3。 3！ 03 +3 𝟑 3\ufe0f\u20e3 \u202d3\u202c 三 叁 3个 3个吧 三个吧。 3件 3位 3人 "
                "3份 3本 3张 3条 3次 3天 3个月 3公斤 三斤 仨 我们仨 我们三个 我们有3个人 共3人 一共3个 要3个 我要3个 来三个 就3个 "
                "只要3个吧 3个就行 三个就好了 3个谢谢 “3” 「3个」 3个啦 3哈 3场 三节 3kg 3cm 3平米 3米 3年级",
                " 3 ",
                "3 ~",
                "3 个",
            ),
            0: words("0 零 〇 -0"),
            1: words("就我一个 我一个人"),
            2: words("两 两个 兩個 俩 两位的 两个小时 我们俩 咱俩 来两个 两个就够了"),
            30: words("30了"),
            10: words("十 十个人"),
            12: words("十二 一十二 12月"),
            20: words("二十"),
            21: words("二十一"),
            99: words("九十九"),
            100: words("一百"),
            105: words("一百零五 一百〇五"),
            110: words("一百一十 一百十"),
            115: words("一百一十五"),
            200: words("两百"),
            222: words("二百二十二"),
            1000: words("一千"),
            1001: words("一千零一"),
            1010: words("一千零一十 一千零十"),
            1100: words("一千一百"),
            2024: words("两千零二十四 2024年"),
            30_000: words("三万 3万 3萬 3.0万", "3 万"),
            30_005: words("三万零五 3万零5"),
            30_500: words("三万零五百 3万零500"),
            35_000: words("三万五千 3万5 3万5千 3万5000 3.5万 三万5"),
            12_000: words("1万2 1万2千 1.2万 一万二"),
            12_500: words("1万2千5 1万2500 1.25万"),
            123_000: words("12万3 十二万三"),
            250: words("2百5 2百50 2百5十 二百五"),
            100_000: words("十万"),
            305_000: words("三十万五千 三十万五 30万5"),
            1_000_000: words("一百万"),
            20_000_000: words("两千万"),
            100_000_000: words("一亿"),
            100_000_005: words("一亿零五"),
            1_000_005_000: words("十亿零五千"),
            200_000_000: words("两亿 2亿"),
            120_000_000: words("1亿2 1亿2千万 1亿2000万 1.2亿"),
            105_000_000: words("一亿零五百万"),
            150: words("一百五"),
            3500: words("三千五 3千5 3千5百"),
            25_000: words("两万五"),
            150_000_000: words("一亿五"),
            123: words("壹佰贰拾叁"),
            3000: words("3,000 3，000 3千 3000米"),
            1_234_567: words("1,234,567"),
            500: words("5百"),
            10_000_000: words("1000万"),
            -1: words("-1 －1 −1"),
            -3: words("负三 负3"),
            -105: words("负一百零五"),
            18: words("18岁 18周岁 我18 今年18 我今年18岁了"),
            5: words("5块 5块钱 5元"),
            8: words("8号"),
            REFUSED: words(
                "12abc abc12 3.5 3.0 1e3 1E3 0x10 3_000 ² 3² ① 1① ½ ⅓ Ⅲ ㈢ 半 一半 一个半 半个 三四 "
                "三四个 一二三 二〇二四 几个 十几个 一百多 两三个 零三 十两 十两万 两十 一百零零五 "
                "一百零五十 一千五十 一千零零五 三万五百 三万零五千 五百万五 500万5 百 千 万 亿 万亿 "
                "三万万 三亿亿 十十 百十 一零 3万零 3万05 3万50 3千50 3万零5百零 20十 100十 1,2万3 3万亿 0.00005万 1.5千 3千米 三千米 两对 3千克 三千克 1,2 3,00 1,0000 ,000 3,,000 "
                "3-4 3~4 3/4 3：4 3个半 #3 第三 第三个 - -- 负 负负三 --3 -负三 + 三点五 三分之一 十分 "
                "一点 一样 千万 万一 ٣ 个 位 个个 3k 3w 3w5 ３．５ 3% 3呢 3吗 3？个 不要3个 要不要3个 3个不够 3到5个 就行 一共 我们 “” None null nan NaN inf -inf Infinity "
                "True 无 没有 😀 3😀 👍 \x00 3\x00 \x1b[3m \ud800 。 吧 的了 \u200b 请给我3个",
                "",
                " ",
                "\u3000",
                "3 4",
                "3\n4",
                "- 3",
                "3个 4个",
            ),
        },
    ),
    "age": (
        AGE,
        {
            1: words("1"),
            149: words("149 一百四十九"),
            18: words("十八岁"),
            REFUSED: words("0 150 -1 负三 3万 零 99999999999999999999"),
        },
    ),
    "confirm": (
        CONFIRM,
        {
            True: words(
                "是 是的 对 对的 好 好的 好吧 好的吧 好呀 嗯 行 行吧 可以 可以的 没错 确认 確認 ok OK ＯＫ "
                "Ok. ok的 okay y Y yes YES 1 １ ① 1. (1) 一 第一个 1、是 1.好 是。 是！ 是的是的 好的好的 "
                "嗯嗯 没问题 要 对啊 \u200b是 好滴 好哒 好啦 好嘞 好哈 好的呢 嗯呢 是呢 对对对 好好好 嗯嗯嗯 okok 有 有的 需要 "
                "我要 我同意 我确认 就这样吧 那好吧 当然可以 “是” 「好的」 好的谢谢 好的，谢谢您 嗯，好的 嗯嗯好的 哦好 是的，没错 "
                "对，是的。 好！好！ 👌 👌🏻 👍🏿👍🏿 ✅ [OK]",
                " 是 ",
                "1. 是",
            ),
            False: words(
                "不 不是 不是的 不对 不要 不要了 不用 不用了 不行 否 没有 没有啊 没 算了 算了吧 n N no No. "
                "2 ２ ② 2. 二 第二个 2、否 2.不要 不用啦 不用了谢谢 不了，谢谢 不不不 不用不用 没有没有 不需要 我不要 我没有 无 没呢 "
                "别 哦不 嗯，不用了 “否” ❌ 别了 别吧 没有吧 不会 不会的 不，不用 没有，不对 不，错了 不对，错了",
                "不 不用了",
                "不对 错了",
                "2. 否",
            ),
            REFUSED: words(
                "好像不是 不是不行 是不是 不好说 是吗 好不好 行不行 可不可以 不是吗 是否 对不对 好像是 "
                "也许 不一定 不知道 随便 3 0 12 11 21 ² ½ 1① 两个 最后一个 1、否 2、是 1.不要 2.好 None "
                "null true false 是是非非 okey-dokey 😀 。 吧 的 了 \x00 是？ 可以? 好？ 嗯？ 对吗？ 好嘛 是嘛 我想想 想想 确认确认 "
                "没有不对 不会吧 不是吧 不会吧！ 不是吧啊 不能吧 嗯，不会吧 别的 别的吧 没，错 没，错了 好是好 要不要 我要不要 有没有 我好 我是不是 好，不用了 不，要 不确定 都行 哦 啊 谢谢 不客气 不好意思 等等 取消",
                "",
                " ",
                *("没 错", "不 错", "没有 错", "无 错", "不是 错", "没 不对", "不 不对", "没有 不对 的", "嗯 不是 错"),
                "yes no",
                "不 要",
                "是\n否",
                "1 2",
            ),
        },
    ),
    "choice": (
        FRUIT,
        {
            "苹果": words(
                "1 １ ① ⑴ ⒈ ㈠ 1. 1。 (1) （1） 1\ufe0f\u20e3 01 1号 一 一吧 第一 第1个 第一个 第一个吧 "
                "第一项 选项1 选1 选第一个 我要第一个 1、苹果 1.苹果 １．苹果 1苹果 ①苹果 苹果 苹果。 "
                "苹果吧 苹 选苹果 选择苹果 我选苹果 我要苹果 要苹果 想要苹果 我就要苹果吧 "
                "就苹果 那就苹果吧 还是苹果吧 来苹果 只要苹果 回复1 来第一个 “苹果” 「1」 苹果就行 苹果就好了 苹果，谢谢 苹果啦",
                "1. 苹果",
                "1) 苹果",
                " 苹果 ",
                "选 苹果",
            ),
            "香蕉": words("2 二 ② 第二个 最后一个 最后 倒数第一个 香蕉 香 2、香蕉 选香蕉 最后1个 最后一种"),
            REFUSED: words(
                "苹果香蕉 苹果和香蕉 果 蕉 3 0 00 -1 三 零 第三个 第零个 1.5 1e0 12 11 21 1① ①① ² ½ 两 "
                "两个 一个 1个 2个 第两个 半 都要 不要苹果 不选苹果 随便 1、香蕉 2.苹果 1香蕉 。 吧 选 "
                "要苹 就苹 来一个 就行 谢谢 苹果呢 苹果吗 要不要苹果 来不来苹果 还是 那就 我要 1、2 None 😀 \x00 1\x00",
                "",
                " ",
                "1 2",
                "苹果\n香蕉",
            ),
        },
    ),
    "a label beats its ordinal": (
        SWAPPED,
        {
            "1": words("1 ①"),
            "2": words("2 第一个"),
            REFUSED: words("12 21 11 3 0 一 二"),
        },
    ),
    "labels that count down in digits": (
        ask.choice("几人？", ["5人", "4人", "3人", "2人", "1人"]),
        {
            "5人": words("5人 第一个 选项1 1、5人"),
            "3人": words("3 三 ③ 3人 我要三"),
            "1人": words("最后一个"),
            REFUSED: words("1 一 ① 一吧 2 4 四 5 五 1号 (1) 我要五"),
        },
    ),
    "labels that count down in numerals": (
        ask.choice("几人？", ["五人", "四人", "三人", "两人", "一人"]),
        {
            "三人": words("3 三 ③"),
            "两人": words("两 第四个"),
            REFUSED: words("5 五 ⑤ 1 一 4 四 2"),
        },
    ),
    "hours": (
        ask.choice("多久？", ["2小时", "1.5小时", "1小时"]),
        {"2小时": words("第一个"), "1小时": words("3 三"), REFUSED: words("一 1 二 2")},
    ),
    "floors": (ask.choice("几楼？", ["三楼", "二楼", "一楼"]), {"二楼": words("2 二"), REFUSED: words("1 一 3 三")}),
    "times of day": (
        ask.choice("几点？", ["上午十点", "上午九点", "下午三点", "下午2点半", "晚上8点", "一点"]),
        {"晚上8点": words("8 八 5"), "下午三点": words("3 三 第三个"), REFUSED: words("2 二 1")},
    ),
    "days of the week": (
        ask.choice("周几？", ["周三", "周二", "周一", "周日"]),
        {"周二": words("2 二"), "周日": words("4 四"), REFUSED: words("一 1 3 三")},
    ),
    "days of the week, named otherwise": (
        ask.choice("周几？", ["星期二", "周一", "都可以"]),
        {"都可以": words("3"), REFUSED: words("一 1 2 二")},
    ),
    "stars": (
        ask.choice("几星？", ["五星", "四星", "三星", "二星", "一星"]),
        {"三星": words("3 三"), "四星": words("第二个"), REFUSED: words("1 5 2 4 五")},
    ),
    "what numerals count, told by the others": (
        ask.choice("几居？", ["三居", "两居", "一居"]),
        {"两居": words("2 二 两"), "一居": words("第三个"), REFUSED: words("1 3 一 三")},
    ),
    "numbers that are cut": (
        ask.choice("多少？", ["100元", "50元", "20元", "1.5元", "三十元"]),
        {"100元": words("第一个 100"), "50元": words("2号 50"), REFUSED: words("10 1 5 2 三 1.")},
    ),
    "months": (ask.choice("几月？", ["3月", "2月", "1月"]), {"2月": words("2 二"), REFUSED: words("一 1 三")}),
    "days of a month": (
        ask.choice("几号？", ["8月3日", "8月2日", "8月1日"]),
        {"8月2日": words("2 二"), REFUSED: words("1 1号 一号 3 8 八")},
    ),
    "plans": (
        ask.choice("哪个？", ["方案二", "方案一", "都不要"]),
        {"方案二": words("第一个"), "都不要": words("3 三"), REFUSED: words("1 一 2 二")},
    ),
    "ordinals in labels": (
        ask.choice("哪场？", ["第二场", "第一场", "第三场"]),
        {"第三场": words("3 三 第三 第3"), REFUSED: words("1 一 第1 第一 第2 第二个")},
    ),
    "labels with a number behind, and words with a numeral before": (
        ask.choice("哪个？", ["三明治2元", "非常好3元", "一般1元", "一点辣"]),
        {"三明治2元": words("1"), "非常好3元": words("2 二"), "一般1元": words("3"), "一点辣": words("4 四")},
    ),
    "a word that is a no, and how another label begins": (
        ask.choice("去吗？", ["是", "否", "不确定"]),
        {"是": words("是 1"), "否": words("否 2"), "不确定": words("不确 3 不确定"), REFUSED: words("不 不。 没")},
    ),
    "exponents": (
        SIZE,
        {
            "10m²": words("10m2 10", "1. 10m²"),
            "20m²": words("20m² ②"),
        },
    ),
    "two meanings": (
        TABLE,
        {
            "2人": words("2人"),
            "10人": words("10 10人 第二个 最后一个"),
            REFUSED: words("1 2 ② 3 20人 人"),
        },
    ),
    "labels within labels": (
        DRINK,
        {
            "苹果": words("苹果 要苹果"),
            "苹果汁": words("苹果汁 2"),
            "要冰": words("要 要冰"),
            "不要冰": words("不要 不要冰 不"),
            "C++": words("c++"),
            "C": words("C"),
            REFUSED: words("苹 不要苹果 7 汁"),
        },
    ),
    "twelve": (
        MONTH,
        {
            "丑月": words("12 十二 第十二个 ⑫"),
            "甲月": words("1 甲"),
            "癸月": words("１０"),
            REFUSED: words("13 ⑬ 1月 月 ①① 1① ①1 1² ¹¹"),
        },
    ),
    "what is left of a word": (
        ROOM,
        {
            "单人间": words("单 单人 单人间 就单人间 要单人间 我要单人 那就单人间吧"),
            "电话咨询": words("来电话 电 电话"),
            "不要早餐": words("不要 不要早餐 就不要早餐"),
            "“大床”": words("“大床” “大床”吧"),
            REFUSED: words("买单 订单 来电 就电 要不要早餐 要不要"),
        },
    ),
    "nothing but marks": (
        MARKS,
        {
            "?": words("? ？ 1", " ?"),
            "!": words("! ！ 2"),
            REFUSED: words("。 ?? 3"),
        },
    ),
    "the only option": (
        ONLY,
        {
            "冰": words("冰 1 第一个 最后一个 要冰"),
            REFUSED: words("选 我要 要 吧 。 2", ""),
        },
    ),
    "mapping": (
        SERVICE,
        {
            "order": words("查 1"),
            None: words("找人工 2"),
            REFUSED: words("order None"),
        },
    ),
    "enum": (
        LEVEL,
        {
            Level.新手: words("新手"),
            Level.老手: words("2 老"),
            REFUSED: words("new Level 手"),
        },
    ),
    "amount": (
        MONEY,
        {
            yuan("12.5"): words(
                "12.5 12.50元 ￥12.5 ¥12.5 １２．５ 12.5。 12.5元吧 十二块五 十二块五毛 十二元五角 十二点五 12块5 12元5角 12.5块 12.5块钱 十二块半 12块半 12。5 "
                "一共12.5 我要12.5元 12块5毛吧 十二块零五毛",
                "¥ 12.5",
                "12.5 元",
            ),
            yuan("1200"): words(
                "¥1,200 1200 1200元 1,200.00 一千二 一千二百 一千二百元 1200元整 rmb1200 1200rmb 人民币1200元 0.12万 12百 1千2 1千2百 1.2k 一千二百整 1200整 人民币壹仟贰佰元整 壹仟贰佰圆正 "
                "1200块整 1200元人民币 ¥1200元"
            ),
            yuan("12"): words("￥12 十二块 十二块钱 12元 12.00 12.0"),
            yuan("0.5"): words("0.5 五毛 5毛 五角 0.50元 五毛钱"),
            yuan("0.05"): words("0.05 五分钱 5分"),
            yuan("0.35"): words("三毛五 三毛五分 0.35"),
            yuan("1.05"): words("一块零五分 1.05元 一元零五分"),
            yuan("3.50"): words("3元50 3块50"),
            yuan("3.25"): words("3块2毛5 三块二毛五 三块两毛五分"),
            yuan("12000"): words(
                "1.2万 一万二 12,000 12000块 一点二万 1万2 1万2千 1万2千元 1.2w 1.2W 12k 12K 1w2 1w2千"
            ),
            yuan("20000"): words("2w 2W 2w元 2万 两万", "2 万"),
            yuan("3500"): words("3千5 3k5 3.5k 三千五 3千5百块"),
            yuan("105000"): words("10万5 十万五 10w5"),
            yuan("2.5"): words("两块半 2块半 2块5毛 2.5块"),
            yuan("5"): words("5块 5快 五快钱 5塊 5块整"),
            yuan("50"): words("五十 来50 要50 50就行 50谢谢"),
            yuan("12345.6"): words("1.23456万"),
            yuan("30000"): words("三万 3万 3万元"),
            yuan("2"): words("两块 2 二 两元 俩块"),
            yuan("0"): words("0 零 0.00 零元 -0"),
            REFUSED: words(
                "$100 ＄5 12.345 十几 NaN nan inf -3 -0.01 负三 1e3 .5 12,5 1,20 1.2.3 半 几块 十几块 块五 元 ¥ ¥¥5 rmb 整 元整 w k 2ww 2kk 1kw 3kg 5m 2w多 半块 三毛半 两块半五 两块半毛 三万零元 3万零 3万05 5正 三百正 "
                "一块零五 三十块零五 3块5三毛 5元5元 "
                "1.0000001万 ² 5² ① 12abc $ 三四块 三块五毛六七 五毛五毛 三块五分六 一百块零 多少 免费 0x10 ٣ None 😀 。",
                "",
                " ",
                "1 2",
                "3元 4元",
            ),
        },
    ),
    "price": (
        PRICE,
        {yuan("0.5"): words("0.5 五毛"), yuan("100"): words("100 一百块"), REFUSED: words("0.49 100.01 0 -1 一百零一")},
    ),
    "balance": (
        BALANCE,
        {
            yuan("-10"): words("-10 ¥-10 -¥10 -10元"),
            yuan("-0.5"): words("-0.5"),
            yuan("7"): words("7"),
            REFUSED: words("-10.01"),
        },
    ),
    "date": (
        DAY,
        {
            day("2026-11-27"): words(
                "今天 今日 今天吧 周五 星期五 礼拜五 这周五 本周五 今天(周五) 27号 11月27日 十一月二十七号 11-27 11/27 2026-11-27 20261127 today 今儿个 今晚 今天下午 周五(27号) 周五（11月27日） 今天27号 "
                "26年11月27日 二六年十一月二十七日 就今天 今天谢谢",
                "周五 27号",
            ),
            day("2026-11-28"): words(
                "明天 明日 明天的 周六 星期六 28号 28日 二十八号 11月28 tomorrow 明天周六 1天后 一天以后 明天28号 明天（28号） 28号，周六 周六（28号） 明早 明晚 明天上午 "
                "明天的晚上 周六下午 那就明天吧 要明天 订明天的 明天就行 明天啦 11.28号 “明天”",
                "周六 11月28日",
            ),
            day("2026-11-29"): words("后天 星期天 礼拜天 周日 星期日 这个周日 两天后 2天之后"),
            day("2026-11-30"): words(
                "大后天 周一 30号 三十号 三天后 下周一 下周一30号 下周一（11月30日） 11月30日下周一 这个月30号"
            ),
            day("2026-11-26"): words("昨天 昨日 yesterday"),
            day("2026-11-25"): words("前天 这周三 本周三"),
            day("2026-11-24"): words("大前天 这周二"),
            day("2026-12-04"): words("下周五 下星期五 下个星期五 下礼拜五 一周后 七天后 12月4日 12.4 4号 下个月4号"),
            day("2026-12-11"): words("下下周五 两周后 两个星期后"),
            day("2026-11-20"): words("上周五 上个星期五 2026年11月20日 本月20号"),
            day("2026-12-08"): words("8号 8日 八号 12月8日 12-8 下月8号 下个月八号 １２月８日 12.8号"),
            day("2027-01-08"): words("下下个月8号 元月8日 元月八号 1.8"),
            day("2027-03-20"): words(
                "3.20 3.20号 3月20日（周六） 周六(3月20日) 周六3月20日 27年3月20日 2027年三月二十日 二○二七年三月二十日 二0二七年3月20日"
            ),
            day("2027-01-01"): words("元月1日 1.1"),
            day("1985-03-08"): words("85年3月8日 八五年三月八日 1985年三月八号", "85年 3月 8日"),
            day("2026-12-31"): words("31号 三十一号 12/31"),
            day("2026-12-27"): words("一个月后 1个月以后 1個月后"),
            day("2027-03-08"): words(
                "3月8日 3月8号 3月8 三月八日 三月八号 3-8 3/8 3.8 03-08 3月8日(周一) 明年3月8日 明年的3月8日 2027-3-8 2027/03/08 2027.3.8 2027年3月8号 20270308 二〇二七年三月八日 ２０２７－０３－０８",
                "3 月 8 日",
                "2027 - 3 - 8",
            ),
            day("2026-03-08"): words("2026-3-8 20260308 今年3月8日 二零二六年三月八日"),
            day("2028-02-29"): words("2月29日 二月二十九号 2028-2-29"),
            REFUSED: words(
                "2月30日 周八 星期八 周0 0号 32号 13月1日 0月5日 2026-2-29 2026-13-1 20261301 20260230 26-3-8 3-8-2026 3月 "
                "40年3月8日 四〇年三月八日 126年3月8日 周五(3月20日) 3月20日（周五） 周五3月20日 周六27号 27号（周六） 明天27号 下周一11月23日 "
                "28号29号 周六日 来周五 来年3月8日 大年初一 除夕 正月初一 腊月三十 农历3月8日 明天凌晨 明天下午3点 下午 明天吗 明天呢 不是明天 三天内 8月后 五月后 十二月后 1月以后 8月之后 8-10号 3-5号 1-3日 8/9号 12/8日 1-11号 "
                "三月 2026 2026年 2026年3月 15 十五 3 春节 国庆 下周 周末 月底 明天后天 明天周五 3月8日周日 周五周六 3.5.7 "
                "后后天 零天 几天后 天 号 日 12345678901 99999999 -3-8 3--8 ② ٣号 None 😀 。 吧 随便 什么时候",
                "",
                " ",
                "明天 后天",
            ),
        },
    ),
    "a day from today on": (
        COMING,
        {
            day("2026-11-27"): words("今天 周五 27号"),
            day("2026-12-26"): words("26号"),
            day("2027-11-26"): words("11月26日"),
            REFUSED: words("昨天 前天 上周五 这周三 2026-11-26"),
        },
    ),
    "a day of the last week": (
        RECENT,
        {
            day("2026-11-20"): words("20号 11月20日 上周五"),
            day("2026-11-26"): words("26号 昨天 11-26 周四"),
            day("2026-11-27"): words("今天 周五 27号"),
            REFUSED: words("28号 19号 明天 11月19日"),
        },
    ),
    "a day of this year": (
        YEAR,
        {
            day("2026-11-27"): words("27号 今天"),
            day("2026-12-20"): words("20号 12月20日"),
            day("2026-03-08"): words("3月8日"),
            REFUSED: words("2027-01-01 2025-12-31"),
        },
    ),
    "a day from the tenth on": (
        SOON,
        {
            day("2026-12-15"): words("15号 12月15日"),
            day("2026-12-11"): words("周五 下下周五"),
            day("2027-01-08"): words("8号 2027-1-8"),
            REFUSED: words("12月8日 明天 11月30日 下周五"),
        },
    ),
    "a birthday": (
        BORN,
        {
            day("1990-03-08"): words("1990-3-8 19900308 1990年3月8日 一九九〇年三月八日 90年3月8日 九〇年三月八日"),
            day("2026-03-08"): words("今年3月8日 26年3月8日"),
            REFUSED: words("32年3月8日 3月8日 明天 1899-12-31 2026-11-28"),
        },
    ),
    "time": (
        CLOCK,
        {
            at("15:30"): words(
                "15:30 15：30 1530 15点30 15点30分 15点半 15时30分 十五点三十分 下午3点半 下午三点半 下午3:30 3:30pm 下午15:30 15:30:00 下午三点三十",
                "下午 3:30",
                "3:30 PM",
            ),
            at("03:30"): words("03:30 0330 凌晨3点半 凌晨三点三十分"),
            at("15:15"): words("下午三点一刻 15点一刻 15:15 下午三点一刻钟 15点过一刻"),
            at("15:45"): words("下午三点三刻 15点45 下午差一刻四点 下午四点差一刻 差一刻16点 16点差15分"),
            at("15:05"): words("15点05 15点零五 十五点零五分 15:05 15点过五分", "15 点 05", "下午 3 点 5 分"),
            at("14:55"): words("差五分十五点 15点差5分 下午差五分钟三点"),
            at("00:30"): words("12:30am 0:30 00:30 凌晨12点半"),
            at("02:00"): words("2am 2:00am 凌晨两点 夜里两点 半夜2点 深夜两点"),
            at("09:00"): words("9:00 09:00 早上9点 上午九点 上午9点整 早上九点钟 9am 0900 AM9:00"),
            at("20:00"): words(
                "20:00 晚上8点 晚上八点 今晚八点 20点 8pm 晚上20点 20:00:00 20点正 20点整 晚上8点正 夜晚8点 那就晚上8点吧 订晚上八点 “20:00”"
            ),
            at("22:00"): words("晚上10点 夜里十点 深夜10点 22:00"),
            at("12:00"): words("中午 正午 中午12点 12点 十二点 12:00 中午十二点整 12pm"),
            at("13:00"): words("中午一点 下午1点 13点 13:00"),
            at("00:00"): words("0点 零点 零点正 00:00 凌晨12点 0:00 12am"),
            at("23:59"): words("23:59 晚上11点59分"),
            REFUSED: words(
                "3:30 1:00 十二点五 三点 3点半 8点 九点整 11点 24:00 24点 25:00 12:60 3点60分 晚上12点 半夜12点 夜里12点 午夜 上午12点 上午12:30 夜里5点半半 夜里6点 夜里8点 半夜 8点正 8点整 八点一刻 "
                "差一刻九点 九点差一刻 差一刻 差九点 差一刻九点半 差一刻0点 差0分九点 15点差 15点过 明早8点 明天下午3点 晚上1点 凌晨8点 早上3点 上午3点 下午9点 中午9点 半 下午 晚上 早上 点 "
                "15 3 12345 2460 15:3 15:30:45 15.30 3点半一刻 下午3点pm 现在 随时 半小时后 ② 15:30-16:00 None 😀 。",
                "",
                " ",
                "15 30",
            ),
        },
    ),
    "a time of the opening hours": (
        OPEN,
        {
            at("15:00"): words("三点 3点 15点 下午三点 3:00 15:00 三点正 3点整 那就三点吧"),
            at("14:45"): words("差一刻三点 三点差一刻"),
            at("15:15"): words("三点一刻"),
            at("09:00"): words("九点 9点整 9:00"),
            at("18:00"): words("18:00 六点 下午6点"),
            at("12:00"): words("中午 12点"),
            REFUSED: words("8:59 18:01 03:00 七点 8点 晚上8点 早上6点"),
        },
    ),
    "phone": (
        PHONE,
        {
            "13800138000": words(
                "13800138000 138-0013-8000 +8613800138000 +86-13800138000 8613800138000 008613800138000 (+86)13800138000 (86)13800138000 138·0013·8000 138–0013–8000 手机：13800138000 手机号13800138000 １３８００１３８０００ 13800138000。 13800138000吧 138.0013.8000 手机号码：13800138000 我的手机号是13800138000 我电话13800138000 联系电话：138-0013-8000 Tel:13800138000 "
                "号码13800138000 13800138000微信同号 13800138000（微信同号） 13800138000谢谢",
                "138 0013 8000",
                "+86 138 0013 8000",
                " 13800138000 ",
                "(+86) 138 0013 8000",
            ),
            REFUSED: words(
                "138001380001 1380013800 110 12800138000 12345678901 23800138000 010-12345678 +1-2025550123 +8513800138000 13800138abc ١٣٨٠٠١٣٨٠٠٠ 一三八 13800138000,13900139000 1-415-555-2671 1³800138000 138--0013x8000 手机号1-415-555-2671 1–415–555–2671 None 😀 张三13800138000 微信13800138000 不是13800138000 我的手机号",
                "",
                " ",
                "13800138000 13900139000",
                "861 3800138000",
            ),
        },
    ),
    "a day in December": (
        ask.date("哪天？", dt.date(2026, 12, 15)),
        {day("2027-01-01"): words("1号 1.1"), REFUSED: words("1-11号 1/11号")},
    ),
    "choices": (
        SEVERAL,
        {
            ("苹果", "梨"): words(
                "1,3 1，3 1、3 3,1 1和3 苹果和梨 苹果、梨 苹果,梨 苹果还有梨 第一个和第三个 1和梨 ①、③ 选1和3 苹果以及梨 苹果+梨 1/3 最后一个和第一个 苹果，梨。 "
                "1.3 1。3 选1,3 我要1、3 就1和3 1,3吧 只要苹果、梨 1和3都要 苹果、梨都要吧",
                "1 3",
                "苹果 梨",
                " 1, 3 ",
            ),
            ("苹果", "香蕉", "梨"): words("全部 都要 所有 全选 1,2,3 1、2、3。 苹果和香蕉和梨 都要吧 1.2.3 全部都要"),
            ("梨",): words("3 梨 第三个 最后一个 梨吧 3,3 选梨 就要梨 只要3"),
            REFUSED: words(
                "13 123 1,4 4 0 苹果香蕉 苹果葡萄 和 、 , 没有 不要 1-3 1.4 1.5.3 苹果和 和苹果 半 ² 1² 2苹果 苹果2 苹果,2 不要1和3 除了1都要 "
                "除了1和3都要 苹果都不要 苹果都要 苹果都要不要 要不要1和3 1和3不都要 None 😀",
                "",
                " ",
                "1 4",
            ),
        },
    ),
    "several that count down": (
        ask.choices("哪几天？", ["周三", "周二", "周一"]),
        {("周二",): words("2"), ("周三", "周一"): words("周一,周三 第一个和第三个"), REFUSED: words("1 1,3 一和二")},
    ),
    "none, or what begins so": (
        ask.choices("还要什么？", ["冰", "不要吸管", "无", "全部都要哦"], least=0),
        {
            (): words("没有 都不要"),
            ("不要吸管",): words("不要吸管 不要吸 2"),
            ("无",): words("无 3"),
            ("全部都要哦",): words("全部都要哦 4"),
            REFUSED: words("不要 不要。 不要了 全部 全部都要"),
        },
    ),
    "two of them": (TWO, {("苹果", "香蕉"): words("1,2"), REFUSED: words("1 1,1 1,2,3 全部")}),
    "perhaps none": (
        SOME,
        {
            (): words("无 没有 不要 都不要 没有了"),
            ("糖和奶",): words("糖和奶 1 糖"),
            ("冰",): words("冰 2"),
            ("糖和奶", "冰"): words("糖和奶,冰 全部 糖和奶、冰 1和2"),
            REFUSED: words("糖和冰和盐 3"),
        },
    ),
    "text": (
        NAME,
        {
            "张三": words("张三", "  张三 \n"),
            "一二三四五": words("一二三四五"),
            "None": words("None"),
            "好的。": words("好的。"),
            "👍👍👍👍👍": words("👍👍👍👍👍"),
            "Ａ": words("Ａ"),
            REFUSED: words("\u200b \x00 \u202e 一二三四五六 👍👍👍👍👍👍", "", " ", "\n", "\u3000"),
        },
    ),
}

#: as older code writes them (and ruff would not)
OPTIONAL, LIST = vars(typing)["Optional"], vars(typing)["List"]
#: of a field that may be left out: what is meant, and the texts that mean it
MAY_BE_LEFT_OUT: list[tuple[Any, dict[str, Any], dict[Any, list[str]]]] = [
    (str | None, {}, {None: words("跳过 跳过吧 不填 没有 没有了 没 无 无。 skip “跳过”"), "没有意见": ["没有意见"]}),
    (OPTIONAL[str], {"prompt": "parsed", "read": str.upper}, {None: ["跳过", "无"], "AB": ["ab"]}),
    (int | None, {"low": 1}, {None: ["跳过", "无"], 3: ["3", "三个"], REFUSED: ["0", "不知道", "跳"]}),
    (OPTIONAL[int], {}, {None: ["没有"], 3: ["3"]}),
    (bool | None, {}, {None: ["跳过", "不填"], False: ["没有", "无", "不"], True: ["有"]}),
    (Decimal | None, {}, {None: ["跳过"], yuan("5"): ["5块"]}),
    (dt.date | None, {}, {None: ["跳过"], day("2026-11-28"): ["明天"]}),
    (dt.time | None, {}, {None: ["无"], at("15:30"): ["15:30"]}),
    (Level | None, {}, {None: ["不填"], Level.新手: ["1"]}),
    (OPTIONAL[Literal["无糖", "跳过"]], {}, {None: ["没有", "不填"], "无糖": ["无", "无糖"], "跳过": ["跳过"]}),
    (OPTIONAL[LIST[str]], {"options": ["糖", "奶"]}, {None: ["没有", "跳过"], ("糖",): ["1"]}),
    (list[str] | None, {"options": ["糖", "奶"], "least": 0}, {None: ["跳过"], (): ["没有", "无"]}),
]

#: too much to be anything, and longer than `int` takes
ENDLESS = [
    *("9" * 31, "9" * 10_000, "1" + ",000" * 2_000, "负" * 10_000 + "三", "一" * 10_000, "九" * 5_000),
    *(
        "周四" * 1024,
        "明天" + "周四" * 1000,
        "差一分" * 600 + "九点",
        "九点" + "差一分" * 600,
        "“" * 500 + "是" + "”" * 500,
    ),
    *(
        "是，" * 1_000 + "否",
        "1和" * 1_000 + "x",
        "1." * 1_000 + "x",
        "“1”，" * 500 + "x",
        "谢谢" * 1_000,
        "就行" * 1_000,
        "我就要" * 600,
    ),
    *("是" * 10_000, "吧" * 10_000, "苹果" * 5_000, "选" * 10_000, "①" * 10_000, "👍" * 10_000),
]

ROWS = [
    (name, prompt, text, value)
    for name, (prompt, table) in MEANINGS.items()
    for value, texts in table.items()
    for text in texts
]
ROWS += [(name, prompt, text, REFUSED) for name, (prompt, _) in MEANINGS.items() for text in ENDLESS]


def test_the_table_says_one_thing_of_each_text() -> None:
    assert len({(name, text) for name, _, text, _ in ROWS}) == len(ROWS) >= 500


@pytest.mark.parametrize(
    ("hint", "metadata", "text", "value"),
    [
        (hint, metadata, text, value)
        for hint, metadata, table in MAY_BE_LEFT_OUT
        for value in table
        for text in table[value]
    ],
)
def test_a_field_that_may_be_left_out_is_left_out_with_a_word(
    hint: Any, metadata: dict[str, Any], text: str, value: Any
) -> None:
    form = ask.form(form_of(hint, **metadata))
    assert isinstance(form, Call)
    found = meant(next(form.part()), text)  # type: ignore[operator, arg-type]
    assert (tuple(found) if isinstance(found, list) else found) == value


@pytest.mark.parametrize(
    ("prompt", "text", "value"),
    [pytest.param(*row[1:], id=f"{i}-{row[0]}-{ascii(row[2])[:24]}") for i, row in enumerate(ROWS)],
)
def test_a_text_means_what_the_table_says(prompt: Any, text: str, value: Any) -> None:
    found = meant(prompt, text)
    found = tuple(found) if isinstance(found, list) else found
    assert found == value
    assert type(found) is type(value)


# ---- numerals, against a speller of their own -------------------------------------------------------------------------


def spelled(number: int) -> str:
    """A number below 10¹² in Chinese as schools teach it, 一十 where others say 十."""
    if number < 10:
        return "零一二三四五六七八九"[number]
    unit, name = next((unit, name) for unit, name in UNITS if number >= unit)
    head, rest = divmod(number, unit)
    gap = "零" if rest and rest * 10 < unit else ""
    return spelled(head) + name + gap + (spelled(rest) if rest else "")


UNITS = ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十"))


@given(st.integers(0, 10**12 - 1) | st.integers(0, 10**6) | st.integers(0, 9999).map(lambda n: n * 10_001))
@example(10**12 - 1)
def test_every_number_is_read_as_it_is_spelled(number: int) -> None:
    assert meant(NUMBER, spelled(number)) == number
    assert meant(NUMBER, f"负{spelled(number)}个") == -number
    assert meant(NUMBER, str(number)) == meant(NUMBER, f"{number:,}") == number


def test_every_number_below_ten_thousand_is_read_as_it_is_spelled() -> None:
    wrong = [number for number in range(10_000) if meant(NUMBER, spelled(number)) != number]
    assert wrong == []


def test_no_numeral_is_read_that_is_not_spelled_like_its_value() -> None:
    """Every text of at most five numerals: understood are the taught spelling, with 十 for 一十, and 一百五 for 一百五十."""
    short = {"百": "十", "千": "百", "万": "千", "亿": "千万"}
    understood = 0
    for length in range(1, 6):
        for text in map("".join, itertools.product("零一二十百千万亿", repeat=length)):
            value = meant(NUMBER, text)
            if value == REFUSED:
                continue
            understood += 1
            whole = {text, text + short.get(text[-2:-1], "")}
            assert spelled(value).replace("一十", "十") in {form.replace("一十", "十") for form in whole}, text
    assert understood > 300


# ---- any text at all ----------------------------------------------------------------------------------------------------

ODD = st.text(
    st.sampled_from(
        "0123３一二三十百千万亿零两负-+.,，、个号第选要是不好的了吧。 \n①②²½苹果香蕉()Aaß\u200b\x00👍\u0301ﷺ"
    )
)
ANY = st.text() | ODD | st.text(st.characters(codec=None))
SPOKEN = st.text(
    st.sampled_from(
        "13零一两三十百千万.:,，()“”？我们要来就那还是行好谢一共有今明天周六上下午晚早年月号日元整角块毛分半w差点刻正时不没嗯都和"
    )
)
PROMPTS = [prompt for prompt, _ in MEANINGS.values()]


@given(st.sampled_from(PROMPTS), ANY | SPOKEN)
def test_any_text_gives_a_value_or_a_value_error_and_the_same_again(prompt: Any, text: str) -> None:
    assert meant(prompt, text) == meant(prompt, text)


@given(ANY | SPOKEN)
def test_what_is_understood_lies_where_it_was_asked_for(text: str) -> None:
    assert meant(AGE, text) in {REFUSED, *range(1, 150)}
    assert meant(CONFIRM, text) in {REFUSED, True, False}
    assert meant(FRUIT, text) in {REFUSED, "苹果", "香蕉"}
    name = meant(NAME, text)
    assert name == REFUSED or (name == text.strip() and 1 <= len(name) <= 5)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(
    "text",
    [
        "吧" * 100_000,
        "。" * 100_000 + "a",
        " " * 100_000 + "a",
        "1" + " " * 2_000 + "\x00",
        "1" + " " * 100_000 + "个",
        "9" * 100_000,
        "负" * 100_000,
        "十" * 100_000,
        "我要" * 50_000,
        "a" + "\u0301\u0323" * 50_000,
        "\ufdfa" * 100_000,
        "(" * 100_000,
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_no_text_takes_long(prompt: Any, text: str) -> None:
    began = time.process_time()
    meant(prompt, text)
    assert time.process_time() - began < 1


# ---- options ------------------------------------------------------------------------------------------------------------

LABELS = st.lists(
    ODD | st.text(max_size=6) | st.sampled_from(["2人", "10人", "1", "2", "①", "选修", "的"]), min_size=1, max_size=12
)


def choice_of(labels: list[str]) -> Any:
    """A choice that gives the place of the label; without labels that cannot be told apart, which raise."""
    names = [tidy(label) for label in labels]
    assume(all(names) and len(set(names)) == len(names))
    return ask.choice("?", {label: place for place, label in enumerate(labels)})


@given(LABELS)
def test_every_label_is_understood_as_itself(labels: list[str]) -> None:
    prompt = choice_of(labels)
    for place, label in enumerate(labels):
        assert meant(prompt, label) == meant(prompt, f" {label} ") == place
        if any(map(str.isalnum, label)):
            assert meant(prompt, f"{label}。") == meant(prompt, f"{label} ! ") == place


@given(LABELS)
def test_every_line_as_it_was_shown_is_understood_unless_a_label_says_otherwise(labels: list[str]) -> None:
    prompt = choice_of([f"x{label}" for label in labels])
    for place, label in enumerate(prompt.options):
        assert meant(prompt, f"{place + 1}. {label}") == place


NUMERALS = frozenset("0123一二三十百两零第")


@given(LABELS)
def test_every_ordinal_is_understood_unless_a_label_says_otherwise(labels: list[str]) -> None:
    prompt = choice_of(labels)
    names = [tidy(label) for label in labels]
    for place in range(len(labels)):
        for ordinal in (str(place + 1), chr(ord("①") + place), spelled(place + 1), f"第{place + 1}个"):
            if not any(name.startswith(tidy(ordinal)) for name in names):
                asked_again = [REFUSED] if any(NUMERALS & set(name) for name in names) else []
                assert meant(prompt, ordinal) in [place, *asked_again]


@given(LABELS, ODD)
def test_an_option_is_chosen_only_by_its_number_or_by_how_it_begins(labels: list[str], text: str) -> None:
    prompt, plain = choice_of(labels), tidy(text)
    assume(not set(plain) & set("0123456789一二三十第零百号吧的了选要我"))
    place = meant(prompt, text)
    assert place == REFUSED or tidy(labels[place]).startswith(plain)


# ---- commands -----------------------------------------------------------------------------------------------------------


def given_to(prompt: Any) -> Ask[Any]:
    assert isinstance(prompt, Ask)
    return prompt


def test_a_plain_ask_gives_the_text_as_typed() -> None:
    plain = given_to(ask("怎么称呼您？"))
    assert (plain.say, plain.read, plain.accept, plain.key, plain.timeout) == ("怎么称呼您？", None, None, None, None)
    assert (plain.otherwise, plain.cancel, plain.back, plain.options, plain.name) == (..., True, False, (), "ask")
    assert given_to(ask()).say is None


def test_what_an_ask_accepts_is_a_tuple_of_classes() -> None:
    class Photo: ...

    class Place: ...

    untyped: Any = ask  # the core takes any class
    assert given_to(untyped("?", accept=Photo)).accept == (Photo,)
    assert given_to(untyped("?", accept=(Photo, Place))).accept == (Photo, Place)


def test_a_plain_ask_takes_its_arguments_to_the_command() -> None:
    made = given_to(ask("?", key="name", timeout=9.5, otherwise="a word!", cancel=False, back=True))
    assert (made.key, made.timeout, made.otherwise, made.cancel, made.back) == ("name", 9.5, "a word!", False, True)


MAKERS: dict[str, Callable[..., Any]] = {
    "text": functools.partial(ask.text, "?"),
    "number": functools.partial(ask.number, "?", 1, 9),
    "choice": functools.partial(ask.choice, "?", ["a", "b"]),
    "confirm": functools.partial(ask.confirm, "?"),
    "amount": functools.partial(ask.amount, "?", 1, Decimal("9.5")),
    "choices": functools.partial(ask.choices, "?", ["a", "b"]),
    "date": functools.partial(ask.date, "?", dt.date(2026, 1, 1)),
    "time": functools.partial(ask.time, "?", None, dt.time(18)),
    "phone": functools.partial(ask.phone, "?"),
    "parsed": functools.partial(ask.parsed, "?", str.upper),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_prompt_takes_what_every_prompt_takes(name: str) -> None:
    more: dict[str, Any] = {
        "key": "k",
        "timeout": math.inf,
        "otherwise": None,
        "cancel": False,
        "back": True,
        "retry": "again!",
        "tries": 3,
    }
    assert more.keys() == More.__annotations__.keys()
    made = given_to(MAKERS[name](**more))
    assert {argument: getattr(made, argument) for argument in more} == more
    assert (made.say, made.name) == ("?", f"ask.{name}")


@pytest.mark.parametrize("name", [name for name, _ in inspect.getmembers(ask, inspect.ismethod) if name[0] != "_"])
def test_every_prompt_is_in_the_table_of_these_tests(name: str) -> None:
    assert name in {*MAKERS, "photo", "place", "form"}


def test_parsed_gives_what_its_reader_gives() -> None:
    assert meant(MAKERS["parsed"](), "abc") == "ABC"
    assert meant(ask.parsed("?", int), "abc") == REFUSED
    assert meant(ask.parsed("?", functools.partial(int, base=16)), "ff") == 255


RETRIES = {
    "请回复一个整数": NUMBER,
    "请回复 1 到 149 的整数": AGE,
    "请回复不小于 0 的整数": ask.number("?", 0),
    "请回复不大于 0 的整数": ask.number("?", None, 0),
    "请回复选项前的数字，或选项本身": FRUIT,
    "请回复“是”或“否”": CONFIRM,
    "请回复金额，如 12.50": MONEY,
    "请回复 0.5 到 100 元的金额": PRICE,
    "请回复不少于 -10 元的金额": BALANCE,
    "请回复不多于 9 元的金额": ask.amount("?", None, 9),
    "请回复选项前的数字，可以选几个，如 1,2": SEVERAL,
    "请回复选项前的数字，选 2 到 2 个，如 1,2": TWO,
    "请回复日期，如 3月8日、明天、周五": DAY,
    "请回复不早于 2026-11-27 的日期": COMING,
    "请回复 2026-11-20 到 2026-11-27 的日期": RECENT,
    "请回复不晚于 2026-11-27 的日期": ask.date("?", None, SAID.date()),
    "请回复时间，如 15:30 或下午三点半": CLOCK,
    "请回复 09:00 到 18:00 的时间": OPEN,
    "请回复不早于 09:00 的时间": ask.time("?", dt.time(9)),
    "请回复不晚于 18:00 的时间": ask.time("?", None, dt.time(18)),
    "请回复 11 位手机号": PHONE,
    "请回复文字": ask.text("?"),
    "请回复 5 个字以内的文字": NAME,
    "没有看懂，请再回复一次": ask.parsed("?", int),
}


@pytest.mark.parametrize(("sentence", "prompt"), RETRIES.items())
def test_what_was_not_understood_is_met_by_a_sentence_that_says_what_would_be(sentence: str, prompt: Any) -> None:
    retry = given_to(prompt).retry
    assert isinstance(retry, Sentence)
    medium = Medium("gh_test", "oUser", CHINESE, dt.timezone.utc)
    assert medium.render([Said(retry)]) == [sentence]
    assert all(str(value) in getattr(ENGLISH, retry.name).format(**retry.values) for value in retry.values.values())


def test_options_are_shown_by_their_labels() -> None:
    assert given_to(FRUIT).options == ("苹果", "香蕉")
    assert given_to(SERVICE).options == ("查订单", "找人工")
    assert given_to(LEVEL).options == ("新手", "老手")
    assert given_to(CONFIRM).options == (Sentence("yes"), Sentence("no"))
    assert [given_to(ask.confirm("?", taps=taps)).taps for taps in (True, False)] == [True, False]
    assert [given_to(ask.choice("?", ["a"], taps=taps)).taps for taps in (True, False)] == [True, False]


def test_the_words_on_the_buttons_of_a_confirm_are_understood() -> None:
    for texts in (CHINESE, ENGLISH):
        assert (meant(CONFIRM, texts.yes), meant(CONFIRM, texts.no)) == (True, False)


def test_options_that_change_later_do_not_change_the_question() -> None:
    labels = ["a", "b"]
    prompt = ask.choice("?", labels)
    labels.reverse()
    assert given_to(prompt).options == ("a", "b")
    assert meant(prompt, "1") == "a"


def test_an_alias_of_an_enum_is_no_option_of_its_own() -> None:
    size = enum.Enum("size", [("small", 1), ("little", 1), ("large", 2)])
    assert given_to(ask.choice("?", size)).options == ("small", "large")


# ---- wrong arguments ----------------------------------------------------------------------------------------------------


@step
def fetch(text: str) -> str:
    return text


async def later(text: str) -> str:
    return text


class Nothing(enum.Enum):
    """An Enum without members."""


WRONG: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
    (ask.number, (9, 1), {}, "the lowest goes first"),
    (ask.number, (1.5,), {}, "whole numbers"),
    (ask.number, (None, "9"), {}, "whole numbers"),
    (ask.number, (True, 9), {}, "whole numbers"),
    (ask.number, (), {"tries": 0}, "at least 1"),
    (ask.number, (), {"tries": -1}, "at least 1"),
    (ask.number, (), {"tries": 1.5}, "whole number"),
    (ask.number, (), {"tries": True}, "whole number"),
    (ask.number, (), {"timeout": 0}, "seconds above 0"),
    (ask.confirm, (), {"timeout": -1}, "seconds above 0"),
    (ask.confirm, (), {"timeout": math.nan}, "seconds above 0"),
    (ask.text, (), {"timeout": "60"}, "seconds above 0"),
    (ask.text, (), {"timeout": True}, "seconds above 0"),
    (ask.text, (), {"key": 1}, "a word"),
    (ask.text, (), {"longest": 0}, "at least 1"),
    (ask.text, (), {"longest": "20"}, "whole number"),
    (ask.text, (), {"retires": "?"}, r"has no retires=.*retry="),
    (ask.number, (), {"options": ("a",)}, "has no options="),
    (ask.choice, ([],), {}, "at least one"),
    (ask.choice, ({},), {}, "at least one"),
    (ask.choice, (Nothing,), {}, "at least one"),
    (ask.choice, ("苹果",), {}, "a list of words"),
    (ask.choice, (b"ab",), {}, "a list of words"),
    (ask.choice, ({"a", "b"},), {}, "a list of words"),
    (ask.choice, (iter("ab"),), {}, "a list of words"),
    (ask.choice, (None,), {}, "a list of words"),
    (ask.choice, (int,), {}, "a list of words"),
    (ask.choice, ([1, 2],), {}, "words"),
    (ask.choice, ({1: "a"},), {}, "words"),
    (ask.choice, (["a", ""],), {}, "without a word"),
    (ask.choice, (["a", " \u200b"],), {}, "without a word"),
    (ask.choice, (["a", "a"],), {}, "its own words"),
    (ask.choice, (["OK", "ｏｋ。"],), {}, "its own words"),
    (ask.choice, (["①", "1"],), {}, "its own words"),
    (ask.amount, (9, 1), {}, "the lowest goes first"),
    (ask.amount, (1.5,), {}, "no bound of ask.amount"),
    (ask.amount, (Decimal("NaN"),), {}, "no bound of ask.amount"),
    (ask.amount, (True,), {}, "no bound of ask.amount"),
    (ask.choices, ([],), {}, "of 0 options"),
    (ask.choices, ({"a": 1},), {}, "a list of words"),
    (ask.choices, (Level,), {}, "a list of words"),
    (ask.choices, (["a", "b"],), {"least": 3}, "of 2 options"),
    (ask.choices, (["a", "b"],), {"most": 3}, "of 2 options"),
    (ask.choices, (["a", "b"],), {"least": -1}, "of 2 options"),
    (ask.choices, (["a", "b"],), {"least": 0, "most": 0}, "of 2 options"),
    (ask.choices, (["a", "b"],), {"least": True}, "of 2 options"),
    (ask.choices, (["a", "a"],), {}, "its own words"),
    (ask.date, (SAID,), {}, "days"),
    (ask.date, ("2026-01-01",), {}, "days"),
    (ask.date, (dt.date(2026, 2, 1), dt.date(2026, 1, 1)), {}, "the lowest goes first"),
    (ask.time, ("9:00",), {}, "without a zone"),
    (ask.time, (dt.time(9, tzinfo=dt.timezone.utc),), {}, "without a zone"),
    (ask.time, (dt.time(18), dt.time(9)), {}, "the lowest goes first"),
    (ask.photo, (), {"tries": 3}, "never enters the dialog"),
    (ask.place, (), {"tries": 3}, "never enters the dialog"),
    (ask.parsed, ("int",), {}, "plain function"),
    (ask.parsed, (None,), {}, "plain function"),
    (ask.parsed, (later,), {}, "plain function"),
    (ask.parsed, (functools.partial(later),), {}, "plain function"),
    (ask.parsed, (fetch,), {}, "plain function"),
    (ask, (), {"timeout": 0}, "seconds above 0"),
    (ask, (), {"timeout": math.nan}, "seconds above 0"),
    (ask, (), {"key": b"k"}, "a word"),
    (ask, (), {"accept": "ImageMessage"}, "a tuple of such classes"),
    (ask, (), {"accept": ()}, "a tuple of such classes"),
    (ask, (), {"accept": [int, str]}, "a tuple of such classes"),
    (ask, (), {"accept": (int, "str")}, "a tuple of such classes"),
]


@pytest.mark.parametrize(("method", "arguments", "named", "right"), WRONG)
def test_a_wrong_argument_is_refused_at_once_and_told_what_would_be_right(
    method: Any, arguments: tuple[Any, ...], named: dict[str, Any], right: str
) -> None:
    with pytest.raises(ConfigurationError, match=right):
        method("?", *arguments, **named)


@pytest.mark.parametrize("unknown", ["tries", "retry", "read", "options", "name"])
def test_a_plain_ask_has_no_arguments_of_a_prompt(unknown: str) -> None:
    untyped: Any = ask
    with pytest.raises(TypeError, match=unknown):
        untyped("?", **{unknown: None})


# ---- pictures, places, days: in a dialog --------------------------------------------------------------------------------


def talking(dialog: Callable[..., Any], **options: Any) -> Chat:
    bot = Bot("token", store="memory://")
    bot.text("go", **options)(dialog)
    return Chat(bot)


def test_a_photo_and_a_place_are_taken_and_whatever_else_comes_is_told_what_is_expected() -> None:
    def report(message: Any) -> Any:
        photo = yield ask.photo("拍一张？")
        place = yield ask.place("在哪里？", retry="请发位置！")
        return f"{photo.url} {place.label}"

    chat = talking(report)
    assert chat.say("go") == "拍一张？"
    assert chat.say("什么？") == "请回复图片。\n拍一张？"
    assert chat.location(1, 2, "家") == "请回复图片。\n拍一张？"
    assert chat.image("http://x/2.jpg") == "在哪里？"
    assert chat.image() == "请发位置！"
    assert chat.location(23.1, 113.3, "广州塔") == "http://x/2.jpg 广州塔"


def test_a_day_is_counted_from_when_the_message_was_sent_in_the_bots_zone_however_late_it_is_read() -> None:
    def when(message: Any) -> Any:
        return f"{yield ask.date('哪天？')}"

    chat = talking(when, expire=math.inf)
    chat.say("go")
    local = chat.text("").time
    chat.later((dt.datetime.combine(local.date(), dt.time(23, 59, 58), local.tzinfo) - local).total_seconds())
    message = chat.text("今天")
    chat.later(4)
    assert message.time.date() == local.date() != chat.text("").time.date()
    assert chat.send(message) == f"{local.date()}"
    assert chat.text("").time.utcoffset() == dt.timedelta(hours=8)


# ---- forms --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Table:
    """Everything that a form can ask for."""

    name: str = dataclasses.field(metadata={"ask": "怎么称呼您？", "longest": 4})
    guests: int = dataclasses.field(metadata={"ask": "几位？", "low": 1, "high": 20})
    day: dt.date = dataclasses.field(metadata={"ask": "哪天？"})
    time: dt.time = dataclasses.field(metadata={"ask": "几点？", "earliest": dt.time(11), "latest": dt.time(21)})
    room: bool = dataclasses.field(metadata={"ask": "要包间吗？", "taps": False})
    deposit: Decimal = dataclasses.field(metadata={"ask": "订金？", "low": 0})
    level: Level = dataclasses.field(metadata={"ask": "您是？"})
    drink: Literal["茶", "酒"] = dataclasses.field(metadata={"ask": "喝什么？"})
    dishes: list[str] = dataclasses.field(metadata={"ask": "点什么？", "options": ["鱼", "鸡", "汤"], "least": 2})
    seat: str = dataclasses.field(metadata={"ask": "坐哪里？", "options": ["窗边", "里面"]})
    phone: str = dataclasses.field(metadata={"ask": "手机号？", "prompt": "phone"})
    photo: ImageMessage = dataclasses.field(metadata={"ask": "照片？"})
    number: int = dataclasses.field(init=False, default=7)


ANSWERS = ["张三", "三位", "2030-1-2", "晚上七点", "不要", "100元", "老手", "1", "1和3", "窗", "13800138000"]


def test_a_form_asks_for_every_field_and_gives_the_object() -> None:
    given: list[Table] = []

    def book(message: Any) -> Any:
        given.append((yield ask.form(Table)))
        return "订好了"

    chat = talking(book)
    said = [chat.say(text) for text in ["go", *ANSWERS]]
    assert [line.splitlines()[0] for line in said] == [
        field.metadata["ask"] for field in dataclasses.fields(Table) if field.init
    ]
    assert chat.image("http://x/1.jpg") == "订好了"
    table = given[-1]
    assert (table.name, table.guests, table.day, table.time, table.room) == (
        "张三", 3, dt.date(2030, 1, 2), dt.time(19), False,
    )  # fmt: skip
    assert (table.deposit, table.level, table.drink, table.dishes, table.seat, table.phone, table.number) == (
        Decimal(100), Level.老手, "茶", ["鱼", "汤"], "窗边", "13800138000", 7,
    )  # fmt: skip


def test_what_every_prompt_takes_is_for_every_question_of_a_form_and_a_field_may_say_otherwise() -> None:
    @dataclasses.dataclass
    class Person:
        name: str
        age: int = dataclasses.field(metadata={"retry": "多大？", "tries": 1})

    def meet(message: Any) -> Any:
        try:
            person = yield ask.form(Person, retry="请再说一遍", tries=2)
        except GaveUp:
            return "算了"
        return person.name

    chat = talking(meet)
    assert [chat.say(text) for text in ("go", "\u200b", "bo")] == ["name", "请再说一遍", "age"]
    assert chat.say("很大") == "算了"


def test_the_questions_of_a_form_that_changed_places_are_noticed() -> None:
    @dataclasses.dataclass
    class Person:
        name: str
        town: str

    forms = [Person, dataclasses.make_dataclass("Person", [("town", str), ("name", str)])]

    def meet(message: Any) -> Any:
        yield ask.form(forms[0])
        return "done"

    chat = talking(meet)
    assert [chat.say(text) for text in ("go", "bo")] == ["name", "town"]
    forms.reverse()
    chat.crash()
    assert chat.say("广州").startswith(CHINESE.diverged)


def test_a_form_asks_for_what_its_init_takes_and_may_get_none() -> None:
    @dataclasses.dataclass(kw_only=True)
    class Order:
        town: str = "广州"
        note: str | None
        sizes: list[str] = dataclasses.field(metadata={"options": ["大", "小"]})
        number: int = dataclasses.field(init=False, default=7)

    def meet(message: Any) -> Any:
        order = yield ask.form(Order)
        return f"{order.town} {order.note} {order.sizes} {order.number}"

    chat = talking(meet)
    assert [chat.say(text) for text in ("go", "北京", "不填")] == [
        "town",
        "note\n（不填就回复“跳过”）",
        "sizes\n1. 大\n2. 小",
    ]
    assert chat.say("2") == "北京 None ['小'] 7"


def test_a_form_that_is_kept_asks_anew_each_time() -> None:
    form = ask.form(dataclasses.make_dataclass("Person", [("name", str)]))

    def meet(message: Any) -> Any:
        return (yield form).name

    chat = talking(meet)
    assert [chat.say(text) for text in ("go", "bo", "go", "li")] == ["name", "bo", "name", "li"]


def test_a_form_whose_object_could_not_be_made_is_refused_before_it_asks() -> None:
    @dataclasses.dataclass
    class Local:
        size: Unknown  # type: ignore[name-defined]  # noqa: F821

    @dataclasses.dataclass
    class Needy:
        name: str
        other: dataclasses.InitVar[int]

    with pytest.raises(ConfigurationError, match="define it, and what it names, in a module"):
        ask.form(Local)
    with pytest.raises(ConfigurationError, match="Needy needs other"):
        ask.form(Needy)


def form_of(hint: Any, **metadata: Any) -> Any:
    return dataclasses.make_dataclass("Odd", [("odd", hint, dataclasses.field(metadata=metadata))])


@pytest.mark.parametrize(
    ("into", "right"),
    [
        (dict, "fields of a dataclass"),
        (Table(*[None] * 12), "fields of a dataclass"),  # type: ignore[arg-type]
        (form_of(bytes), "the field odd of Odd: a form can ask for str"),
        (form_of(str, lowest=1), "nobody knows 'lowest', only ask, prompt, longest"),
        (form_of(str, prompt="telephone"), "there is no prompt 'telephone', only text"),
        (form_of(int, low=9, high=1), "the field odd of Odd: .*the lowest goes first"),
        (form_of(list[str]), "the field odd of Odd: .*a list of words"),
        (form_of(Literal[1, 2]), "the field odd of Odd: .*words"),
        (form_of(Literal["a", None]), "the field odd of Odd: .*words"),
        (form_of(Table), "the field odd of Odd: a form can ask for str"),
        (form_of(Table | None), "the field odd of Odd: a form can ask for str"),
        (form_of(int | str), "the field odd of Odd: a form can ask for str"),
        (form_of(int | str | None), "the field odd of Odd: a form can ask for str"),
        (form_of(ImageMessage | None), "the field odd of Odd: .*never None"),
        (form_of(list[int], options=["1"]), "the field odd of Odd: a form can ask for str"),
    ],
)
def test_a_form_that_cannot_be_asked_for_is_refused_at_once(into: Any, right: str) -> None:
    with pytest.raises(ConfigurationError, match=right):
        ask.form(into)
