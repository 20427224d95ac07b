"""The command: `send` against real servers on the loopback, and what `run` and `demo` find and make."""

from __future__ import annotations

import io
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from servers import certificate
from wechat import Bot, crypto, receive, reply
from wechat.chat.app import App
from wechat.cli import COMMANDS, demo, main, push, run, serve
from wechat.demo import make_bot
from wechat.errors import ConfigurationError
from wechat.web import asgi

KEY, APPID = "a" * 43, "wx1234567890"
CIPHER = crypto.Cipher(KEY, APPID, "demo")

Answer = Callable[[str, bytes], "tuple[int, str] | None"]

#: seconds between two bytes of a server that drips
DRIP = 0.02


class Server:
    """A server that answers as it is told, and keeps what came. An answer of None never comes; if it `drips`, each byte
    comes alone, after a while."""

    def __init__(
        self, *answers: tuple[int, str] | None, drips: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.answers, self.came, self.over = list(answers), list[tuple[dict[str, str], bytes]](), threading.Event()
        self.heads = list[Mapping[str, str]]()
        server = self

        class Exchange(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                came = self.rfile.read(int(self.headers["Content-Length"]))
                server.came.append((query, came))
                server.heads.append(self.headers)
                answer = server.answers[min(len(server.came), len(server.answers)) - 1]
                if answer is None:
                    server.over.wait(30)
                    return
                self.send_response(answer[0])
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                body = answer[1].encode()
                for piece in [body] if not drips else [bytes([byte]) for byte in body]:
                    server.over.wait(DRIP if drips else 0)
                    with suppress(OSError):  # of who waits no longer
                        self.wfile.write(piece)

            def log_message(self, *args: Any) -> None:
                """Nothing: pytest shows what matters."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.http.server_port}/wechat"

    def close(self) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def messages(self) -> list[receive.Message]:
        return [receive.parse(body, demo_zone()) for _, body in self.came]


def demo_zone() -> Any:
    return make_bot(store="memory://").settings.timezone


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*answers: tuple[int, str] | None, **more: Any) -> Server:
        servers.append(Server(*answers, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "AES_KEY", "APPID", "ACCOUNT", "STORE"):
        monkeypatch.delenv(f"WECHAT_{name}", raising=False)


def said(what: reply.Reply | None, **more: Any) -> tuple[int, str]:
    return 200, reply.format(what, **{"to": "me", "account": "gh_demo", "created": 1, **more})


def sender(server: Server, **more: Any) -> push.Sender:
    return push.Sender(server.url, "me", "gh_demo", "demo", **more)


def send(server: Server, fields: push.Fields | None = None, **more: Any) -> tuple[str | None, list[str]]:
    """What is shown, and what was noted."""
    notes: list[str] = []
    return sender(server, **more).send(fields or push.text("hi"), notes.append), notes


# ---- send: what the user sees ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        (reply.Text("你好"), "你好"),
        (reply.Text(f"1. {reply.link('苹果')}\n2. {reply.link('香蕉')}"), "1. 苹果\n2. 香蕉"),
        (reply.Text(" ]]> <b> "), " ]]> <b> "),
        (reply.Image("m1"), "[图片 m1]"),
        (reply.Voice("m1"), "[语音 m1]"),
        (reply.Video("m1", "片子"), "[视频 片子 m1]"),
        (reply.Music("http://m", "歌"), "[音乐 歌 http://m]"),
        (reply.News(reply.Article("标题", "http://a")), "标题\nhttp://a"),
        (reply.News(reply.Article("甲", "http://a"), reply.Article("乙", "http://b")), "甲\nhttp://a\n\n乙\nhttp://b"),
        (reply.Transfer(), "[转接客服]"),
        (reply.Transfer("kf1"), "[转接客服 kf1]"),
        (None, ""),
    ],
)
def test_a_reply_is_shown_as_the_user_sees_it(
    what: reply.Reply | None, shown: str, serving: Callable[..., Server]
) -> None:
    assert send(serving(said(what))) == (shown, [])


def test_an_empty_body_is_no_reply(serving: Callable[..., Server]) -> None:
    assert send(serving((200, ""))) == ("", [])


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "hi"}',
        "<html>",
        "Success",
        said(reply.Text("hi"), to="you")[1],
        said(reply.Text("hi"), account="gh_other")[1],
        said(reply.Text("hi"))[1].replace("<CreateTime>1</CreateTime>", ""),
        said(reply.Text("hi"))[1].replace("[hi]", "[]"),
        said(reply.Text("hi"))[1].replace("[text]", "[smell]"),
        said(reply.Image("m1"))[1].replace("m1", ""),
        said(reply.News(reply.Article("a", "b")))[1].replace("<ArticleCount>1", "<ArticleCount>2"),
        said(reply.News(reply.Article("a", "b")))[1].replace("Articles>", "Article>"),
        said(reply.News(reply.Article("a", "b")))[1].replace("item>", "it>"),
        re.sub("<Articles>.*</Articles>", "<Articles>a</Articles>", said(reply.News(reply.Article("a", "b")))[1]),
        "<!DOCTYPE xml>" + said(reply.Text("hi"))[1],
    ],
)
def test_a_malformed_reply_is_a_fault_and_is_not_asked_for_again(body: str, serving: Callable[..., Server]) -> None:
    server = serving((200, body))
    shown, notes = send(server)
    assert (shown, len(notes), len(server.came)) == (None, 1, 1)


# ---- send: how WeChat pushes ----------------------------------------------------------------------------------------


def test_a_message_is_signed_and_so_is_every_push_of_it(serving: Callable[..., Server]) -> None:
    server = serving((500, ""))
    send(server)
    for query, _ in server.came:
        crypto.verify("demo", query["signature"], query["timestamp"], query["nonce"])
        assert query["openid"] == "me"
    assert len({query["nonce"] for query, _ in server.came}) == 3


def test_without_an_answer_in_time_the_same_message_is_pushed_three_times(serving: Callable[..., Server]) -> None:
    server, began = serving(None), time.monotonic()
    shown, notes = send(server, seconds=0.05)
    assert shown is None
    assert time.monotonic() - began < 1
    assert notes == [f"push {n} of 3: no answer in 0.05 s" for n in (1, 2, 3)]
    assert len({body for _, body in server.came}) == 1


@pytest.mark.parametrize("answer", [said(reply.Text("你好")), (500, "x" * 100)], ids=["reply", "error"])
def test_an_answer_that_comes_byte_by_byte_is_waited_for_no_longer_than_any(
    answer: tuple[int, str], serving: Callable[..., Server]
) -> None:
    shown, notes = send(serving(answer, drips=True), seconds=0.5)
    assert (shown, notes) == (None, [f"push {n} of 3: no answer in 0.5 s" for n in (1, 2, 3)])


def test_of_an_answer_without_an_end_only_the_beginning_is_read(serving: Callable[..., Server]) -> None:
    server = serving(said(reply.Text("长" * 999_999)))
    assert send(server) == (None, ["the reply has 65,536 bytes and more: WeChat takes none that is so long"])
    assert len(server.came) == 1


def test_a_push_looks_as_wechats_does(serving: Callable[..., Server]) -> None:
    server = serving(said(None))
    assert push.Sender(f"{server.url}?bot=a", "me", "gh_demo", "demo").send(push.text("hi"), print) == ""
    assert server.came[0][0]["bot"] == "a"
    assert server.heads[0]["User-Agent"] == "Mozilla/4.0"
    assert server.heads[0]["Content-Type"] == "text/xml"


def test_wechat_waits_five_seconds_and_pushes_three_times() -> None:
    assert (push.SECONDS, push.PUSHES, push.Sender("", "", "", "").seconds) == (5, 3, 5)


def test_any_push_may_bring_the_answer(serving: Callable[..., Server]) -> None:
    server = serving(None, (502, "gone"), said(reply.Text("late")))
    shown, notes = send(server, seconds=0.2)
    assert (shown, notes) == ("late", ["push 1 of 3: no answer in 0.2 s", "push 2 of 3: HTTP 502: gone"])


def test_a_redirect_is_not_followed(serving: Callable[..., Server]) -> None:
    assert send(serving((302, ""))) == (None, [f"push {n} of 3: HTTP 302: " for n in (1, 2, 3)])


def test_where_nobody_listens_it_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    notes: list[str] = []
    nobody = push.Sender(f"http://127.0.0.1:{port}/", "me", "gh_demo", "demo")
    assert nobody.send(push.text("hi"), notes.append) is None
    assert len(notes) == 3


def test_only_who_has_a_certificate_that_is_known_gets_a_message(
    tmp_path: Path, serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, tls = certificate(tmp_path)
    server = serving(said(reply.Text("你好")), tls=tls)
    shown, notes = send(server)
    assert (shown, server.came, "CERTIFICATE_VERIFY_FAILED" in notes[0]) == (None, [], True)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    assert send(server) == ("你好", [])


def test_what_is_elsewhere_is_reached_by_the_proxy_of_the_environment(
    serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(said(reply.Text("你好")))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/wechat"))
    there = push.Sender("http://bot.example/wechat", "me", "gh_demo", "demo")
    assert there.send(push.text("hi"), print) == "你好"
    assert server.heads[0]["Host"] == "bot.example"


def test_no_two_messages_have_one_id(serving: Callable[..., Server]) -> None:
    server = serving(said(None))
    for _ in range(3):
        send(server)
    assert len({message.id for message in server.messages()}) == 3


@pytest.mark.parametrize(
    ("fields", "kind", "expected"),
    [
        (push.text("]]>\x00😀\n "), receive.TextMessage, {"text": "]]>😀\n "}),
        (push.image("http://p"), receive.ImageMessage, {"url": "http://p"}),
        (push.voice("你好"), receive.VoiceMessage, {"text": "你好", "format": "amr"}),
        (push.location("39.9,-116.4"), receive.LocationMessage, {"latitude": 39.9, "longitude": -116.4, "label": ""}),
        (push.location("1,2,天安门, 北"), receive.LocationMessage, {"label": "天安门, 北"}),
        (push.link("http://l"), receive.LinkMessage, {"url": "http://l"}),
        (push.click("K"), receive.ClickEvent, {"event": "click", "key": "K"}),
        (push.subscribe(""), receive.SubscribeEvent, {"scene": "", "ticket": ""}),
        (push.subscribe("7"), receive.SubscribeEvent, {"key": "qrscene_7", "scene": "7"}),
        (push.scan("7"), receive.ScanEvent, {"scene": "7"}),
        (push.unsubscribe(), receive.UnsubscribeEvent, {"event": "unsubscribe"}),
    ],
)
def test_every_kind_arrives_as_what_it_is(
    fields: push.Fields, kind: type[receive.Message], expected: dict[str, Any], serving: Callable[..., Server]
) -> None:
    server = serving(said(None))
    send(server, fields)
    (message,) = server.messages()
    assert type(message) is kind
    assert (message.openid, message.account) == ("me", "gh_demo")
    assert {name: getattr(message, name) for name in expected} == expected
    assert ("MsgId" in message.raw) == (not isinstance(message, receive.Event))


@pytest.mark.parametrize("place", ["", "1", "a,b", "91,0", "0,181", "nan,0", "inf,0"])
def test_what_is_nowhere_is_no_location(place: str) -> None:
    with pytest.raises(ValueError, match=r"^(not enough|could not convert|[\d,naif]*$)"):
        push.location(place)


# ---- send: the safe mode --------------------------------------------------------------------------------------------


def test_with_a_key_both_ways_are_encrypted(serving: Callable[..., Server]) -> None:
    server = serving((200, CIPHER.seal(said(reply.Text("秘密"))[1], timestamp=1, nonce="n")))
    assert send(server, cipher=CIPHER) == ("秘密", [])
    query, body = server.came[0]
    assert query["encrypt_type"] == "aes"
    _, encrypted = receive.envelope(body)
    marks = {name: query[name] for name in ("msg_signature", "timestamp", "nonce")}
    assert receive.fields(CIPHER.open(encrypted, **marks))["Content"] == "hi"


@pytest.mark.parametrize(
    "body",
    [
        said(reply.Text("in clear"))[1],
        crypto.Cipher("b" * 43, APPID, "demo").seal(said(reply.Text("hi"))[1], timestamp=1, nonce="n"),
        CIPHER.seal(said(reply.Text("hi"))[1], timestamp=1, nonce="n").replace("<TimeStamp>1", "<TimeStamp>2"),
        CIPHER.seal("success", timestamp=1, nonce="n"),
    ],
    ids=["in clear", "another key", "forged", "no XML"],
)
def test_with_a_key_a_reply_that_it_does_not_open_is_a_fault(body: str, serving: Callable[..., Server]) -> None:
    shown, notes = send(serving((200, body)), cipher=CIPHER)
    assert (shown, len(notes)) == (None, 1)


def test_success_needs_no_key(serving: Callable[..., Server]) -> None:
    assert send(serving(said(None)), cipher=CIPHER) == ("", [])


# ---- send: the command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["URL", "--user", "me", "hi"], ["--user", "me", "URL", "hi"], ["URL", "hi", "--user", "me"]]
)
def test_what_is_positional_may_stand_anywhere(
    arguments: list[str], serving: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = serving(said(reply.Text("你好")))
    assert main(["send", *[server.url if word == "URL" else word for word in arguments]]) == 0
    assert capsys.readouterr().out == "你好\n"


def test_silence_and_the_fault_are_told_apart(
    serving: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send", serving(said(None)).url, "--user", "me", "--click", "K"]) == 0
    assert main(["send", serving((500, "")).url, "--user", "me", "--subscribe"]) == 1
    came = capsys.readouterr()
    assert came.out == "（没有回复）\n该公众号提供的服务出现故障，请稍后再试\n"
    assert "HTTP 500" in came.err


def test_a_dash_sends_every_line(
    serving: Callable[..., Server], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(said(reply.Text("1")), (200, "?"), said(reply.Text("3")))
    monkeypatch.setattr(sys, "stdin", io.StringIO("甲\n\n乙\n 丙 \n"))
    assert main(["send", server.url, "--user", "me", "-"]) == 1
    assert [message.text for message in server.messages()] == ["甲", "乙", " 丙 "]
    assert capsys.readouterr().out == f"1\n{push.FAULT}\n3\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stdin", "prompt"), [(io.StringIO, ""), (Terminal, "> ")])
def test_without_a_text_it_is_a_chat_and_only_a_terminal_is_prompted(
    stdin: type[io.StringIO],
    prompt: str,
    serving: Callable[..., Server],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin("甲\n"))
    assert main(["send", serving(said(None)).url, "--user", "me"]) == 0
    assert capsys.readouterr().out == f"{prompt}{push.SILENCE}\n{prompt}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["http://x/", "hi", "--image", "u"],
        ["http://x/", "hi", "--aes-key", KEY],
        ["http://x/", "hi", "--aes-key", "short", "--appid", APPID],
    ],
)
def test_what_cannot_be_sent_is_said_in_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["send", "--user", "me", *arguments]) == 2
    assert re.fullmatch(r"wechat-dialog send: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_what_a_bot_says_does_nothing_to_a_terminal(
    kind: str, serving: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    harm = "清\x9b2J屏\u202e反"
    said_so = said(reply.Text(harm) if kind == "text" else reply.Image(harm))
    assert main(["send", serving(said_so).url, "--user", "me", "hi"]) == 0
    assert main(["send", serving((500, "\x1b[2J清屏")).url, "--user", "me", "hi"]) == 1
    out, err = capsys.readouterr()
    assert "清\ufffd2J屏\ufffd反" in out
    assert "HTTP 500: \ufffd[2J清屏" in err


@pytest.mark.parametrize("url", ["", "x", "ftp://x/", "file:///etc/hosts", "http:///x", "http://x/#a", "http://a..b/"])
def test_only_an_address_of_the_web_is_one(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["send", "--user", "me", url, "hi"])
    assert end.value.code == 2


def test_what_the_account_knows_may_come_from_the_environment(
    serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TOKEN": "other", "AES_KEY": KEY, "APPID": APPID, "ACCOUNT": "gh_x"}.items():
        monkeypatch.setenv(f"WECHAT_{name}", value)
    server = serving(said(None))
    assert main(["send", server.url, "--user", "me", "hi"]) == 0
    query, body = server.came[0]
    crypto.verify("other", query["signature"], query["timestamp"], query["nonce"])
    assert receive.envelope(body)[0] == "gh_x"


# ---- send, and the demo ---------------------------------------------------------------------------------------------


@pytest.fixture
def demo_url() -> Iterator[str]:
    """The demo bot, in the safe mode, on a real server."""
    bot = make_bot(store="memory://", aes_key=KEY, appid=APPID)
    server = uvicorn.Server(uvicorn.Config(asgi.app(bot), log_level="critical", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # so whoever connects early waits
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/wechat"
        server.should_exit = True
        thread.join()


def test_a_conversation_with_the_demo_through_all_of_it(demo_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("累加器", "2", "3", "4"):
        assert main(["send", demo_url, "--user", "me", text, "--aes-key", KEY, "--appid", APPID]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "累加结束，累加和: 7"


def test_a_wrong_token_is_told_to_whoever_sends(demo_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", demo_url, "--user", "me", "hi", "--token", "wrong"]) == 1
    came = capsys.readouterr()
    assert came.out == f"{push.FAULT}\n"
    assert "HTTP 403" in came.err


# ---- the command ----------------------------------------------------------------------------------------------------


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in shown
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        assert end.value.code == 0
        assert f"wechat-dialog {name}" in capsys.readouterr().out


def test_a_character_that_the_terminal_cannot_show_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert main([]) == 2
    assert "(?????)" in written.getvalue().decode()


# ---- run and demo ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes modules into the working folder; afterwards nobody has ever imported them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name: str, source: str) -> None:
        tmp_path.joinpath(f"{name}.py").write_text(source, encoding="utf-8")

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


BOT = "from wechat import Bot\nbot = Bot(token='demo', store='memory://')\n"


def test_a_bot_is_found_by_module_and_variable(folder: Callable[[str, str], None]) -> None:
    folder("shop_found", BOT + "all_of_them = {'a': bot}\n")
    bot = run.found("shop_found:bot")
    assert isinstance(bot, Bot)
    assert run.found("shop_found:all_of_them") == {"a": bot}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("shop_wrong", "named as module:variable"),
        ("shop_wrong:", "named as module:variable"),
        ("./shop_wrong:bot", "named as module:variable"),
        ("nowhere_at_all:bot", "there is no module nowhere_at_all"),
        ("shop_wrong.py:bot", "there is no module shop_wrong.py"),
        ("shop_wrong:robot", "robot is not there.*there is shop_wrong:bot"),
        ("shop_wrong:Bot", "Bot is a type, not a Bot"),
        ("shop_wrong:nobody", "nobody is a dict, not a Bot"),
    ],
)
def test_a_bot_that_is_not_there_is_named_in_one_sentence(
    name: str, sentence: str, folder: Callable[[str, str], None]
) -> None:
    folder("shop_wrong", BOT + "nobody = {}\n")
    with pytest.raises(ConfigurationError, match=sentence):
        run.found(name)


def test_what_a_module_itself_cannot_import_is_its_own_error(folder: Callable[[str, str], None]) -> None:
    folder("shop_broken", "import nowhere_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        run.found("shop_broken:bot")


@pytest.mark.parametrize("command", [["demo"], ["run", "shop:bot"]])
def test_without_a_server_one_sentence_says_what_to_install(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(command) == 2
    assert 'pip install "wechat-dialog[server]"' in capsys.readouterr().err


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a server is asked to serve, instead of one."""
    asked: list[Any] = []

    class Server:
        def __init__(self, config: Any) -> None:
            self.config = config

        def run(self) -> None:
            asked.append(self.config)

    def runs(application: Any, **more: Any) -> None:
        asked.append((application, more))

    server = SimpleNamespace(run=runs, Config=lambda application, **more: (application, more), Server=Server)
    monkeypatch.setitem(sys.modules, "uvicorn", server)
    return asked


def test_workers_are_told_what_to_serve_by_name(
    folder: Callable[[str, str], None], served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(run.BOT, "")
    monkeypatch.setenv(run.PATH, "")
    folder("shop_served", BOT)
    assert main(["run", "shop_served:bot", "--workers", "3", "--path", "/x", "--port", "80"]) == 0
    ((name, more),) = served
    assert (name, more["factory"], more["workers"], more["port"]) == ("wechat.cli.run:application", True, 3, 80)
    assert run.application().bots == {"/x": run.found("shop_served:bot")}


def test_a_bot_can_be_served_from_python(served: list[Any]) -> None:
    bot = make_bot(store="memory://")
    serve.run(bot, port=81)
    ((application, more),) = served
    assert (application.bots, more["host"], more["port"]) == ({"/wechat": bot}, "127.0.0.1", 81)


def test_signatures_are_not_logged(served: list[Any]) -> None:
    """Whoever reads one may push in its name."""
    serve.run(make_bot(store="memory://"))
    assert served[0][1]["access_log"] is False


def test_the_demo_keeps_its_conversations_in_the_data_folder_and_says_what_to_do_next(
    tmp_path: Path, served: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert main(["demo", "--port", "8001"]) == 0
    (folder,) = tmp_path.rglob("wechat-dialog")
    assert folder.is_dir()
    shown = capsys.readouterr().out
    assert str(folder / "demo.db") in shown
    assert shown.count("send http://127.0.0.1:8001/wechat --user me") == 1
    assert shown.count("http://127.0.0.1:8001/ ") == 2
    assert isinstance(served[0][0], App)


def test_what_the_demo_shows_of_a_store_holds_no_password(
    served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--store", "memory://"]) == 0
    assert "memory://" in capsys.readouterr().out
    assert main(["demo", "--store", "nothing://me:hush@here/"]) == 2
    assert "hush" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/home/me/.local/share"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/me/.local/share"),
        ("freebsd14", {"LOCALAPPDATA": "/no"}, "/home/me/.local/share"),
        ("darwin", {"XDG_DATA_HOME": "/no"}, "/home/me/Library/Application Support"),
        ("win32", {"LOCALAPPDATA": "/Local"}, "/Local"),
        ("win32", {}, "/home/me/AppData/Local"),
    ],
)
def test_each_platform_has_its_own_data_folder(platform: str, environ: dict[str, str], expected: str) -> None:
    assert demo.data_folder(platform, environ, Path("/home/me")) == Path(expected)


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("fe80::1", "[fe80::1]"), ("a.b", "a.b")],
)
def test_an_address_is_shown_as_it_is_reached(host: str, shown: str) -> None:
    assert serve.url(host, 8000, "/wechat") == f"http://{shown}:8000/wechat"


def test_a_path_without_a_slash_is_refused_before_anything_is_served(
    folder: Callable[[str, str], None], served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folder("shop_rootless", BOT)
    assert main(["run", "shop_rootless:bot", "--path", "wechat"]) == 2
    assert "--path must begin with a slash" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="path= must begin with a slash"):
        serve.run(make_bot(store="memory://"), path="wechat")
    assert served == []


# ---- run and demo, in processes of their own ------------------------------------------------------------------------


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], push.Sender]]:
    """The command in a process of its own, once it listens; and who sends to it. It is killed at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "wechat", *arguments, "--port", str(port)]
    env = {**os.environ, "XDG_DATA_HOME": str(folder), "HOME": str(folder), "LOCALAPPDATA": str(folder)}
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, cwd=folder, env=env | {"PYTHONUTF8": "1"}, **streams) as running:
        try:
            assert listens(running, port), running.communicate()
            yield running, push.Sender(f"http://127.0.0.1:{port}/wechat", "me", "gh_demo", "demo")
        finally:
            running.kill()


def listens(running: subprocess.Popen[str], port: int) -> bool:
    """Whether it comes to listen, within some 20 s and before it ends."""
    for _ in range(400):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        with suppress(subprocess.TimeoutExpired):
            running.wait(0.05)
            return False
    return False


def test_the_demo_is_killed_in_the_middle_of_a_conversation_and_goes_on(tmp_path: Path) -> None:
    with process(tmp_path, "demo") as (running, user):
        assert user.send(push.text("累加器"), print) == "您需要累加几个数字？"
        assert user.send(push.text("2"), print) == "请输入第1个数字, 目前累加和:0"
        running.kill()
        out, err = running.communicate()
    assert "open it in a browser" in out
    assert re.search(r"^[\d:]{8} gh_demo me \S*accumulator asked \d+ ms", err, re.MULTILINE)
    with process(tmp_path, "demo") as (_, user):
        assert user.send(push.text("3"), print) == "请输入第2个数字, 目前累加和:3"
        assert user.send(push.text("4"), print) == "累加结束，累加和: 7"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bot_of_the_working_folder_is_served_by_one_worker_or_two(workers: str, tmp_path: Path) -> None:
    source = "from wechat.demo import make_bot\nbot = make_bot('demo', 'sqlite:///bot.db')\n"
    (tmp_path / "shop_processes.py").write_text(source, encoding="utf-8")
    with process(tmp_path, "run", "shop_processes:bot", "--workers", workers) as (running, user):
        assert user.send(push.text("那你问我一个问题吧"), print) == "请发送一个水果名字"
        assert user.send(push.text("梨"), print) == "给你一个梨=￣ω￣="
        running.terminate()
        assert running.wait(20) in (0, -15)  # uvicorn hands the signal on, once it has closed everything
