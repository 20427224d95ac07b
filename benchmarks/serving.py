"""Over HTTP: one process of each server, driven by wrk with signed pushes of many users, in plain and in safe mode.

A user's messages must come in order. Hundreds of users say their first message, then all of them their second, and so on: with 64
connections, whoever speaks has been answered long ago. Full load is 64 connections that are never silent; half load is half of the
messages per second that the same server has just done, in the same run, each connection silent for a random while. A server has
one core, and Redis and wrk the others; what counts is messages per second of the server's own processor time (its children
included). Where it runs on whichever core is free (`compare` says what that does to threads), it is shown, too.

gunicorn's sync worker closes each connection, and wrk opens the next before it is silent: that worker would wait for it. So half
load is not measured there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from conversation import CIPHER, COUNT, TURNS, Push, conversation, ended
from environment import ALL_CORES, ONE_CORE, OTHER_CORES, PEERS, free_port, on_cores, running_redis, started_on, used
from figures import DEMANDED, Demand, shown, spread, table

CONNECTIONS = 64
#: users whose messages alternate
USERS = 400
#: more than any of them serves
MOST_A_SECOND = 8_000

_UVICORN = "uvicorn served:ours --no-access-log --log-level warning --port {port}"
_GUNICORN = "gunicorn served:{app} --log-level warning --bind 127.0.0.1:{port} --workers 1"

#: how each is started
SERVERS: Mapping[str, str] = {
    "ours, uvicorn (asyncio, h11)": f"{_UVICORN} --loop asyncio --http h11",
    "ours, uvicorn (uvloop, httptools)": f"{_UVICORN} --loop uvloop --http httptools",
    "ours, granian (uvloop)": "granian served:ours --interface asgi --workers 1 --loop uvloop --no-ws --log-level warning --port {port}",
    "WeRoBot, gunicorn sync": _GUNICORN.replace("{app}", "werobot"),
    "WeRoBot, gunicorn gthread (8)": _GUNICORN.replace("{app}", "werobot") + " --worker-class gthread --threads 8",
}
#: how they are served, and on which cores
SETTINGS: Mapping[str, tuple[str, frozenset[int]]] = {
    "plain": ("plain", ONE_CORE),
    "safe": ("safe", ONE_CORE),
    "plain, as it comes": ("plain", ALL_CORES),
}

#: whose connections end with each reply
CLOSES = {"WeRoBot, gunicorn sync"}


@dataclass(frozen=True)
class Scale:
    rounds: int
    full: int  #: seconds
    half: int


SCALES = {False: Scale(5, 2, 2), True: Scale(1, 2, 2)}


# ---- servers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    name: str
    setting: str
    port: int
    pid: int

    @property
    def mode(self) -> str:
        return SETTINGS[self.setting][0]

    @property
    def cores(self) -> frozenset[int]:
        return SETTINGS[self.setting][1]


@contextlib.contextmanager
def serving(name: str, setting: str, store: str) -> Iterator[Server]:
    port, (mode, cores) = free_port(), SETTINGS[setting]
    command, *arguments = SERVERS[name].format(port=port).split()
    environment = {**os.environ, "BENCH_MODE": mode, "BENCH_STORE": store, "PYTHONPATH": "."}
    where = Path(__file__).parent
    with subprocess.Popen(
        [str(PEERS.parent / command), *arguments],
        cwd=where,
        env=environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=on_cores(cores),
    ) as process:
        try:
            _until_ready(port, process)
            yield Server(name, setting, port, process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(urllib.error.HTTPError), contextlib.suppress(OSError):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/wechat", timeout=5).close()
            except urllib.error.HTTPError:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not come up")


# ---- wrk ------------------------------------------------------------------------------------------------------------


def wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("this part needs wrk, which drives the servers. On Debian and Ubuntu: sudo apt install wrk")
    return found


needed = wrk


def request(push: Push) -> bytes:
    head = f"POST {push.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: {len(push.body)}\r\n\r\n"
    return head.encode() + push.body


def write(file: Path, mode: str, users: int, seconds: float) -> None:
    """All that they say, as if it were said at the end: a push that comes late is looked at twice."""
    created = int(time.time() + seconds)
    with file.open("wb") as to:
        for _ in range(0, users, USERS):
            cohort = [conversation(safe=mode == "safe", created=created) for _ in range(min(users, USERS))]
            for i in range(TURNS):
                for user in cohort:
                    whole = request(user[i])
                    to.write(b"%d\n" % len(whole) + whole)


def drive(server: Server, file: Path, seconds: float, **environment: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server.port}/wechat"
    command = [
        wrk(),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{round(seconds)}s",
        "--timeout",
        "10s",
        "-s",
        "push.lua",
        url,
        "--",
        str(file),
    ]
    cpu = used(server.pid)
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    cpu = used(server.pid) - cpu
    if done.returncode:
        raise RuntimeError(f"wrk: {done.stderr}{done.stdout}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told | {
        "cpu": cpu,
        "rate": told["requests"] / told["seconds"],
        "per_core": told["requests"] / cpu if cpu else 0,
    }


def check(server: Server, file: Path) -> None:
    """One user is answered word for word; and of many, 64 at once, every sum is right (sealed ones nobody here can read so fast)."""
    for push in conversation(safe=server.mode == "safe"):
        answer = _answer(server, push)
        if push.says not in answer:
            raise RuntimeError(f"{server.name}, {server.setting}: to {push.text} it says {answer}")
    users, seconds = (USERS // 2, 4) if server.mode == "plain" else (USERS // 8, 1)
    write(file, server.mode, users, seconds)
    told = drive(server, file, seconds, ENDING=ended(sum(range(1, COUNT + 1))), WARM=f"{CONNECTIONS}")
    if server.mode == "plain" and told["endings"] != users:
        raise RuntimeError(f"{server.name}: of {users} conversations {told['endings']} ended as they should")


def _answer(server: Server, push: Push) -> str:
    """Opened, if it is sealed."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{push.target}", push.body, timeout=10) as response:
        body: bytes = response.read()
    if server.mode == "plain":
        return body.decode()
    sealed = {each.tag: each.text or "" for each in ElementTree.fromstring(body)}
    signature, timestamp, nonce = (sealed[name] for name in ("MsgSignature", "TimeStamp", "Nonce"))
    return CIPHER.open(sealed["Encrypt"], msg_signature=signature, timestamp=timestamp, nonce=nonce).decode()


def at_full_load(server: Server, file: Path, seconds: float, likely: float) -> dict[str, Any]:
    write(file, server.mode, int(likely * seconds / TURNS / USERS + 1) * USERS, seconds)
    told = drive(server, file, seconds)
    return _sound(server, told)


def at_half_load(server: Server, file: Path, seconds: float, rate: float) -> dict[str, Any]:
    half = rate / 2
    write(file, server.mode, int(1.5 * half * seconds / TURNS / USERS + 1) * USERS, seconds)
    silent = 1000 * (CONNECTIONS / half - 2 / rate)
    return _sound(server, drive(server, file, seconds, EVERY=f"{silent:.3f}"))


def _sound(server: Server, told: dict[str, Any]) -> dict[str, Any]:
    wrong = {what: told[what] for what in ("broken", "refused", "beyond") if told[what]}
    if wrong:
        raise RuntimeError(f"{server.name}, {server.setting}: {wrong}")
    return told


# ---- all of it ------------------------------------------------------------------------------------------------------


def measure(quick: bool) -> dict[str, Any]:
    scale = SCALES[quick]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        file = folder / "pushes"
        with started_on(OTHER_CORES):
            store = f"redis://127.0.0.1:{stack.enter_context(running_redis(folder))}/0"
        servers = [stack.enter_context(serving(each, setting, store)) for setting in SETTINGS for each in SERVERS]
        for server in servers:
            check(server, file)
        full: dict[Server, list[dict[str, Any]]] = {server: [] for server in servers}
        half: dict[Server, list[dict[str, Any]]] = {server: [] for server in servers}
        for _ in range(scale.rounds):
            for server in servers:
                likely = 2 * max((each["rate"] for each in full[server]), default=MOST_A_SECOND / 2)
                full[server].append(at_full_load(server, file, scale.full, likely))
        for _ in range(scale.rounds):
            for server in servers:
                if server.name not in CLOSES:
                    rate = spread([each["rate"] for each in full[server]]).median
                    half[server].append(at_half_load(server, file, scale.half, rate))
    return {each: {s.name: _figures(full[s], half[s]) for s in servers if s.setting == each} for each in SETTINGS}


def _figures(full: list[dict[str, Any]], half: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(rounds: list[dict[str, Any]], key: str) -> dict[str, float] | None:
        return vars(spread([each[key] for each in rounds])) if rounds else None

    at_full = {key: middle(full, key) for key in ("rate", "per_core", "p50", "p99")}
    return {"full": at_full, "half": {key: middle(half, key) for key in ("rate", "p50", "p99")}}


# ---- shown ----------------------------------------------------------------------------------------------------------


def _cell(figure: Mapping[str, float] | None) -> str:
    return "–" if figure is None else f"{shown(figure['median'])} ({shown(figure['low'])}–{shown(figure['high'])})"


def show(found: Mapping[str, Any]) -> str:
    head = ("", "messages/s", "per s of CPU", "p50 ms", "p99 ms", "half load: messages/s", "p50 ms", "p99 ms")
    parts = []
    for setting in SETTINGS:
        rows = [
            [name, *(_cell(each["full"][key]) for key in ("rate", "per_core", "p50", "p99"))]
            + [_cell(each["half"][key]) for key in ("rate", "p50", "p99")]
            for name, each in found[setting].items()
        ]
        parts += [f"Over HTTP, one process, {setting}, {CONNECTIONS} connections:", table(head, rows)]
    return "\n\n".join([*parts, table(DEMANDED, [demand.row() for demand in demands(found)])])


def demands(found: Mapping[str, Any]) -> list[Demand]:
    """Each side by its best server."""

    def of(mode: str, whose: str, load: str, key: str) -> list[float]:
        sides = [each[load][key] for name, each in found[mode].items() if name.startswith(whose)]
        return [side["median"] for side in sides if side is not None]

    ours, theirs = (max(of("plain", whose, "full", "per_core")) for whose in ("ours", "WeRoBot"))
    late, their_late = (min(of("plain", whose, "half", "p99")) for whose in ("ours", "WeRoBot"))
    safe = max(of("safe", "ours", "full", "per_core"))
    return [
        Demand("plain: × WeRoBot's messages per second per core (aim 3)", ours / theirs, least=2.0),
        Demand("plain, half load: p99, × WeRoBot's", late / their_late, most=0.5),
        Demand("safe mode costs, × plain", ours / safe, most=1.5),
    ]
