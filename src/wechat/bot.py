"""A bot: an account, its routes, and a store; and 2017's way to one, `answer`."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import math
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload
from weakref import WeakKeyDictionary

import msgspec
from typing_extensions import Self

from . import lint, receive, stores
from .attempt import Conduct, Deadlines, Turn
from .budget import Budget
from .crypto import Cipher
from .errors import BadMessage, ConfigurationError, Reroute, StoreError, UnknownFormat, WeChatError
from .medium import Medium
from .receive import Message
from .record import Record, erase, settle, under_way
from .reply import TO_A_MESSAGE, TO_AN_EVENT, Reply, Say, decode
from .router import Route, Router, normal
from .runtime import UNHEARD, Gone, Health, Home, Runtime
from .stores import Loaded, Patch, Store
from .texts import CHINESE, Texts
from .user import Change, User

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Speaks: TypeAlias = "Texts | Callable[[Message], Texts]"
#: what an answer that takes long does: WeChat pushes the message again, or the user is told at once and fetches it
Slow: TypeAlias = Literal["hold", "placeholder"]

#: the store of a bot that names none: a file in the working folder
DEFAULT_STORE = "sqlite:///wechat-dialog.db"
#: under which the store keeps whose pushes come, where nobody said it
ACCOUNT_KEY = "wechat-dialog:account"
#: an account's original id, as WeChat gives it
_REAL = re.compile("gh_[0-9a-f]{12}")

_log = logging.getLogger("wechat")


# ---- settings -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Settings:
    """A bot's settings, checked."""

    token: str = dataclasses.field(repr=False)
    account: str
    ciphers: tuple[Cipher, ...]
    plaintext: bool
    expire: float
    cancel: tuple[str, ...]
    back: tuple[str, ...]
    fetch: tuple[str, ...]
    texts: Speaks = dataclasses.field(repr=False)
    timezone: dt.tzinfo
    log_text: bool
    slow: Slow
    deadlines: Deadlines


def _given(argument: str, value: Any, variable: str) -> tuple[Any, str]:
    """An argument, or else its variable; and how to name the two in an error."""
    found = value if value is not None else os.environ.get(variable) or None
    return found, f"{argument} (argument {argument}=, variable {variable})"


def _token(value: str | None) -> str:
    token, name = _given("token", value, "WECHAT_TOKEN")
    if token is None:
        raise ConfigurationError(
            f"{name} is missing: the Token of the account's server settings, 3 to 32 letters and digits"
        )
    if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9]{3,32}", token):
        raise ConfigurationError(f"{name} must be 3 to 32 letters and digits, as in the account's server settings")
    return token


def _account(value: str | None) -> str:
    account, name = _given("account", value, "WECHAT_ACCOUNT")
    if account is None:
        return ""
    if not isinstance(account, str) or not account.startswith("gh_") or account != account.strip():
        raise ConfigurationError(f"{name} must be the account's original id, like gh_0123456789ab, not {account!r}")
    return account


def _ciphers(keys: str | Sequence[str] | None, appid: str | None, token: str) -> tuple[Cipher, ...]:
    found, name = _given("aes_key", keys, "WECHAT_AES_KEY")
    app, app_name = _given("appid", appid, "WECHAT_APPID")
    if app is not None and (not isinstance(app, str) or not re.fullmatch(r"wx[0-9a-zA-Z]{4,30}", app)):
        raise ConfigurationError(f"{app_name} must be the account's AppID, like wx0123456789abcdef, not {app!r}")
    if found is None:
        return ()
    if app is None:
        raise ConfigurationError(f"{app_name} is missing: with an aes_key every reply is sealed with the AppID (wx…)")
    each = (found,) if isinstance(found, str) else tuple(found)
    for key in each:
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z0-9+/]{43}", key):
            raise ConfigurationError(
                f"{name} must be the 43 letters and digits of EncodingAESKey (or a sequence of two such)"
            )
    return tuple(Cipher(key, app, token) for key in each)


def _expire(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"expire= must be a number of seconds above 0 (math.inf: for ever), not {value!r}")
    return value


def _slow(value: Any) -> Slow:
    if value not in ("hold", "placeholder"):
        raise ConfigurationError(f'slow= must be "hold" or "placeholder", not {value!r}')
    found: Slow = value
    return found


def _deadlines(waits: Any) -> Deadlines:
    if isinstance(waits, bool) or not isinstance(waits, int | float) or not 1 <= waits < math.inf:
        raise ConfigurationError(
            f"waits= must be the seconds that whoever pushes waits for an answer (WeChat: 5), not {waits!r}"
        )
    return Deadlines(int(waits * 1000))


def _words(argument: str, words: Sequence[str]) -> tuple[str, ...]:
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise ConfigurationError(f'{argument}= must be a sequence of words, like ("取消", "退出"), not {words!r}')
    if not all(normal(word) for word in words):
        raise ConfigurationError(f"{argument}= holds an empty word, which every empty message would be")
    return tuple(words)


def _apart(**groups: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for argument, words in groups.items():
        for word in words:
            other = seen.setdefault(normal(word), argument)
            if other != argument:
                raise ConfigurationError(f"{word!r} stands in {other}= and in {argument}=: it can mean one thing only")


def _timezone(name: str) -> dt.tzinfo:
    import zoneinfo  # not before a bot is made: whoever imports the package waits for less

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError(
            f'timezone= must be a name of the tz database, like "Asia/Shanghai", not {name!r}'
        ) from None


def _texts(texts: Any) -> Speaks:
    if isinstance(texts, Texts) or (callable(texts) and not isinstance(texts, type)):
        speaks: Speaks = texts
        return speaks
    raise ConfigurationError(
        f"texts= must be a Texts (CHINESE, ENGLISH), or a function of the message that gives one, not {texts!r}"
    )


def _store(store: Any) -> Store:
    found, name = _given("store", store, "WECHAT_STORE")
    if found is None or isinstance(found, str):
        return stores.open(found or DEFAULT_STORE)
    if not all(callable(getattr(found, method, None)) for method in ("load", "patch", "wait", "erase", "close")):
        raise ConfigurationError(
            f"{name} must be a URL like sqlite:///bot.db, or an object with a store's methods, not {found!r}"
        )
    opened: Store = found
    return opened


# ---- the bot --------------------------------------------------------------------------------------------------------


class Bot(Router):
    """An account's bot. Register dialogs on it as on a `Router`, and hand it to one of `wechat.web`.

    Settings are argument, else variable, else default; a wrong one raises `ConfigurationError`, which names both and says
    what would be right. Nothing is opened before the first delivery.

    - `token` (``WECHAT_TOKEN``): the Token of the account's server settings, 3 to 32 letters and digits.
    - `account` (``WECHAT_ACCOUNT``): the account's original id, ``gh_…``; None: whose push comes first.
    - `appid` (``WECHAT_APPID``), ``wx…``, and `aes_key` (``WECHAT_AES_KEY``), the 43 characters of EncodingAESKey, two while it
      is changed: those of the safe mode. Pushes in clear are refused then, unless `plaintext`.
    - `store` (``WECHAT_STORE``): where conversations are kept: ``sqlite:///file``, ``redis://host:6379/0``, ``memory://``, or an
      object with the methods of `wechat.stores.Store`; else ``wechat-dialog.db`` in the working folder.
    - `expire`: seconds that an ask waits, unless its route or it says otherwise; `math.inf`: for ever.
    - `cancel`, `back`, `fetch`: the words that end a dialog, go a question back, and fetch an answer that came late.
    - `texts`: what is said by itself: a `Texts`, or a function of the message that gives one.
    - `timezone`: of `now()` and of dates, by its name in the tz database.
    - `slow`: what becomes of a push whose answer takes long: "hold" it, or answer it with a "placeholder".
    - `waits`: seconds that whoever pushes waits, where a gateway gives up sooner than WeChat, which waits five.
    - `log_text`: whether the log may hold what people wrote.

    Source: "接入概述", "消息加解密说明" of WeChat's documentation.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        account: str | None = None,
        appid: str | None = None,
        aes_key: str | Sequence[str] | None = None,
        store: str | Any | None = None,
        expire: float = 60,
        cancel: Sequence[str] = ("取消", "退出"),
        back: Sequence[str] = ("上一步", "返回"),
        fetch: Sequence[str] = ("继续",),
        texts: Texts | Callable[[Message], Texts] = CHINESE,
        timezone: str = "Asia/Shanghai",
        plaintext: bool = False,
        log_text: bool = False,
        slow: Slow = "hold",
        waits: float = 5,
    ) -> None:
        super().__init__()
        _apart(cancel=_words("cancel", cancel), back=_words("back", back), fetch=_words("fetch", fetch))
        checked = _token(token)
        ciphers = _ciphers(aes_key, appid, checked)
        if plaintext and not ciphers:
            raise ConfigurationError(
                "plaintext=True lets plain pushes in beside encrypted ones: it needs an aes_key (WECHAT_AES_KEY)"
            )
        self.settings = Settings(
            token=checked,
            account=_account(account),
            ciphers=ciphers,
            plaintext=plaintext,
            expire=_expire(expire),
            cancel=tuple(cancel),
            back=tuple(back),
            fetch=tuple(fetch),
            texts=_texts(texts),
            timezone=_timezone(timezone),
            log_text=log_text,
            slow=_slow(slow),
            deadlines=_deadlines(waits),
        )
        self._cancel, self._back, self._fetch = (frozenset(map(normal, words)) for words in (cancel, back, fetch))
        self._key = "wechat-dialog:%(account)s:%(open_id)s"
        self._named_store = store is not None or "WECHAT_STORE" in os.environ
        self._hooks: dict[str, list[Callable[..., Any]]] = {"before": [], "after": [], "on_error": []}
        self._pieces = True
        self._home = Home()
        self._runtime = Runtime(_store(store), self._hooks, self._report)
        self._budgets: dict[str, Budget] = {}
        self._delivered = self._hurries = False
        self._told = ""  # the account whose pushes come, as this worker has told the store

    @classmethod
    def from_module(cls, module: ModuleType, **settings: Any) -> Self:
        """A bot with the dialogs of a module of 2017, kept where its ``REDIS_*`` say; it can be given more.

        Settings are as of any bot, but that no word cancels or goes back unless given. `answer` uses the bot that was made of a
        module last. Raises `ConfigurationError` for a module or a setting that cannot work.
        """
        from . import module as of_2017

        rows, url, key = of_2017.rows(module), of_2017.store(module), of_2017.key(module)
        given = {"cancel": (), "back": (), **({"store": url} if url else {}), **settings}
        bot = cls(**given)
        for row in rows:
            bot._add(row)
        bot._key = key or bot._key
        _BOTS[module] = bot
        return bot

    def __repr__(self) -> str:
        dialogs = ", ".join(self.scripts) or "no dialogs yet"
        return f"<Bot {self.settings.account or 'of any account'}: {dialogs}>"

    @property
    def store(self) -> Store:
        """Where conversations are kept."""
        return self._runtime.store

    def _add(self, route: Route) -> None:
        super()._add(route)
        if route.mode == "dialog":
            lint.warn(route.script.function)

    # ---- hooks ----

    def before(self, hook: Callable[[Message], Say | Awaitable[Say]], /) -> Callable[[Message], Any]:
        """Once per message, before it is routed: what the hook gives, if not None, is the reply."""
        self._hooks["before"].append(hook)
        return hook

    @overload
    def after(self, hook: Callable[[Turn], Say | Awaitable[Say]], /) -> Callable[[Turn], Any]: ...
    @overload
    def after(self, /, *, pieces: bool) -> Callable[[F], F]: ...
    def after(self, hook: Any = None, /, *, pieces: bool = False) -> Any:
        """Once per turn, before its reply is recorded: what the hook gives is the reply; None: silence.

        A text that is made slowly is shown in parts only if every such hook takes `pieces`: then each sees what was made
        so far, too, as the reply of a turn whose outcome is ``unfinished``.
        """
        if hook is None:
            return partial(self.after, pieces=pieces)
        self._hooks["after"].append(hook)
        self._pieces = self._pieces and pieces
        return hook

    def on_error(self, hook: Callable[[Message, BaseException], Say | Awaitable[Say]], /) -> Callable[..., Any]:
        """Where a dialog or a handler failed: what the hook gives is said; None: the apology."""
        self._hooks["on_error"].append(hook)
        return hook

    # ---- deliveries ----

    async def deliver(self, message: Message) -> Reply | None:
        """One delivery of a message. Gives the reply to send, which counts as sent; None: answer ``success``.

        From any event loop. Raises `BadMessage` for a push to another account than this bot's, `StoreError` where the
        store cannot be used.
        """
        carried = await self.carry(message)
        if carried.sent is not None:
            await carried.sent()
        return carried.reply

    async def carry(self, message: Message, *, patience: float | None = None, gone: Gone | None = None) -> Carried:
        """As `deliver`, for whoever knows when the reply was written: it counts as sent only then.

        `patience`: so many seconds after its arrival the delivery takes what there is, for whoever answers it has one thread
        only; None: it may be held. `gone` comes back where whoever pushed has hung up, and nobody waits any more.
        """
        if self.settings.account and message.account != self.settings.account:
            raise BadMessage(f"a push to {message.account!r}, and this bot is {self.settings.account!r}")
        return await self._home.call(self._carry(message, patience, gone))

    async def _carry(self, message: Message, patience: float | None, gone: Gone | None) -> Carried:
        if not self._delivered:
            self._delivered = True
            if not self._named_store:
                _log.info("conversations are kept in %r (default; set store= or WECHAT_STORE)", self._runtime.store)
        conduct = self.conduct(message)
        if not self.settings.account and "%(account)s" in self._key and _tells_more(message.account, self._told):
            self._told = message.account
            self._runtime.spawn(self._keep_account(message.account))
        key = self.key(message.account, message.openid)
        chance, budget = self._chance(message.account, patience)
        said, delivery = await self._runtime.deliver(conduct, key, message, chance=chance, budget=budget, gone=gone)
        if said is UNHEARD:
            return Carried(None, unheard=True)
        if said is None:  # nothing of its own: WeChat asks again, or has hung up
            said = conduct.voice.sentence("thinking")
        reply = None if said == "" else decode(said)
        if not delivery.doubt:
            return Carried(reply)
        return Carried(reply, lambda: self._home.call(self._runtime.sent(key, delivery)))

    def _chance(self, account: str, patience: float | None) -> tuple[int | None, Budget | None]:
        """When a delivery takes what there is (ms), and else what says whether it may be held."""
        if patience is not None:
            if not self._hurries:
                self._hurries = True
                _log.warning(
                    "this server has one thread, so slow answers are fetched with a second message after %g s: "
                    "give it threads (gunicorn --threads 8), or use an ASGI server",
                    patience,
                )
            return int(patience * 1000), None
        if self.settings.slow == "placeholder":
            return self.settings.deadlines.last_chance, None
        if account not in self._budgets:
            self._budgets[account] = Budget(self._runtime.store, account, self._runtime.now)
        return None, self._budgets[account]

    def key(self, account: str, openid: str) -> str:
        """Under which everything of one user is kept."""
        return self._key % {"account": account, "open_id": openid}

    def conduct(self, message: Message) -> Conduct:
        """How this bot behaves towards whoever sent the message."""
        given = self.settings
        texts = given.texts if isinstance(given.texts, Texts) else given.texts(message)
        fetch = given.fetch[0] if given.fetch else ""
        articles = TO_AN_EVENT if message.kind == "event" else TO_A_MESSAGE
        return Conduct(
            router=self,
            voice=Medium(message.account, message.openid, texts, given.timezone, fetch, articles),
            expire=given.expire,
            cancel=self._cancel,
            back=self._back,
            fetch=self._fetch,
            before=bool(self._hooks["before"]),
            after=bool(self._hooks["after"]),
            on_error=bool(self._hooks["on_error"]),
            pieces=self._pieces,
            deadlines=given.deadlines,
        )

    def user(self, openid: str, *, account: str | None = None) -> User:
        """A user of this bot, from outside a dialog: their data, their conversation, and a way to tell them something.

        `account`: where one bot serves several; else the bot's, or the one whose push came first (the first real one, after
        what was made up for a try).
        """
        if not isinstance(openid, str) or not openid:
            raise ConfigurationError(f"openid={openid!r}: the openid of a user, as in message.openid")
        return User(
            openid,
            lambda change: self._home.call(self._change(openid, account, change)),
            lambda: self._home.call(self._erase(openid, account)),
        )

    async def _change(self, openid: str, account: str | None, change: Change) -> None:
        voice = await self._voice(openid, account)

        def changed(rec: Record, now: int) -> bool:
            settle(rec, now)
            return change(rec, now, voice)

        await self._runtime.outside(self.key(voice.account, openid), changed)

    async def _erase(self, openid: str, account: str | None) -> None:
        """What a handler is doing for this very user just now stays known, or the message would be taken for a new one."""
        voice = await self._voice(openid, account)
        key, busy = self.key(voice.account, openid), list[bool]()

        def erased(rec: Record, now: int) -> bool:
            settle(rec, now)
            busy[:] = [under_way(rec)]
            erase(rec)
            return busy[0]

        with contextlib.suppress(UnknownFormat):  # what a newer version wrote can be erased, too
            await self._runtime.outside(key, erased)
        if not any(busy):
            await self._runtime.erase(key)

    async def _voice(self, openid: str, account: str | None) -> Medium:
        given = self.settings
        texts = given.texts if isinstance(given.texts, Texts) else CHINESE
        named = account or given.account or await self._first_account()
        return Medium(named, openid, texts, given.timezone, given.fetch[0] if given.fetch else "")

    async def _first_account(self) -> str:
        """The account whose push came first; "" where the keys of records do not name one."""
        if "%(account)s" not in self._key:
            return ""
        loaded = await self._runtime.store.load(ACCOUNT_KEY)
        if "account" not in loaded.fields:
            raise ConfigurationError(
                "account (argument account=, variable WECHAT_ACCOUNT) is needed: no push has told it yet; "
                "user(openid, account=…) names it, too"
            )
        return loaded.fields["account"]

    async def _keep_account(self, account: str) -> None:
        """The first push tells whose account this is: `user` need not be told."""
        try:
            loaded = await self._runtime.store.load(ACCOUNT_KEY)
            if _tells_more(account, loaded.fields.get("account", "")):
                patch = Patch(secrets.token_urlsafe(9), {"account": account})
                if isinstance(await self._runtime.store.patch(ACCOUNT_KEY, loaded.version, patch), Loaded):
                    self._told = ""  # another worker was first: the next push looks what it told
        except StoreError:
            self._told = ""  # the next push tells it
            raise

    def _report(self, turn: Turn) -> None:
        """One line a turn; never what people wrote, unless the bot says so."""
        if turn.error is None and not _log.isEnabledFor(logging.INFO):
            return
        message = turn.message
        facts = (message.account, _short(message.openid), turn.dialog, turn.outcome, round(turn.seconds * 1000))
        if turn.error is not None:
            _log.error("%s %s %s failed", *facts[:3], exc_info=turn.error)
        said = f" {message.text!r} → {turn.reply!r}" if self.settings.log_text else ""
        _log.info("%s %s %s %s %d ms, delivery %d%s", *facts, turn.deliveries, said)

    # ---- the synchronous world ----

    def wait(self, work: Coroutine[Any, Any, T], /) -> T:
        """Do `work` on the bot's own event loop, from synchronous code. Gives what it gives, raises what it raises."""
        return self._home.wait(work)

    async def health(self) -> Health:
        """How this worker is: whether its store answers, how late its event loop is, how many deliveries wait."""
        return await self._home.call(self._runtime.health())

    async def aclose(self) -> None:
        """Let turns under way come to their end, and close the store. A later delivery opens it again."""
        await self._home.call(self._runtime.close())


class Carried(msgspec.Struct, frozen=True):
    """What a delivery is answered with (None: ``success``)."""

    reply: Reply | None
    #: to be called when the response was written: until then the reply of a last delivery stays unread, in doubt
    sent: Callable[[], Coroutine[Any, Any, None]] | None = None
    #: whoever pushed hung up before there was a reply
    unheard: bool = False


def _tells_more(account: str, known: str) -> bool:
    """Whether it says whose account this is, after the one that is known (""): what a test made up gives way to a real one."""
    return not known or bool(_REAL.fullmatch(account) and not _REAL.fullmatch(known))


def _short(openid: str) -> str:
    return openid if len(openid) <= 8 else f"{openid[:4]}…{openid[-4:]}"


# ---- 2017 -----------------------------------------------------------------------------------------------------------


class UnexpectAnswer(Reroute):
    """2017's: the dialog that raises it ends, and the message is routed as if none had waited."""

    over = True


class Formatted(Protocol):
    """What `answer` gives."""

    def format(self) -> str:
        """The body to answer WeChat with."""


#: the bot of each module of 2017, for as long as there is the module
_BOTS: WeakKeyDictionary[ModuleType, Bot] = WeakKeyDictionary()


def answer(data: bytes | str, module: ModuleType) -> Formatted:
    """The reply to the push in `data`, by a module of 2017: ``answer(request.get_data(), demo_dialog).format()``.

    Blocks until there is one. Whoever calls it has seen to it that the push is WeChat's, and in clear. Raises
    `ProtocolError` for what is no push (its `status` is an HTTP status), `ConfigurationError` for a module that cannot
    work. Whatever else goes wrong is one sentence of apology, and a line in the log.
    """
    bot = _BOTS.get(module) or Bot.from_module(module, token=secrets.token_hex(16))  # a token that nobody signs with
    body = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    message = receive.parse(body, bot.settings.timezone)
    try:
        said = bot.wait(bot.deliver(message))
    except Exception as error:
        if isinstance(error, WeChatError) and not isinstance(error, StoreError):
            raise
        _log.exception("a message to %s could not be answered", message.account)
        said = decode(bot.conduct(message).voice.sentence("failed"))
    from . import msg

    return msg.Msg(message.openid, message.account, said, json=receive.is_json(body))
