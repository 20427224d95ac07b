"""`inspect`, `end` and `forget`: on real stores, after conversations with a bot of that store."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
import redis

from fleets import Cluster, running_cluster
from servers import free_port, running_redis
from wechat import Bot, Dialog, TextMessage, again, ask, record, remember, reply, step, stores
from wechat.cli import main
from wechat.journal import KINDS, PROMPTS, Lines, encode
from wechat.record import Datum, Partial, Record, Seen, Standing, Unread
from wechat.stores import Loaded, Patch, Store, wall_clock
from wechat.stores.sqlite import SQLiteStore

ACCOUNT, USER = "gh_1", "oUser"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "AES_KEY", "APPID", "ACCOUNT", "STORE"):
        monkeypatch.delenv(f"WECHAT_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "redis", "cluster"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store in which nothing is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bot.db"
    if request.param == "cluster":
        fleet: Cluster = request.getfixturevalue("cluster")
        for master in fleet.masters():
            master.client.flushall()
        return f"{fleet.url}?wait_replicas=1"
    there: str = request.getfixturevalue("server")
    with redis.Redis.from_url(there) as client:
        client.flushall()
    return there


# ---- conversations --------------------------------------------------------------------------------------------------


@step
def save(fruit: str) -> dict[str, Any]:
    return {"水果": fruit}


def order(message: TextMessage) -> Dialog:
    fruit = yield from ask.choice("想买什么水果？", ["苹果", "香蕉"])
    yield from save(fruit)
    count = yield from ask.number("买几个？", 1, 99)
    yield from remember("orders", count)
    return f"{count} 个{fruit}"


def parrot(message: TextMessage, said: int = 0) -> Any:
    return again(f"{message.text}！", said=said + 1)
    yield


class Talk:
    """A bot on a store, and whoever talks to it."""

    def __init__(self, store: str | Store) -> None:
        self.bot = Bot("token", store=store)
        self.count, self.goes_on, self.runs = 0, threading.Event(), threading.Event()
        self.bot.text("买水果")(order)
        self.bot.text("复读")(parrot)
        self.bot.text("慢")(self.slow())

    def slow(self) -> Any:
        @step
        def work() -> str:
            self.runs.set()
            self.goes_on.wait(30)
            return "好了"

        def slow(message: TextMessage) -> Dialog:
            done = yield from work()
            name = yield from ask.text(f"{done}，叫什么？")
            return f"叫{name}"

        return slow

    def message(self, text: str, openid: str = USER, account: str = ACCOUNT) -> TextMessage:
        self.count += 1
        now = dt.datetime.now(dt.timezone.utc)
        return TextMessage(text=text, id=str(self.count), openid=openid, account=account, time=now)

    def say(self, text: str, *who: str) -> Any:
        said = self.bot.wait(self.bot.deliver(self.message(text, *who)))
        return reply.visible(said.text) if isinstance(said, reply.Text) else said

    def hurry(self, text: str) -> None:
        """Say it, and do not wait for an answer."""
        self.bot.wait(self.bot.carry(self.message(text), patience=0.05))

    def begin(self) -> None:
        """A turn that runs until it `goes_on`."""
        self.hurry("慢")
        assert self.runs.wait(10)

    def rest(self) -> None:
        """Whatever runs comes to its end."""
        self.goes_on.set()
        self.bot.wait(self.bot.aclose())


@pytest.fixture
def talking() -> Iterator[Callable[..., Talk]]:
    talks: list[Talk] = []

    def begin(store: str | Store) -> Talk:
        talks.append(Talk(store))
        return talks[-1]

    yield begin
    for talk in talks:
        talk.rest()


@pytest.fixture
def talk(url: str, talking: Callable[..., Talk]) -> Talk:
    return talking(url)


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A command on that store. Gives the exit code, and what it wrote."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--store", url])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return command


@pytest.fixture
def view(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """What `inspect` tells a program."""

    def inspected(openid: str = USER, *arguments: str) -> Any:
        _, out, err = run("inspect", openid, "--json", *arguments)
        assert not err
        return json.loads(out)

    return inspected


def kept(url: str, key: str = f"wechat-dialog:{ACCOUNT}:{USER}") -> Loaded:
    async def load() -> Loaded:
        store = stores.open(url)
        try:
            return await store.load(key)
        finally:
            await store.close()

    return anyio.run(load)


def keep(url: str, fields: Mapping[str, str], key: str = f"wechat-dialog:{ACCOUNT}:{USER}") -> None:
    async def patch() -> None:
        store = stores.open(url)
        await store.patch(key, "", Patch("v1", fields))
        await store.close()

    anyio.run(patch)


# ---- inspect: where a conversation stands ---------------------------------------------------------------------------


def test_a_dialog_that_waits_is_shown_with_all_that_led_there(talk: Talk, view: Callable[..., Any]) -> None:
    for text in ("买水果", "第二个", "两百"):
        talk.say(text)
    seen = view()
    dialog = seen["dialog"]
    assert (seen["account"], seen["openid"], seen["kept"]) == (ACCOUNT, USER, True)
    assert (dialog["name"], dialog["state"], dialog["timeout"]) == ("order", "waiting", 60.0)
    assert dialog["question"] == "请回复 1 到 99 的整数"
    shown, until = (dt.datetime.fromisoformat(dialog[name]) for name in ("shown", "until"))
    assert (until - shown).total_seconds() == 60
    assert [(entry["what"], entry.get("payload")) for entry in seen["journal"]] == [
        ("began", "买水果"),
        ("answered", "第二个"),
        ("result", None),
        ("misread", "两百"),
    ]
    assert seen["journal"][2]["value"] == {"水果": "香蕉"}
    assert [(it["payload"], it["state"], it["deliveries"]) for it in seen["messages"]] == [
        ("买水果", "done", 1),
        ("第二个", "done", 1),
        ("两百", "done", 1),
    ]
    assert seen["messages"][1]["reply"] == "买几个？"


def test_the_options_of_a_question_are_shown_as_the_user_sees_them(
    talk: Talk, view: Callable[..., Any], run: Callable[..., tuple[int, str, str]]
) -> None:
    talk.say("买水果")
    assert view()["dialog"]["options"] == ["苹果", "香蕉"]
    _, out, _ = run("inspect", USER)
    assert "1. 苹果" in out
    assert "weixin://" not in out


def test_data_stand_in_the_order_of_their_keys(talk: Talk, view: Callable[..., Any]) -> None:
    for key in "bca":
        talk.bot.wait(talk.bot.user(USER, account=ACCOUNT).remember(key, 1))
        talk.bot.wait(talk.bot.user(USER, account=ACCOUNT).tell("x", key=key))
    seen = view()
    assert [each["key"] for each in seen["data"]] == [each["key"] for each in seen["told"]] == ["a", "b", "c"]


def test_a_dialog_that_begins_anew_is_shown_with_its_state(talk: Talk, view: Callable[..., Any]) -> None:
    talk.say("复读")
    talk.say("好")
    seen = view()
    assert (seen["dialog"]["name"], seen["dialog"]["question"]) == ("parrot", "好！")
    assert [(entry["what"], entry["state"]) for entry in seen["journal"]] == [("afresh", {"said": 2})]


def test_what_a_dialog_left_behind_is_shown_when_it_is_over(talk: Talk, view: Callable[..., Any]) -> None:
    for text in ("买水果", "1", "3"):
        talk.say(text)
    seen = view()
    assert (seen["dialog"], seen["journal"]) == (None, [])
    assert seen["data"] == [{"key": "orders", "value": 3, "expires": None}]


def test_a_turn_that_runs_is_shown_with_who_runs_it(talk: Talk, view: Callable[..., Any]) -> None:
    talk.begin()
    seen = view()
    assert (seen["dialog"]["name"], seen["dialog"]["state"], seen["dialog"]["question"]) == ("slow", "running", None)
    assert (seen["lease"]["alive"], seen["lease"]["turn"]) == (True, "1")
    assert seen["lease"]["worker"]


def test_a_message_that_waits_for_its_turn_is_shown(talk: Talk, view: Callable[..., Any]) -> None:
    talk.begin()
    talk.hurry("还在吗")
    waits = view()["messages"][1]
    assert (waits["state"], waits["payload"]) == ("queued", "还在吗")


def test_a_question_that_nobody_has_seen_is_unread(talk: Talk, view: Callable[..., Any]) -> None:
    talk.begin()
    talk.bot.wait(talk.bot.user(USER, account=ACCOUNT).tell("包裹到了", key="parcel 1"))
    talk.rest()
    seen = view()
    assert (seen["dialog"]["state"], seen["dialog"]["question"]) == ("unshown", "好了，叫什么？")
    assert [(it["say"], it["asks"], it["message"]) for it in seen["unread"]] == [
        ("包裹到了", False, None),
        ("好了，叫什么？", True, "1"),
    ]
    assert seen["lease"] is None


def test_what_was_told_is_unread_and_known_by_its_key(talk: Talk, view: Callable[..., Any]) -> None:
    user = talk.bot.user(USER, account=ACCOUNT)
    talk.bot.wait(user.tell("包裹到了", key="parcel 1", expire=60))
    talk.bot.wait(user.remember("coupon", {"元": 5}, expire=60))
    seen = view()
    assert [(it["say"], it["message"], it["asks"], it["doubtful"]) for it in seen["unread"]] == [
        ("包裹到了", None, False, False)
    ]
    now = dt.datetime.fromisoformat(seen["now"])
    left = [dt.datetime.fromisoformat(it) - now for it in (seen["unread"][0]["until"], seen["data"][0]["expires"])]
    assert all(dt.timedelta(seconds=30) < each <= dt.timedelta(seconds=60) for each in left)
    assert [it["key"] for it in seen["told"]] == ["parcel 1"]
    assert (seen["data"][0]["key"], seen["data"][0]["value"]) == ("coupon", {"元": 5})


def test_a_time_that_no_calendar_has_is_for_ever(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    user = talk.bot.user(USER, account=ACCOUNT)
    talk.bot.wait(user.remember("coupon", 1, expire=1e12))
    talk.bot.wait(user.tell("包裹到了", key="parcel 1", expire=1e12))
    seen = view()
    assert (seen["data"][0]["expires"], seen["unread"][0]["until"], seen["told"][0]["until"]) == (None, None, None)
    code, out, _ = run("inspect", USER)
    assert (code, "for good" in out, "until for ever" in out) == (0, True, True)


@pytest.mark.parametrize(("minutes", "state"), [(0, "waiting"), (3, "late"), (20, "lapsed")])
def test_a_time_that_is_over_is_told(
    minutes: int, state: str, tmp_path: Path, talking: Callable[..., Talk], capsys: pytest.CaptureFixture[str]
) -> None:
    talking(SQLiteStore(tmp_path / "bot.db", lambda: wall_clock() - minutes * 60_000)).say("买水果")
    assert main(["inspect", USER, "--store", f"sqlite:///{tmp_path}/bot.db", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dialog"]["state"] == state


def test_what_expired_is_shown_no_more(
    tmp_path: Path, talking: Callable[..., Talk], capsys: pytest.CaptureFixture[str]
) -> None:
    talk = talking(SQLiteStore(tmp_path / "bot.db", lambda: wall_clock() - 3_600_000))
    user = talk.bot.user(USER, account=ACCOUNT)
    talk.bot.wait(user.remember("coupon", 1, expire=60))
    talk.bot.wait(user.tell("今天有雨", key="rain", expire=60))
    assert main(["inspect", USER, "--store", f"sqlite:///{tmp_path}/bot.db", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["data"], seen["unread"]) == ([], [])


def test_an_account_whose_record_expired_is_no_account_to_choose(
    tmp_path: Path, talking: Callable[..., Talk], capsys: pytest.CaptureFixture[str]
) -> None:
    talking(SQLiteStore(tmp_path / "bot.db")).say("买水果", USER, "gh_2")
    talking(SQLiteStore(tmp_path / "bot.db", lambda: wall_clock() - 3 * record.LIVES)).say("复读", USER, "gh_1")
    assert main(["inspect", USER, "--store", f"sqlite:///{tmp_path}/bot.db", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["account"] == "gh_2"


def test_looking_changes_nothing(url: str, talk: Talk, run: Callable[..., tuple[int, str, str]]) -> None:
    talk.say("买水果")
    before = kept(url)
    assert run("inspect", USER)[0] == run("inspect", USER, "--json")[0] == 0
    after = kept(url)
    assert (after.version, after.fields) == (before.version, before.fields)


def test_its_size_is_that_of_what_is_kept(url: str, talk: Talk, view: Callable[..., Any]) -> None:
    talk.say("买水果")
    fields = kept(url).fields
    assert view()["bytes"] == sum(len(f"{name}{value}".encode()) for name, value in fields.items())


# ---- inspect: everything that a record can hold ---------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "version": 2,
    "chose": None,
    "flags": 0,
    "found": True,
    "made": None,
    "state": {"说": 1},
    "said": ["在吗"],
}


def entry(kind: type[Any], now: int) -> Any:
    """One of that kind, with words in it that tell it from others."""
    own = {name: f"{name}-{kind.__name__}" for name in kind.__struct_fields__}
    given = {**VALUES, "at": now, "created": now // 1000, "value": {"值": kind.__name__}}
    return kind(**own | {name: value for name, value in given.items() if name in own})


LONG = f"{'刚说到' * 20}, and it goes on (for 安全组, a while) until it is over."
CLICK = {"MsgType": "event", "Event": "CLICK", "EventKey": "K"}


def everything(now: int) -> Record:
    """A record in which there is something of all that there can be."""
    later, second = now + 10**9, now // 1000
    seen = [
        Seen(second, now, "done", "aabbcc", reply={"": "image", "media_id": "MEDIA"}, refused=True, id="m1"),
        Seen(second, now + 1, "queued", "aa", ("", None, "在排队"), id="m2"),
        Seen(second, now + 2, "aside", "aa", ("", None, CLICK), owner="worker9", until=later, claims=2, id="m3"),
        Seen(second, now + 3, "taken", "aa", reply="", id="m4"),
    ]
    unread = [
        Unread("m1", "没读过", True, later, number=1),
        Unread("m1", "在路上", False, later, held=("m4", now), number=2),
        Unread("", {"": "news", "articles": [{"title": "标题"}]}, False, later, doubtful=True, number=3),
    ]
    return Record(
        owner="worker7:m4",
        until=later,
        claims=3,
        turn="m4",
        side=1,
        shown=now,
        since=1_000,
        standing=Standing(90_000, ("ImageMessage",), ("苹果",)),
        count=3,
        journal=Lines(encode(entry(kind, now)) for kind in KINDS.values()),
        seen={each.id: each for each in seen},
        unread={each.number: each for each in unread},
        partial=Partial("m4", LONG),
        data={"积分": Datum({"a": [1, "二"]}), "券": Datum("x", later)},
        told={"包裹 17": later},
    )


def test_everything_that_a_record_can_hold_is_told_to_a_program(url: str, view: Callable[..., Any]) -> None:
    keep(url, record.fields(everything(wall_clock())))
    seen = view()
    assert [each["what"] for each in seen["journal"]] == [kind.__name__.lower() for kind in KINDS.values()]
    assert seen["journal"][0]["payload"] == "payload-Began"
    times = ("began", "asked", "shown", "until")
    assert all(seen["dialog"][name] for name in times)
    assert {name: value for name, value in seen["dialog"].items() if name not in times} == {
        "name": "dialog-Began",
        "version": 2,
        "state": "running",
        "question": None,
        "timeout": 90.0,
        "accepts": ["ImageMessage"],
        "options": ["苹果"],
        "side": "dialog-Afresh",
    }
    assert (seen["lease"]["worker"], seen["lease"]["claims"]) == ("worker7", 3)
    assert [each["payload"] for each in seen["messages"]] == [
        None,
        "在排队",
        CLICK,
        None,
    ]
    assert (seen["messages"][0]["refused"], seen["messages"][0]["deliveries"]) == (True, 3)
    assert (seen["messages"][2]["worker"], seen["messages"][2]["claims"]) == ("worker9", 2)
    assert [each["held"] and each["held"]["message"] for each in seen["unread"]] == [None, "m4", None]
    assert [each["doubtful"] for each in seen["unread"]] == [False, False, True]
    assert seen["streamed"]["text"] == LONG
    assert [(each["key"], each["value"]) for each in seen["data"]] == [("券", "x"), ("积分", {"a": [1, "二"]})]
    assert [each["key"] for each in seen["told"]] == ["包裹 17"]


SHOWN = (
    *(USER, ACCOUNT, "dialog-Began (version 2)", "a turn runs", "dialog-Afresh runs before it", LONG),
    *("worker7, until", "begun 3 times", "for message m4"),
    *("journal (11)", "began", "again", "answered", "not understood", "too late", "cancelled", "went back"),
    *("step begins", "step failed", "recalled", '{"说": 1}', '{"值": "Result"}', "type-Failure: message-Failure"),
    *(f"「payload-{name}」" for name in ("Began", "Answered", "Misread", "Lapsed", "Stopped", "Returned")),
    *("(to key-Answered)", 'key-Recalled → {"值": "Recalled"}', "name-Intent, once only"),
    *(
        "messages (4)",
        "(m1, refused, 3 deliveries)",
        '[image] {"media_id": "MEDIA"}',
        "「在排队」 (m2)",
        "no reply yet",
    ),
    *("[event CLICK K] (m3)", "worker9, until"),
    *("unread (3)", "没读过", "the question", "在路上", "in doubt", "[news]", "标题", "perhaps read"),
    *("data (2)", "积分", '{"a": [1, "二"]}', "for good", "券", "told (1)", "包裹 17"),
)


@pytest.mark.parametrize("columns", ["60", "80", "83", "84", "85", "120"])
def test_everything_that_a_record_can_hold_is_shown_to_people(
    columns: str, url: str, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    keep(url, record.fields(everything(wall_clock())))
    code, out, _ = run("inspect", USER)
    assert code == 0
    assert "\x1b" not in out
    whole = "".join(out.split())  # however it was broken into lines
    assert [each for each in SHOWN if "".join(each.split()) not in whole] == []


WAITS: dict[str, Any] = {"turn": "", "side": None, "owner": ""}


@pytest.mark.parametrize(
    ("changed", "ago", "shown"),
    [
        (WAITS, 0, ["waits for an answer", "没读过", "苹果", "ImageMessage", ", again ", ", in 1 min"]),
        (WAITS | {"shown": None}, 0, ["was not shown yet", "90 s after it was shown"]),
        (WAITS | {"standing": Standing(math.inf)}, 0, ["waits for an answer", "for ever"]),
        (WAITS, 7_200_000, ["the next message finds no dialog", ", 2 h ago"]),
        (WAITS, 300_000, ["the next message meets TimedOut", "min ago"]),
        (WAITS | {"unread": {}}, 0, ["its words are not on record"]),
        ({"cancelled": True}, 0, ["its result is to be dropped"]),
        ({"until": 1}, 0, ["left behind by its worker", "gone since"]),
        ({"journal": []}, 0, ["no dialog waits"]),
    ],
)
def test_each_state_has_words_of_its_own(
    changed: dict[str, Any], ago: int, shown: list[str], url: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    rec = everything(wall_clock() - ago)
    for name, value in changed.items():
        setattr(rec, name, value)
    keep(url, record.fields(rec))
    code, out, _ = run("inspect", USER)
    assert code == 0
    assert [words for words in shown if words not in out] == []


def test_what_people_write_does_nothing_to_a_terminal(talk: Talk, run: Callable[..., tuple[int, str, str]]) -> None:
    talk.say("复读")
    talk.say("清\x1b[2J屏\u202e反[red]红[/red]")
    _, out, _ = run("inspect", USER)
    assert "清\ufffd[2J屏\ufffd反[red]红[/red]！" in out


def test_what_is_told_to_programs_does_nothing_to_a_terminal_either(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    talk.bot.wait(talk.bot.user(USER, account=ACCOUNT).remember("harm", "\x1b\x9b2J\u202e反\\"))
    _, out, _ = run("inspect", USER, "--json")
    assert r'"\u001b\u009b2J\u202e反\\"' in out
    assert view()["data"][0]["value"] == "\x1b\x9b2J\u202e反\\"


def test_the_name_of_an_account_does_nothing_to_a_terminal(
    talk: Talk, run: Callable[..., tuple[int, str, str]]
) -> None:
    talk.say("买水果", USER, "gh_\x1b[2J")
    assert f"{USER} at gh_\ufffd[2J\n" in run("inspect", USER)[1]
    talk.say("买水果", USER, "gh_\u202e")
    code, _, err = run("inspect", USER)
    assert code == 2
    assert "one of gh_\ufffd[2J, gh_\ufffd" in err


def test_what_a_newer_version_wrote_is_said_to_be_so(url: str, run: Callable[..., tuple[int, str, str]]) -> None:
    keep(url, {"h": f'[{record.FORMAT + 1},"something new"]'})
    for command in ("inspect", "end"):
        code, out, err = run(command, USER)
        assert (code, out) == (1, "")
        assert f"newer version (format {record.FORMAT + 1}, and this version knows {record.FORMAT})" in err


def test_an_entry_of_a_newer_version_hides_nothing_else(url: str, run: Callable[..., tuple[int, str, str]]) -> None:
    fields = record.fields(everything(wall_clock())) | {"3": '["z",1]'}
    keep(url, fields)
    code, out, _ = run("inspect", USER)
    assert code == 0
    assert "unknown kind 'z'" in out
    assert "「payload-Returned」" in out
    keep(url, fields | {"0": '["z",1]'}, f"wechat-dialog:{ACCOUNT}:oOther")
    assert run("inspect", "oOther")[0] == 0


def test_the_names_of_questions_are_those_of_the_journal(url: str, run: Callable[..., tuple[int, str, str]]) -> None:
    answer = encode(KINDS["m"](1, "m9", 1, "三", PROMPTS.index("number")))
    keep(url, record.fields(everything(wall_clock())) | {"2": answer})
    assert "「三」  (to number)" in run("inspect", USER)[1]


# ---- which user -----------------------------------------------------------------------------------------------------


def test_of_whom_nothing_is_kept_it_is_said(talk: Talk, run: Callable[..., tuple[int, str, str]]) -> None:
    talk.say("买水果")
    for command in (["inspect"], ["end"], ["forget", "--yes"]):
        assert run(*command, "oNobody") == (1, "Nothing is kept of oNobody.\n", "")
        assert run(*command, USER, "--account", "gh_2") == (1, f"Nothing is kept of {USER} at gh_2.\n", "")
        code, out, _ = run(*command, "oNobody", "--json")
        assert (code, json.loads(out)) == (1, {"account": None, "openid": "oNobody", "kept": False})


def test_who_is_known_to_several_accounts_is_asked_for_one(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.say("买水果", USER, "gh_2")
    talk.say("复读", USER, "gh_1")
    for command in (["inspect"], ["end"], ["forget", "--yes"]):
        code, out, err = run(*command, USER)
        assert (code, out) == (2, "")
        assert "gh_1, gh_2" in err
    assert view(USER, "--account", "gh_1")["dialog"]["name"] == "parrot"
    monkeypatch.setenv("WECHAT_ACCOUNT", "gh_2")
    assert view(USER)["dialog"]["name"] == "order"


@pytest.mark.parametrize("openid", ["o*", "o?r", "o[Ux]ser", "o\\User", "o^", "a:b", "b", "*", "[", "]"])
def test_an_openid_is_taken_as_it_is(openid: str, talk: Talk, view: Callable[..., Any]) -> None:
    for name in ("oUser", "oxr", "a:b", "c:b", openid):
        talk.say("复读", name, f"gh_{'x' if name == openid else 'y'}")
    assert view(openid)["account"] == "gh_x"


@pytest.mark.parametrize("openid", ["", "a\nb", "\udcff", "\x1b"])
def test_what_is_no_openid_is_refused(openid: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["inspect", openid, "--store", "sqlite:///x.db"])
    assert end.value.code == 2


# ---- which store ----------------------------------------------------------------------------------------------------


def test_the_store_is_what_stands_in_the_folder_or_the_environment(
    tmp_path: Path, talking: Callable[..., Talk], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talking("sqlite:///wechat-dialog.db").say("买水果")
    talking("sqlite:///other.db").say("复读")
    assert main(["inspect", USER]) == 0
    assert "order" in capsys.readouterr().out
    monkeypatch.setenv("WECHAT_STORE", "sqlite:///other.db")
    assert main(["inspect", USER]) == 0
    assert "parrot" in capsys.readouterr().out


def test_no_store_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["inspect"], ["end"], ["forget", "--yes"]):
        for arguments in ([], ["--store", "sqlite:///bot.db"], ["--store", "sqlite:///no/folder.db"]):
            assert main([*command, USER, *arguments]) == 2
            assert re.fullmatch(r"wechat-dialog \w+: .*no .+\n", capsys.readouterr().err)
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_is_somebody_elses_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    db = sqlite3.connect("other.db")
    db.execute("CREATE TABLE record (x)")
    db.close()
    Path("text.db").write_text("this is no database, and it is long enough to be none" * 10)
    Path("empty.db").touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for file in before:
        for more in ([], ["--account", ACCOUNT]):
            assert main(["forget", USER, "--yes", "--store", f"sqlite:///{file}", *more]) == 2
            assert file in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_of_a_newer_version_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = sqlite3.connect(tmp_path / "bot.db")
    db.execute("PRAGMA user_version = 9")
    db.close()
    assert main(["inspect", USER, "--store", f"sqlite:///{tmp_path}/bot.db"]) == 1
    assert "format 9, and this version knows 1" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--account", ACCOUNT]])
def test_a_redis_that_does_not_answer_is_said_to_be_so(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", USER, "--store", f"redis://:hush@127.0.0.1:{free_port()}/0", *more]) == 2
    err = capsys.readouterr().err
    assert re.match("wechat-dialog inspect: .*127.0.0.1", err)
    assert "hush" not in err


def test_a_store_in_memory_cannot_be_looked_into(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", USER, "--store", "memory://"]) == 2
    assert "its own process" in capsys.readouterr().err


# ---- end ------------------------------------------------------------------------------------------------------------


def test_a_dialog_that_waits_is_ended(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    talk.say("买水果")
    assert run("end", USER) == (0, f"Ended: order, of {USER} at {ACCOUNT}.\n", "")
    assert view()["dialog"] is None
    assert run("end", USER) == (0, f"No dialog waited for {USER}.\n", "")
    assert talk.say("1") is None  # a running bot, too, knows that no question stands


def test_what_is_said_at_the_end_is_read_with_the_next_message(
    talk: Talk, run: Callable[..., tuple[int, str, str]]
) -> None:
    talk.say("买水果")
    code, out, _ = run("end", USER, "--say", "我们重新开始吧。")
    assert (code, out.splitlines()[1]) == (0, "Unread, until the user writes again: 我们重新开始吧。")
    assert talk.say("复读") == "复读！\n我们重新开始吧。"


def test_a_turn_that_runs_is_ended_and_its_result_is_dropped(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    talk.begin()
    talk.hurry("还在吗")
    code, out, _ = run("end", USER)
    assert code == 0
    assert out.startswith(f"Ended: slow, of {USER} at {ACCOUNT}.\nA turn of it runs just now")
    assert "Told that they were not taken: 1 waiting messages" in out
    assert view()["dialog"]["state"] == "cancelled"
    talk.rest()
    seen = view()
    assert (seen["dialog"], seen["journal"]) == (None, [])
    assert not any("好了" in str(item["say"]) for item in seen["unread"])


def test_what_was_ended_is_told_to_a_program(talk: Talk, run: Callable[..., tuple[int, str, str]]) -> None:
    talk.begin()
    talk.hurry("还在吗")
    whose = {"account": ACCOUNT, "openid": USER, "kept": True}
    code, out, _ = run("end", USER, "--json", "--say", "再见")
    told = {"ended": "slow", "running": True, "not_taken": ["2"], "unread": "再见"}
    assert (code, json.loads(out)) == (0, whose | told)


def test_nobody_is_made_by_ending(url: str, run: Callable[..., tuple[int, str, str]], talk: Talk) -> None:
    talk.say("买水果", "oOther")
    assert run("end", USER, "--account", ACCOUNT, "--say", "hi")[0] == 1
    assert kept(url).version == ""


# ---- forget ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_everything_of_a_user_is_erased_and_nothing_of_others(
    url: str, talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    for name in (USER, "oOther"):
        talk.say("买水果", name)
    size = view()["bytes"]
    code, out, _ = run("forget", USER, "--yes")
    assert (code, out) == (0, f"Erased: all that is kept of {USER} at {ACCOUNT} ({size:,} bytes).\n")
    assert kept(url).version == ""
    assert view("oOther")["dialog"]["name"] == "order"
    assert talk.say("1") is None  # a running bot, too, knows nothing of them


def test_what_was_erased_is_told_to_a_program(
    talk: Talk, run: Callable[..., tuple[int, str, str]], view: Callable[..., Any]
) -> None:
    talk.say("买水果")
    size = view()["bytes"]
    code, out, _ = run("forget", USER, "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"account": ACCOUNT, "openid": USER, "kept": False, "erased": size})


def test_what_a_newer_version_wrote_can_be_erased(url: str, run: Callable[..., tuple[int, str, str]]) -> None:
    keep(url, {"h": f'[{record.FORMAT + 1},"something new"]'})
    assert run("forget", USER, "--yes")[0] == 0
    assert kept(url).version == ""


@pytest.mark.parametrize(
    ("typed", "erased"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)]
)
def test_a_terminal_is_asked(
    typed: str,
    erased: bool,
    url: str,
    talk: Talk,
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk.say("买水果")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    code, out, err = run("forget", USER)
    assert err.startswith(f"Erase all that is kept of {USER} at {ACCOUNT} (")
    assert (code, out.split(":")[0].strip()) == ((0, "Erased") if erased else (1, "Nothing was erased."))
    assert (kept(url).version == "") is erased


def test_without_a_terminal_it_must_be_said(
    url: str, talk: Talk, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.say("买水果")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, out, err = run("forget", USER)
    assert (code, out) == (2, "")
    assert "--yes" in err
    assert kept(url).version
