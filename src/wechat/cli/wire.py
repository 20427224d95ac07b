"""One HTTP request on a connection of its own, phase after phase: for who wants to say where something goes wrong.

A request looks as WeChat's do: HTTP/1.0, ``Mozilla/4.0``, no redirect is followed. That is documented nowhere; it
stands in the access logs that people show (in wechatpivot/wechatpivot, zhayujie/bot-on-anything). Proxies are used
as `push` does: those of the environment, and none for what is here.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from ..errors import ConfigurationError

#: bytes of an answer that are read: no reply of WeChat's is longer
MOST = 65_536

#: an address, and its port
Address: TypeAlias = tuple[str, int]

PORTS: Mapping[str, int] = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """There is no answer of HTTP; `late`: in the time that there was."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


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
    """A way to a place, on which each request gets a connection of its own. `seconds`: for each phase of it."""

    there: Place
    seconds: float
    #: None: by the proxy
    address: Address | None = None
    proxy: SplitResult | None = None
    #: None: in clear
    tls: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """A connection, TLS not yet begun. Raises `OSError`."""
        if self.address is not None:
            return socket.create_connection(self.address, self.seconds)
        assert self.proxy is not None
        assert self.proxy.hostname is not None
        connection = http.client.HTTPConnection(self.proxy.hostname, self.proxy.port or 80, timeout=self.seconds)
        if self.tls is not None:
            connection.set_tunnel(self.there.host, self.there.port, self._proxied())
        connection.connect()
        sock: socket.socket = connection.sock
        return sock

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
        request = self._request(method, query, body)
        try:
            with self.secured(self.connect()) as sock:
                return _exchanged(sock, method, request, self.seconds)
        except TimeoutError:
            raise NoAnswer(f"no answer in {self.seconds:g} s", late=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(said(error)) from None

    def _request(self, method: str, query: Mapping[str, str], body: bytes | None) -> bytes:
        target = f"{self.there.path}{'&' if '?' in self.there.path else '?'}{urlencode(query)}"
        lines = ["User-Agent: Mozilla/4.0", "Accept: */*", "Pragma: no-cache", "Connection: close"]
        if self.proxy is not None and self.tls is None:
            target = f"http://{self.there.authority}{target}"
            lines += [f"{name}: {value}" for name, value in self._proxied().items()]
        if body is not None:
            lines += ["Content-Type: text/xml", f"Content-Length: {len(body)}"]
        head = [f"{method} {target} HTTP/1.0", f"Host: {self.there.authority}", *lines, "", ""]
        return "\r\n".join(head).encode("ascii") + (body or b"")

    def _proxied(self) -> dict[str, str]:
        """What the proxy wants to know."""
        if self.proxy is None or self.proxy.username is None:
            return {}
        known = f"{unquote(self.proxy.username)}:{unquote(self.proxy.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(known.encode()).decode()}"}


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
    if isinstance(error, http.client.HTTPException):
        return f"what came is no HTTP ({type(error).__name__})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _exchanged(sock: socket.socket, method: str, request: bytes, seconds: float) -> Answer:
    began = time.monotonic()

    def wait_no_longer() -> None:
        left = began + seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)

    wait_no_longer()
    sock.sendall(request)
    with contextlib.closing(http.client.HTTPResponse(sock, method=method)) as response:
        wait_no_longer()
        response.begin()
        body, whole = b"", response.length
        while len(body) < (MOST if whole is None else min(whole, MOST)):
            wait_no_longer()
            piece = response.read1(MOST)
            if not piece:
                break
            body += piece
        if whole is not None and len(body) < min(whole, MOST):
            raise http.client.IncompleteRead(body, whole - len(body))
        return Answer(response.status, response.headers, body, time.monotonic() - began)
