"""A language model's server on the loopback: OpenAI's protocol over real HTTP, and what goes wrong in it.

Rule 1: what it answers is a value that the test sets; what it was asked, it keeps.
Rule 2: nothing in it takes time. An answer that is slow waits for an event, which the test sets.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: seconds that a stream waits for its event: a test that forgets to set it fails, and does not hang
PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What the server does with a question: the pieces that it streams, in order; at an event it waits until that is set.

    `ends`: its finish reason; None: the stream ends without one, and without [DONE]. `cut`: the connection breaks instead.
    `body` stands for an answer that is no stream.
    """

    pieces: Sequence[str | threading.Event] = ()
    ends: str | None = "stop"
    cut: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def refusal(status: int, code: str, **headers: str) -> Answer:
    """A status that is no success, with the body that OpenAI gives it."""
    error = {"message": f"{code}, says the server", "type": code, "param": None, "code": code}
    return Answer(status=status, headers=headers, body=json.dumps({"error": error}))


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    authorization: str
    body: Mapping[str, Any]

    @property
    def messages(self) -> list[tuple[str, str]]:
        """What the model was told behind its instructions: (role, words)."""
        return [(message["role"], message["content"]) for message in self.body["messages"][1:]]


class OpenAIServer(ThreadingHTTPServer):
    """Gives every question the same `answer`, until the test sets another."""

    daemon_threads = False  # so that closing it waits for them

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.answer = Answer(["好。"])
        self.asked: list[Asked] = []
        self._events: list[threading.Event] = []

    def says(self, *pieces: str | threading.Event) -> None:
        """From now on the model says this."""
        self.answer = Answer(pieces)

    def event(self) -> threading.Event:
        """To be put between two pieces."""
        self._events.append(threading.Event())
        return self._events[-1]

    def release(self) -> None:
        """Nothing waits any more."""
        for event in self._events:
            event.set()


@contextlib.contextmanager
def running_openai() -> Iterator[OpenAIServer]:
    """A server that lives as long as the block."""
    with OpenAIServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.release()
            server.shutdown()
            thread.join()


class _Question(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OpenAIServer

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(Asked(self.path, self.headers["Authorization"], body))
        answer = self.server.answer
        if self.path != "/v1/chat/completions":
            answer = refusal(404, "not_found")
        with contextlib.suppress(OSError):  # whoever asked has gone
            if answer.body is None and body.get("stream"):
                self._stream(answer)
            else:
                self._whole(answer)

    def _head(self, answer: Answer, **headers: str) -> None:
        self.send_response(answer.status)
        for name, value in {**headers, **answer.headers, "Connection": "close"}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _whole(self, answer: Answer) -> None:
        content = "".join(piece for piece in answer.pieces if isinstance(piece, str))
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": answer.ends}
        body = answer.body if answer.body is not None else _packed("chat.completion", [choice])
        self._head(answer, Content_Type="application/json", Content_Length=str(len(body.encode())))
        self.wfile.write(body.encode())

    def _stream(self, answer: Answer) -> None:
        self._head(answer, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        self._write(": keep-alive")
        self._delta({"role": "assistant", "content": ""})
        for piece in answer.pieces:
            if isinstance(piece, str):
                self._delta({"content": piece})
            else:
                piece.wait(PATIENCE)
        if answer.cut:
            return
        if answer.ends:
            self._delta({}, answer.ends)
            self._write("data: " + _packed("chat.completion.chunk", [], usage={"total_tokens": 7}))
            self._write("data: [DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _delta(self, delta: Mapping[str, str], ends: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": ends}
        self._write("data: " + _packed("chat.completion.chunk", [choice]))

    def _write(self, event: str) -> None:
        """One chunk of HTTP, one event of the stream."""
        data = f"{event}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def _packed(kind: str, choices: Sequence[Mapping[str, Any]], **more: Any) -> str:
    return json.dumps(
        {"id": "chatcmpl-1", "object": kind, "created": 1_790_000_000, "model": "m", "choices": choices, **more}
    )
