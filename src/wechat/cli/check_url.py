"""Ask of a URL what WeChat asks of it, and say what is wrong.

  wechat-dialog check-url https://example.com/wechat --token …
  wechat-dialog check-url http://127.0.0.1:8000/wechat                          a bot on this machine
  wechat-dialog check-url https://example.com/wechat --no-post                  only what WeChat does when you press 提交
  wechat-dialog check-url https://example.com/wechat --account gh_0123456789ab --aes-key … --appid wx…

One thing after another: the URL, its name, the connection, the certificate, the access check (a signed GET, whose
echostr must come back), the same with a wrong signature (which must be refused), and a message with its second
delivery. What depends on something that failed is left away.

The message is a real one: the bot answers it as any other, to a user made up for it, whose openid begins with
oCheckUrl. It needs --account, unless the bot is on this machine: a bot takes the first account that pushes to it
for its own.

From here is not from WeChat: a firewall may let this machine in and WeChat's out, or the other way round.

The exit code is 1 where something is wrong.
"""

# Sources. "消息与事件推送介绍" of WeChat's documentation: http on port 80, https on 443; echostr comes back as it is.
# "接口报警和排查指引": what an alarm calls DNS失败, DNS超时, 连接超时, 请求超时, 回应失败. "被动回复用户消息": what the user reads.
# What the console says where the access check fails is documented nowhere, but reported by many: 「token验证失败」 and
# 「请求URL超时」 (in zhayujie/bot-on-anything), and lately 「系统发生错误，请稍后重试」 (in songquanpeng/wechat-server).

from __future__ import annotations

import argparse
import codecs
import secrets
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from . import findings, push, serve, wire
from .findings import Finding
from .wire import Answer, Line, NoAnswer, Place

#: what the console says to whoever presses 提交
REFUSED = "WeChat's console says 「token验证失败」, or 「系统发生错误，请稍后重试」."
LATE = "WeChat's console says 「请求URL超时」."
#: what becomes of a message
BROKEN = f"The user reads 「{push.FAULT}」, and WeChat's alarm says 回应失败."
UNHEARD = f"The user reads 「{push.FAULT}」, and WeChat's alarm says 请求超时."

#: of the time that there is, so much is worth a look
SLOW = 0.4
#: a certificate that ends so soon is worth a look (days)
SOON = 14
#: characters of what came back that are shown
SHOWN = 60

#: findings, and at the end what is needed for the next ones; None: nothing more can be learnt
Found: TypeAlias = Generator[Finding, None, "Line | None"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="as it stands, or is to stand, in the account's server settings")
    known = parser.add_argument_group("what the account and the server know of each other")
    known.add_argument(
        "--token", default=serve.variable("WECHAT_TOKEN") or "demo", help="(default: WECHAT_TOKEN, or demo)"
    )
    known.add_argument(
        "--aes-key", metavar="K", default=serve.variable("WECHAT_AES_KEY"), help="encrypt, as in the safe mode"
    )
    known.add_argument("--appid", metavar="A", default=serve.variable("WECHAT_APPID"), help="needed with --aes-key")
    known.add_argument(
        "--account",
        metavar="GH",
        default=serve.variable("WECHAT_ACCOUNT"),
        help="of the message, if the bot is elsewhere (WECHAT_ACCOUNT)",
    )
    parser.add_argument("--no-post", action="store_true", help="push no message")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=push.SECONDS,
        metavar="S",
        help="seconds to wait (default: WeChat's %(default)g)",
    )
    findings.arguments(parser)


def main(options: argparse.Namespace) -> int:
    there = wire.place(options.url)
    visitor = Visitor(
        options.url,
        f"oCheckUrl{secrets.token_hex(10)[:19]}",
        options.account or "gh_demo",
        options.token,
        push.cipher(options.aes_key, options.appid, options.token),
        options.timeout,
    )
    pushes = None if options.no_post else bool(options.account) or there.here
    return findings.show(list(_examined(there, visitor, pushes)), as_json=options.json)


def _examined(there: Place, visitor: Visitor, pushes: bool | None) -> Iterator[Finding]:
    """`pushes`: whether there is an account in whose name a message can be pushed; None: none is wanted."""
    yield _url(there)
    line = yield from _reached(there, visitor.seconds)
    if line is None or not (yield from _access(line, visitor)):
        return
    yield _guarded(line, visitor)
    if pushes:
        yield from _message(line, visitor)
    elif pushes is not None:
        yield Finding("note", "message", "not pushed", "Say --account gh_…, and see how the bot answers a message.")


# ---- the way there --------------------------------------------------------------------------------------------------


def _url(there: Place) -> Finding:
    ports = f"WeChat pushes {there.scheme} to port {wire.PORTS[there.scheme]} only"
    what, shown = "URL", f"{there.scheme}, port {there.port}, path {there.path.partition('?')[0]}"
    if wire.private(there.host):
        advice = "WeChat does not reach a private network: an account needs a public address, or a tunnel."
        return Finding("note", what, shown, advice if there.usual else f"{advice}\n{ports}.")
    if not there.usual:
        return Finding("wrong", what, shown, f"{ports}: put the bot there, or a gateway (nginx) before it.")
    if there.path == "/":
        return Finding("note", what, shown, "Is the bot there? `wechat-dialog run` serves it at /wechat.")
    return Finding("ok", what, shown)


def _reached(there: Place, seconds: float) -> Found:
    proxy = wire.proxy(there)
    if proxy is not None:
        where = f"by the proxy {proxy.hostname}, port {proxy.port or 80}"
        yield Finding("note", "connection", where, f"WeChat comes without it. With no_proxy={there.host} so does this.")
        return (yield from _certified(Line(there, seconds, proxy=proxy)))
    try:
        addresses = wire.resolved(there)
    except OSError as error:
        advice = "WeChat's alarm says DNS失败.\nLook whether the name is right, and has an A record."
        yield Finding("wrong", "DNS", f"{there.host}: {wire.said(error)}", advice)
        return None
    if addresses != [there.host]:
        yield _dns(there, addresses)
    return (yield from _connected(there, addresses, seconds))


def _dns(there: Place, addresses: list[str]) -> Finding:
    shown = ", ".join(addresses)
    if wire.private(there.host):
        return Finding("ok", "DNS", shown)
    if any(map(wire.private, addresses)):
        return Finding(
            "note", "DNS", shown, "That is a private network's: outside, the name must have a public address."
        )
    if all(":" in address for address in addresses):
        return Finding("note", "DNS", shown, "Who had IPv6 only was told 「请求URL超时」: give the name an A record.")
    return Finding("ok", "DNS", shown)


def _connected(there: Place, addresses: list[str], seconds: float) -> Found:
    failed: dict[str, str] = {}
    for address in addresses:
        line = Line(there, seconds, (address, there.port))
        began = time.monotonic()
        try:
            line.connect().close()
        except OSError as error:
            failed[address] = _why(error, seconds)
            continue
        passed = time.monotonic() - began
        yield in_time(Finding("ok", "connection", f"{address}, port {there.port}"), passed, seconds)
        others = {name: why for name, why in failed.items() if (":" in name) == (":" in address)}
        if others:
            yield Finding(
                "note", "connection", _list(others), "WeChat may take any address of the name: leave that one out."
            )
        return (yield from _certified(line))
    advice = (
        f"{LATE} Its alarm says 连接超时.\nIs the bot (or the gateway before it) running? Does it listen to more than this "
        "machine (--host 0.0.0.0)? Do firewall and security group (安全组) let WeChat in?"
    )
    yield Finding("wrong", "connection", _list(failed), advice)
    return None


def _list(failed: Mapping[str, str]) -> str:
    return "; ".join(f"{address}: {why}" for address, why in failed.items())


def _why(error: OSError, seconds: float) -> str:
    return f"no answer in {seconds:g} s" if isinstance(error, TimeoutError) else wire.said(error)


# ---- the certificate ------------------------------------------------------------------------------------------------

#: by OpenSSL's codes of what is wrong with one, and what to do
CERTIFICATES: Mapping[int, tuple[str, str]] = {
    9: ("not yet valid", "Look at the clock of whoever made it."),
    10: ("expired", "Renew it, and have the server load the new one."),
    18: ("it vouches for itself", "Get one of an authority (Let's Encrypt gives them away)."),
    19: ("of an authority that nobody knows", "Get one of a known authority (Let's Encrypt gives them away)."),
    20: ("of an authority that nobody knows, or its chain is incomplete", "Serve fullchain.pem, not cert.pem."),
    21: ("without the chain to its authority", "Serve fullchain.pem, not cert.pem."),
    62: ("of another host", "Get one that holds this name."),
    64: ("of another host", "Get one that holds this address, or enter the name that it holds."),
}
#: how it is reported
HTTPS = "What WeChat makes of it is documented nowhere; who could bind http and not https was told 「token验证失败」."


def _certified(line: Line) -> Found:
    """The line, in TLS where it has to be. Where the certificate is wrong, it goes on with any."""
    if line.there.scheme == "http":
        return line
    checked = replace(line, tls=ssl.create_default_context())
    try:
        with checked.secured(checked.connect()) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            yield _valid(sock)
    except ssl.SSLCertVerificationError as error:
        what, todo = CERTIFICATES.get(error.verify_code, (error.verify_message, "Get another one."))
        yield Finding("wrong", "certificate", what, f"{HTTPS}\n{todo}")
        return replace(line, tls=_any_certificate())
    except OSError as error:
        consequence = LATE if isinstance(error, TimeoutError) else REFUSED
        advice = f"{consequence}\nIs it http that is served at this port?"
        yield Finding("wrong", "certificate", f"there is no TLS: {_why(error, line.seconds)}", advice)
        return None
    return checked


def _valid(sock: ssl.SSLSocket) -> Finding:
    ends = ssl.cert_time_to_seconds(str((sock.getpeercert() or {})["notAfter"]))
    found = Finding("ok", "certificate", f"valid until {time.strftime('%Y-%m-%d', time.gmtime(ends))}")
    if ends - time.time() > SOON * 86_400:
        return found
    return replace(found, grade="note", advice="Renew it before: after that day no message comes through.")


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# ---- the access check -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visitor(push.Sender):
    """A user made up for it, and what WeChat does in their name."""

    def check(self, token: str) -> dict[str, str]:
        """The query of an access check."""
        return {**push.signature(token), "echostr": str(secrets.randbelow(9 * 10**18) + 10**18)}

    def delivery(self) -> tuple[dict[str, str], bytes]:
        """The query and the body of a push, which may be delivered again as they are."""
        return self.signed(self.message(push.text("check-url")))


def _access(line: Line, visitor: Visitor) -> Generator[Finding, None, bool]:
    """Gives whether there is a bot that could be asked more."""
    what, query = "access check", visitor.check(visitor.token)
    echo = query["echostr"].encode()
    try:
        answer = line.ask("GET", query)
    except NoAnswer as error:
        yield Finding("wrong", what, str(error), f"{LATE if error.late else REFUSED}\n{_unanswered(error)}")
        return False
    fault = _fault(line, "GET", answer) or _no_echo(answer.body, echo)
    if fault is not None:
        found, todo = fault
        yield Finding("wrong", what, found, f"{REFUSED}\n{todo}")
        return answer.status == 200 and echo in answer.body
    yield in_time(Finding("ok", what, "the echostr came back"), answer.seconds, line.seconds)
    if "chunked" in answer.headers.get("Transfer-Encoding", "").lower():
        advice = "WeChat was seen to speak HTTP/1.0, which has none (RFC 9112, 6.1): send a Content-Length."
        yield Finding("note", what, "it came in chunks", advice)
    return True


def _guarded(line: Line, visitor: Visitor) -> Finding:
    """Whether what is signed wrongly is refused."""
    what, query = "wrong signature", visitor.check(secrets.token_hex(8))
    try:
        answer = line.ask("GET", query)
    except NoAnswer as error:
        return Finding("ok", what, f"refused: {error}")
    if answer.status == 200 and query["echostr"].encode() in answer.body:
        advice = "The server checks nothing, so anybody may push to it, in any user's name: verify the signature."
        return Finding("note", what, "echoed as well", advice)
    return Finding("ok", what, f"refused: HTTP {answer.status}")


def _unanswered(error: NoAnswer) -> str:
    if error.late:
        return f"It must answer within {push.SECONDS:g} s: the server's own log says what it did meanwhile."
    return "The server's own log says why. Is it https that is served at this port?"


def in_time(finding: Finding, passed: float, limit: float) -> Finding:
    """What was found, and how many seconds it took: where those come near the limit, that is worth a look."""
    took = f"{passed:.1f} s" if passed >= 1 else f"{passed * 1000:.0f} ms"
    shown = replace(finding, found=f"{finding.found}, {took}")
    if finding.grade != "ok" or passed < SLOW * limit:
        return shown
    return replace(shown, grade="note", advice=f"WeChat waits {push.SECONDS:g} s, and may be farther away than you.")


# ---- what is wrong with an answer -----------------------------------------------------------------------------------

#: what was found, and what to do
Fault: TypeAlias = "tuple[str, str]"

STATUSES: Mapping[int, str] = {
    400: "The server does not understand it. Is it https that is served at this port?",
    401: "WeChat logs in nowhere: take this path out of what needs a login.",
    403: "The server's Token is another one (--token), or a firewall refuses what it does not know.",
    404: "The bot is at another path. Is it /wechat? With a slash at its end, or without?",
    405: "The path is there, and does not take {method}: send GET and POST to the bot.",
    426: "A gateway wants HTTP/1.1 (Envoy, Istio: set accept_http_10), and WeChat was seen to speak HTTP/1.0.",
    429: "A rate limit refuses it. WeChat's pushes come from few addresses: take this path out of it.",
    500: "The server failed: its own log says why.",
    502: "The gateway does not reach the bot. Is it running, at the port where the gateway looks (proxy_pass)?",
    503: "The gateway says that nothing is there. Is the bot running?",
    504: "The bot does not answer the gateway in time: its own log says why.",
}
#: where a signed GET was welcome, and a message is not
PUSHED: Mapping[int, str] = {
    400: "Is the bot another account's? Say --account gh_…, as it has it.",
    403: (
        "The Token is right, so the mode is not: --aes-key and --appid as in the account's settings, or neither. "
        "Or the framework wants its own proof against forgery (Django: csrf_exempt)."
    ),
}


def _fault(line: Line, method: str, answer: Answer) -> Fault | None:
    """What is wrong before the body is looked at."""
    if "Ngrok-Error-Code" in answer.headers or b"ERR_NGROK_" in answer.body:
        code = answer.headers.get("Ngrok-Error-Code", "with a page of its own")
        return f"ngrok answers itself: {code}", "See ngrok.com/docs/errors. Its warning for browsers meets WeChat, too."
    if answer.status in (301, 302, 303, 307, 308):
        return _redirect(line.there, answer)
    if answer.status != 200:
        todo = (PUSHED if method == "POST" else {}).get(answer.status) or STATUSES.get(answer.status)
        return f"HTTP {answer.status}", (todo or "Only 200 is an answer.").format(method=method)
    coding = answer.headers.get("Content-Encoding", "identity")
    if coding != "identity":
        return f"the answer is compressed ({coding})", "Nobody asked for that: switch it off for this path (gzip off)."
    return None


def _redirect(there: Place, answer: Answer) -> Fault:
    here = urlsplit(f"{there.scheme}://{there.authority}{there.path}")
    try:
        target = urlsplit(urljoin(here.geturl(), answer.headers.get("Location", "")))
    except ValueError:
        return f"HTTP {answer.status}, to an address that is none", "WeChat follows no redirect: answer with 200."
    found = f"HTTP {answer.status}, to {target.scheme}://{target.netloc}{target.path}"
    if target.path.rstrip("/") != here.path.rstrip("/") or target.hostname != here.hostname:
        return (
            found,
            "WeChat follows no redirect: enter the bot's own address. If this is a login, it has no place here.",
        )
    if target.scheme != here.scheme:
        return found, f"WeChat follows no redirect: enter the URL with {target.scheme}://"
    slash = "with a slash at its end" if target.path.endswith("/") else "without the slash at its end"
    return found, f"WeChat follows no redirect: enter the URL {slash}."


#: bodies that are not the echostr, what they are, and what to do; the first that fits
BODIES: tuple[tuple[Callable[[bytes, bytes], bool], str, str], ...] = (
    (
        lambda body, echo: not body,
        "an empty answer",
        "It must be the echostr. Is the server's Token this one (--token)? Does it answer GET?",
    ),
    (
        lambda body, echo: body.startswith(codecs.BOM_UTF8) and echo in body,
        "a byte order mark stands before the echostr",
        "Save the server's files as UTF-8 without BOM.",
    ),
    (
        lambda body, echo: body.strip() == b'"' + echo + b'"',
        "the echostr came back in quotes",
        "It was made JSON: answer text/plain (FastAPI: PlainTextResponse).",
    ),
    (
        lambda body, echo: body.strip() == echo,
        "white space stands around the echostr",
        "Answer it as it is, without a newline.",
    ),
    (
        lambda body, echo: echo in body,
        "more than the echostr came back: {shown}",
        "Answer nothing else: no template, no debug toolbar, no script of whoever hosts it.",
    ),
    (
        lambda body, echo: body.lstrip()[:1] == b"<",
        "a page, without the echostr: {shown}",
        "Is the bot at this path? Or is that a tunnel's page, or a firewall's? WeChat gets it, too.",
    ),
    (
        lambda body, echo: True,
        "not the echostr: {shown}",
        "Is the server's Token this one (--token)? Does it answer with the echostr of the query?",
    ),
)


def _no_echo(body: bytes, echo: bytes) -> Fault | None:
    if body == echo:
        return None
    found, todo = next((found, todo) for fits, found, todo in BODIES if fits(body, echo))
    return found.format(shown=_short(body.decode("utf-8", "replace"))), todo


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}…"


# ---- a message ------------------------------------------------------------------------------------------------------


def _message(line: Line, visitor: Visitor) -> Iterator[Finding]:
    query, body = visitor.delivery()
    first, finding = _pushed("message", line, visitor, query, body)
    yield finding
    if first is None:
        return
    second, finding = _pushed("same message again", line, visitor, query, body)
    if second is not None and second != first:
        advice = "WeChat pushes a message up to three times, and shows one reply: know it again by its MsgId."
        finding = Finding("note", finding.what, f"another reply: {_shown(second)}", advice)
    yield finding


def _pushed(
    what: str, line: Line, visitor: Visitor, query: Mapping[str, str], body: bytes
) -> tuple[str | None, Finding]:
    """What the user sees (None: the fault), and how it came. As WeChat does, it pushes again where no answer comes."""
    for count in range(1, push.PUSHES + 1):
        try:
            return _judged(what, line, visitor, line.ask("POST", query, body), count)
        except NoAnswer as error:
            if not error.late:
                return None, Finding("wrong", what, str(error), f"{BROKEN}\n{_unanswered(error)}")
            last = error
    return None, Finding("wrong", what, f"{last}, three times", f"{UNHEARD}\n{_unanswered(last)}")


def _judged(what: str, line: Line, visitor: Visitor, answer: Answer, count: int) -> tuple[str | None, Finding]:
    fault = _fault(line, "POST", answer)
    if fault is None:
        try:
            shown = visitor.shown(answer.body)
        except push.BadReply as error:
            fault = str(error), "Answer success, or XML as 「被动回复用户消息」 has it; in the safe mode, encrypted."
    if fault is not None:
        found, todo = fault
        return None, Finding("wrong", what, found, f"{BROKEN}\n{todo}")
    if count > 1:
        advice = "WeChat counts the pushes before as 请求超时; many of them raise an alarm."
        return shown, Finding("note", what, f"{_shown(shown)}, to push {count} of {push.PUSHES}", advice)
    return shown, in_time(Finding("ok", what, _shown(shown)), answer.seconds, line.seconds)


def _shown(text: str) -> str:
    return f"「{_short(text)}」" if text else "no reply (success)"


# ---- what was given -------------------------------------------------------------------------------------------------


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError(f"must be seconds, above 0 and up to 60, not {given!r}")
    return seconds
