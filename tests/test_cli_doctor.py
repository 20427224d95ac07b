"""`wechat-dialog doctor`: what it says of real installations, real files and real Redis servers, healthy and not."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from fleets import running_cluster, running_guarded
from servers import free_port, running_redis
from wechat.cli import doctor, findings, main, storage
from wechat.stores import Patch
from wechat.stores.redis import RedisStore
from wechat.stores.sqlite import FORMAT, SQLiteStore

Findings = dict[str, list[dict[str, str]]]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and an environment in which nothing is set; afterwards nobody has imported a bot."""
    for name in [name for name in os.environ if name.startswith("WECHAT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("shop_"):
            del sys.modules[name]


class Doctor:
    """Asks it, and keeps what it said: by what was looked at."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.code, self.all = capsys, 0, ""

    def __call__(self, *arguments: str) -> Findings:
        self._capsys.readouterr()
        self.code = main(["doctor", *arguments, "--json"])
        came = self._capsys.readouterr()
        self.all = came.out + came.err
        return by_what(came.out, self.code)


def by_what(out: str, code: int) -> Findings:
    came, found = json.loads(out), Findings()
    for finding in came["findings"]:
        found.setdefault(finding["what"], []).append(finding)
    assert came["ok"] == (code == 0) == all(finding["grade"] != "wrong" for finding in came["findings"])
    return found


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capsys)


def said(findings: Findings, what: str) -> str:
    """Everything that was said of it."""
    return "\n".join(f"{each['grade']}: {each['found']} → {each['advice']}" for each in findings.get(what, []))


def elsewhere(path: Path, *arguments: str) -> tuple[Findings, str]:
    """The command in a process of its own, which finds more packages at `path`; and what it said on stderr."""
    variables = {**os.environ, "PYTHONPATH": before(path), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "wechat", "doctor", "--json", *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", check=False)
    return by_what(done.stdout, done.returncode), done.stderr


def before(path: Path) -> str:
    """The path, in front of where packages are looked for now."""
    return os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH")])])


def distribution(path: Path, name: str, version: str, **files: str) -> None:
    """Something that is installed at `path`, as far as its description goes."""
    folder = path / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    files = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", **files}
    for file, content in files.items():
        (folder / file.replace("_txt", ".txt")).write_text(content, encoding="utf-8")


# ---- what is installed ----------------------------------------------------------------------------------------------


def test_what_is_installed_is_named_with_its_versions(ask: Doctor) -> None:
    found = ask()
    assert f"Python {sys.version.split()[0]}" in said(found, "wechat-dialog")
    assert said(found, "package wechat") == f"ok: {Path(doctor.__file__).parent.parent} → "
    assert re.search(r"anyio \d.*redis \d.*uvicorn \d", said(found, "packages"))
    assert "uvicorn" in said(found, "servers")
    assert "flask" in said(found, "frameworks")


@pytest.mark.parametrize(
    "files", [{"RECORD": "wechat/__init__.py,,\nwechat/client.py,,\n"}, {"top_level_txt": "wechat\n", "RECORD": ""}]
)
def test_another_distribution_that_installs_a_package_wechat_is_wrong(files: dict[str, str], tmp_path: Path) -> None:
    distribution(tmp_path / "site", "wechat", "1.0", **files)
    (tmp_path / "site" / "wechat").mkdir()
    (tmp_path / "site" / "wechat" / "client.py").touch()  # from Python 3.12 on, only files that are there count
    found, _ = elsewhere(tmp_path / "site")
    assert "wechat installs a package of this name" in said(found, "package wechat")
    assert "pip uninstall wechat, then pip install --force-reinstall wechat-dialog" in said(found, "package wechat")
    assert found["package wechat"][0]["grade"] == "wrong"


def test_a_distribution_that_only_sounds_like_it_is_no_matter(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "wechatpy", "1.0", RECORD="wechatpy/__init__.py,,\nx/wechat/__init__.py,,\n")
    found, _ = elsewhere(tmp_path / "site")
    assert found["package wechat"][0]["grade"] == "ok"


@pytest.mark.parametrize("name", ["wechat.py", "wechat/__init__.py"])
def test_a_file_in_the_working_folder_that_hides_the_package_is_wrong(name: str, nowhere: Path, ask: Doctor) -> None:
    (nowhere / name).parent.mkdir(exist_ok=True)
    (nowhere / name).touch()
    assert f"wrong: hidden by {nowhere / name} → rename it" in said(ask(), "package wechat")


def test_a_package_that_is_too_old_is_wrong_and_one_of_nobody_s_is_not_named(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "redis", "4.6.0")
    distribution(tmp_path / "site", "hypothesis", "1.0")  # tests need a newer one, a bot in service needs none
    found, _ = elsewhere(tmp_path / "site")
    assert re.fullmatch(r'wrong: .*; too old: redis → pip install "redis>=5"', said(found, "packages"))


def test_without_a_server_it_says_how_to_get_one(ask: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SERVERS", ("no-such-server",))
    monkeypatch.setattr(doctor, "FRAMEWORKS", ())
    found = ask()
    assert 'pip install "wechat-dialog[server]"' in said(found, "servers")
    assert said(found, "frameworks") == "ok: none, and none is needed → "


# ---- the environment ------------------------------------------------------------------------------------------------

KEY = "k" * 43


@pytest.mark.parametrize(
    ("variables", "what", "expected"),
    [
        ({}, "environment", "note: not set: WECHAT_TOKEN, .*WECHAT_STORE → a bot needs the Token"),
        ({"WECHAT_TOKEN": ""}, "environment", "note: not set: WECHAT_TOKEN, "),
        ({"WECHAT_TOKEN": "hush1234"}, "WECHAT_TOKEN", "ok: 8 characters"),
        ({"WECHAT_TOKEN": "hush1234"}, "environment", "ok: not set: WECHAT_ACCOUNT, "),
        ({"WECHAT_TOKEN": "demo"}, "WECHAT_TOKEN", "note: the token is demo, that of the examples"),
        ({"WECHAT_TOKEN": "hush-1234"}, "WECHAT_TOKEN", "wrong: token .* must be 3 to 32 letters and digits"),
        ({"WECHAT_ACCOUNT": "gh_0123456789ab"}, "WECHAT_ACCOUNT", "ok: gh_0…ab"),
        ({"WECHAT_ACCOUNT": "hush1234"}, "WECHAT_ACCOUNT", "wrong: account .* not what it is"),
        ({"WECHAT_APPID": "hush1234"}, "WECHAT_APPID", "wrong: appid .* not what it is"),
        ({"WECHAT_AES_KEY": "hush1234"}, "WECHAT_AES_KEY", "wrong: aes_key .* must be the 43 letters"),
        ({"WECHAT_AES_KEY": KEY}, "WECHAT_AES_KEY", "ok: 43 characters"),
        ({"WECHAT_AES_KEY": KEY}, "WECHAT_APPID", "wrong: appid .* is missing"),
        ({"WECHAT_AES_KEY": KEY, "WECHAT_APPID": "wx1234567890"}, "WECHAT_APPID", "ok: wx12…90"),
        ({"WECHAT_STORE": "hush1234"}, "WECHAT_STORE", "wrong: the store .* is no URL"),
        ({"WECHAT_STORE": "nothing://:hush1234@here"}, "store", "wrong: the store .* is of a kind"),
        ({"WECHAT_APP_ID": "hush1234"}, "WECHAT_APP_ID", "note: is set, .* → if WECHAT_APPID is meant, rename it"),
        ({"WECHAT_TOKE": "hush1234"}, "WECHAT_TOKE", "note: .* → if WECHAT_TOKEN is meant"),
        ({"WECHAT_DIALOG_RUN_BOT": "hush1234"}, "WECHAT_DIALOG_RUN_BOT", ""),
    ],
)
def test_settings_are_judged_and_never_shown(
    variables: Mapping[str, str], what: str, expected: str, ask: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert re.match(expected or r"\Z", said(ask(), what))
    assert "hush1234" not in ask.all
    assert KEY not in ask.all


def test_what_no_bot_could_be_made_of_is_said_once(ask: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.ZoneInfo", lambda name: {}[name])  # no time zones, as in a small container
    monkeypatch.setattr("zoneinfo.ZoneInfoNotFoundError", KeyError)
    found = ask()
    assert re.match("wrong: timezone= must be .* → pip install tzdata", said(found, "settings"))
    assert "environment" not in found


# ---- the bot --------------------------------------------------------------------------------------------------------

MADE = "from wechat import Bot\nbot = Bot('t0ken', store='memory://')\n"
TALKS = MADE + "@bot.text('hi')\ndef hello(message):\n    return 'hi'\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TALKS, r"ok: 1 routes \(hello\), plain mode, any account"),
        (TALKS.replace("'t0ken'", "'t0ken', account='gh_1'"), "ok: .* gh_1"),
        (TALKS.replace("'t0ken'", "'t0ken', appid='wx123456', aes_key='a' * 43"), "ok: .* safe mode"),
        (TALKS.replace("t0ken", "demo"), "ok: .*\nnote: the token is demo"),
        (MADE, "note: no routes"),
        (
            MADE + "print('loud')\n@bot.text\ndef hello(m):\n    yield open('x')\n",
            "ok: .*\nnote: .*:6: open in a dialog",
        ),
        ("from wechat import Bot\nbot = Bot()\n", "wrong: token .* is missing"),
        ("bot = 1\n", "wrong: bot is a int, not a Bot"),
        ("import nowhere_at_all\n", r"wrong: cannot be imported: ModuleNotFoundError: .* \(.*shop_\w+\.py:1\)"),
        ("\nraise OSError('mysql://me:hush@here/db')\n", r"wrong: .*OSError: mysql://…@here/db \(.*py:2\)"),
        ("\n\nbot = (\n", r"wrong: cannot be imported: SyntaxError: .* \(.*shop_\w+\.py:3\)"),
        ("raise SystemExit('no')\n", "wrong: cannot be imported: SystemExit: no"),
    ],
)
def test_a_bot_is_imported_and_judged(
    source: str, expected: str, nowhere: Path, ask: Doctor, request: pytest.FixtureRequest
) -> None:
    name = f"shop_{abs(hash(request.node.name))}"
    (nowhere / f"{name}.py").write_text(source, encoding="utf-8")
    assert re.match(expected, said(ask("--bot", f"{name}:bot"), f"{name}:bot"))
    assert "hush" not in ask.all


def test_a_bot_brings_its_own_settings_so_none_of_the_environment_is_missed(nowhere: Path, ask: Doctor) -> None:
    (nowhere / "shop_own.py").write_text(TALKS, encoding="utf-8")
    assert said(ask("--bot", "shop_own:bot"), "environment").startswith("ok: not set")


def test_each_of_several_bots_is_judged_and_each_store_once(nowhere: Path, ask: Doctor) -> None:
    three = "bots = {n: Bot('t0ken', store=f'sqlite:///{n[0]}.db') for n in ('a', 'b1', 'b2')}\n"
    (nowhere / "shop_several.py").write_text(MADE + three, encoding="utf-8")
    found = ask("--bot", "shop_several:bots")
    assert {"shop_several:bots a", "shop_several:bots b1", "shop_several:bots b2"} < set(found)
    assert re.findall(r"(\w\.db) is not there yet", said(found, "store")) == ["a.db", "b.db"]


# ---- which store ----------------------------------------------------------------------------------------------------


def test_the_store_is_the_one_named_else_the_bot_s_else_the_environment_s_else_the_usual_file(
    nowhere: Path, ask: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "shop_kept.py").write_text(TALKS.replace("memory://", "sqlite:///bot.db"), encoding="utf-8")
    assert "wechat-dialog.db is not there yet" in said(ask(), "store")
    monkeypatch.setenv("WECHAT_STORE", "sqlite:///environment.db")
    assert "environment.db is not there yet" in said(ask(), "store")
    assert "bot.db is not there yet" in said(ask("--bot", "shop_kept:bot"), "store")
    assert "named.db is not there yet" in said(ask("--bot", "shop_kept:bot", "--store", "sqlite:///named.db"), "store")


def test_memory_is_worth_a_note(ask: Doctor) -> None:
    assert said(ask("--store", "memory://"), "store").startswith("note: memory://, which forgets everything")


STORE = """
from wechat.stores.memory import MemoryStore
class Own:
    def __init__(self): self.inner = MemoryStore()
    async def load(self, key): return await self.inner.load(key)
    async def patch(self, key, version, patch): return await self.inner.patch(key, version, patch)
    async def wait(self, key, until, seen=None): ...
    async def erase(self, key): await self.inner.erase(key)
    async def close(self): ...
    def __repr__(self): return "Own()"
"""


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("", r"ok: Own\(\): written, read and erased in \d"),
        ("    async def load(self, key): return await self.inner.load(key + 'x')\n", "wrong: Own.* does not give back"),
        (
            "    async def load(self, key): raise OSError('gone')\n",
            "wrong: could not be examined further: OSError: gone",
        ),
    ],
)
def test_a_store_of_somebody_else_s_is_written_to_and_read(
    broken: str, expected: str, nowhere: Path, ask: Doctor, request: pytest.FixtureRequest
) -> None:
    name = f"shop_{abs(hash(request.node.name))}"
    source = STORE + broken + TALKS.replace("'memory://'", "Own()")
    (nowhere / f"{name}.py").write_text(source, encoding="utf-8")
    assert re.match(expected, said(ask("--bot", f"{name}:bot"), "store"))


def test_a_round_trip_that_takes_long_is_worth_a_note(
    nowhere: Path, ask: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(nowhere / "bot.db")
    monkeypatch.setattr(storage, "SLOW", 0)
    assert re.match(r"note: .* in [\d.]+ ms → every turn waits", said(ask("--store", "sqlite:///bot.db"), "store"))


# ---- a SQLite file --------------------------------------------------------------------------------------------------


def made(path: Path) -> None:
    """A store's file, with one record in it."""

    async def write() -> None:
        store = SQLiteStore(path)
        await store.patch("a", "", Patch("1", {"x": "y"}))
        await store.close()

    asyncio.run(write())


def records(path: Path) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT key, version FROM record").fetchall()


def test_a_file_that_is_not_there_is_not_made(nowhere: Path, ask: Doctor) -> None:
    found = ask()
    assert (ask.code, list(nowhere.iterdir())) == (0, [])
    expected = f"ok: {nowhere / 'wechat-dialog.db'} is not there yet: it is made at the first delivery → "
    assert said(found, "store") == expected
    assert re.fullmatch(rf"ok: {nowhere} can be written to, [\d.]+ \w+ free → ", said(found, "folder"))
    assert said(found, "SQLite") == f"ok: {sqlite3.sqlite_version} → "


def test_a_file_of_the_store_is_written_to_and_left_as_it_was(nowhere: Path, ask: Doctor) -> None:
    made(nowhere / "bot.db")
    found = ask("--store", "sqlite:///bot.db")
    assert ask.code == 0
    assert re.match(r"ok: SQLiteStore\(.*\): written, read and erased in", said(found, "store"))
    assert re.match("ok: .*B, on the disk before it is acknowledged .*FULL", said(found, "persistence"))
    assert records(nowhere / "bot.db") == [("a", "1")]
    assert [path.name for path in nowhere.iterdir()] == ["bot.db"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], "ok: .* is empty: its tables are made"),
        (["CREATE TABLE cash (x)", "CREATE TABLE orders (x)"], "note: .* holds something else: cash, orders → give"),
        (
            [f"PRAGMA user_version = {FORMAT + 1}"],
            rf"wrong: .*newer version \(format {FORMAT + 1}, .* → pip install --up",
        ),
    ],
)
def test_a_file_of_something_else_is_told_and_not_touched(
    statements: list[str], expected: str, nowhere: Path, ask: Doctor
) -> None:
    path = nowhere / "bot.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
    path.touch()
    before = path.read_bytes()
    assert re.match(expected, said(ask("--store", "sqlite:///bot.db"), "store"))
    assert (path.read_bytes(), [path.name for path in nowhere.iterdir()]) == (before, ["bot.db"])


def test_a_file_that_is_none_of_sqlite_is_wrong(nowhere: Path, ask: Doctor) -> None:
    (nowhere / "bot.db").write_text("not a database, but a text of some length, longer than its head" * 9)
    (nowhere / "folder.db").mkdir()
    for name, expected in {"bot": "file is not a database → name another", "folder": "unable to open"}.items():
        assert expected in said(ask("--store", f"sqlite:///{name}.db"), "store")
        assert ask.code == 1


def test_a_folder_that_is_not_there_is_wrong(ask: Doctor) -> None:
    assert re.match(
        "wrong: .*gone cannot be written to: .* → make it", said(ask("--store", "sqlite:///gone/x.db"), "folder")
    )


def test_a_file_that_another_process_writes_to_for_too_long_is_wrong(nowhere: Path, ask: Doctor) -> None:
    made(nowhere / "bot.db")
    impatient = "SQLiteStore('bot.db', patience=0.05)"
    source = "from wechat.stores.sqlite import SQLiteStore\n" + TALKS.replace("'memory://'", impatient)
    (nowhere / "shop_locked.py").write_text(source, encoding="utf-8")
    with contextlib.closing(sqlite3.connect(nowhere / "bot.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        found = ask("--bot", "shop_locked:bot")
    assert re.match("wrong: .*database is locked → another process writes", said(found, "store"))
    assert "persistence" not in found


@pytest.mark.parametrize(
    ("free", "grade"), [(10**12, "ok"), (500_000_000, "ok"), (499_999_999, "note"), (20_000_000, "note"), (1, "wrong")]
)
def test_a_full_disk_is_wrong_and_a_nearly_full_one_worth_a_note(free: int, grade: str) -> None:
    assert storage.room(Path("x"), free).grade == grade


@pytest.mark.parametrize(("version", "grade"), [((3, 23, 1), "wrong"), ((3, 24, 0), "ok"), ((3, 50, 4), "ok")])
def test_a_sqlite_that_lacks_what_the_store_says_to_it_is_wrong(version: tuple[int, ...], grade: str) -> None:
    assert storage.version_of_sqlite(version).grade == grade


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("_sqlite3", "wrong: could not be examined further: ImportError"), ("redis", "wrong: a store in Redis needs the")],
)
def test_a_python_without_what_a_store_needs_says_so_and_the_rest_is_examined(
    missing: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / f"{missing}.py").write_text("raise ImportError('not built')\n", encoding="utf-8")
    url = {"_sqlite3": "sqlite:///x.db", "redis": "redis://localhost/"}[missing]
    asked = f"from argparse import Namespace\nfrom wechat.cli import doctor\ngiven = Namespace(bot=None, store={url!r})"
    command = [sys.executable, "-c", f"{asked}\ngiven.json = True\nraise SystemExit(doctor.main(given))"]
    variables = {**os.environ, "PYTHONPATH": before(tmp_path), "PYTHONUTF8": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", check=False)
    found = by_what(done.stdout, done.returncode)
    assert said(found, "store").startswith(expected)
    assert (found["wechat-dialog"][0]["grade"], done.stderr) == ("ok", "")


# ---- a Redis --------------------------------------------------------------------------------------------------------

BOB = ("--user", "bob", "on", ">hush")


@pytest.mark.parametrize(
    ("options", "user", "grade", "what", "expected"),
    [
        ("", "", 1, "store", r"ok: RedisStore\(.*\): written, read and erased in [\d.]+ ms"),
        ("", "", 1, "Redis", r"ok: \d+\.\d+\.\d+ "),
        ("", "", 1, "persistence", "wrong: it writes nothing to its disk.* → set appendonly yes"),
        ("", "", 1, "memory", r"ok: [\d.]+ [kM]B used, no limit, noeviction"),
        ("", "", 1, "pub/sub", "ok: what one worker publishes, another hears"),
        ("", "", 1, "clock", r"ok: \d+ ms"),
        ("--appendonly yes", "", 0, "persistence", "ok: .*everysec, which may lose a second"),
        ("--appendonly yes --appendfsync always", "", 0, "persistence", "ok: appendonly yes, appendfsync always "),
        ("--appendonly yes --appendfsync no", "", 0, "persistence", "note: .*no, which may lose half a minute → set"),
        ("--maxmemory 99mb --maxmemory-policy allkeys-lru", "", 1, "memory", "wrong: .* of .*, allkeys-lru → set max"),
        ("--maxmemory-policy allkeys-lru", "", 1, "memory", "ok: .* no limit, allkeys-lru"),
        ("--maxmemory 99mb --appendonly yes", "", 0, "memory", "ok: .* of 103.8 MB, noeviction"),
        ("--requirepass s3cret", ":hush@", 1, "store", "wrong: .* → the user or the password is wrong"),
        ("--requirepass s3cret", "", 1, "store", "wrong: .* → the user or the password is wrong"),
        ("--replicaof 127.0.0.1 1", "", 1, "store", "wrong: .* → this is a replica: name the master"),
        (f"{' '.join(BOB)} ~* +@all -publish", "bob:hush@", 1, "pub/sub", r"note: not allowed: .* → ACL SETUSER … &"),
        (f"{' '.join(BOB)} ~* +@all -publish", "bob:hush@", 1, "store", "ok: "),
        (f"{' '.join(BOB)} ~* +@all -subscribe", "bob:hush@", 1, "pub/sub", r"note: not allowed: "),
        (f"{' '.join(BOB)} {storage.RIGHTS}", "bob:hush@", 0, "store", "ok: "),
        (f"{' '.join(BOB)} {storage.RIGHTS}", "bob:hush@", 0, "pub/sub", "ok: "),
        (f"{' '.join(BOB)} {storage.RIGHTS}", "bob:hush@", 0, "persistence", "note: appendonly no, and whether"),
        (
            f"{' '.join(BOB)} +ping",
            "bob:hush@",
            1,
            "store",
            r"wrong: .* → let the user .* ACL SETUSER … ~wechat-dialog",
        ),
        (f"{' '.join(BOB)} +ping", "bob:hush@", 1, "Redis", "note: does not tell its version"),
        (f"{' '.join(BOB)} +ping", "bob:hush@", 1, "persistence", "note: it does not tell"),
        (f"{' '.join(BOB)} +ping", "bob:hush@", 1, "memory", "note: it does not tell"),
        (f"{' '.join(BOB)} +ping", "bob:hush@", 1, "clock", "note: it does not tell its time"),
    ],
)
def test_a_redis_is_judged_by_how_it_is_set_up(
    options: str,
    user: str,
    grade: int,
    what: str,
    expected: str,
    tmp_path: Path,
    ask: Doctor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_redis(tmp_path, *options.split()) as port:
        found = ask("--store", f"redis://{user}127.0.0.1:{port}/0")
        assert re.match(expected, said(found, what)), found
    assert ask.code == grade
    assert "hush" not in ask.all
    assert caplog.messages == []  # the store's own warnings, which say it in another way


def test_the_rights_that_it_advises_are_enough_for_all_that_a_store_does(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        store = RedisStore(url)
        key = "wechat-dialog:gh_1:oUser"
        await store.patch(key, "", Patch("1", {"x": "y", "z": "z"}, expires=2**52))
        await store.patch(key, "1", Patch("2", {"x": "z"}, drop=["z"], wake=True))
        assert (await store.load(key)).version == "2"
        await store.erase(key)
        await store.close()

    with running_redis(tmp_path, *BOB, *storage.RIGHTS.split()) as port:
        asyncio.run(work(f"redis://bob:hush@127.0.0.1:{port}/0"))


def test_a_redis_that_only_takes_snapshots_is_worth_a_note(tmp_path: Path, ask: Doctor) -> None:
    with running_redis(tmp_path) as port, redis.Redis(port=port) as client:
        client.config_set("save", "60 1")
        found = ask("--store", f"redis://127.0.0.1:{port}/0")
    assert re.match(r"note: appendonly no, snapshots only \(save 60 1\)", said(found, "persistence"))


def test_nothing_is_left_in_a_redis(tmp_path: Path, ask: Doctor) -> None:
    with running_redis(tmp_path) as port, redis.Redis(port=port) as client:
        ask("--store", f"redis://127.0.0.1:{port}/0")
        assert client.info("stats")["total_commands_processed"] > 5
        assert client.dbsize() == 0


def test_a_redis_that_is_down_is_said_once(ask: Doctor) -> None:
    found = ask("--store", f"redis://:hush@127.0.0.1:{free_port()}/0")
    assert re.match("wrong: the Redis at redis://127.* → is it running", said(found, "store"))
    assert not {"Redis", "persistence", "memory", "clock"} & set(found)
    assert "hush" not in ask.all


def test_every_master_of_a_cluster_is_examined_and_nothing_is_left_there(tmp_path: Path, ask: Doctor) -> None:
    with running_cluster(tmp_path) as cluster:
        ask("--store", f"{cluster.url}?wait_replicas=1")
        for master in cluster.masters():
            assert f"127.0.0.1:{master.port}: it writes nothing to its disk" in ask.all
            assert master.client.dbsize() == 0
        single = ask("--store", f"redis://127.0.0.1:{cluster.servers[0].port}")
        wrong = said(single, "store").startswith("wrong")
        assert not wrong or "it is a Cluster: redis+cluster://" in said(single, "store")
    found = ask("--store", f"redis+cluster://:hush@127.0.0.1:{cluster.servers[0].port}")
    assert re.match("wrong: the Redis at redis.cluster://127.* → is it running", said(found, "store"))
    assert "hush" not in ask.all


def test_the_master_behind_sentinels_is_examined(tmp_path: Path, ask: Doctor) -> None:
    with running_guarded(tmp_path, password="open/sesame") as fleet:
        found = ask("--store", f"{fleet.url}?sentinel_password=open%2Fsesame")
        assert said(found, "persistence").startswith(f"wrong: 127.0.0.1:{fleet.master().port}: it writes nothing")
        assert said(found, "store").startswith("ok: RedisStore(")
        unknown = ask("--store", f"{fleet.url.replace('conversations', 'others')}?sentinel_password=open%2Fsesame")
        assert "→ the name behind the Sentinels must be" in said(unknown, "store")
        assert "sesame" not in ask.all


def test_replicas_that_are_waited_for_and_not_there_are_said_to_be_missing(tmp_path: Path, ask: Doctor) -> None:
    with running_redis(tmp_path) as port:
        found = ask("--store", f"redis://127.0.0.1:{port}/0?wait_replicas=1&wait_ms=10")
        assert re.match("wrong: .*0 of 1 replicas .* → see that as many replicas", said(found, "store"))


def test_the_bot_s_own_redis_is_examined_under_a_key_of_the_bot(tmp_path: Path, nowhere: Path, ask: Doctor) -> None:
    with running_redis(tmp_path, *BOB, *storage.RIGHTS.split()) as port:
        source = TALKS.replace("memory://", f"redis://bob:hush@127.0.0.1:{port}/0")
        (nowhere / "shop_redis.py").write_text(source, encoding="utf-8")
        found = ask("--bot", "shop_redis:bot")
    assert said(found, "store").startswith("ok: RedisStore(")
    assert said(found, "pub/sub").startswith("ok: ")


@pytest.mark.parametrize(
    ("server", "what", "grade"),
    [
        ({"redis_version": "6.2.0"}, "Redis", "ok"),
        ({"redis_version": "10.0.1"}, "Redis", "ok"),
        ({"redis_version": "6.0.16"}, "Redis", "wrong"),
        ({"redis_version": "5.0.5"}, "Redis", "wrong"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1"}, "Valkey", "ok"),
        ({}, "Redis", "note"),
    ],
)
def test_a_redis_before_6_2_is_wrong(server: Mapping[str, str], what: str, grade: str) -> None:
    finding = storage.version_of_redis(server)
    assert (finding.what, finding.grade) == (what, grade)


@pytest.mark.parametrize("field", ["aof_last_write_status", "rdb_last_bgsave_status"])
def test_a_redis_that_cannot_write_to_its_disk_is_wrong(field: str) -> None:
    finding = storage.persistence({"aof_enabled": 1, field: "err"}, {"appendfsync": "always", "save": ""})
    assert finding.grade == "wrong"
    assert field in finding.found


def test_a_redis_that_is_nearly_full_and_drops_nothing_is_worth_a_note() -> None:
    memory = {"used_memory": 91, "maxmemory": 100, "maxmemory_policy": "noeviction"}
    assert storage.eviction(memory).grade == "note"
    assert storage.eviction({**memory, "used_memory": 90}).grade == "ok"


@pytest.mark.parametrize(
    ("ahead", "grade", "found"),
    [
        (0.004, "ok", "4 ms from"),
        (-1.0, "ok", "1000 ms from"),
        (1.25, "note", "1.2 s ahead of"),
        (-5.0, "note", "5.0 s behind"),
        (5.1, "wrong", "5.1 s ahead of"),
        (-3600, "wrong", "3600.0 s behind"),
    ],
)
def test_a_clock_that_is_off_is_told(ahead: float, grade: str, found: str) -> None:
    finding = storage.clock(ahead)
    assert finding.grade == grade
    assert finding.found.startswith(found)
    assert ("NTP" in finding.advice) == (grade != "ok")


# ---- how it is shown ------------------------------------------------------------------------------------------------


def test_a_narrow_terminal_gets_narrow_lines_and_a_pipe_no_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("WECHAT_TOKEN", "-")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
    assert sum(line.startswith("✗  WECHAT_TOKEN") for line in lines) == 1


def test_where_a_mark_cannot_be_shown_it_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Windows in Chinese, its output in a pipe."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="gbk", write_through=True))
    monkeypatch.setenv("WECHAT_TOKEN", "-")
    assert main(["doctor"]) == 1
    lines = written.getvalue().decode("gbk").splitlines()
    assert [line.split()[:2] for line in lines if "WECHAT_TOKEN" in line.split()[:2]] == [["wrong", "WECHAT_TOKEN"]]
    assert sum(line.startswith("ok ") for line in lines) > 5


def test_the_password_of_a_store_is_masked_however_it_looks() -> None:
    assert findings.masked("see mysql://me:p@ss/w@here/db or http://x/") == "see mysql://…@here/db or http://x/"
