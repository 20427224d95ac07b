"""`check-url`, against real servers on the loopback: our own bot, and one that does each thing wrong that there is."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import ipaddress
import json
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rich.cells import cell_len

from servers import certificate, free_port
from wechat import crypto, receive, reply
from wechat.cli import check_url, findings, main, push
from wechat.cli.findings import Finding
from wechat.demo import make_bot
from wechat.web import asgi

TOKEN = "Hush0Hush"
KEY, APPID = "a" * 43, "wx1234567890"
CIPHER = crypto.Cipher(KEY, APPID, TOKEN)
SAFE = ["--aes-key", KEY, "--appid", APPID]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "AES_KEY", "APPID", "ACCOUNT", "STORE"):
        monkeypatch.delenv(f"WECHAT_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


Findings = dict[str, dict[str, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Findings]]:
    """The command, with the right token. Gives the exit code, and what was found by what it is; of two, the last."""

    def checked(url: str, *arguments: str) -> tuple[int, Findings]:
        code = main(["check-url", url, "--token", TOKEN, *arguments, "--json"])
        shown = capsys.readouterr()
        found = json.loads(shown.out)
        assert not shown.err
        assert TOKEN not in shown.out
        assert KEY not in shown.out
        assert found["ok"] == (code == 0)
        return code, {each["what"]: each for each in found["findings"]}

    return checked


def grades(found: Findings) -> dict[str, str]:
    return {what: each["grade"] for what, each in found.items()}


# ---- our own bot ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[str]:
    """The demo bot, on a real server."""
    bot = make_bot(TOKEN, store="memory://", **settings)
    server = uvicorn.Server(uvicorn.Config(asgi.app(bot), log_level="critical", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # so whoever connects early waits
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/wechat"
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("settings", "arguments"), [({}, []), ({"aes_key": KEY, "appid": APPID}, SAFE)], ids=["plain", "safe"]
)
def test_with_our_own_bot_all_is_well(
    settings: dict[str, Any], arguments: list[str], check: Callable[..., tuple[int, Findings]]
) -> None:
    with serving(**settings) as url:
        code, found = check(url, *arguments)
    assert code == 0
    assert grades(found) == {
        "URL": "note",  # it is on a private network, on a port that is not WeChat's
        "connection": "ok",
        "access check": "ok",
        "wrong signature": "ok",
        "message": "ok",
        "same message again": "ok",
    }
    assert found["message"]["found"].startswith("「你发check-url给我干嘛呀？")
    assert found["wrong signature"]["found"] == "refused: HTTP 403"


def test_a_wrong_token_is_told_and_nothing_is_pushed(check: Callable[..., tuple[int, Findings]]) -> None:
    with serving() as url:
        code, found = check(url, "--token", "another")
    assert code == 1
    assert [*found] == ["URL", "connection", "access check"]
    assert found["access check"]["found"] == "HTTP 403"
    assert "「token验证失败」" in found["access check"]["advice"]
    assert "Token" in found["access check"]["advice"]


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [({"aes_key": KEY, "appid": APPID}, []), ({}, SAFE)],
    ids=["only the bot has a key", "the bot has none"],
)
def test_another_mode_than_the_bots_is_told(
    settings: dict[str, Any], arguments: list[str], check: Callable[..., tuple[int, Findings]]
) -> None:
    with serving(**settings) as url:
        code, found = check(url, *arguments)
    assert code == 1
    assert (found["access check"]["grade"], found["message"]["grade"]) == ("ok", "wrong")
    assert "--aes-key" in found["message"]["advice"]
    assert push.FAULT in found["message"]["advice"]


def test_another_account_than_the_bots_is_told(check: Callable[..., tuple[int, Findings]]) -> None:
    with serving(account="gh_right") as url:
        code, found = check(url)
        assert (code, found["message"]["found"]) == (1, "HTTP 400")
        assert "--account" in found["message"]["advice"]
        assert check(url, "--account", "gh_right")[0] == 0


def test_it_can_be_read_without_colours_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with serving() as url:
        assert main(["check-url", url, "--token", "another"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"✗ +access check +HTTP 403 *$", line) for line in lines)
    assert any(line.strip().startswith("→ WeChat's console says 「token验证失败」") for line in lines)
    assert not any("\x1b" in line or "…" in line for line in lines)


@pytest.mark.parametrize("columns", range(50, 110))
def test_no_word_is_lost_however_wide_the_terminal_is(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    found = f"It says 「{'会话' * 20}」, and it goes on (for 安全组, a while) until it is over."
    findings.show([Finding("wrong", "message", found, f"{found}\n{found}")], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert all(cell_len(line) <= columns for line in lines)
    shown = "".join("".join(lines).replace("✗  message", "").split())
    assert shown == "".join(f"{found}→{found}→{found}".split())


# ---- a server that does it wrong ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Came:
    """A request."""

    line: str
    query: dict[str, str]
    head: str
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split()[0]

    @property
    def echo(self) -> str:
        return self.query.get("echostr", "")


#: what goes back, byte by byte; None: nothing ever does
Answers = Callable[[Came], "bytes | None"]

#: seconds between two bytes of a server that drips
DRIP = 0.02


class Server:
    """A server that answers as it is told, and keeps what came. If it `stays`, it never hangs up; from the byte
    where it `drips`, each comes alone, after a while."""

    def __init__(
        self, answers: Answers, tls: ssl.SSLContext | None = None, stays: bool = False, drips: int = 10**9
    ) -> None:
        self.came, self.dripped, self.over = list[Came](), 0, threading.Event()
        server = self

        class Exchange(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    if tls is not None:
                        self.request.settimeout(5)
                        self.request = tls.wrap_socket(self.request, server_side=True)
                        self.setup()
                    self.exchange()

            def exchange(self) -> None:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return  # somebody only looked whether anybody is there
                    head += line
                text = head.decode()
                length = re.search(r"content-length: (\d+)", text, re.IGNORECASE)
                line = text.partition("\r\n")[0]
                query = dict(parse_qsl(urlsplit(line.split()[1]).query))
                came = Came(line, query, text, self.rfile.read(int(length[1])) if length else b"")
                server.came.append(came)
                answer = answers(came)
                self.wfile.write((answer or b"")[:drips])
                for byte in (answer or b"")[drips:]:
                    server.over.wait(DRIP)
                    self.wfile.write(bytes([byte]))
                    server.dripped += 1
                if answer is None or stays:
                    server.over.wait(30)

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()
                self.request.close()

        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Exchange)
        self.thread = threading.Thread(target=self.tcp.serve_forever, args=(0.01,))
        self.thread.start()
        self.port = int(self.tcp.server_address[1])
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/wechat"

    def close(self) -> None:
        self.over.set()
        self.tcp.shutdown()
        self.tcp.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answers: Answers, tls: ssl.SSLContext | None = None, stays: bool = False, drips: int = 10**9) -> Server:
        servers.append(Server(answers, tls, stays, drips))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def page(body: str | bytes = "", status: int = 200, **headers: str) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    named = {"Content-Length": str(len(content)), **{name.replace("_", "-"): it for name, it in headers.items()}}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + content


def right(came: Came) -> bytes:
    """As it should be: what is signed is answered."""
    good = crypto.signature(TOKEN, came.query["timestamp"], came.query["nonce"]) == came.query["signature"]
    if not good:
        return page("no", 403)
    return page(came.echo if came.method == "GET" else "success")


@pytest.mark.parametrize(
    ("answer", "found", "advice"),
    [
        (lambda came: page("", 400), "HTTP 400", "https"),
        (lambda came: page("", 401), "HTTP 401", "login"),
        (lambda came: page("", 403), "HTTP 403", "Token"),
        (lambda came: page("", 404), "HTTP 404", "path"),
        (lambda came: page("", 405), "HTTP 405", "does not take GET"),
        (lambda came: page("", 426), "HTTP 426", "HTTP/1.0"),
        (lambda came: page("", 418), "HTTP 418", "Only 200"),
        (lambda came: page("", 500), "HTTP 500", "log"),
        (lambda came: page("", 502), "HTTP 502", "proxy_pass"),
        (lambda came: page("", 504), "HTTP 504", "in time"),
        (lambda came: page(came.echo, 201), "HTTP 201", "Only 200"),
        (lambda came: page(""), "an empty answer", "Token"),
        (lambda came: page("error"), "not the echostr: error", "Token"),
        (lambda came: page("12345"), "not the echostr: 12345", "Token"),
        (lambda came: page(f"\ufeff{came.echo}"), "a byte order mark", "BOM"),
        (lambda came: page(f'"{came.echo}"'), "in quotes", "PlainTextResponse"),
        (lambda came: page(f'"{came.echo}"\n'), "in quotes", "PlainTextResponse"),
        (lambda came: page(f"{came.echo}\n"), "white space", "as it is"),
        (lambda came: page(f"<p>{came.echo}</p>"), "more than the echostr came back: <p>", "template"),
        (
            lambda came: page("<!doctype html>\n<title>你好"),
            "a page, without the echostr: <!doctype html> <t",
            "tunnel",
        ),
        (lambda came: page(came.echo, Content_Encoding="gzip"), "compressed (gzip)", "gzip off"),
        (lambda came: page("<html>", Ngrok_Error_Code="ERR_NGROK_6024"), "ERR_NGROK_6024", "ngrok.com"),
        (lambda came: page("<html>ERR_NGROK_3200", 404), "ngrok answers itself", "ngrok.com"),
        (lambda came: b"", "closed without an answer", "log"),
        (lambda came: page(came.echo)[:-3], "closed in the middle", "log"),
        (lambda came: b"220 mail.example ESMTP\r\n", "no HTTP", "log"),
    ],
)
def test_whatever_is_wrong_with_the_access_check_has_its_own_advice(
    answer: Answers,
    found: str,
    advice: str,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
) -> None:
    there = server(answer)
    code, came = check(there.url)
    assert (code, came["access check"]["grade"]) == (1, "wrong")
    assert found in came["access check"]["found"]
    assert came["access check"]["advice"].startswith("WeChat's console says 「token验证失败」")
    assert advice in came["access check"]["advice"]


@pytest.mark.parametrize(
    ("location", "advice"),
    [
        ("https://127.0.0.1/wechat", "enter the URL with https://"),
        ("/wechat/", "with a slash at its end"),
        ("/login?next=/wechat", "login"),
        ("https://elsewhere.example/wechat", "the bot's own address"),
        ("", "without the slash"),  # where it was: there is no better advice
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_right_url_is_told(
    location: str,
    advice: str,
    status: int,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
) -> None:
    there = server(lambda came: page("", status, Location=location))
    _, found = check(there.url)
    assert f"HTTP {status}, to " in found["access check"]["found"]
    assert advice in found["access check"]["advice"]
    assert len(there.came) == 1


@pytest.mark.parametrize("location", ["http://[oops", "//["])
def test_a_redirect_to_what_is_no_address_hides_nothing_of_what_was_found(
    location: str, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(server(lambda came: page("", 302, Location=location)).url)
    assert (code, [*found]) == (1, ["URL", "connection", "access check"])
    assert found["access check"]["found"] == "HTTP 302, to an address that is none"
    assert "follows no redirect" in found["access check"]["advice"]


def test_of_a_url_with_a_slash_too_much_the_slash_is_told(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: page("", 308, Location="/wechat"))
    assert "without the slash at its end" in check(f"{there.url}/")[1]["access check"]["advice"]


def test_where_no_answer_comes_in_time_nothing_else_is_asked(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: None)
    code, found = check(there.url, "--timeout", "0.1")
    assert (code, found["access check"]["found"]) == (1, "no answer in 0.1 s")
    assert "「请求URL超时」" in found["access check"]["advice"]
    assert len(there.came) == 1


def test_an_answer_that_never_ends_is_none(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: page(came.echo)[:-3], stays=True)
    _, found = check(there.url, "--timeout", "0.1")
    assert found["access check"]["found"] == "no answer in 0.1 s"


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "drips"),
    [
        (lambda came: page(came.echo, X="x" * 400), 0),
        (lambda came: CONTINUE * 16 + page(came.echo), 0),
        (lambda came: CHUNKED + f"{len(came.echo):0400x}\r\n{came.echo}\r\n0\r\n\r\n".encode(), len(CHUNKED)),
    ],
    ids=["head", "many heads", "length of a chunk"],
)
def test_an_answer_that_comes_byte_by_byte_is_waited_for_no_longer_than_any(
    answer: Answers, drips: int, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(answer, drips=drips)
    code, found = check(there.url, "--timeout", "0.5")
    assert (code, found["access check"]["found"]) == (1, "no answer in 0.5 s")
    assert there.dripped < 200


@pytest.mark.parametrize(
    "answer",
    [
        lambda came: CONTINUE * 9_999 + page(came.echo),
        lambda came: page(came.echo, **{f"X-{n}": "x" * 30_000 for n in range(9)}),
        lambda came: CHUNKED + b"0\r\n" + (b"X: " + b"x" * 30_000 + b"\r\n") * 9 + b"\r\n",
    ],
    ids=["heads", "fields", "trailer"],
)
def test_of_an_answer_without_an_end_only_the_beginning_is_read(
    answer: Answers, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(server(answer).url)
    assert (code, found["access check"]["found"]) == (1, "what came is far too long for an answer")


def test_chunks_are_read_and_are_worth_a_look(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: CHUNKED + f"{len(came.echo):x}\r\n{came.echo}\r\n0\r\n\r\n".encode())
    code, found = check(there.url, "--no-post")
    assert (code, found["access check"]["grade"]) == (0, "note")
    assert "HTTP/1.0" in found["access check"]["advice"]


def test_a_server_that_keeps_the_connection_is_not_waited_for(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    assert check(server(right, stays=True).url)[1]["access check"]["grade"] == "ok"


def test_a_server_that_echoes_whatever_comes_is_told_that_anybody_may_push(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: page(came.echo or "success"))
    code, found = check(there.url)
    assert (code, found["wrong signature"]["grade"]) == (0, "note")
    assert "anybody" in found["wrong signature"]["advice"]


def test_a_fault_around_the_echostr_does_not_hide_what_is_wrong_with_a_message(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(lambda came: page(f'"{came.echo}"') if came.method == "GET" else page("", 500))
    _, found = check(there.url)
    assert (found["access check"]["grade"], found["message"]["grade"]) == ("wrong", "wrong")


def test_it_comes_as_wechat_does(server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]) -> None:
    there = server(right)
    assert check(f"{there.url}?bot=a")[0] == 0
    first, forged, message, again = there.came
    assert [each.line.rpartition(" ")[2] for each in there.came] == ["HTTP/1.0"] * 4
    assert all("User-Agent: Mozilla/4.0\r\n" in each.head for each in there.came)
    assert all(each.query["bot"] == "a" for each in there.came)
    crypto.verify(TOKEN, first.query["signature"], first.query["timestamp"], first.query["nonce"])
    assert first.echo.isdigit()
    assert forged.echo != first.echo
    assert (again.query, again.body) == (message.query, message.body)
    pushed = receive.fields(message.body)
    assert pushed["FromUserName"] == message.query["openid"]
    assert re.fullmatch(r"oCheckUrl\w{19}", pushed["FromUserName"])
    assert (pushed["ToUserName"], pushed["Content"]) == ("gh_demo", "check-url")


def test_every_check_is_another_user_with_another_message(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(right)
    check(there.url)
    check(there.url)
    pushed = [receive.fields(came.body) for came in there.came if came.method == "POST"]
    assert len({fields["FromUserName"] for fields in pushed}) == len({fields["MsgId"] for fields in pushed}) == 2


# ---- a message ------------------------------------------------------------------------------------------------------


def answering(post: Answers) -> Answers:
    """Right for a GET."""
    return lambda came: right(came) if came.method == "GET" else post(came)


def said(came: Came, what: reply.Reply | None, **more: Any) -> bytes:
    pushed = receive.fields(came.body)
    parties = {"to": pushed["FromUserName"], "account": pushed["ToUserName"], "created": 1, **more}
    return page(reply.format(what, **parties))


@pytest.mark.parametrize(
    ("post", "shown"),
    [
        (lambda came: page("success"), "no reply (success)"),
        (lambda came: page(""), "no reply (success)"),
        (lambda came: said(came, reply.Text("你好")), "「你好」"),
        (lambda came: said(came, reply.Image("m1")), "「[图片 m1]」"),
    ],
)
def test_what_the_user_would_see_of_the_message_is_shown(
    post: Answers, shown: str, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(server(answering(post)).url)
    assert code == 0
    assert found["message"]["found"].startswith(shown)
    assert found["same message again"]["found"].startswith(shown)


@pytest.mark.parametrize(
    ("post", "found", "advice"),
    [
        (lambda came: page("", 400), "HTTP 400", "--account"),
        (lambda came: page("", 403), "HTTP 403", "csrf_exempt"),
        (lambda came: page("", 405), "HTTP 405", "does not take POST"),
        (lambda came: page("", 500), "HTTP 500", "log"),
        (lambda came: page("", 302, Location="/login"), "HTTP 302", "login"),
        (lambda came: page("ok"), "neither XML nor success", "success"),
        (lambda came: page("success\n"), "neither XML nor success", "success"),
        (lambda came: page("<html>"), "neither XML nor success", "success"),
        (lambda came: page("success", Content_Encoding="br"), "compressed (br)", "gzip off"),
        (lambda came: said(came, reply.Text("x"), to="gh_demo"), "not from this account to this user", "被动回复"),
        (lambda came: b"", "closed without an answer", "log"),
    ],
)
def test_whatever_is_wrong_with_the_reply_has_its_own_advice(
    post: Answers,
    found: str,
    advice: str,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
) -> None:
    code, came = check(server(answering(post)).url)
    assert (code, came["message"]["grade"]) == (1, "wrong")
    assert found in came["message"]["found"]
    assert push.FAULT in came["message"]["advice"]
    assert advice in came["message"]["advice"]
    assert "same message again" not in came


def sealed(came: Came) -> str:
    _, encrypted = receive.envelope(came.body)
    marks = {name: came.query[name] for name in ("msg_signature", "timestamp", "nonce")}
    pushed = receive.fields(CIPHER.open(encrypted, **marks))
    return reply.format(reply.Text("秘密"), to=pushed["FromUserName"], account=pushed["ToUserName"], created=1)


def test_in_the_safe_mode_both_ways_are_encrypted(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(answering(lambda came: page(CIPHER.seal(sealed(came), timestamp=1, nonce="n"))))
    code, found = check(there.url, *SAFE)
    assert code == 0
    assert found["message"]["found"].startswith("「秘密」")
    assert found["same message again"]["grade"] == "ok"  # though no two envelopes are alike
    assert there.came[-1].query["encrypt_type"] == "aes"


def test_in_the_safe_mode_a_reply_in_clear_is_wrong(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(server(answering(lambda came: page(sealed(came)))).url, *SAFE)
    assert (code, found["message"]["found"]) == (1, "the reply is in clear, and must be encrypted")


def test_another_reply_to_the_same_message_is_worth_a_look(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    count = iter(range(9))
    there = server(answering(lambda came: said(came, reply.Text(f"第 {next(count)} 个"))))
    code, found = check(there.url)
    assert (code, found["same message again"]["grade"]) == (0, "note")
    assert found["same message again"]["found"] == "another reply: 「第 1 个」"
    assert "MsgId" in found["same message again"]["advice"]


def test_a_message_is_pushed_again_where_no_answer_comes_in_time(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    count = iter(range(9))
    there = server(answering(lambda came: None if next(count) == 0 else page("success")))
    code, found = check(there.url, "--timeout", "0.3")
    assert (code, found["message"]["grade"]) == (0, "note")
    assert found["message"]["found"] == "no reply (success), to push 2 of 3"
    assert "请求超时" in found["message"]["advice"]


def test_a_message_without_an_answer_is_pushed_three_times(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(answering(lambda came: None))
    code, found = check(there.url, "--timeout", "0.3")
    assert (code, found["message"]["found"]) == (1, "no answer in 0.3 s, three times")
    assert "请求超时" in found["message"]["advice"]
    assert len({(came.body, came.query["nonce"]) for came in there.came if came.method == "POST"}) == 1
    assert len(there.came) == 5


def test_without_a_message_none_is_pushed(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    there = server(right)
    code, found = check(there.url, "--no-post")
    assert (code, [*found][-1]) == (0, "wrong signature")
    assert {came.method for came in there.came} == {"GET"}


@pytest.mark.parametrize(("passed", "grade"), [(0.003, "ok"), (1.9, "ok"), (2.0, "note"), (4.9, "note")])
def test_what_takes_long_is_worth_a_look(passed: float, grade: str) -> None:
    assert check_url.in_time(Finding("ok", "message", "x"), passed, push.SECONDS).grade == grade


def test_it_waits_as_long_as_wechat_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check-url", "--help"])
    assert "WeChat's 5" in " ".join(capsys.readouterr().out.split())


# ---- the certificate ------------------------------------------------------------------------------------------------


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issued(folder: Path, host: str, days: int) -> tuple[Path, ssl.SSLContext]:
    """A certificate that ends in so many days, of an authority: that one's file, and what a server needs."""
    now, day = dt.datetime.now(dt.timezone.utc), dt.timedelta(days=1)
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
    authority = (
        x509.CertificateBuilder(name("root"), name("root"), root.public_key(), 1, now - 99 * day, now + 999 * day)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root.public_key()), False)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False),
            True,
        )
        .sign(root, hashes.SHA256())
    )
    try:
        named: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        named = x509.DNSName(host)
    leaf = (
        x509.CertificateBuilder(name("root"), name(host), key.public_key(), 2, now - 98 * day, now + days * day)
        .add_extension(x509.SubjectAlternativeName([named]), False)
        .add_extension(known, False)
        .sign(root, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "root.pem").write_bytes(authority.public_bytes(pem))
    (folder / "leaf.pem").write_bytes(secret + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "root.pem", context


@pytest.mark.parametrize(
    ("host", "days", "trusted", "grade", "found", "advice"),
    [
        ("127.0.0.1", 100, True, "ok", "valid until 20", ""),
        ("127.0.0.1", 3, True, "note", "valid until 20", "Renew it before"),
        ("127.0.0.1", -1, True, "wrong", "expired", "Renew it, and"),
        ("127.0.0.2", 100, True, "wrong", "of another host", "this address"),
        ("127.0.0.1", 100, False, "wrong", "its chain is incomplete", "fullchain.pem"),
    ],
)
def test_a_certificate_is_looked_at_and_what_is_behind_it_as_well(
    host: str,
    days: int,
    trusted: bool,
    grade: str,
    found: str,
    advice: str,
    tmp_path: Path,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, tls = issued(tmp_path, host, days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(root))
    code, came = check(server(right, tls).url)
    assert (code, came["certificate"]["grade"]) == (int(grade == "wrong"), grade)
    assert found in came["certificate"]["found"]
    assert advice in came["certificate"]["advice"]
    assert (came["access check"]["grade"], came["same message again"]["grade"]) == ("ok", "ok")


def test_a_certificate_that_vouches_for_itself_is_wrong(
    tmp_path: Path, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    _, tls = certificate(tmp_path)
    code, found = check(server(right, tls).url)
    assert (code, found["certificate"]["found"]) == (1, "it vouches for itself")
    assert "documented nowhere" in found["certificate"]["advice"]


def test_where_no_tls_is_spoken_nothing_else_is_asked(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(server(right).url.replace("http:", "https:"), "--timeout", "0.3")
    assert (code, [*found][-1]) == (1, "certificate")
    assert "there is no TLS" in found["certificate"]["found"]


def test_http_where_tls_is_served_is_told(
    tmp_path: Path, server: Callable[..., Server], check: Callable[..., tuple[int, Findings]]
) -> None:
    _, tls = certificate(tmp_path)
    code, found = check(server(right, tls).url.replace("https:", "http:"), "--timeout", "1")
    assert (code, found["access check"]["grade"]) == (1, "wrong")


# ---- the way there --------------------------------------------------------------------------------------------------


def test_where_nobody_listens_it_is_told(check: Callable[..., tuple[int, Findings]]) -> None:
    code, found = check(f"http://127.0.0.1:{free_port()}/wechat")
    assert (code, [*found]) == (1, ["URL", "connection"])
    assert found["connection"]["found"].startswith("127.0.0.1: ")
    assert "连接超时" in found["connection"]["advice"]


@pytest.mark.parametrize(
    ("url", "grade", "advice"),
    [
        ("https://nobody.invalid/wechat", "ok", ""),
        ("http://nobody.invalid:80/wechat?a=b", "ok", ""),
        ("https://nobody.invalid", "note", "/wechat"),
        ("https://nobody.invalid/", "note", "/wechat"),
        ("http://nobody.invalid:8080/wechat", "wrong", "port 80 only"),
        ("https://nobody.invalid:80/wechat", "wrong", "port 443 only"),
    ],
)
def test_a_name_that_nobody_has_ends_it_and_the_url_is_judged_before(
    url: str, grade: str, advice: str, check: Callable[..., tuple[int, Findings]]
) -> None:
    code, found = check(url)
    assert (code, [*found]) == (1, ["URL", "DNS"])
    assert (found["URL"]["grade"], found["DNS"]["grade"]) == (grade, "wrong")
    assert advice in found["URL"]["advice"]
    assert "DNS失败" in found["DNS"]["advice"]


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "192.168.1.1", "[::1]", "169.254.1.1", "me.local"])
def test_what_is_on_a_private_network_is_known_for_it(host: str) -> None:
    there = check_url.wire.place(f"http://{host}/wechat")
    assert check_url.wire.private(there.host)
    assert not check_url.wire.private("example.com")
    assert not check_url.wire.private("8.8.8.8")


@pytest.mark.parametrize(
    "arguments",
    [
        [""],
        ["example.com/wechat"],
        ["ftp://example.com/"],
        ["http:///wechat"],
        ["http://example.com/#a"],
        ["http://example.com:99999/"],
        ["http://example.com:x/"],
        ["http://[::1/"],
        ["http://a..example/"],
        ["http://me:hush@example.com/"],
        ["http://例子.cn/"],
        ["http://example.com/a b"],
        ["http://example.com/\r\nHost: x"],
        ["http://127.0.0.1/", "--aes-key", KEY],
        ["http://127.0.0.1/", "--aes-key", "short", "--appid", APPID],
    ],
)
def test_what_is_no_url_is_said_in_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-url", *arguments]) == 2
    assert re.fullmatch(r"wechat-dialog check-url: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_only_seconds_are_a_timeout(seconds: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["check-url", "http://127.0.0.1/", f"--timeout={seconds}"])
    assert end.value.code == 2


# ---- proxies --------------------------------------------------------------------------------------------------------


def test_a_public_url_is_reached_by_the_proxy_of_the_environment(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = server(right)
    monkeypatch.setenv("http_proxy", f"http://me:s3cret@127.0.0.1:{there.port}")
    code, found = check("http://bot.example/wechat", "--account", "gh_1")
    assert code == 0
    assert found["connection"]["grade"] == "note"
    assert "s3cret" not in json.dumps(found)
    assert there.came[0].line.startswith("GET http://bot.example/wechat?signature=")
    assert "Proxy-Authorization: Basic bWU6czNjcmV0\r\n" in there.came[0].head
    assert found["same message again"]["grade"] == "ok"


@pytest.mark.parametrize("host", ["bot.example", "192.168.1.20", "nas.lan"])
def test_a_bot_takes_the_first_account_for_its_own_so_one_elsewhere_gets_no_made_up_name(
    host: str,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = server(right)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{there.port}")
    code, found = check(f"http://{host}/wechat")
    assert (code, found["message"]["grade"], found["message"]["found"]) == (0, "note", "not pushed")
    assert {came.method for came in there.came} == {"GET"}


def test_what_is_here_is_reached_without_the_proxy(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    code, found = check(server(right).url)
    assert (code, found["connection"]["grade"]) == (0, "ok")


@pytest.mark.parametrize(
    ("host", "grade", "advice"),
    [("bot.example", "ok", ""), ("other.example", "wrong", "Get one that holds this name.")],
)
def test_tls_goes_through_the_proxy(
    host: str,
    grade: str,
    advice: str,
    tmp_path: Path,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, tls = issued(tmp_path, host, 100)
    there = server(right, tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    with tunnel(there.port) as (port, asked):
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
        _, found = check("https://bot.example/wechat", "--no-post")
    assert (found["certificate"]["grade"], found["access check"]["grade"]) == (grade, "ok")
    assert advice in found["certificate"]["advice"]
    assert {line.split(" HTTP")[0] for line in asked} == {"CONNECT bot.example:443"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (page("", 407), "the proxy answers HTTP 407"),
        (b"220 mail.example ESMTP\r\n", "what came is no HTTP (BadStatusLine)"),
        (b"", "the connection was closed without an answer"),
        (CONTINUE * 9_999, "what came is far too long for an answer"),
    ],
)
def test_a_proxy_that_leads_nowhere_is_told(
    answer: bytes,
    why: str,
    server: Callable[..., Server],
    check: Callable[..., tuple[int, Findings]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = server(lambda came: answer)
    monkeypatch.setenv("https_proxy", f"http://me:s3cret@127.0.0.1:{there.port}")
    code, found = check("https://bot.example/wechat")
    assert (code, found["certificate"]["found"]) == (1, f"there is no TLS: {why}")
    assert there.came[0].line.startswith("CONNECT bot.example:443 HTTP/1.0")
    assert "Proxy-Authorization: Basic bWU6czNjcmV0\r\n" in there.came[0].head


def test_a_proxy_that_comes_byte_by_byte_is_waited_for_no_longer_than_any(
    server: Callable[..., Server], check: Callable[..., tuple[int, Findings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = server(lambda came: page("", 407, X="x" * 400), drips=0)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{there.port}")
    code, found = check("https://bot.example/wechat", "--timeout", "0.5")
    assert (code, found["certificate"]["found"]) == (1, "there is no TLS: no answer in 0.5 s")
    assert there.dripped < 200


def test_what_comes_is_let_go_also_where_it_is_no_answer(
    server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.13 complains of a response that is found open when it is thrown away, at any later time."""
    begun = list[http.client.HTTPResponse]()
    begin = http.client.HTTPResponse.begin

    def noted(response: http.client.HTTPResponse) -> None:
        begun.append(response)
        begin(response)

    monkeypatch.setattr(http.client.HTTPResponse, "begin", noted)
    there = check_url.wire.place(f"http://127.0.0.1:{server(lambda came: b'').port}/wechat")
    with pytest.raises(check_url.wire.NoAnswer):
        check_url.wire.line(there, 5).ask("GET", {})
    assert [response.isclosed() for response in begun] == [True]


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[tuple[int, list[str]]]:
    """A proxy that carries everything to one port. Gives its own, and what it was asked."""
    asked: list[str] = []

    class Carrying(socketserver.StreamRequestHandler):
        rbufsize = 0

        def handle(self) -> None:
            asked.append(self.rfile.readline().decode())
            while self.rfile.readline() != b"\r\n":
                pass
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            with socket.create_connection(("127.0.0.1", port)) as there:
                back = threading.Thread(target=carry, args=(there, self.request))
                back.start()
                carry(self.request, there)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Carrying) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        yield int(proxy.server_address[1]), asked
        proxy.shutdown()
        thread.join()


def carry(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def test_a_proxy_of_another_kind_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "socks5://me:s3cret@127.0.0.1:1080")
    assert main(["check-url", "https://bot.example/wechat"]) == 2
    error = capsys.readouterr().err
    assert "no_proxy=bot.example" in error
    assert "s3cret" not in error
