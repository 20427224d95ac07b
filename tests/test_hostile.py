"""Whatever comes from outside: the invariant of ``hostile.py``, and the page on refusals, row by row."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import flask
import httpx
import pytest

from hostile import (
    CORPUS,
    KEY,
    MODES,
    PUSHES,
    STRANGER,
    TOKEN,
    Target,
    as_json,
    as_xml,
    attacked,
    encrypted,
    enveloped,
    framed,
    mutation,
    plain,
    read,
    sealed,
    seeds,
    signed,
    written,
)
from wechat import Bot, bot, crypto, errors, receive, web
from wechat.crypto import Cipher
from wechat.web import MOST, Request, Response, asgi, respond, wsgi
from wechat.web.flask import view

FILES = sorted(CORPUS.glob("*.http"))
DOCS = Path(__file__).parent.parent / "docs"
TEXT = as_xml(PUSHES["text"])


# ---- the invariant --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(0, 2_000, 100))
def test_a_mutation_changes_no_conversation_but_its_own_and_tells_nothing(start: int) -> None:
    assert asyncio.run(attacked(mutation(seed) for seed in range(start, start + 100))) == []


def test_the_mutations_are_refused_in_every_way_and_some_are_taken() -> None:
    async def statuses() -> set[int]:
        bots = {mode: Bot(TOKEN, store="memory://", **settings) for mode, settings in MODES.items()}
        made = (mutation(seed) for seed in range(300))
        return {(await respond(bots[mode], request)).status for mode, request in made}

    assert asyncio.run(statuses()) == {200, 400, 403, 405, 413}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_request_of_the_corpus_does_as_little(file: Path) -> None:
    assert asyncio.run(attacked([read(file)])) == []


def test_the_corpus_holds_every_valid_request_as_it_is_made() -> None:
    on_disk = {file.stem: file.read_bytes() for file in FILES}
    made = {name: written(request) for name, request in seeds().items()}
    assert {name: on_disk.get(name) for name in made} == made
    assert len(on_disk) > len(made) + 20


@pytest.mark.parametrize("name", seeds())
def test_a_valid_request_is_taken(name: str) -> None:
    async def answered() -> Response:
        return await respond(Target(name.split("-")[0]).bot, seeds()[name])

    assert asyncio.run(answered()).status == 200


Exchange = Callable[[Request], tuple[int, bytes]]


def over_flask(bot: Bot) -> Exchange:
    app = flask.Flask("hostile")
    app.add_url_rule("/wechat", view_func=view(bot))

    def exchange(request: Request) -> tuple[int, bytes]:
        sent = app.test_client().open(
            "/wechat", method=request.method, query_string=dict(request.query), data=request.body
        )
        return sent.status_code, sent.data

    return exchange


def over_wsgi(bot: Bot) -> Exchange:
    client = httpx.Client(transport=httpx.WSGITransport(wsgi.app(bot)), base_url="http://bot")
    return lambda request: _exchanged(client, request)


def over_asgi(bot: Bot) -> Exchange:
    def exchange(request: Request) -> tuple[int, bytes]:
        async def one() -> tuple[int, bytes]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi.app(bot)), base_url="http://bot") as client:
                sent = await client.request(request.method, "/wechat", params=dict(request.query), content=request.body)
                return sent.status_code, sent.content

        return bot.wait(one())

    return exchange


def _exchanged(client: httpx.Client, request: Request) -> tuple[int, bytes]:
    sent = client.request(request.method, "/wechat", params=dict(request.query), content=request.body)
    return sent.status_code, sent.content


@pytest.mark.parametrize("over", [over_flask, over_wsgi, over_asgi])
@pytest.mark.parametrize("mode", MODES)
def test_the_corpus_over_every_adapter_gets_what_it_gets_without(mode: str, over: Callable[[Bot], Exchange]) -> None:
    exchange, alone = over(Target(mode).bot), Target(mode).bot
    for file in FILES:
        _, request = read(file)
        status, body = exchange(request)
        expected = alone.wait(respond(alone, request))
        assert status == expected.status, file.stem
        assert status == 200 or body == expected.body, file.stem


# ---- the page -------------------------------------------------------------------------------------------------------


#: the requests of the page, in its order: the mode, and what comes
ROWS: list[tuple[str, Request]] = [
    ("plain", Request("GET")),
    ("plain", Request("GET", {"echostr": "1"})),
    ("plain", Request("GET", signed(signature="0" * 40, echostr="1"))),
    ("plain", Request("POST", signed(signature="0" * 40), body=TEXT)),
    ("safe", plain(TEXT)),
    ("plain", sealed(TEXT)),
    ("safe", Request("POST", {**sealed(TEXT).query, "msg_signature": "0" * 40}, body=sealed(TEXT).body)),
    ("safe", Request("POST", sealed(TEXT).query, body=TEXT)),
    ("safe", sealed(TEXT, STRANGER)),
    ("safe", sealed(TEXT, Cipher(KEY, "wx9999999999999999", TOKEN))),
    ("safe", enveloped("!" * 64)),
    ("safe", enveloped("QUJD" * 3)),
    ("safe", framed(TEXT, len(TEXT) + 50)),
    ("safe", encrypted(b"\x20" * 32)),
    ("plain", plain(b"Content=hi")),
    ("plain", plain(b'<?xml version="1.0" encoding="gbk"?>' + TEXT)),
    ("plain", plain(b"<xml></xml>")),
    ("plain", plain(b'{"Content":')),
    ("plain", plain(b'{"Content":NaN}')),
    ("plain", plain(b'{"FromUserName":"a","FromUserName":"b"}')),
    ("plain", plain(b'{"a":' * 17 + b"1" + b"}" * 17)),
    ("plain", plain(b'<!DOCTYPE xml [<!ENTITY a "b">]>' + TEXT)),
    ("plain", plain(TEXT.replace(b"xml>", b"html>"))),
    ("plain", plain(b"<xml>" + b"<a>" * 16 + b"</a>" * 16 + TEXT[5:])),
    ("plain", plain(TEXT.replace(b"FromUserName", b"Sender"))),
    ("plain", plain(as_json({**PUSHES["text"], "FromUserName": "o\0"}))),
    ("plain", plain(TEXT.replace(b"1790000000", b"now"))),
    ("plain", plain(as_xml({**PUSHES["location"], "Scale": "big"}))),
    ("named", plain(TEXT)),
    ("plain", plain(TEXT + b" " * MOST)),
    ("plain", Request("PUT", signed(), body=TEXT)),
]


def rows(page: str) -> list[list[str]]:
    """What stands in the cells of a page's table."""
    lines = [line for line in (DOCS / page).read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


PAGES = ("refusals.md", "refusals.zh-CN.md")


def bot_of(mode: str) -> Bot:
    if mode == "named":
        return Bot(TOKEN, store="memory://", account="gh_another")
    return Target(mode).bot


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_what_happens_row_by_row(page: str, caplog: pytest.LogCaptureFixture) -> None:
    table = rows(page)
    assert len(table) == len(ROWS)
    for (mode, request), (_, status, log, sees) in zip(ROWS, table, strict=True):
        caplog.clear()
        response = asyncio.run(respond(bot_of(mode), request))
        logged = [f"{line.levelname} {line.name}: {line.getMessage()}" for line in caplog.records]
        assert str(response.status) == status
        assert logged == ([] if log in ("–",) else [log])
        assert response.body.decode().splitlines()[0] == sees


KINDS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ProtocolError)}


def reasons() -> Iterator[str]:
    """Every refusal there is in the code, as a pattern of what the log says."""
    for module in (crypto, receive, web, bot):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in KINDS:
                said = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                words = (re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in said)
                yield rf"WARNING wechat\.web: [A-Z]+ \d+ {ast.unparse(node.func)}: {''.join(words)}"


def test_every_refusal_stands_on_the_page() -> None:
    lines = [row[2] for row in rows(PAGES[0])]
    assert [reason for reason in reasons() if not any(re.fullmatch(reason, line) for line in lines)] == []
    assert {line.split()[4].strip(":") for line in lines if line != "–"} == KINDS - {"ProtocolError"}
    assert [row[1:] for row in rows(PAGES[0])] == [row[1:] for row in rows(PAGES[1])]
