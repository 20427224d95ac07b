"""What `inspect`, `end` and `forget` share: what is kept of one user, in a store that others may be using just now.

Nothing is made here: a file that is not there, or that is somebody else's, is said to be so.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from .. import stores
from ..bot import DEFAULT_STORE, Bot
from ..errors import ConfigurationError, StoreUnreachable, UnknownFormat
from ..stores import Loaded, Store, wall_clock
from ..user import User
from . import findings, serve, view

if TYPE_CHECKING:  # a Python may be built without SQLite, and have a store elsewhere
    import sqlite3

#: seconds to wait for a Redis
PATIENCE = 3.0


@dataclass(frozen=True)
class Kept:
    """A user of an account, what is kept of them, and a bot of that store."""

    bot: Bot
    account: str
    openid: str
    loaded: Loaded

    @property
    def key(self) -> str:
        return self.bot.key(self.account, self.openid)

    @property
    def user(self) -> User:
        return self.bot.user(self.openid, account=self.account)

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return view.size(self.loaded.fields)

    @property
    def whose(self) -> dict[str, str]:
        """Who it is, for programs."""
        return {"account": self.account, "openid": self.openid}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("openid", metavar="OPENID", type=_openid, help="of the user, as in message.openid")
    parser.add_argument("--account", metavar="GH", help="(default: WECHAT_ACCOUNT, or the one that knows this user)")
    parser.add_argument("--store", metavar="URL", help="(default: WECHAT_STORE, or wechat-dialog.db in this folder)")
    findings.arguments(parser)


def reached(options: argparse.Namespace, act: Callable[[Kept, argparse.Namespace], int]) -> int:
    """Do something with what is kept of the user. Gives its exit code; 1 where nothing is kept, having said so.

    Raises `ConfigurationError` where nobody can know which store or account is meant, `StoreUnreachable` where the
    store does not answer.
    """
    try:
        return _reached(options, act)
    except UnknownFormat as error:
        formats = f"format {error.found}, and this version knows {error.known}"
        print(f"{error} ({formats}): use the version that your workers run", file=sys.stderr)
        return 1


def _reached(options: argparse.Namespace, act: Callable[[Kept, argparse.Namespace], int]) -> int:
    url = options.store or serve.variable("WECHAT_STORE") or _default()
    bot, store = _opened(url)
    try:
        account = (
            options.account or serve.variable("WECHAT_ACCOUNT") or _only(_accounts(bot, store, url, options.openid))
        )
        loaded = bot.wait(store.load(bot.key(account, options.openid))) if account else None
        if account and loaded and loaded.version:
            return act(Kept(bot, account, options.openid, loaded), options)
        return _nothing(options, account)
    finally:
        bot.wait(bot.aclose())


def _nothing(options: argparse.Namespace, account: str | None) -> int:
    if options.json:
        findings.as_text({"account": account, "openid": options.openid, "kept": False})
    else:
        print(findings.legible(f"Nothing is kept of {options.openid}{f' at {account}' if account else ''}."))
    return 1


# ---- which store ----------------------------------------------------------------------------------------------------


def _default() -> str:
    if not Path(DEFAULT_STORE.removeprefix("sqlite:///")).is_file():
        raise ConfigurationError(
            "which store? There is no wechat-dialog.db in this folder: say --store (or WECHAT_STORE), as the bot has it"
        )
    return DEFAULT_STORE


def _opened(url: str) -> tuple[Bot, Store]:
    """The store that is there, and a bot on it."""
    store = stores.open(url)
    if path := getattr(store, "path", None):
        _check(path)
    elif url.lower().startswith("memory:"):
        raise ConfigurationError("a store in memory is seen by its own process only: no command can look into it")
    return Bot(secrets.token_hex(16), store=store), store  # a token that nobody signs with


def _check(path: str) -> None:
    """Raises `ConfigurationError` unless the file is one of ours, `UnknownFormat` where a newer version made it."""
    from ..stores.sqlite import FORMAT

    with _reading(path) as db:
        (found,) = db.execute("PRAGMA user_version").fetchone()
    if not found:
        raise ConfigurationError(f"the SQLite file {path} holds no conversations: it is somebody else's, or new")
    if found > FORMAT:
        raise UnknownFormat(f"the SQLite file {path} was made by a newer version", found=found, known=FORMAT)


@contextlib.contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    """The file, which is not changed."""
    import sqlite3

    if not Path(path).is_file():
        raise ConfigurationError(f"there is no SQLite file {path}")
    try:
        with contextlib.closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise StoreUnreachable(f"the SQLite file {path} cannot be read: {error}") from error


# ---- which account --------------------------------------------------------------------------------------------------


def _only(accounts: list[str]) -> str | None:
    if len(accounts) > 1:
        known = findings.legible(", ".join(accounts))
        raise ConfigurationError(f"several accounts know this user: say --account, one of {known}")
    return accounts[0] if accounts else None


def _accounts(bot: Bot, store: Store, url: str, openid: str) -> list[str]:
    """The accounts at which something is kept of the user."""
    before, _, after = bot.key("*", openid).partition("*")
    keys = KEYS.get(urlsplit(url).scheme, _redis_keys)(store, f"{before}*{_as_it_is(after)}")
    found = sorted(key.removeprefix(before).removesuffix(after) for key in keys)
    return [account for account in found if ":" not in account]  # else it is the key of another openid, with a colon


def _as_it_is(text: str) -> str:
    """A text as a pattern that only this text fits, for SQLite's GLOB and for Redis."""
    return re.sub(r"[*?\[\\]", lambda found: "[\\\\]" if found[0] == "\\" else f"[{found[0]}]", text)


def _sqlite_keys(store: Store, pattern: str) -> list[str]:
    from ..stores.sqlite import SQLiteStore

    assert isinstance(store, SQLiteStore)
    with _reading(store.path) as db:
        living = "SELECT key FROM record WHERE key GLOB ? AND (expires IS NULL OR expires > ?)"
        return [key for (key,) in db.execute(living, (pattern, wall_clock()))]


def _redis_keys(store: Store, pattern: str) -> list[str]:
    """Redis looks at every key that it has, some at a time, while others go on."""
    from redis import Redis
    from redis.exceptions import RedisError

    from ..stores.redis import RedisStore
    from ..stores.topology import masters

    assert isinstance(store, RedisStore)
    found = list[str]()
    try:
        for each in anyio.run(masters, store.way, PATIENCE):
            with Redis.from_url(
                each, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            ) as client:
                found += client.scan_iter(match=pattern, count=1_000)
    except (RedisError, OSError) as error:
        raise StoreUnreachable(
            f"{store!r} cannot say which accounts know this user ({error}): say --account"
        ) from error
    return list(dict.fromkeys(found))


#: how a store that is no Redis finds the keys that fit a pattern, which none of a store's own methods does
KEYS: Mapping[str, Callable[[Store, str], list[str]]] = {"sqlite": _sqlite_keys}


def _openid(given: str) -> str:
    if not given or not given.isprintable():
        raise argparse.ArgumentTypeError(f"must be an openid, as in message.openid, not {given!r}")
    return given
