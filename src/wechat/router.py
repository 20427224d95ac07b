"""Choose the dialog that answers a message.

A route is one pattern → dialog. Exact words come before patterns, patterns (in order of registration) before the kind, the
kind before ``default``: `Router.choose` walks that table and nothing else.
"""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, overload

import msgspec
from msgspec import structs
from typing_extensions import Unpack

from .dialog import Step, StepFunction, innermost
from .errors import ConfigurationError
from .replay import Incoming, Script

F = TypeVar("F", bound=Callable[..., Any])
Busy: TypeAlias = Literal["tell", "queue"]
Word: TypeAlias = "str | re.Pattern[str]"


class Options(TypedDict, total=False):
    """What may be said of a route, beside what it takes."""

    #: whether it takes its message even while another dialog waits or runs
    interrupt: bool
    #: seconds that an ask of its dialog waits (`math.inf`: for ever; None: as long as the bot says)
    expire: float | None
    #: what happens to a message typed before the question was shown: "tell" its sender, or "queue" it
    busy: Busy
    #: the dialog's name in journals; else its function's
    name: str | None
    #: the dialog's version: higher where it no longer reads the journals of the one before (`Router.version`)
    version: int


def normal(text: str) -> str:
    """A text as words are compared: NFKC, without case, without spaces around."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


class Route(msgspec.Struct, frozen=True):
    """One pattern → dialog."""

    #: what it takes: the kind of a message, "event:" and the name of an event, or "default"
    kind: str
    script: Script
    #: how the function runs: "dialog", or as a handler of one step: "step" or "plain"
    mode: str
    #: exact words, normalised (of an event: its key, as it is); None: any
    words: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    interrupt: bool = False
    #: what a handler of one step does
    handler: StepFunction[..., Any] | None = None

    def step(self, message: Any) -> Step[Any]:
        """The one step that a handler is."""
        assert self.handler is not None
        takes = self.mode == "step" or bool(inspect.signature(self.handler.function).parameters)
        return Step(self.handler, (message,) if takes else ())

    @property
    def aside(self) -> bool:
        """Whether it is a handler of one step, which runs beside the conversation."""
        return self.mode != "dialog"

    @property
    def pattern_text(self) -> str | None:
        return self.pattern.pattern if self.pattern else None

    @property
    def flags(self) -> int:
        return self.pattern.flags if self.pattern else 0

    def takes(self, message: Incoming, word: str) -> bool:
        """Whether the message is for it. `word`: as which its exact words are compared with it."""
        if not self._of_kind(message):
            return False
        if self.words is not None:
            return word in self.words
        return self.pattern is None or self.pattern.search(subject(message)) is not None

    def _of_kind(self, message: Incoming) -> bool:
        if message.kind == "event":
            return self.kind == kind_of(message)
        return self.kind in (message.kind, "default") or (self.kind == "text" and bool(message.text))

    @property
    def rank(self) -> int:
        """Lower comes first."""
        if self.words is not None:
            return 0
        if self.pattern is not None:
            return 1
        return 3 if self.kind == "default" else 2


def kind_of(message: Incoming) -> str:
    """A message's kind as routes name it."""
    return f"event:{message.event}" if message.kind == "event" else message.kind


def subject(message: Incoming) -> str:
    """What of a message words and patterns look at."""
    return message.key if message.kind == "event" else message.text


class Router:
    """Routes, in one file of several: ``bot.include(router)`` takes them into the bot."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._routes: list[Route] = []
        self._scripts: dict[str, Script] = {}
        #: of a dialog's function: how it read before, by version
        self._past: dict[Callable[..., Any], dict[int, Callable[..., Any]]] = {}

    # ---- what it says ----

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route, in order of registration."""
        return tuple(self._routes)

    @property
    def scripts(self) -> Mapping[str, Script]:
        """Every dialog by its name."""
        return self._scripts

    def choose(self, message: Incoming, *, interrupts: bool = False) -> Route | None:
        """The route that takes the message, or None; with `interrupts` only among the routes that interrupt."""
        routes = [route for route in self._routes if route.interrupt or not interrupts]
        if not routes:
            return None
        word = subject(message) if message.kind == "event" else normal(message.text)
        fits = [route for route in routes if route.takes(message, word)]
        return min(fits, key=lambda route: (route.rank, route.kind != kind_of(message)), default=None)

    def named(self, name: str, kind: str, pattern: str | None) -> Route | None:
        """A route that was chosen before: by its dialog's name, its kind and its pattern."""
        mine = [route for route in self._routes if route.script.name == name]
        exact = [route for route in mine if (route.kind, route.pattern_text) == (kind, pattern)]
        return next(iter([*exact, *mine]), None)

    # ---- registration ----

    def include(self, *routers: Router) -> None:
        """Take in the routes of other routers, behind what is here already. Raises `ConfigurationError` for one name twice."""
        for router in routers:
            for of, past in router._past.items():
                for number, function in past.items():
                    self._keep(of, number, function)
            for route in router._routes:
                self._add(route)

    def version(self, of: Callable[..., Any], number: int) -> Callable[[F], F]:
        """How the dialog `of` read in version `number`: conversations that began with it go on with this function.

        It has no route of its own, and can be registered before `of` or after. Raises `ConfigurationError` for one version
        twice, one that is not older than the route's, or a function that is no dialog.
        """
        _check_version(number)

        def register(function: F) -> F:
            if mode_of(function, "version") != "dialog":
                raise ConfigurationError(f"{name_of(function)} is no dialog: only a dialog has a journal to go on with")
            self._keep(innermost(of), number, function)
            self._renew()
            return function

        return register

    def _keep(self, of: Callable[..., Any], number: int, function: Callable[..., Any]) -> None:
        """`function` is version `number` of the dialog `of`."""
        if self._past.setdefault(of, {}).setdefault(number, function) != function:
            raise ConfigurationError(f"version {number} of {name_of(of)} is registered twice")

    def _renew(self) -> None:
        """Give every dialog the versions that are registered of it."""
        for name, script in self._scripts.items():
            past = self._past.get(innermost(script.function), {})
            newest = max(past, default=0)
            if newest >= script.version:
                raise ConfigurationError(
                    f"version {newest} of {name!r} is registered as an earlier one, and its route says "
                    f"version={script.version}: give the route version={newest + 1}"
                )
            self._scripts[name] = structs.replace(script, past=past)
        self._routes = [structs.replace(route, script=self._scripts[route.script.name]) for route in self._routes]

    def _add(self, route: Route) -> None:
        known = self._scripts.get(route.script.name)
        if known is not None and known.function != route.script.function:  # a method is another object each time
            raise ConfigurationError(
                f"two dialogs are named {route.script.name!r}: {_place(known.function)} and "
                f"{_place(route.script.function)}; give one of them name=…"
            )
        if known is not None:
            route = structs.replace(route, script=_merged(known, route.script))
        self._scripts[route.script.name] = route.script
        self._routes.append(route)
        if known is not None or self._past:
            self._renew()

    def _register(
        self,
        kind: str,
        words: Iterable[Word],
        function: Any,
        *,
        interrupt: bool = False,
        expire: float | None = None,
        busy: Busy = "tell",
        name: str | None = None,
        version: int = 1,
    ) -> None:
        if expire is not None and not expire > 0:
            raise ConfigurationError(f"expire={expire!r}: an ask waits a number of seconds above 0; math.inf: for ever")
        if busy not in ("tell", "queue"):
            raise ConfigurationError(f'busy={busy!r}: either "tell" or "queue"')
        _check_version(version)
        mode = mode_of(function, name)
        script = Script(name or name_of(function), function, expire, busy, version)
        handler = None if mode == "dialog" else _handler(function, script.name)
        words = tuple(words)
        if words and kind in WORDLESS:
            raise ConfigurationError(f"a route of kind {kind!r} takes no words: {words[0]!r}")
        exact = frozenset(_word(kind, word) for word in words if isinstance(word, str))
        patterns = [word for word in words if not isinstance(word, str)]
        for word in patterns:
            if not isinstance(word, re.Pattern):
                raise ConfigurationError(f"a route takes words and re.compile(…) patterns, not {word!r}")
        if exact or not words:
            self._add(Route(kind, script, mode, exact or None, None, interrupt, handler))
        for pattern in patterns:
            self._add(Route(kind, script, mode, None, pattern, interrupt, handler))

    def _decorator(self, kind: str, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """``@bot.kind``, ``@bot.kind()`` and ``@bot.kind("word", option=…)``, as they come."""
        if len(words) == 1 and not options and _function_like(words[0]):
            self._register(kind, (), words[0])
            return words[0]

        def register(function: F) -> F:
            self._register(kind, words, function, **options)
            return function

        return register

    @overload
    def text(self, dialog: F, /) -> F: ...
    @overload
    def text(
        self,
        *words: Word,
        **options: Unpack[Options],
    ) -> Callable[[F], F]: ...
    def text(self, *words: Any, **options: Any) -> Any:
        """Typed text, and what a voice message was recognised as: one of `words`, or where a pattern finds something, or any."""
        return self._decorator("text", words, options)

    @overload
    def click(self, dialog: F, /) -> F: ...
    @overload
    def click(
        self,
        *keys: Word,
        **options: Unpack[Options],
    ) -> Callable[[F], F]: ...
    def click(self, *keys: Any, **options: Any) -> Any:
        """A click on the menu, by its key."""
        return self._decorator("event:click", keys, options)

    @overload
    def scan(self, dialog: F, /) -> F: ...
    @overload
    def scan(
        self,
        *scenes: Word,
        **options: Unpack[Options],
    ) -> Callable[[F], F]: ...
    def scan(self, *scenes: Any, **options: Any) -> Any:
        """The scan of a QR code by somebody who follows already, by its scene."""
        return self._decorator("event:scan", scenes, options)

    def event(
        self,
        event: str,
        key: Word | None = None,
        **options: Unpack[Options],
    ) -> Callable[[F], F]:
        """Any other event, by its name as WeChat writes it (case does not matter), and its key."""
        if not isinstance(event, str) or not event.strip():
            raise ConfigurationError(f"event={event!r}: the name of an event, as WeChat's page writes it")
        keys = () if key is None else (key,)
        decorator: Callable[[F], F] = self._decorator(f"event:{event.strip().lower()}", keys, dict(options))
        return decorator

    @overload
    def image(self, dialog: F, /) -> F: ...
    @overload
    def image(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def image(self, *dialog: Any, **options: Any) -> Any:
        """A picture."""
        return self._decorator("image", dialog, options)

    @overload
    def voice(self, dialog: F, /) -> F: ...
    @overload
    def voice(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def voice(self, *dialog: Any, **options: Any) -> Any:
        """A voice message that no word or pattern of a text route takes."""
        return self._decorator("voice", dialog, options)

    @overload
    def video(self, dialog: F, /) -> F: ...
    @overload
    def video(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def video(self, *dialog: Any, **options: Any) -> Any:
        """A video, short or not."""
        return self._decorator("video", dialog, options)

    @overload
    def location(self, dialog: F, /) -> F: ...
    @overload
    def location(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def location(self, *dialog: Any, **options: Any) -> Any:
        """A location that the user sent (not the reports of `event`)."""
        return self._decorator("location", dialog, options)

    @overload
    def link(self, dialog: F, /) -> F: ...
    @overload
    def link(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def link(self, *dialog: Any, **options: Any) -> Any:
        """A link that the user shared."""
        return self._decorator("link", dialog, options)

    @overload
    def subscribe(self, dialog: F, /) -> F: ...
    @overload
    def subscribe(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def subscribe(self, *dialog: Any, **options: Any) -> Any:
        """Somebody follows the account."""
        return self._decorator("event:subscribe", dialog, options)

    @overload
    def unsubscribe(self, dialog: F, /) -> F: ...
    @overload
    def unsubscribe(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def unsubscribe(self, *dialog: Any, **options: Any) -> Any:
        """Somebody does so no more; whatever is said, nobody reads it."""
        return self._decorator("event:unsubscribe", dialog, options)

    @overload
    def default(self, dialog: F, /) -> F: ...
    @overload
    def default(self, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def default(self, *dialog: Any, **options: Any) -> Any:
        """A message (never an event) that no other route takes."""
        return self._decorator("default", dialog, options)


#: routes that have nothing to compare words with
WORDLESS = ("image", "voice", "video", "location", "link", "event:subscribe", "event:unsubscribe", "default")


# ---- what is registered ---------------------------------------------------------------------------------------------


def mode_of(function: Any, name: str | None = None) -> str:
    """How a function runs under a route: "dialog", "step" or "plain". Raises `ConfigurationError` for what cannot."""
    if isinstance(function, StepFunction):
        return "step"
    inner = innermost(function)
    refused = next((why for refuses, why in REFUSED if refuses(inner)), None)
    if refused is not None:
        raise ConfigurationError(f"{function!r} cannot be a dialog: {refused}")
    if name is None and inner.__name__ == "<lambda>":
        raise ConfigurationError("a lambda has no name that stays the same: give name=…, or write a function")
    if inspect.isgeneratorfunction(inner) or inspect.iscoroutinefunction(inner):
        _check_parameters(function, "a dialog takes the message, and beside it only parameters with a default")
        return "dialog"
    _check_parameters(function, "a plain function takes the message, or nothing")
    return "plain"


#: what is refused, and why
REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        inspect.isasyncgenfunction,
        "it is an async generator: use `yield` in a plain `def`, or `await` in an `async def`",
    ),
    (inspect.isclass, "it is a class: register a function"),
    (lambda f: inspect.isgenerator(f) or inspect.iscoroutine(f), "it was called already: leave away the brackets"),
    (
        lambda f: not inspect.isroutine(f),
        "it is no function: register a function, or a method of the object",
    ),
)


def name_of(function: Any) -> str:
    """A dialog's name in journals: its function's, without what it is local to."""
    if isinstance(function, StepFunction):
        return function.name
    return str(innermost(function).__qualname__).rsplit("<locals>.", 1)[-1]


def _handler(function: Any, name: str) -> StepFunction[..., Any]:
    return function if isinstance(function, StepFunction) else StepFunction(function, name)


def _check_parameters(function: Any, rule: str) -> None:
    empty = inspect.Parameter.empty
    parameters = list(inspect.signature(function).parameters.values())
    needed = [p for p in parameters if p.default is empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    keyword_only = [p for p in needed if p.kind is p.KEYWORD_ONLY]
    if len(needed) > 1 or keyword_only:
        raise ConfigurationError(f"{name_of(function)}({', '.join(p.name for p in parameters)}): {rule}")


def _check_version(number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigurationError(f"version={number!r}: a whole number, 1 or more")


def _function_like(thing: Any) -> bool:
    return not isinstance(thing, str | re.Pattern)


def _word(kind: str, word: str) -> str:
    plain = word if kind != "text" else normal(word)
    if not plain:
        raise ConfigurationError(f"{word!r}: an empty word matches nothing; leave it away to take any {kind}")
    return plain


def _place(function: Any) -> str:
    inner = innermost(function)
    return f"{inner.__module__}.{inner.__qualname__}"


def _merged(one: Script, other: Script) -> Script:
    """One dialog under several routes: what one of them says of it goes for all."""
    if one.expire is not None and other.expire is not None and one.expire != other.expire:
        raise ConfigurationError(
            f"{one.name!r} is registered with expire={one.expire} and with expire={other.expire}: say it once"
        )
    if 1 not in (one.version, other.version) and one.version != other.version:
        raise ConfigurationError(
            f"{one.name!r} is registered with version={one.version} and with version={other.version}: say it once"
        )
    busy = "queue" if "queue" in (one.busy, other.busy) else "tell"
    expire = one.expire if other.expire is None else other.expire
    return structs.replace(one, expire=expire, busy=busy, version=max(one.version, other.version))
