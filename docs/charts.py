"""Draws the code's own tables, as the pages show them: ``python docs/charts.py`` makes assets/charts/NAME.LANGUAGE.svg anew.

What a chart says of the code is taken from the code when it is drawn: layers, kinds of entry, states, deadlines, the order in
which a message is met, trips to the store. Only the words around it stand here, in both languages. A test draws all of them
and compares: so a chart that is untrue, or names something that is no more, fails.

A chart has a ground of its own, light or dark as the reader's system is, and is read aloud by its title and description.
"""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from wechat import Bot, TextMessage, ask, attempt, journal, record, step, turn
from wechat.receive import Message
from wechat.stores import Patch
from wechat.stores.memory import MemoryStore

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "assets" / "charts"
LANGUAGES = ("en", "zh-CN")
WIDE = 760

#: a word or sentence in both languages
Pair = tuple[str, str]


# ---- drawing --------------------------------------------------------------------------------------------------------

STYLE = """
svg{--ground:#fff;--ink:#1d2a23;--faint:#5b6b63;--line:#8fc9ab;--box:#e8f5ee;--warm:#fff3d6;--warm-line:#e0b95a;--cold:#eef1f0}
@media(prefers-color-scheme:dark){svg{--ground:#161b18;--ink:#e6eeea;--faint:#a9bdb2;--line:#3f7a5c;--box:#1e3329;--warm:#3a3420;--warm-line:#8a7433;--cold:#232a27}}
text{font:13px -apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;fill:var(--ink)}
.small{font-size:11px}.faint{fill:var(--faint)}.code{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12px}
.strong{font-weight:650}
.ground{fill:var(--ground);stroke:var(--line)}.box{fill:var(--box);stroke:var(--line)}.warm{fill:var(--warm);stroke:var(--warm-line)}
.cold{fill:var(--cold);stroke:var(--line)}
.arrow,.rule{fill:none;stroke:var(--faint);stroke-width:1.3}.rule{stroke-dasharray:3 3}.head{fill:var(--faint)}
"""


def wide(text: str, size: float = 13) -> float:
    """About how wide a text is: a Chinese character is as wide as it is high."""
    return sum(size if ord(char) > 0x2000 else size * 0.6 for char in text)


def words(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    """A text; several lines are several texts."""
    lines = text.split("\n")
    return "".join(
        f'<text x="{x:g}" y="{y + 17 * i:g}" class="{kind}" text-anchor="{anchor}">{escape(line)}</text>\n'
        for i, line in enumerate(lines)
    )


def box(x: float, y: float, width: float, height: float, kind: str = "box") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="{kind}"/>\n'


def labelled(x: float, y: float, width: float, height: float, text: str, kind: str = "box", style: str = "") -> str:
    """A box with text in its middle."""
    lines = text.count("\n")
    middle = y + height / 2 + 4.5 - lines * 8.5
    return box(x, y, width, height, kind) + words(x + width / 2, middle, text, style, "middle")


def arrow(*points: tuple[float, float]) -> str:
    """A line along points, with a head at the last."""
    path = " ".join(f"{'M' if i == 0 else 'L'}{x:g} {y:g}" for i, (x, y) in enumerate(points))
    return f'<path d="{path}" class="arrow" marker-end="url(#head)"/>\n'


def rule(x: float, y: float, to: float) -> str:
    return f'<path d="M{x:g} {y:g} V{to:g}" class="rule"/>\n'


def sheet(title: str, about: str, height: float, body: Iterable[str], lang: str) -> str:
    """The whole file."""
    inner = "".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height:g}" width="{WIDE}" height="{height:g}" '
        f'role="img" aria-labelledby="title about" lang="{lang}">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="about">{escape(about)}</desc>\n'
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 Z" class="head"/></marker></defs>\n'
        f'<rect x=".5" y=".5" width="{WIDE - 1}" height="{height - 1:g}" rx="10" class="ground"/>\n'
        f"{words(20, 30, title, 'strong')}{inner}</svg>\n"
    )


class Language:
    """Which of the two a chart is drawn in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, pair: Pair) -> str:
        return pair[LANGUAGES.index(self.name)]

    def seconds(self, ms: float) -> str:
        """A time as people say it."""
        units = ((86_400_000, " h", " 小时", 3_600_000), (60_001, " min", " 分钟", 60_000), (0, " s", " 秒", 1_000))
        _, english, chinese, unit = next(row for row in units if ms >= row[0])
        return f"{ms / unit:g}{self((english, chinese))}"


# ---- reading the code -----------------------------------------------------------------------------------------------


def constant(path: Path, name: str) -> Any:
    """The value of a module's constant, read from its source."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise LookupError(f"{path.name} has no {name}")


def functions(module: Any) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def settings_of_state() -> set[tuple[str, str]]:
    """Which function gives a message which state; "" where that is computed."""
    found = set()
    for function in (*functions(record), *functions(attempt)):
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("change", "record.change"):
                continue
            for keyword in call.keywords:
                if keyword.arg == "state":
                    named = keyword.value.body if isinstance(keyword.value, ast.IfExp) else keyword.value
                    found.add((function.name, str(named.value) if isinstance(named, ast.Constant) else ""))
    return found


def arrivals() -> list[str]:
    """The states that a message may have as it arrives."""
    given = set()
    for function in functions(attempt):
        if function.name in ("arriving", "_destination"):
            given |= {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)}
    return [state for state in record._STATES if state in given]


# ---- the layers -----------------------------------------------------------------------------------------------------

LAYERS: dict[str, Pair] = {
    "errors": ("every exception, in one tree", "所有的异常，一棵树"),
    "core": (
        "what a conversation is: no I/O, no clock; knows nothing of WeChat",
        "对话是什么：没有 I/O，没有时钟，不知道微信",
    ),
    "protocol": ("what WeChat says and reads; knows nothing of conversations", "微信说什么、读什么：不知道对话"),
    "meeting": ("where the two meet: stores, and single tasks at the rim", "两者相会之处：存储，和边上的单项任务"),
    "runtime": ("carries out what the core asks for", "执行核心要求的事"),
    "bot": ("account, routes and store", "公众号、路由和存储"),
    "web": ("ways to reach a bot", "到达机器人的路"),
    "public": ("the public names", "公开的名字"),
    "programs": ("what uses those, as anybody would", "像任何人一样使用它们的程序"),
}


def layers(t: Language) -> str:
    table: dict[str, str] = constant(ROOT / "tests" / "test_layers.py", "LAYERS")
    apart = {frozenset(pair) for pair in constant(ROOT / "tests" / "test_layers.py", "APART")}
    names = [*table][::-1]
    body, y = [], 52.0
    while names:
        name = names.pop(0)
        beside = names.pop(0) if names and frozenset((name, names[0])) in apart else None
        row = [one for one in (beside, name) if one]
        width = (700 - 10 * (len(row) - 1)) / len(row)
        tall = max(_height(t, one, table[one], width, bool(beside)) for one in row)
        for i, one in enumerate(row):
            x = 40 + i * (width + 10)
            body.append(box(x, y, width, tall, "warm" if beside else "box"))
            body.append(words(x + 12, y + 21, one, "strong"))
            about, at = t(LAYERS[one]), y + 39
            if beside:
                body.append(words(x + 12, at, "\n".join(_wrapped(about, width)), "small faint"))
                at += 17 * len(_wrapped(about, width))
            else:
                body.append(words(x + 24 + wide(one), y + 21, about, "small faint"))
            body.append(words(x + 12, at, "\n".join(_wrapped(table[one], width)), "code"))
        y += tall + 8
    body.append(arrow((24, 60), (24, y - 14)))
    note = ("A module imports from its own layer or from those below it; core and protocol know nothing of each other.",
            "模块只从自己这一层或下面的层导入；core 和 protocol 互不相识。")  # fmt: skip
    body.append(words(40, y + 14, t(note), "small faint"))
    title = t(("The layers (tests/test_layers.py)", "分层（tests/test_layers.py）"))
    about = f"{t(note)} {'; '.join(f'{name}: {table[name]}' for name in table)}"
    return sheet(title, about, y + 32, body, t.name)


def _height(t: Language, name: str, modules: str, width: float, beside: bool) -> float:
    lines = len(_wrapped(modules, width)) + (len(_wrapped(t(LAYERS[name]), width)) if beside else 0)
    return 31 + 17 * lines


def _wrapped(text: str, width: float, size: float = 12) -> list[str]:
    """The text in lines; Chinese may be cut anywhere, English between words."""
    lines = [""]
    for word in re.findall(r"[\u2000-\uffff]|[^\s\u2000-\uffff]+\s*", text):
        if lines[-1] and wide(lines[-1] + word, size) > width - 20:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


# ---- the journal ----------------------------------------------------------------------------------------------------

ENTRIES: dict[str, str] = {
    "Began": "一条消息开始了一个对话",
    "Afresh": "对话说了 again：等着重新打开它的消息",
    "Answered": "一条消息回答了提问",
    "Misread": "一条消息想回答提问，但没有看懂",
    "Lapsed": "消息来得太晚",
    "Stopped": "消息是一个取消的词",
    "Returned": "消息是一个返回的词",
    "Intent": "只可执行一次的步骤就要开始",
    "Result": "步骤的结果",
    "Failure": "步骤的失败",
    "Recalled": "从用户自己的数据里找到什么",
}


def entries(t: Language) -> str:
    body, y = [], 48.0
    for letter, kind in journal.KINDS.items():
        english = str(kind.__doc__).splitlines()[0].replace("`", "")
        fields = [field for field in kind.__struct_fields__ if field != "at"]
        body += [
            labelled(20, y, 26, 26, letter, "warm", "code"),
            words(58, y + 17, kind.__name__, "strong"),
            words(150, y + 17, t((english, ENTRIES[kind.__name__])), "small"),
            words(58, y + 36, f'["{letter}", at, {", ".join(fields)}]', "code faint"),
        ]
        y += 48
    note = t(
        (
            "at: milliseconds since 1970. Values at the end that are null are left out.",
            "at：1970 年以来的毫秒数。末尾的 null 省略。",
        )
    )
    body.append(words(20, y + 10, note, "small faint"))
    title = t(("The journal's entries (wechat.journal.KINDS)", "日志的条目（wechat.journal.KINDS）"))
    about = "; ".join(f"{letter}: {kind.__name__}" for letter, kind in journal.KINDS.items())
    return sheet(title, about, y + 28, body, t.name)


# ---- the states of a message ----------------------------------------------------------------------------------------

STATES: dict[str, tuple[Pair, tuple[int, int]]] = {
    "checking": (("@bot.before is asked", "正在问 @bot.before"), (170, 60)),
    "queued": (("waits for its turn", "等待轮到它"), (170, 170)),
    "taken": (("its turn runs", "它的轮次在运行"), (410, 170)),
    "aside": (("a handler of one step runs", "一个步骤的处理器在运行"), (410, 280)),
    "fetching": (("fetches what is unread", "来取未读的"), (170, 390)),
    "done": (("its reply is on record", "它的回复已记录"), (570, 390)),
}
#: who brings a message from one state into another; the code's own names
MOVES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("checking", "", ("admit",)),
    ("checking", "done", ("finish_beside",)),
    ("queued", "taken", ("take",)),
    ("queued", "aside", ("step_aside",)),
    ("queued", "fetching", ("refuse",)),
    ("queued", "done", ("refuse", "meet_otherwise", "open", "stop", "leave", "erase")),
    ("taken", "done", ("finish", "drop", "reroute", "end_at_once")),
    ("taken", "aside", ("step_aside",)),
    ("aside", "done", ("finish_beside",)),
    ("fetching", "done", ("bind",)),
)


def unknown_moves() -> set[tuple[str, str]]:
    """What the code does and `MOVES` does not say, or the other way round."""
    drawn = {(name, to) for _, to, names in MOVES for name in names}
    return drawn ^ settings_of_state()


def by(state: str, then: str, between: str = " · ") -> str:
    """Who brings a message from one state into another, as a label."""
    (names,) = (names for a, b, names in MOVES if (a, b) == (state, then))
    return between.join(names)


def states(t: Language) -> str:
    if STATES.keys() != record._STATES.keys() or unknown_moves():
        raise LookupError(f"states of a message that are drawn otherwise: {sorted(unknown_moves())}")
    body = [
        labelled(20, 170, 110, 44, t(("a push comes", "一次推送到来")), "cold"),
        *(arrow((130, 192), (170, STATES[state][1][1] + 22)) for state in ("checking", "queued", "fetching")),
        arrow((255, 104), (255, 170)),
        words(262, 142, by("checking", ""), "code faint"),
        arrow((340, 192), (410, 192)),
        words(375, 186, by("queued", "taken"), "code faint", "middle"),
        arrow((320, 214), (410, 290)),
        words(372, 244, by("queued", "aside"), "code faint"),
        arrow((215, 214), (215, 390)),
        words(207, 340, by("queued", "fetching"), "code faint", "end"),
        arrow((495, 214), (495, 280)),
        words(502, 252, by("taken", "aside"), "code faint"),
        arrow((580, 192), (700, 192), (700, 390)),
        words(692, 232, by("taken", "done", "\n"), "code faint", "end"),
        arrow((580, 302), (640, 302), (640, 390)),
        words(632, 346, by("aside", "done"), "code faint", "end"),
        arrow((340, 412), (570, 412)),
        words(455, 430, by("fetching", "done"), "code faint", "middle"),
        arrow((340, 82), (722, 82), (722, 390)),
        words(530, 76, by("checking", "done"), "code faint", "middle"),
        arrow((275, 214), (275, 372), (605, 372), (605, 390)),
        words(282, 366, by("queued", "done"), "code faint"),
    ]
    for state, (says, (x, y)) in STATES.items():
        body.append(box(x, y, 170, 44, "warm" if state == "done" else "box"))
        body.append(words(x + 85, y + 19, f"{state} · {record._STATES[state]}", "strong", "middle"))
        body.append(words(x + 85, y + 35, t(says), "small faint", "middle"))
    first = t(("As it arrives, a message is: ", "消息到来时可能是：")) + " · ".join(arrivals())
    forgotten = t(
        ("done is forgotten after {}, or when more than {} are known.", "done 在 {} 之后忘掉，或者记得的超过 {} 条时。")
    ).format(t.seconds(record.KEEP), record.CAP)
    body += [words(20, 482, first, "small"), words(20, 500, forgotten, "small faint")]
    title = t(("The states of a message (wechat.record)", "一条消息的状态（wechat.record）"))
    about = f"{first}. " + "; ".join(
        f"{a} → {b or 'its state at arrival'}: {', '.join(names)}" for a, b, names in MOVES
    )
    return sheet(title, about, 516, body, t.name)


# ---- the deliveries -------------------------------------------------------------------------------------------------


def deliveries(t: Language) -> str:
    waits = attempt.WECHAT
    scale, left, top, pushes = 38.0, 90.0, 60, 3

    def at(ms: float) -> float:
        return left + scale * ms / 1000

    body = []
    for second in range(16):
        body.append(rule(at(second * 1000), top, top + 222))
        body.append(words(at(second * 1000), top - 6, str(second), "small faint", "middle"))
    body.append(words(at(15_600), top - 6, t(("s", "秒")), "small faint"))
    for i in range(pushes):
        y, start, last = top + 12 + i * 52, i * waits.waits, i == pushes - 1
        body.append(words(20, y + 21, t((f"push {i + 1}", f"推送 {i + 1}")), "strong"))
        body.append(box(at(start), y, scale * waits.waits / 1000, 32, "cold"))
        carries = t(("may carry the reply", "可以带走回复"))
        body.append(box(at(start), y, scale * waits.answer_by / 1000, 32))
        body.append(words(at(start) + 8, y + 20, carries, "small"))
        if last:
            body.append(box(at(start + waits.last_chance), y - 4, 3, 40, "warm"))
            body.append(
                words(at(start + waits.last_chance), y + 50, t(("last chance", "最后的机会")), "small", "middle")
            )
    y = top + 190
    body.append(words(20, y + 16, t(("the lease", "租约")), "strong"))
    beats = range(0, 15_000, turn.HEARTBEAT)
    body.append(box(at(0), y, scale * 15, 24, "warm"))
    body += [words(at(beat) + 4, y + 16, "♥" if beat else t(("step begins", "步骤开始")), "small") for beat in beats]
    facts: list[tuple[Pair, Pair, float]] = [
        (("WeChat hangs up", "微信挂断"), ("Deadlines.waits", "Deadlines.waits"), waits.waits),
        (("a push carries a reply no later than", "推送最晚还能带走回复"), ("answer_by",) * 2, waits.answer_by),
        (("the last push says what there is", "最后一次推送有什么说什么"), ("last_chance",) * 2, waits.last_chance),
        (("a response written by then has arrived", "此前写出的响应已送达"), ("in_time",) * 2, waits.in_time),
        (("the worker lets go of a push", "进程放手一次推送"), ("give_up",) * 2, waits.give_up),
        (("else what it carried is in doubt, and can be read again after", "否则它带走的存疑，可再读，在之后"), ("record.DOUBT",) * 2, record.DOUBT),
        (("a sign of life of a step that runs", "运行中的步骤报平安"), ("turn.HEARTBEAT",) * 2, turn.HEARTBEAT),
        (("a lease without a sign of life runs out", "没有平安的租约过期"), ("record.LEASE",) * 2, record.LEASE),
        (("later pushes of the message get the same reply", "这条消息再推送，得到同一回复"), ("record.SAME",) * 2, record.SAME),
        (("the message is known", "记得这条消息"), ("record.KEEP",) * 2, record.KEEP),
        (("a reply that nobody fetched is kept", "没人取的回复保留"), ("record.UNREAD",) * 2, record.UNREAD),
    ]  # fmt: skip
    y += 58
    for says, name, ms in facts:
        body.append(words(20, y, t(says), "small"))
        body.append(words(480, y, name[0], "code faint"))
        body.append(words(740, y, t.seconds(ms), "strong", "end"))
        y += 21
    title = t(
        (
            "One message, three pushes, and the clocks (wechat.attempt, record, turn)",
            "一条消息，三次推送，各个时钟（wechat.attempt、record、turn）",
        )
    )
    about = "; ".join(f"{t(says)}: {t.seconds(ms)}" for says, _, ms in facts)
    return sheet(title, about, y + 6, body, t.name)


# ---- what becomes of a message --------------------------------------------------------------------------------------

MEETINGS: dict[str, tuple[Pair, Pair]] = {
    "is_late": (("it came after the question's time", "来时已过了提问的时间"), ("TimedOut is raised at the ask", "提问处抛出 TimedOut")),
    "is_cancel": (("a cancel word", "取消的词"), ("Cancelled is raised", "抛出 Cancelled")),
    "is_back": (("a back word, where back=True", "返回的词，且 back=True"), ("WentBack is raised", "抛出 WentBack")),
    "is_early": (("typed before the question was shown", "问题显示之前打的"), ("not taken, and the user is told", "不收下，并告诉用户")),
    "is_accepted": (("of a kind that the ask takes", "提问接受的种类"), ("the dialog's answer", "对话得到回答")),
    "is_misplaced_event": (("an event it does not take", "它不接受的事件"), ("its own route, beside the dialog", "走它自己的路由，不打扰对话")),
    "<lambda>": (("anything else", "其余的一切"), ("otherwise: what is expected, and the question again", "otherwise：期待什么，再问一遍")),
}  # fmt: skip


def ranked() -> list[Pair]:
    """The kinds of route, in the order in which the router asks them."""
    bot = Bot("token", store="memory://")
    said: dict[str, Pair] = {
        "word": ('exact words: @bot.text("买水果")', '完全相同的词：@bot.text("买水果")'),
        "pattern": ("patterns, as they were registered", "模式，按注册的顺序"),
        "kind": ("the kind: @bot.text, @bot.image …", "种类：@bot.text、@bot.image……"),
        "default": ("@bot.default", "@bot.default"),
    }
    bot.default(name="default")(lambda: None)
    bot.text(name="kind")(lambda: None)
    bot.text(re.compile("x"), name="pattern")(lambda: None)
    bot.text("x", name="word")(lambda: None)
    message = TextMessage(text="x")
    routes = [route for route in bot.routes if route.takes(message, message.text)]
    return [said[route.script.name] for route in sorted(routes, key=lambda route: route.rank)]


def meetings(t: Language) -> str:
    waits = t(("A dialog waits: the first line that fits", "有对话在等：第一条符合的"))
    body, told, y = [words(20, 58, waits, "faint")], [], 72.0
    for fits, _ in attempt.MEETINGS:
        when, then = (t(pair) for pair in MEETINGS[fits.__name__])
        told.append(f"{when}: {then}")
        body += [
            labelled(20, y, 330, 32, when),
            arrow((350, y + 16), (390, y + 16)),
            labelled(390, y, 350, 32, then, "warm"),
        ]
        y += 46
        body.append(arrow((185, y - 14), (185, y)) if len(told) < len(attempt.MEETINGS) else "")
    body.append(
        words(20, y + 18, t(("None waits: the first route that fits", "没有对话在等：第一条符合的路由")), "faint")
    )
    y += 32
    order = [t(pair) for pair in ranked()]
    for i, each in enumerate([*order, t(("nobody: success", "谁都不是：success"))]):
        body.append(labelled(20, y, 330, 32, each, "box" if i < len(order) else "cold"))
        y += 46
        body.append(arrow((185, y - 14), (185, y)) if i < len(order) else "")
    title = t(
        (
            "When a message's turn comes (wechat.attempt.MEETINGS, wechat.router)",
            "轮到一条消息时（wechat.attempt.MEETINGS、wechat.router）",
        )
    )
    return sheet(title, "; ".join([*told, *order]), y, body, t.name)


# ---- trips to the store ---------------------------------------------------------------------------------------------


class Counted(MemoryStore):
    """A store that knows what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def load(self, key: str) -> Any:
        self.asked.append("load")
        return await super().load(key)

    async def patch(self, key: str, version: str, patch: Patch) -> Any:
        self.asked.append("patch")
        return await super().patch(key, version, patch)


@step
def done_here(number: int) -> int:
    return number


def asks(message: Message) -> Generator[Any, Any, None]:
    steps = yield ask.number("?")
    for number in range(steps):
        yield done_here(number)
    yield ask("?", timeout=600)


def _worker(store: Counted) -> Bot:
    bot = Bot("token", account="gh_0123456789ab", store=store)
    bot.text("x", name="asks")(asks)
    return bot


def trips() -> list[tuple[Pair, list[str]]]:
    """What is asked of the store, counted on bots that run."""
    return asyncio.run(_trips())


async def _trips() -> list[tuple[Pair, list[str]]]:
    store = Counted()
    one, other = _worker(store), _worker(store)
    time, made = dt.datetime.now(dt.timezone.utc), list[tuple[Pair, list[str]]]()

    async def tell(bot: Bot, id: str, text: str, about: Pair | None = None) -> None:
        store.asked.clear()
        await bot.deliver(TextMessage(id=id, openid="o", account="gh_0123456789ab", text=text, time=time))
        if about:
            made.append((about, [*store.asked]))

    await tell(one, "1", "x", ("the first message of a user", "一位用户的第一条消息"))
    await tell(one, "2", "0", ("the next one, on the same worker", "下一条，在同一个进程上"))
    await tell(one, "2", "0", ("the same message pushed again, there", "同一条消息再次推送到那里"))
    await tell(other, "2", "0", ("the same message pushed to another worker", "同一条消息推送到别的进程"))
    await tell(other, "3", "取消")
    await tell(one, "4", "x", ("a message that finds what was kept out of date", "一条消息，发现手里的已过时"))
    await tell(one, "5", "1", ("a message whose turn takes one step", "一条消息，它的轮次有一个步骤"))
    await tell(one, "6", "取消")
    await tell(one, "7", "x")
    await tell(one, "8", "3", ("three steps", "三个步骤"))
    await one.aclose()
    await other.aclose()
    return made


#: the protocol of a store
OPERATIONS: dict[str, Pair] = {
    "load": ("version and fields, of one moment", "版本和字段，同一时刻的"),
    "patch": (
        "write what changed, if the version still stands; else give what is there",
        "版本没变就写入变化；变了就给出现在的",
    ),
    "wait": ("until somebody writes, or it is time", "等到有人写入，或者到时间"),
    "erase": ("forget everything of one user", "忘掉一位用户的一切"),
}


def stores(t: Language) -> str:
    body, y = [], 58.0
    for name, about in OPERATIONS.items():
        if not hasattr(MemoryStore, name):
            raise LookupError(f"a store has no {name}")
        body += [labelled(20, y, 70, 26, name, "warm", "code"), words(104, y + 18, t(about), "small")]
        y += 34
    y += 14
    counted = trips()
    for about, asked in counted:
        body.append(words(20, y + 18, t(about), "small"))
        x = 330.0
        for name in asked:
            body.append(labelled(x, y, 62, 26, name, "box", "code"))
            x += 70
        body.append(words(740, y + 18, str(len(asked)), "strong", "end"))
        y += 36
    title = t(
        (
            "What is asked of a store, and how often (wechat.stores; counted)",
            "向存储要什么，几次（wechat.stores；数出来的）",
        )
    )
    said = "; ".join(f"{t(about)}: {', '.join(asked) or '–'}" for about, asked in counted)
    return sheet(title, said, y + 6, body, t.name)


# ---- all of them ----------------------------------------------------------------------------------------------------

CHARTS: dict[str, Callable[[Language], str]] = {
    "layers": layers,
    "journal": entries,
    "states": states,
    "deliveries": deliveries,
    "meetings": meetings,
    "stores": stores,
}


def drawn() -> dict[str, str]:
    """Every chart, by the name of its file."""
    made = {name: [draw(Language(lang)) for lang in LANGUAGES] for name, draw in CHARTS.items()}
    return {f"{name}.{lang}.svg": svg for name, each in made.items() for lang, svg in zip(LANGUAGES, each, strict=True)}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, svg in drawn().items():
        (FOLDER / file).write_text(svg, "utf-8")
