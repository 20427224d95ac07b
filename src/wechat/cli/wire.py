"""One HTTP request on a connection of its own; phase after phase, for who wants to say where something goes wrong.

A request looks as WeChat's do: HTTP/1.0, ``Mozilla/4.0``, no redirect is followed. That is documented nowhere; it
stands in the access logs that people show (in wechatpivot/wechatpivot, zhayujie/bot-on-anything). Proxies are those of
the environment, and none for what is here. Whoever answers, however slowly or endlessly, is left when the time is over.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: bytes of an answer's body that are read: no reply of WeChat's is longer
MOST = 65_536
#: and of all that comes, heads and chunks included
LIMIT = 2 * MOST

#: an address, and its port
Address: TypeAlias = tuple[str, int]

PORTS: Mapping[str, int] = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """There is no answer of HTTP; `late`: in the time that there was."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class _Endless(http.client.HTTPException):
    """More came than an answer has."""


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds all of it was there."""

    status: int
    headers: Headers
    body: bytes
    seconds: float


# ---- where to -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a URL leads; `path` is with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def usual(self) -> bool:
        """Whether the port is the scheme's own."""
        return self.port == PORTS[self.scheme]

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.usual else f"{host}:{self.port}"

    @property
    def here(self) -> bool:
        """Whether it is on this machine, which no proxy could reach."""
        return self.host in ("localhost", "127.0.0.1", "::1")


def place(url: str) -> Place:
    """Raises `ConfigurationError` for what is no address of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as whoever looks the name up does
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.fragment or parts.username is not None or port == 0:
        raise ConfigurationError(f"the URL must be like https://example.com/wechat, not {url!r}")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigurationError(f"the URL must be ASCII, without spaces (a domain as xn--…, a path with %…): {url!r}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)


def private(address: str) -> bool:
    """Whether an address or a name is one that the internet does not reach."""
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return address == "localhost" or address.endswith((".localhost", ".local", ".internal", ".lan"))


def resolved(there: Place) -> list[str]:
    """The addresses of a name, IPv4 first. Raises `OSError` where it has none."""
    found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
    ordered = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    return list(dict.fromkeys(str(each[4][0]) for each in ordered))


# ---- the way there --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A way to a place, on which each request gets a connection of its own. `seconds`: for a phase of it, and for all
    of a request."""

    there: Place
    seconds: float
    #: None: by the proxy; of a name, whichever of its addresses answers
    address: Address | None = None
    proxy: SplitResult | None = None
    #: None: in clear
    tls: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """A connection, TLS not yet begun. Raises `OSError`."""
        if self.address is not None:
            return socket.create_connection(self.address, self.seconds)
        assert self.proxy is not None
        until = time.monotonic() + self.seconds
        sock = socket.create_connection((self.proxy.hostname or "", self.proxy.port or 80), self.seconds)
        try:
            if self.tls is not None:
                self._tunnel(sock, until)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tunnel(self, sock: socket.socket, until: float) -> None:
        """Have the proxy carry all that follows. Raises `OSError`."""
        host = f"[{self.there.host}]" if ":" in self.there.host else self.there.host
        target = f"{host}:{self.there.port}"
        request = _head(f"CONNECT {target}", target, self._proxied())
        try:
            with contextlib.closing(_begun(sock, "CONNECT", request, until)) as response:
                if response.status != 200:
                    raise OSError(f"the proxy answers HTTP {response.status}")
        except http.client.HTTPException as error:
            raise OSError(said(error)) from None
        sock.settimeout(self.seconds)

    def secured(self, sock: socket.socket) -> socket.socket:
        """The same connection in TLS, where that is spoken. Raises `OSError`, and closes it then."""
        if self.tls is None:
            return sock
        try:
            return self.tls.wrap_socket(sock, server_hostname=self.there.host)
        except BaseException:
            sock.close()
            raise

    def ask(self, method: str, query: Mapping[str, str], body: bytes | None = None) -> Answer:
        """The answer to one request. Raises `NoAnswer`."""
        request, until = self._request(method, query, body), time.monotonic() + self.seconds
        try:
            with self.connect() as bare:
                bare.settimeout(_left(until))
                with self.secured(bare) as sock:
                    return _exchanged(sock, method, request, until)
        except TimeoutError:
            raise NoAnswer(f"no answer in {self.seconds:g} s", late=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(said(error)) from None

    def _request(self, method: str, query: Mapping[str, str], body: bytes | None) -> bytes:
        target = f"{self.there.path}{'&' if '?' in self.there.path else '?'}{urlencode(query)}"
        fields = {"Accept": "*/*", "Pragma": "no-cache", "Connection": "close"}
        if self.proxy is not None and self.tls is None:
            target = f"http://{self.there.authority}{target}"
            fields |= self._proxied()
        if body is not None:
            fields |= {"Content-Type": "text/xml", "Content-Length": str(len(body))}
        return _head(f"{method} {target}", self.there.authority, fields) + (body or b"")

    def _proxied(self) -> dict[str, str]:
        """What the proxy wants to know."""
        if self.proxy is None or self.proxy.username is None:
            return {}
        known = f"{unquote(self.proxy.username)}:{unquote(self.proxy.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(known.encode()).decode()}"}


def line(there: Place, seconds: float) -> Line:
    """The way to a place that the environment knows; in TLS, its certificate must be right. Raises `ConfigurationError`."""
    by = proxy(there)
    tls = ssl.create_default_context() if there.scheme == "https" else None
    return Line(there, seconds, None if by else (there.host, there.port), by, tls)


def proxy(there: Place) -> SplitResult | None:
    """The proxy by which the environment goes there. Raises `ConfigurationError` for one that is not of HTTP."""
    given = urllib.request.getproxies().get(there.scheme)
    if there.here or not given or urllib.request.proxy_bypass(there.host):
        return None
    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError(
            f"the environment's proxy ({there.scheme}_proxy) must be like http://proxy:8080, not {parts.scheme}://…; "
            f"no_proxy={there.host} goes without it"
        )
    return parts


def said(error: Exception) -> str:
    """What is wrong, in few words."""
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed in the middle of the answer"
    if isinstance(error, _Endless):
        return "what came is far too long for an answer"
    if isinstance(error, http.client.HTTPException):
        return f"what came is no HTTP ({type(error).__name__})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# ---- one exchange ---------------------------------------------------------------------------------------------------


def _head(request: str, host: str, fields: Mapping[str, str]) -> bytes:
    named = {"Host": host, "User-Agent": "Mozilla/4.0", **fields}
    lines = [f"{request} HTTP/1.0", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


def _exchanged(sock: socket.socket, method: str, request: bytes, until: float) -> Answer:
    began = time.monotonic()
    with contextlib.closing(_begun(sock, method, request, until)) as response:
        body, whole = b"", response.length
        wanted = MOST if whole is None else min(whole, MOST)
        while len(body) < wanted and (piece := response.read1(wanted - len(body))):
            body += piece
        if whole is not None and len(body) < wanted:
            raise http.client.IncompleteRead(body, whole - len(body))
        return Answer(response.status, response.headers, body, time.monotonic() - began)


def _begun(sock: socket.socket, method: str, request: bytes, until: float) -> http.client.HTTPResponse:
    """An answer, of which the head is there."""
    sock.settimeout(_left(until))
    sock.sendall(request)
    coming = cast(socket.socket, _Coming(sock, until))  # of a socket, a response uses nothing but makefile()
    response = http.client.HTTPResponse(coming, method=method)
    try:
        response.begin()
    except BaseException:
        response.close()
        raise
    return response


class _Coming(io.RawIOBase):
    """What comes on a connection, up to a time and a number of bytes: a timeout of the socket's own begins again with
    each byte. Raises `TimeoutError`, `_Endless`."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until, self._room = sock, until, LIMIT

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(_left(self._until))
        count = self._sock.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise _Endless
        return count


def _left(until: float) -> float:
    """Seconds until then. Raises `TimeoutError` where there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
