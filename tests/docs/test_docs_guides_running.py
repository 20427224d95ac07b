"""What the guides say about deploying, upgrading and security is so, and what they show there runs, as far as a test can run it."""

from __future__ import annotations

import configparser
import contextlib
import dataclasses
import datetime as dt
import itertools
import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from guides import CODE, PAGES, Guide, opened

from servers import free_port, running_redis
from wechat import Bot, Dialog, TextMessage, ask, crypto, record, runtime, step
from wechat.attempt import WECHAT
from wechat.stores.memory import MemoryStore
from wechat.testing import Chat
from wechat.web import MOST

#: programs of this environment
PROGRAMS = Path(sys.executable).parent
ACCOUNT = "gh_0123456789ab"


@pytest.fixture
def deploying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("deploying", tmp_path, monkeypatch)


@pytest.fixture
def security(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    yield from opened("security", tmp_path, monkeypatch)


# ---- servers --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], log: Path = Path(os.devnull)
) -> Iterator[None]:
    """A server, until the block ends: it goes down as it is told to."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | settings
    words = [str(PROGRAMS / command[0]), *command[1:]]
    with log.open("wb") as errors, subprocess.Popen(words, cwd=folder, env=environment, stderr=errors) as server:
        try:
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def on_port(command: str, port: int) -> list[str]:
    return [re.sub(r"^8\d\d\d$|(?<=:)8\d\d\d$|%i", str(port), word) for word in shlex.split(command)]


def client(port: int) -> httpx.Client:
    """It asks again, for some seconds, where nobody listens yet."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=7), timeout=30)


def signed(token: str) -> dict[str, str]:
    timestamp, nonce = str(int(time.time())), "nonce"
    return {"timestamp": timestamp, "nonce": nonce, "signature": crypto.signature(token, timestamp, nonce)}


NUMBERS = itertools.count(1)


def pushed(http: httpx.Client, text: str, token: str = "test") -> str:
    body = (
        f"<xml><ToUserName>{ACCOUNT}</ToUserName><FromUserName>oUser</FromUserName><CreateTime>{int(time.time())}"
        f"</CreateTime><MsgType>text</MsgType><Content>{text}</Content><MsgId>{next(NUMBERS)}</MsgId></xml>"
    )
    response = http.post("/wechat", params=signed(token), content=body.encode())
    assert response.status_code == 200
    return response.text


def unit_command(deploying: Guide) -> str:
    words = unit(deploying)["Service"]["ExecStart"].split()
    return " ".join([words[0].rsplit("/", 1)[1], *words[1:]])


def docker_command(deploying: Guide) -> str:
    [command] = re.findall(r"^CMD (\[.*\])$", deploying.text("Dockerfile"), re.MULTILINE)
    return shlex.join(json.loads(command)).replace("0.0.0.0", "127.0.0.1")


COMMANDS: dict[str, Callable[[Guide], str]] = {
    "uvicorn": lambda guide: guide.text("uvicorn.sh"),
    "gunicorn": lambda guide: guide.text("gunicorn.sh"),
    "systemd": unit_command,
    "docker": docker_command,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_serves_the_bot_and_tells_how_it_is(deploying: Guide, tmp_path: Path, name: str) -> None:
    port = free_port()
    settings = {"WECHAT_TOKEN": "test", "WECHAT_STORE": f"sqlite:///{tmp_path}/bot.db"}
    with serving(on_port(COMMANDS[name](deploying), port), deploying.folder, settings), client(port) as http:
        told = http.get("/healthz")
        [shown] = re.findall(r"```text\n(\{.*?\})\n```", (PAGES / "deploying.md").read_text("utf-8"))
        assert told.status_code == 200
        assert told.json()["/wechat"].keys() == json.loads(shown)["/wechat"].keys()
        assert "怎么称呼您？" in pushed(http, "报名")
        assert "小明，报名成功。" in pushed(http, "小明")


def test_the_log_has_a_line_like_the_one_that_is_shown(deploying: Guide, tmp_path: Path) -> None:
    port = free_port()
    settings = {"WECHAT_TOKEN": "test", "WECHAT_STORE": f"sqlite:///{tmp_path}/bot.db"}
    command, log = on_port(COMMANDS["systemd"](deploying), port), tmp_path / "log"
    with serving(command, deploying.folder, settings, log), client(port) as http:
        pushed(http, "报名")
    line = r"\S+ \S+ INFO wechat \S+ \S+ signup asked \d+ ms, delivery 1"
    [shown] = re.findall(r"```text\n(2026.*?)\n```", (PAGES / "deploying.md").read_text("utf-8"))
    assert re.fullmatch(line, shown)
    assert re.search(line, log.read_text("utf-8"))
    assert "报名" not in log.read_text("utf-8")


# ---- files of configuration -----------------------------------------------------------------------------------------


def unit(deploying: Guide) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(deploying.text("wechat-bot@.service"))
    return parser


def seconds(option: str, command: str) -> float:
    found = re.search(rf"{option} (\d+)", command)
    assert found is not None
    return float(found[1])


def test_every_server_gives_what_is_under_way_the_time_it_takes(deploying: Guide) -> None:
    held = WECHAT.give_up / 1000
    for name in ("uvicorn", "systemd"):
        assert seconds("--timeout-graceful-shutdown", COMMANDS[name](deploying)) > held
    assert seconds("--graceful-timeout", COMMANDS["gunicorn"](deploying)) > held
    at_most = 6 + runtime.GRACE
    assert float(unit(deploying)["Service"]["TimeoutStopSec"]) > at_most
    assert float(compose(deploying)["services"]["bot"]["stop_grace_period"].removesuffix("s")) > at_most


def test_the_settings_make_a_bot(deploying: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in deploying.commands("wechat-bot.env"):
        monkeypatch.setenv(*line.split("=", 1))
    bot = Bot()
    assert bot.settings.account == ACCOUNT
    assert len(bot.settings.ciphers) == 1
    state = unit(deploying)["Service"]["StateDirectory"]
    assert repr(bot.store) == f"SQLiteStore('/var/lib/{state}/bot.db')"
    assert unit(deploying)["Service"]["EnvironmentFile"] == "/etc/wechat-bot.env"


def directives(nginx: str) -> dict[str, str]:
    assert nginx.count("{") == nginx.count("}")
    lines = [line.strip() for line in nginx.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert all(line.endswith((";", "{", "}")) for line in lines)
    return dict(line.rstrip(";").split(None, 1) for line in lines if line.endswith(";"))


def test_a_user_comes_to_the_same_worker_by_what_wechat_puts_into_the_query() -> None:
    given = directives((CODE / "sizing" / "nginx.conf").read_text("utf-8"))
    assert given["hash"] == "$arg_openid consistent"
    assert int(given["keepalive"]) > 0


def test_nginx_waits_as_long_as_the_bot_holds_and_logs_no_query(deploying: Guide) -> None:
    text = deploying.text("nginx.conf")
    found = directives(text)
    assert float(found["proxy_read_timeout"].removesuffix("s")) > WECHAT.give_up / 1000
    assert int(found["client_max_body_size"].removesuffix("k")) * 1024 == MOST
    assert not re.search(r"\$request\b|\$args|\$query_string|\$request_uri|\$is_args", found["log_format"])
    assert "location = /wechat" in text
    ports = set(re.findall(r"server 127\.0\.0\.1:(\d+);", text))
    assert ports == set(re.findall(r"wechat-bot@(\d+)", deploying.text("restart.sh")))
    assert ports == set(re.findall(r"127\.0\.0\.1:(\d+)/healthz", deploying.text("restart.sh")))


def compose(deploying: Guide) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(deploying.text("compose.yml"))
    return made


def test_the_redis_of_the_compose_file_keeps_conversations_and_is_not_warned_of(
    deploying: Guide, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = shlex.split(compose(deploying)["services"]["redis"]["command"])
    assert command[0] == "redis-server"
    with running_redis(tmp_path, *command[1:]) as port, caplog.at_level(logging.INFO):
        bot = Bot(token="test", store=f"redis://127.0.0.1:{port}/0")
        bot.text("报名")(deploying.load("bot").signup)
        assert said(bot, "报名") == "怎么称呼您？"
        bot.wait(bot.aclose())
    assert [record.name for record in caplog.records if record.levelno > logging.INFO] == []


def test_the_health_check_of_the_compose_file_sees_a_bot_that_is_well_and_none(deploying: Guide) -> None:
    [_, program, *arguments] = compose(deploying)["services"]["bot"]["healthcheck"]["test"]
    assert program == "python"
    port = free_port()

    def checked() -> int:
        words = [argument.replace("8000", str(port)) for argument in arguments]
        return subprocess.run([sys.executable, *words], capture_output=True).returncode

    settings = {"WECHAT_TOKEN": "test", "WECHAT_STORE": "memory://"}
    with serving(on_port(docker_command(deploying), port), deploying.folder, settings):
        with client(port) as http:
            http.get("/healthz")
        assert checked() == 0
    assert checked() != 0


def test_the_image_holds_what_the_command_needs(deploying: Guide) -> None:
    text = deploying.text("Dockerfile")
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()}
    assert copied == {"requirements.txt", "bot.py", "asgi.py"}
    assert deploying.commands("requirements.txt") == ["wechat-dialog[server,redis]"]
    assert compose(deploying)["services"]["bot"]["env_file"] == "wechat-bot.env"
    assert (deploying.folder / "wechat-bot.env").exists()


# ---- commands -------------------------------------------------------------------------------------------------------


def said(bot: Bot, text: str) -> Any:
    number, now = str(next(NUMBERS)), dt.datetime.now(dt.timezone.utc)
    reply = bot.wait(bot.deliver(TextMessage(text=text, id=number, openid="oUser", account=ACCOUNT, time=now)))
    return getattr(reply, "text", None)


def shell(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell block, with the programs of this environment."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "WECHAT_TOKEN": "test"} | settings
    return subprocess.run(command, shell=True, capture_output=True, text=True, cwd=folder, env=environment)


def test_the_doctor_and_the_check_of_the_address_find_nothing_wrong(deploying: Guide, tmp_path: Path) -> None:
    doctor, check = deploying.commands("doctor.sh")
    store = f"sqlite:///{tmp_path}/bot.db"
    ran = shell(doctor, deploying.folder, WECHAT_STORE=store)
    assert ran.returncode == 0, ran.stdout
    port, token = free_port(), "Token2026"
    settings = {"WECHAT_TOKEN": token, "WECHAT_STORE": store}
    with serving(on_port(COMMANDS["systemd"](deploying), port), deploying.folder, settings):
        with client(port) as http:
            http.get("/healthz")
        ran = shell(check.replace("https://bot.example.com", f"http://127.0.0.1:{port}"), deploying.folder)
        assert ran.returncode == 0, ran.stdout


def test_a_restart_is_a_shell_script(deploying: Guide) -> None:
    bash = shutil.which("sh")
    assert bash is not None
    assert subprocess.run([bash, "-n", str(deploying.folder / "restart.sh")]).returncode == 0


def test_a_conversation_goes_on_from_a_backup(deploying: Guide, tmp_path: Path) -> None:
    def opened(name: str) -> Bot:
        bot = Bot(token="test", store=f"sqlite:///{tmp_path}/{name}")
        bot.text("报名")(deploying.load("bot").signup)
        return bot

    live = opened("bot.db")
    assert said(live, "报名") == "怎么称呼您？"
    [command] = deploying.commands("backup.sh")
    command = command.replace("/var/lib/wechat-bot", str(tmp_path)).replace("/var/backups", str(tmp_path))
    ran = shell(command, deploying.folder)
    assert ran.returncode == 0, ran.stderr
    live.wait(live.aclose())
    [copy] = tmp_path.glob("bot-*.db")
    restored = opened(copy.name)
    assert said(restored, "小明") == "小明，报名成功。"
    restored.wait(restored.aclose())


# ---- upgrading ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Old:
    size: int


@dataclasses.dataclass
class New:
    size: int
    color: str = "红"


def dialog(
    *,
    options: Sequence[str] = ("苹果", "香蕉"),
    most: int = 99,
    name: str = "order",
    step_name: str = "save",
    kind: type[Any] = Old,
    says: str = "送到哪里？",
    before: bool = False,
    behind: bool = False,
) -> Callable[[Bot], None]:
    """A dialog that asks twice, does a step, and waits at a third question: as it is, or changed in one way."""

    def size() -> Any:
        return Old(3)

    size.__annotations__["return"] = kind
    made = step(name=step_name)(size)

    def order(message: TextMessage) -> Dialog:
        if before:
            yield from ask.text("新问题")
        fruit = yield from ask.choice("什么水果？", options)
        count = yield from ask.number("几个？", 1, most)
        found = yield from made()
        address = yield from ask.text(says)
        if behind:
            yield from ask.confirm("对吗？")
        return f"{count} 个{fruit}，{found.size}，{address}"

    order.__qualname__ = name

    def register(bot: Bot) -> None:
        bot.text("买水果", expire=600)(order)

    return register


OVER = "抱歉，程序更新了，刚才的对话已结束，请重新开始。"
#: what a change does to a conversation that waits at the third question, as the page's table says
CHANGES = {
    "nothing": (dialog(), "50 个香蕉，3，西湖"),
    "other words": (dialog(says="地址？"), "50 个香蕉，3，西湖"),
    "an option at the end": (dialog(options=("苹果", "香蕉", "橙子")), "50 个香蕉，3，西湖"),
    "an option in other words": (dialog(options=("苹果", "大香蕉")), "50 个大香蕉，3，西湖"),
    "options in another order": (dialog(options=("香蕉", "苹果")), OVER),
    "a question behind everything": (dialog(behind=True), "对吗？"),
    "a question before": (dialog(before=True), OVER),
    "narrower limits": (dialog(most=9), OVER),
    "the function renamed": (dialog(name="purchase"), OVER),
    "the step renamed": (dialog(step_name="keep"), OVER),
    "a field with a default": (dialog(kind=New), "50 个香蕉，3，西湖"),
    "another annotation": (dialog(kind=int), OVER),
    "the dialog removed": (lambda bot: None, OVER),
}


@pytest.mark.parametrize(("changed", "shown"), CHANGES.values(), ids=list(CHANGES))
def test_a_change_does_to_conversations_what_the_table_says(changed: Callable[[Bot], None], shown: str) -> None:
    store = MemoryStore()
    old, new = Bot(token="test", store=store), Bot(token="test", store=store)
    dialog()(old)
    changed(new)
    for text in ("买水果", "2", "50"):
        said(old, text)
    assert str(said(new, "西湖")).split("\n")[0] == shown


# ---- security -------------------------------------------------------------------------------------------------------


def test_settings_are_printed_without_secrets(security: Guide, capsys: pytest.CaptureFixture[str]) -> None:
    module = security.load("safe")
    shown = capsys.readouterr().out
    assert ACCOUNT in shown
    assert len(module.bot.settings.ciphers) == 2
    for secret in ("Token2026", *re.findall(r'"([A-Za-z0-9]{43})"', security.text("safe.py"))):
        assert secret not in shown


def test_who_writes_too_fast_is_told_so_and_others_are_not(security: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    module = security.load("guard")
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    chat = Chat(module.bot)
    assert [chat.say("在吗") for _ in range(11)] == ["收到。"] * 10 + ["您发得太快了，请一分钟后再试。"]
    assert chat.other("oOther").say("在吗") == "收到。"
    now[0] += 60
    assert chat.say("在吗") == "收到。"


def test_what_is_kept_of_a_person_is_handed_out_and_erased(
    security: Guide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path}/bot.db"
    monkeypatch.setenv("WECHAT_STORE", store)
    export = security.load("export")
    bot = Bot()
    bot.wait(bot.user("oUser", account=ACCOUNT).remember("name", "小明"))
    bot.wait(bot.aclose())
    assert "小明" in json.dumps(export.exported("oUser"), ensure_ascii=False)
    inspect, forget = (line.replace("oAbC…", "oUser") for line in security.commands("forget.sh"))
    assert "小明" in shell(inspect, tmp_path).stdout
    ran = shell(forget, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert shell(inspect, tmp_path).returncode == 1


def test_whoever_wants_to_be_forgotten_is_put_on_a_list_that_is_worked_off(
    security: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WECHAT_ACCOUNT", ACCOUNT)
    module = security.load("erase")
    chat = Chat(module.bot)
    user = module.bot.user("oUser")
    module.bot.wait(user.remember("name", "小明"))
    assert chat.say("删除我的数据") == "确定的话，点这里：确定删除我的数据"
    module.erase_all()
    assert module.bot.wait(user.recall("name")) == "小明"
    assert chat.tap("确定删除我的数据") == "一小时内删除。"
    module.erase_all()
    assert module.bot.wait(user.recall("name")) is None


#: what the table of the page says, in its order, as the code has it (ms; or how many)
KEPT = (
    (),
    (record.KEEP, record.CAP),
    (record.SAME,),
    (record.UNREAD,),
    (record.TOLD,),
    (record.TOLD,),
    (),
    (record.LIVES,),
)
UNITS = {"minute": 60_000, "hours": 3_600_000, "days": 86_400_000, "messages": 1}
UNITS |= {"minutes": 60_000, "分钟": 60_000, "小时": 3_600_000, "天": 86_400_000, "条": 1}


@pytest.mark.parametrize(
    ("page", "heading"), [("security.md", "| What | How long |"), ("security.zh-CN.md", "| 什么 | 多久 |")]
)
def test_the_table_of_what_is_kept_is_that_of_the_code(page: str, heading: str) -> None:
    table = (PAGES / page).read_text("utf-8").split(heading)[1].split("\n\n")[0]
    found = [
        tuple(
            int(number) * UNITS[unit]
            for number, unit in re.findall(r"(\d+) (minutes?|hours|days|messages|分钟|小时|天|条)", row)
        )
        for row in table.splitlines()[2:]
    ]
    assert tuple(found) == KEPT
