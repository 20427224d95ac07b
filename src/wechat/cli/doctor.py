"""Examine this installation, and say what is wrong and what to do about it.

  wechat-dialog doctor
  wechat-dialog doctor --bot bot:bot
  wechat-dialog doctor --store redis://:password@localhost:6379/0
  wechat-dialog doctor --bot bot:bot --json

It looks at what is installed, the settings in the environment, the bot, and the store: --store, else the bot's, else
WECHAT_STORE, else wechat-dialog.db in the working folder. In the store it writes one record, reads it, and erases it; a
file that is not there yet is not made. Passwords and tokens are never shown.

Run it where the bot runs: as the same user, in the same folder, with the same environment.

The exit code is 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib.metadata
import os
import platform
import re
import secrets
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from .. import stores
from ..bot import DEFAULT_STORE, Bot
from ..errors import ConfigurationError
from ..lint import DialogWarning
from ..web import Bots
from . import findings, run, serve, storage
from .findings import Finding, masked
from .storage import numbers

Found: TypeAlias = Iterator[Finding]

OURS = "wechat-dialog"
#: what a bot may be served by, and be part of: names of distributions
SERVERS = ("uvicorn", "hypercorn", "granian", "daphne", "gunicorn", "uwsgi", "pyuwsgi", "waitress", "gevent")
FRAMEWORKS = ("flask", "django", "fastapi", "starlette", "aiohttp", "tornado")
#: the extras that a bot in service uses
EXTRAS = ("server", "flask", "django", "fastapi", "redis")

#: the variables of a bot: the argument that each stands for, one that is right, and whether it is a secret
VARIABLES: Mapping[str, tuple[str, str, bool]] = {
    "WECHAT_TOKEN": ("token", "token", True),
    "WECHAT_ACCOUNT": ("account", "gh_account", False),
    "WECHAT_APPID": ("appid", "wx00000000", False),
    "WECHAT_AES_KEY": ("aes_key", "A" * 43, True),
    "WECHAT_STORE": ("store", "memory://", True),
}
#: the token of the examples
DEMO = "demo"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bot", metavar="BOT", help="as with run: module:variable")
    parser.add_argument("--store", metavar="URL", help="examine this store")
    findings.arguments(parser)


def main(options: argparse.Namespace) -> int:
    bots: list[Bot] = []
    found = [
        *_examined("installation", _installation()),
        *_examined("settings", _settings(options.bot is not None)),
        *_examined("bot", _bot(options.bot, bots) if options.bot else iter(())),
        *_examined("store", _store(options.store, bots)),
    ]
    return findings.show(found, as_json=options.json)


def _examined(what: str, found: Found) -> Found:
    """What was found; where examining it fails, that too is something found."""
    try:
        yield from found
    except Exception as error:
        yield Finding("wrong", what, f"could not be examined further: {_in_a_line(error)}")


# ---- what is installed ----------------------------------------------------------------------------------------------


def _installation() -> Found:
    version = importlib.metadata.version(OURS)
    yield Finding("ok", OURS, f"{version}, on Python {platform.python_version()} ({sys.platform}), {sys.executable}")
    yield from _imported()
    yield _requirements(importlib.metadata.requires(OURS) or ())
    if servers := _installed(SERVERS):
        yield Finding("ok", "servers", servers)
    else:
        yield Finding("note", "servers", "none", f'to serve with wechat-dialog run: pip install "{OURS}[server]"')
    yield Finding("ok", "frameworks", _installed(FRAMEWORKS) or "none, and none is needed")


def _imported() -> Found:
    """Which package `wechat` this is, and what else would like to be it."""
    here = Path(__file__).parent.parent
    others = sorted(_owners("wechat") - {OURS})
    if others:
        names = " ".join(others)
        advice = f"pip uninstall {names}, then pip install --force-reinstall {OURS}: their files have the same names"
        yield Finding("wrong", "package wechat", f"{here}; {names} installs a package of this name, too", advice)
    else:
        yield Finding("ok", "package wechat", str(here))
    for hiding in (Path("wechat.py"), Path("wechat", "__init__.py")):
        if hiding.exists() and hiding.resolve().parent != here:
            advice = "rename it: whatever starts in this folder imports it in place of wechat-dialog"
            yield Finding("wrong", "package wechat", f"hidden by {hiding.resolve()}", advice)


def _owners(package: str) -> set[str]:
    """The distributions that install a top-level package of that name."""
    owners = set()
    for distribution in importlib.metadata.distributions():
        declared = (distribution.read_text("top_level.txt") or "").split()
        if package in declared or any(file.parts[0] == package for file in distribution.files or ()):
            owners.add(distribution.metadata["Name"] or "a distribution without a name")
    return owners


def _requirements(requires: Iterable[str]) -> Finding:
    """What is installed of what we need, and whether it is new enough: pip does not look where nobody names the extra."""
    there, old = {}, {}
    for requirement in requires:
        parts = re.match(r"([\w.-]+)(?:\[[^]]*\])?(?:>=([\w.]+))?", requirement)
        extra = re.search(r"extra == ['\"]([^'\"]+)", requirement)
        version = _version(parts[1]) if parts and (extra is None or extra[1] in EXTRAS) else None
        if parts and version:
            there[parts[1]] = version
            if parts[2] and numbers(version) < numbers(parts[2]):
                old[parts[1]] = f'"{parts[1]}>={parts[2]}"'
    shown = ", ".join(f"{name} {version}" for name, version in sorted(there.items()))
    if old:
        found, advice = f"{shown}; too old: {', '.join(old)}", f"pip install {' '.join(old.values())}"
        return Finding("wrong", "packages", found, advice)
    return Finding("ok", "packages", shown)


def _installed(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {version}" for name in names if (version := _version(name)))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- the environment ------------------------------------------------------------------------------------------------


def _settings(has_bot: bool) -> Found:
    if refused := _refused({}):  # nothing of the environment: what is wrong lies elsewhere, as with a missing time zone
        yield Finding("wrong", "settings", refused, "pip install tzdata" if "timezone" in refused else "")
        return
    set_ = [variable for variable in VARIABLES if serve.variable(variable)]
    each = [_setting(variable) for variable in set_]
    yield from each
    if "WECHAT_AES_KEY" in set_ and not has_bot and all(finding.grade != "wrong" for finding in each):
        yield from _together(set_)
    yield from _unset([variable for variable in VARIABLES if variable not in set_], has_bot)
    yield from _misspelt()


def _setting(variable: str) -> Finding:
    argument, _, secret = VARIABLES[variable]
    value = os.environ[variable]
    if refused := _refused({argument: value}):
        return Finding("wrong", variable, refused.replace(repr(value), "what it is"))
    if (argument, value) == ("token", DEMO):
        return _known_token(variable)
    return Finding("ok", variable, f"{len(value)} characters" if secret else f"{value[:4]}…{value[-2:]}")


def _together(variables: Sequence[str]) -> Found:
    """What is wrong with them as a whole: encryption needs the AppID."""
    alone: dict[str, Any] = {"appid": None}
    given = {VARIABLES[variable][0]: os.environ[variable] for variable in variables}
    if refused := _refused(alone | given | {"store": "memory://"}):
        yield Finding("wrong", "WECHAT_APPID", refused)


def _unset(variables: Sequence[str], has_bot: bool) -> Found:
    found = f"not set: {', '.join(variables)}"
    if "WECHAT_TOKEN" in variables and not has_bot:
        advice = "a bot needs the Token of the account's server settings: WECHAT_TOKEN, or Bot(token=…)"
        yield Finding("note", "environment", found, advice)
    elif variables:
        yield Finding("ok", "environment", found)


def _known_token(what: str) -> Finding:
    advice = "take another before it is public: whoever knows it can send in WeChat's name"
    return Finding("note", what, f"the token is {DEMO}, that of the examples", advice)


def _refused(given: Mapping[str, Any]) -> str:
    """Why a bot refuses these settings; "" where it takes them."""
    usual = {argument: right for argument, right, _ in VARIABLES.values()}
    try:
        Bot(**{**usual, **given})
    except ConfigurationError as error:
        return str(error)
    return ""


def _misspelt() -> Found:
    for name in sorted(os.environ):
        known = name in VARIABLES or name in (run.BOT, run.PATH)
        if name.startswith("WECHAT_") and not known and (meant := difflib.get_close_matches(name, VARIABLES)):
            yield Finding("note", name, "is set, and nobody reads it", f"if {meant[0]} is meant, rename it")


# ---- the bot --------------------------------------------------------------------------------------------------------


def _bot(name: str, bots: list[Bot]) -> Found:
    """What is to be said of the bot that is named so; it is put in `bots`, and so are several under one name."""
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("always")
        there = _named(name)
    if isinstance(there, Finding):
        yield there
        return
    for part, bot in (there if isinstance(there, Mapping) else {"": there}).items():
        if isinstance(bot, Bot):
            bots.append(bot)
            yield from _one_bot(f"{name} {part}".strip(), bot)
    for warning in warned:
        if issubclass(warning.category, DialogWarning):
            yield Finding("note", name, str(warning.message))


def _named(name: str) -> Bots | Finding:
    """The bot or bots of that name, or what is wrong with it: whatever the module does when it is imported."""
    try:
        return run.found(name)
    except ConfigurationError as error:
        return Finding("wrong", name, str(error))
    except (Exception, SystemExit) as error:
        return Finding("wrong", name, f"cannot be imported: {_in_a_line(error)}{_where(error)}")


def _one_bot(what: str, bot: Bot) -> Found:
    mode = "safe mode" if bot.settings.ciphers else "plain mode"
    account = bot.settings.account or "any account"
    if bot.routes:
        yield Finding("ok", what, f"{len(bot.routes)} routes ({', '.join(bot.scripts)}), {mode}, {account}")
    else:
        advice = "register a dialog, like @bot.text, or include a router"
        yield Finding("note", what, f"no routes, {mode}, {account}: it answers nothing", advice)
    if bot.settings.token == DEMO:
        yield _known_token(what)


def _where(error: BaseException) -> str:
    """Where in the user's own code it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


# ---- the store ------------------------------------------------------------------------------------------------------


def _store(url: str | None, bots: Sequence[Bot]) -> Found:
    """What is to be said of the store that is named so, else of those of the bots, else of the usual one."""
    key = f"{OURS}:doctor:{secrets.token_hex(8)}"
    if url is None and bots:
        for bot in {repr(bot.store): bot for bot in bots}.values():
            yield from storage.examined(bot.store, bot.key("doctor", secrets.token_hex(8)))
        return
    try:
        store = stores.open(url or serve.variable("WECHAT_STORE") or DEFAULT_STORE)
    except ConfigurationError as error:
        yield Finding("wrong", "store", str(error))
        return
    yield from storage.examined(store, key)


# ---- showing --------------------------------------------------------------------------------------------------------


def _in_a_line(error: BaseException) -> str:
    """An error in one line, without what may be a password in an address."""
    lines = str(error).splitlines() or [""]
    return masked(f"{type(error).__name__}: {lines[0]}"[:300])
