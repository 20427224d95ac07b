"""What can be registered, and what is refused with which sentence."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from talk import Chat
from wechat import Bot, ConfigurationError, Router, step
from wechat.errors import UnknownFormat
from wechat.router import mode_of, name_of, normal


def generator(message: Any) -> Any:
    yield "?"


async def coroutine(message: Any) -> Any:
    return "said"


@step
def stepped(message: Any) -> str:
    return "said"


def plain(message: Any) -> str:
    return "said"


def nothing() -> str:
    return "said"


async def async_generator(message: Any) -> Any:
    yield "?"


class Thing:
    def __call__(self, message: Any) -> str:
        return "said"

    def method(self, message: Any) -> str:
        return "said"


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


@pytest.mark.parametrize(
    ("function", "mode"),
    [
        (generator, "dialog"),
        (coroutine, "dialog"),
        (stepped, "step"),
        (plain, "plain"),
        (nothing, "plain"),
        (Thing().method, "plain"),
        (functools.partial(generator), "dialog"),
        (wrapped(generator), "dialog"),
        (wrapped(functools.partial(coroutine)), "dialog"),
    ],
)
def test_what_is_registered_runs_as_the_table_says(function: Any, mode: str) -> None:
    assert mode_of(function) == mode
    chat = Chat(Bot("token", store="memory://"))
    assert chat.bot.text("x")(function) is function
    assert chat.say("x") == ("?" if mode == "dialog" and "generator" in repr(function) + name_of(function) else "said")


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (async_generator, "it is an async generator: use `yield` in a plain `def`, or `await` in an `async def`"),
        (Thing, "it is a class: register a function"),
        (Thing(), "it is no function: register a function, or a method of the object"),
        (generator(None), "it was called already: leave away the brackets"),
        (lambda message: "x", "a lambda has no name that stays the same: give name=…, or write a function"),
        (5, "it is no function: register a function, or a method of the object"),
        (lambda a, b: "x", "a lambda has no name that stays the same: give name=…, or write a function"),
    ],
)
def test_what_cannot_be_a_dialog_is_refused_at_registration(function: Any, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Router().text("x")(function)
    assert str(caught.value).endswith(why)


def test_a_lambda_with_a_name_is_a_handler() -> None:
    chat = Chat(Bot("token", store="memory://"))
    chat.bot.text("x", name="answers")(lambda message: "said")
    assert chat.say("x") == "said"


def two(one: Any, other: Any) -> str:
    return "x"


def needs(message: Any, *, what: Any) -> Any:
    yield "?"


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (two, "two(one, other): a plain function takes the message, or nothing"),
        (needs, "needs(message, what): a dialog takes the message, and beside it only parameters with a default"),
    ],
)
def test_parameters_that_nobody_would_give_are_refused(function: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(why)):
        Router().text("x")(function)


@pytest.mark.parametrize(
    ("register", "why"),
    [
        (lambda router: router.text(""), "'': an empty word matches nothing"),
        (lambda router: router.text(" "), "' ': an empty word matches nothing"),
        (lambda router: router.text(5, expire=1), "a route takes words and re.compile(…) patterns, not 5"),
        (lambda router: router.image("x"), "a route of kind 'image' takes no words: 'x'"),
        (lambda router: router.text("x", expire=0), "expire=0: an ask waits a number of seconds above 0"),
        (lambda router: router.text("x", busy="no"), 'busy=\'no\': either "tell" or "queue"'),
        (lambda router: router.event(""), "event='': the name of an event"),
    ],
)
def test_a_route_that_cannot_work_is_refused(register: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(why)):
        register(Router())(generator)


def test_a_name_stands_for_one_dialog_only() -> None:
    router = Router()
    router.text("a")(generator)
    with pytest.raises(ConfigurationError, match=r"two dialogs are named 'generator': .*; give one of them name="):
        router.text("b", name="generator")(plain)


def test_one_dialog_under_several_routes_is_one_dialog() -> None:
    router = Router()
    router.text("a")(generator)
    router.image(generator)
    router.text("b", expire=600, busy="queue")(generator)
    assert len(router.routes) == 3
    assert {(route.script.expire, route.script.busy) for route in router.routes} == {(600, "queue")}
    with pytest.raises(ConfigurationError, match="say it once"):
        router.text("c", expire=60)(generator)


def test_every_kind_of_route_takes_its_kind() -> None:
    from talk import ACCOUNT
    from wechat import (
        ClickEvent,
        Event,
        ImageMessage,
        LinkMessage,
        LocationMessage,
        ScanEvent,
        SubscribeEvent,
        VideoMessage,
        VoiceMessage,
    )

    bot = Bot("token", store="memory://")
    for kind in ("image", "voice", "video", "location", "link", "subscribe"):
        getattr(bot, kind)(_says(kind))
    bot.click("A", re.compile("^B"))(_says("click"))
    bot.scan("7")(_says("scan"))
    bot.event("PIC_WEIXIN", "K")(_says("event"))
    common = {"openid": "o", "account": ACCOUNT}
    chat = Chat(bot)
    messages = [
        (ImageMessage(media_id="m", **common), "image"),
        (VoiceMessage(media_id="m", **common), "voice"),
        (VideoMessage(media_id="m", **common), "video"),
        (LocationMessage(label="x", **common), "location"),
        (LinkMessage(url="u", **common), "link"),
        (SubscribeEvent(event="subscribe", **common), "subscribe"),
        (ClickEvent(event="click", key="A", **common), "click"),
        (ClickEvent(event="click", key="Bx", **common), "click"),
        (ClickEvent(event="click", key="C", **common), None),
        (ScanEvent(event="scan", key="7", scene="7", **common), "scan"),
        (Event(event="pic_weixin", key="K", **common), "event"),
        (Event(event="pic_weixin", key="L", **common), None),
    ]
    from msgspec import structs

    for number, (message, said) in enumerate(messages):
        numbered: Any = structs.replace(message, raw=message.raw, id=f"m{number}")
        assert chat.send(numbered) == said, message


def _says(text: str) -> Any:
    def handler(message: Any) -> str:
        return text

    handler.__qualname__ = f"handler_{text}"
    return handler


def test_words_are_compared_by_what_they_look_like() -> None:
    assert normal(" ＡＢｃ　") == "abc"
    assert normal("Straße") == normal("STRASSE")


def test_a_method_may_stand_under_several_routes() -> None:
    class Shop:
        def greet(self, message: Any) -> str:
            return "welcome"

    shop, router = Shop(), Router()
    router.text("hi")(shop.greet)
    router.subscribe(shop.greet)
    assert [route.script.name for route in router.routes] == ["Shop.greet", "Shop.greet"]
    with pytest.raises(ConfigurationError, match="two dialogs are named"):
        router.image(Shop().greet)


# ---- versions of a dialog --------------------------------------------------------------------------------------------


def now_it_asks(message: Any) -> Any:
    return f"new {(yield 'new?')}"


def then_it_asked(message: Any) -> Any:
    return f"old {(yield 'old?')}"


async def long_ago(message: Any) -> str:
    return "oldest"


@pytest.mark.parametrize("first", ["the route", "the version"])
def test_an_earlier_version_may_be_registered_before_the_dialog_or_after(first: str) -> None:
    router = Router()
    if first == "the version":
        assert router.version(now_it_asks, 1)(then_it_asked) is then_it_asked
    router.text("d", version=2)(now_it_asks)
    if first == "the route":
        router.version(now_it_asks, 1)(then_it_asked)
    (script,) = router.scripts.values()
    assert [script.of(1), script.of(2)] == [then_it_asked, now_it_asks]
    assert [route.script for route in router.routes] == [script]


def test_an_earlier_version_has_no_route_of_its_own() -> None:
    router = Router()
    router.text("d", version=2)(now_it_asks)
    router.version(now_it_asks, 1)(then_it_asked)
    assert [route.script.name for route in router.routes] == ["now_it_asks"]
    assert list(router.scripts) == ["now_it_asks"]


def test_there_may_be_several_earlier_versions_and_gaps_between_them() -> None:
    router = Router()
    router.text("d", version=7)(now_it_asks)
    router.version(now_it_asks, 3)(then_it_asked)
    router.version(now_it_asks, 1)(long_ago)
    (script,) = router.scripts.values()
    assert [script.of(number) for number in (1, 2, 3, 7)] == [long_ago, None, then_it_asked, now_it_asks]
    with pytest.raises(UnknownFormat):
        script.of(8)


def test_versions_come_with_their_router() -> None:
    router, bot = Router(), Bot("token", store="memory://")
    router.text("d", version=2)(now_it_asks)
    router.version(now_it_asks, 1)(then_it_asked)
    bot.include(router)
    (script,) = bot.scripts.values()
    assert script.of(1) is then_it_asked


def test_a_version_may_be_registered_where_its_dialog_was_included() -> None:
    router, bot = Router(), Bot("token", store="memory://")
    router.text("d", version=2)(now_it_asks)
    bot.include(router)
    bot.version(now_it_asks, 1)(then_it_asked)
    assert bot.scripts["now_it_asks"].of(1) is then_it_asked


def test_a_dialog_under_several_routes_has_one_version() -> None:
    router = Router()
    router.text("d", version=2)(now_it_asks)
    router.click("D")(now_it_asks)
    router.version(now_it_asks, 1)(then_it_asked)
    assert {(route.script.version, route.script.of(1)) for route in router.routes} == {(2, then_it_asked)}
    with pytest.raises(ConfigurationError, match="version=2 and with version=3: say it once"):
        router.image(version=3)(now_it_asks)


def test_a_version_that_is_not_older_than_its_route_is_refused() -> None:
    for number in (2, 3):
        router = Router()
        router.text("d", version=2)(now_it_asks)
        with pytest.raises(ConfigurationError, match=f"give the route version={number + 1}"):
            router.version(now_it_asks, number)(then_it_asked)


def test_one_version_twice_in_two_files_is_refused_too() -> None:
    one, other = Router(), Router()
    one.version(now_it_asks, 1)(then_it_asked)

    def another(message: Any) -> Any:
        yield "?"

    other.version(now_it_asks, 1)(another)
    with pytest.raises(ConfigurationError, match="version 1 of now_it_asks is registered twice"):
        Router().include(one, other)


def test_one_version_twice_is_refused() -> None:
    router = Router()
    router.text("d", version=2)(now_it_asks)
    router.version(now_it_asks, 1)(then_it_asked)
    router.version(now_it_asks, 1)(then_it_asked)  # the very same is no other
    with pytest.raises(ConfigurationError, match="version 1 of now_it_asks is registered twice"):
        router.version(now_it_asks, 1)(long_ago)


@pytest.mark.parametrize("handler", [stepped, plain, nothing])
def test_what_has_no_journal_has_no_earlier_version(handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="only a dialog has a journal"):
        Router().version(now_it_asks, 1)(handler)


@pytest.mark.parametrize("number", [0, -1, True, "2", 1.5, None])
def test_a_version_is_a_whole_number_from_one_on(number: Any) -> None:
    with pytest.raises(ConfigurationError, match="a whole number, 1 or more"):
        Router().text("d", version=number)(now_it_asks)
    with pytest.raises(ConfigurationError, match="a whole number, 1 or more"):
        Router().version(now_it_asks, number)
