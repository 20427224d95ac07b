"""Hostile requests: what they are made of, and what must hold whatever comes.

The invariant: nothing but a clear status leaves; what is refused changes no conversation, leaves one line in the log that
holds nothing of what was sent, and tells its sender nothing; what is taken changes only the conversation that it names.

``python tests/hostile.py --seed 0 --count 100000`` goes on for as long as one likes; ``--keep`` adds what it finds to the
corpus, ``--remake`` writes the corpus's valid requests anew.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import logging
import random
import struct
import sys
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher as Aes
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from msgspec import structs

from wechat import Bot, Message, receive
from wechat.bot import ACCOUNT_KEY
from wechat.crypto import Cipher, signature
from wechat.errors import ProtocolError
from wechat.stores.memory import MemoryStore
from wechat.web import MOST, SENTENCES, VISITOR, Request, Response, respond

CORPUS = Path(__file__).parent / "corpus"

TOKEN, APP = "corpus", "wx0123456789abcdef"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
CIPHER = Cipher(KEY, APP, TOKEN)
STRANGER = Cipher(KEY[::-1], APP, TOKEN)
TIME, NONCE, RANDOM = "1790000000", "461056294", b"sixteen of these"
ACCOUNT, VICTIM, BYSTANDER = "gh_0123456789ab", "oVictim", "oBystander"
SECRET = "谁也不该在日志里看到这句话"

MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "compatible": {"aes_key": KEY, "appid": APP, "plaintext": True},
    "safe": {"aes_key": KEY, "appid": APP},
}
STATUSES = (200, 400, 403, 405, 413)


# ---- valid requests -------------------------------------------------------------------------------------------------

COMMON = {"ToUserName": ACCOUNT, "FromUserName": VICTIM, "CreateTime": TIME}
POINT = {"Location_X": "23.13", "Location_Y": "113.35", "Scale": "20", "Label": SECRET}
PICS = {"Count": "2", "PicList": {"item": [{"PicMd5Sum": "1b5f"}, {"PicMd5Sum": "2c6a"}]}}
PUSHES: dict[str, dict[str, Any]] = {
    "text": {**COMMON, "MsgType": "text", "Content": SECRET, "MsgId": "24000000000000000001"},
    "image": {**COMMON, "MsgType": "image", "PicUrl": "http://p", "MediaId": "m", "MsgId": "2"},
    "voice": {**COMMON, "MsgType": "voice", "MediaId": "m", "Format": "amr", "Recognition": SECRET, "MsgId": "3"},
    "location": {**COMMON, "MsgType": "location", **POINT, "MsgId": "4"},
    "subscribe": {**COMMON, "MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_1", "Ticket": "T"},
    "pictures": {**COMMON, "MsgType": "event", "Event": "pic_weixin", "EventKey": "6", "SendPicsInfo": PICS},
}


def as_xml(fields: Mapping[str, Any]) -> bytes:
    return f"<xml>{_elements(fields)}</xml>".encode()


def _elements(fields: Mapping[str, Any]) -> str:
    pairs = [(n, one) for n, value in fields.items() for one in (value if isinstance(value, list) else [value])]
    return "".join(
        f"<{name}>{_elements(one) if isinstance(one, dict) else f'<![CDATA[{one}]]>'}</{name}>" for name, one in pairs
    )


def as_json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


FORMATS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {"xml": as_xml, "json": as_json}


def plain(body: bytes) -> Request:
    return Request("POST", signed(), body=body)


def signed(**more: str) -> dict[str, str]:
    return {"signature": signature(TOKEN, TIME, NONCE), "timestamp": TIME, "nonce": NONCE, "openid": VICTIM, **more}


def sealed(body: bytes, cipher: Cipher = CIPHER, clear: Mapping[str, Any] | None = None) -> Request:
    """An envelope in the format of what is in it; in the compatible mode with the clear fields beside."""
    return enveloped(cipher.encrypt(body, RANDOM), json=receive.is_json(body), clear=clear)


def enveloped(encrypt: str, *, json: bool = False, clear: Mapping[str, Any] | None = None) -> Request:
    query = signed(encrypt_type="aes", msg_signature=signature(TOKEN, TIME, NONCE, encrypt))
    beside = {"ToUserName": ACCOUNT} if clear is None else clear
    return Request("POST", query, body=FORMATS["json" if json else "xml"]({**beside, "Encrypt": encrypt}))


def seeds() -> dict[str, Request]:
    """Every valid request of the corpus, by the name of its file, which begins with the mode."""
    made = {f"{mode}-check": Request("GET", signed(echostr="5927")) for mode in MODES}
    for name, fields in PUSHES.items():
        for format, write in FORMATS.items():
            body = write(fields)
            made[f"plain-{name}-{format}"] = plain(body)
            made[f"compatible-{name}-{format}"] = sealed(body, clear=fields)
            made[f"safe-{name}-{format}"] = sealed(body)
    return made


def written(request: Request) -> bytes:
    """As a file holds it: method and query, an empty line, the body."""
    return f"{request.method} ?{urlencode(request.query)}\n\n".encode() + request.body


def read(file: Path) -> tuple[str, Request]:
    """The mode and the request."""
    head, body = file.read_bytes().split(b"\n\n", 1)
    method, query = head.decode().split(" ?", 1)
    return file.stem.split("-")[0], Request(method, dict(parse_qsl(query, keep_blank_values=True)), body=body)


# ---- what is done to them -------------------------------------------------------------------------------------------

Dice = random.Random
Mutator = Callable[[Dice, Request], Request]

DOCTYPE = b'<!DOCTYPE xml [<!ENTITY a "b">]>'
LAUGHS = b'<!DOCTYPE xml [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (i, b"&%c;" % (i - 1) * 10) for i in range(ord("b"), ord("k"))
) + b"]>"  # fmt: skip
OUTSIDE = b'<!DOCTYPE xml SYSTEM "file:///etc/passwd">'
PIECES = (
    *(DOCTYPE, LAUGHS, OUTSIDE, b"&a;", b"&#0;", b"&#xD800;", b"]]>", b"<![CDATA[", b"<?php x?>", b"<!--", b"-->"),
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"<a>" * 40, b"</xml>", b"<xml>"),
    *(b'"', b"\\ud83d", b"{", b"}", b"[" * 5_000, b"NaN", b"1e999", b"null", b"'; DROP TABLE record; --", b"%s{}"),
    *(b"<ToUserName>gh_other</ToUserName>", b"<FromUserName>" + BYSTANDER.encode() + b"</FromUserName>", b"  \n"),
)


def _body(request: Request, body: bytes) -> Request:
    return structs.replace(request, body=body)


def _query(request: Request, **changed: str | None) -> Request:
    query = {name: text for name, text in {**request.query, **changed}.items() if text is not None}
    return structs.replace(request, query=query)


def flip(dice: Dice, request: Request) -> Request:
    body = bytearray(request.body or b" ")
    for _ in range(dice.randint(1, 4)):
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return _body(request, bytes(body))


def cut(dice: Dice, request: Request) -> Request:
    return _body(request, request.body[: dice.randint(0, len(request.body))])


def drop(dice: Dice, request: Request) -> Request:
    start = dice.randint(0, len(request.body))
    return _body(request, request.body[:start] + request.body[start + dice.randint(1, 40) :])


def repeat(dice: Dice, request: Request) -> Request:
    start = dice.randint(0, len(request.body))
    piece = request.body[start : start + dice.randint(1, 80)]
    return _body(request, request.body[:start] + piece * dice.randint(2, 5) + request.body[start:])


def insert(dice: Dice, request: Request) -> Request:
    at = dice.choice([0, dice.randint(0, len(request.body))])
    return _body(request, request.body[:at] + dice.choice(PIECES) + request.body[at:])


def splice(dice: Dice, request: Request) -> Request:
    other = dice.choice(SEEDS).body
    return _body(request, request.body[: dice.randint(0, len(request.body))] + other[dice.randint(0, len(other)) :])


def swell(dice: Dice, request: Request) -> Request:
    """A huge field; around the limit of a body."""
    room = max(0, MOST - len(request.body))
    more = dice.choice([room - 1, room, room + 1, 2 * MOST, 5_000]) + len(b"")
    at = request.body.find(SECRET.encode())
    return _body(request, request.body[: max(at, 0)] + b"x" * max(more, 0) + request.body[max(at, 0) :])


def bury(dice: Dice, request: Request) -> Request:
    depth = dice.choice([14, 15, 16, 17, 1_000, 9_000])
    if receive.is_json(request.body):
        deep = b'"a":' + b"[" * depth + b"]" * depth + b","
        return _body(request, request.body.replace(b"{", b"{" + deep, 1))
    return _body(request, request.body.replace(b"<xml>", b"<xml>" + b"<a>" * depth + b"</a>" * depth, 1))


def recode(dice: Dice, request: Request) -> Request:
    text = request.body.decode("utf-8", "replace")
    return _body(request, text.encode(dice.choice(["utf-16", "utf-32", "gb18030", "utf-7"]), "replace"))


def reformat(dice: Dice, request: Request) -> Request:
    """JSON where XML is expected, and the other way round."""
    try:
        fields = receive.fields(request.body)
    except ProtocolError:
        return request
    return _body(request, FORMATS["xml" if receive.is_json(request.body) else "json"](fields))


def mistell(dice: Dice, request: Request) -> Request:
    """One parameter is gone, empty, somebody else's, or nonsense."""
    name = dice.choice([*request.query, "encrypt_type", "msg_signature", "signature"])
    values = [None, "", "0" * 40, "raw", "aes", "AES", TIME + "0", "\x00", "é" * 40, "-1", "9" * 400, "\udc80"]
    return _query(request, **{name: dice.choice(values)})


def resign(dice: Dice, request: Request) -> Request:
    """Signed with another token."""
    return _query(request, signature=signature("another", TIME, NONCE), msg_signature=signature("another", TIME, NONCE))


def disguise(dice: Dice, request: Request) -> Request:
    """Signed as the other mode is."""
    return _query(request, encrypt_type=None if "encrypt_type" in request.query else "aes")


def misuse(dice: Dice, request: Request) -> Request:
    return structs.replace(request, method=dice.choice(["GET", "PUT", "HEAD", "DELETE", "post", "", "PATCH"]))


def estrange(dice: Dice, request: Request) -> Request:
    """Sealed with another key, or for another app."""
    body = _opened(request)
    other = dice.choice([STRANGER, Cipher(KEY, "wx9999999999999999", TOKEN)])
    return sealed(body, other) if body else request


def misframe(dice: Dice, request: Request) -> Request:
    """Rightly signed and rightly keyed, but the frame inside is wrong."""
    body = (_opened(request) or as_xml(PUSHES["text"]))[: dice.choice([0, 5, 100_000])]
    lengths = [0, len(body) - 1, len(body) + 1, len(body) + len(APP) + 1, 2**31, 2**32 - 1, len(body)]
    padding = dice.choice([None, b"\x00" * 32, b"\x21" * 33, b"\x02\x01", b"\xff"])
    return framed(body, max(0, dice.choice(lengths)), dice.choice([APP, "", "wx9"]), padding)


def framed(body: bytes, length: int, app: str = APP, padding: bytes | None = None) -> Request:
    """An envelope with a frame put together by hand; without a `padding` it is a right one."""
    frame = RANDOM + struct.pack("!I", length) + body + app.encode()
    short = 32 - len(frame) % 32
    end = bytes([short]) * short if padding is None else b"\x00" * (-(len(frame) + len(padding)) % 32) + padding
    return encrypted(frame + end)


def encrypted(whole: bytes) -> Request:
    """An envelope of exactly these bytes."""
    key = base64.b64decode(KEY + "=")
    encryptor = Aes(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return enveloped(base64.b64encode(encryptor.update(whole) + encryptor.finalize()).decode())


def miscode(dice: Dice, request: Request) -> Request:
    """Rightly signed, but no ciphertext."""
    encrypt = dice.choice(["", "=", "A", "AAAA", "!" * 64, "QUJD" * 8, "汉字", "A" * 60_000, "QUJDREVGR0g" * 3])
    return enveloped(encrypt, json=dice.random() < 0.5)


def within(mutate: Mutator) -> Mutator:
    """What is in the envelope is changed, and sealed and signed again."""

    def mutate_within(dice: Dice, request: Request) -> Request:
        body = _opened(request)
        return sealed(mutate(dice, plain(body)).body) if body else mutate(dice, request)

    return mutate_within


def _opened(request: Request) -> bytes:
    """What is in an envelope; nothing, if it is none."""
    try:
        encrypt = receive.envelope(request.body)[1]
        given = {name: request.query.get(name, "") for name in ("msg_signature", "timestamp", "nonce")}
        return CIPHER.open(encrypt, **given)
    except ProtocolError:
        return b""


ON_BODIES: tuple[Mutator, ...] = (flip, cut, drop, repeat, insert, splice, swell, bury, recode, reformat)
MUTATORS: tuple[Mutator, ...] = (
    *ON_BODIES,
    *map(within, ON_BODIES),
    *(mistell, resign, disguise, misuse, estrange, misframe, miscode),
)
SEEDS = [*seeds().values()]
NAMES = [*seeds()]


def mutation(seed: int) -> tuple[str, Request]:
    """The mode and the request of this seed: a valid one, to which one or two things were done."""
    dice = Dice(seed)
    number = dice.randrange(len(SEEDS))
    request = SEEDS[number]
    for mutate in dice.sample(MUTATORS, dice.choice([1, 1, 2])):
        request = mutate(dice, request)
    return dice.choice([NAMES[number].split("-")[0], *MODES]), request


# ---- what must hold -------------------------------------------------------------------------------------------------


class Lines(logging.Handler):
    """What was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Target:
    """A bot in one mode, with two conversations: one is attacked, the other must not notice."""

    def __init__(self, mode: str) -> None:
        self.mode, self.store, self.lines, self.asked = mode, MemoryStore(), Lines(), 0
        self.bot = Bot(TOKEN, store=self.store, cancel=(), **MODES[mode])

        @self.bot.text("talk")
        def talk(message: Message) -> Any:
            count = 0
            while True:
                count += 1
                yield f"heard {count}"

        @self.bot.default
        def anything(message: Message) -> str:
            return "anything"

    async def begin(self) -> None:
        for user in (BYSTANDER, VICTIM):
            assert await self.say(user, "talk") == "heard 1"
        while ACCOUNT_KEY not in self.store._records:  # which the first push of all tells, beside its own conversation
            await asyncio.sleep(0)

    async def say(self, user: str, text: str) -> str | None:
        self.asked += 1
        fields = {**COMMON, "FromUserName": user, "MsgType": "text", "Content": text, "MsgId": f"1{self.asked}"}
        body = as_xml(fields)
        response = await respond(self.bot, plain(body) if self.mode == "plain" else sealed(body))
        return self.said(response, VICTIM if user == VICTIM else BYSTANDER)

    def said(self, response: Response, user: str) -> str | None:
        """The text of a reply, which must be for that user; None for `success`."""
        body = response.body
        if body == b"success":
            return None
        json_ = response.headers["content-type"].startswith("application/json")
        fields = json.loads(body) if json_ else receive.fields(body)
        if "Encrypt" in fields:
            marks = {name: str(fields[given]) for name, given in SEALED.items()}
            body = CIPHER.open(fields["Encrypt"], **marks)
            fields = json.loads(body) if json_ else receive.fields(body)
        if not json_:
            ET.fromstring(body)  # another reader
        assert fields["ToUserName"] == user, "the reply goes to somebody else"
        return str(fields.get("Content"))

    async def attack(self, request: Request) -> None:
        """Raises AssertionError where the invariant does not hold."""
        before, self.lines.records = dict(self.store._records), []
        response = await respond(self.bot, request)
        after = self.store._records
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        assert response.status in STATUSES, f"status {response.status}"
        if response.status != 200:
            self.refused(response, changed)
        elif request.method == "GET":
            assert not changed, "an access check changed something"
        else:
            self.taken(request, response, changed)

    def refused(self, response: Response, changed: set[str]) -> None:
        assert not changed, f"refused, and yet {changed} changed"
        assert response.body.decode() in {*SENTENCES.values(), VISITOR}, f"a stranger is told {response.body!r}"
        levels = [(line.name, line.levelname) for line in self.lines.records]
        assert levels == ([] if response.body.decode() == VISITOR else [("wechat.web", "WARNING")]), levels
        for line in self.lines.records:
            self.silent(line)

    def taken(self, request: Request, response: Response, changed: set[str]) -> None:
        for line in self.lines.records:
            assert line.levelno < logging.ERROR, line.getMessage()
            self.silent(line)
        body = request.body if request.query.get("encrypt_type") != "aes" else _opened(request)
        assert body, "an envelope was taken that its key does not open"
        assert body is not request.body or self.mode != "safe", "what was in clear was taken"
        message = receive.parse(body, self.bot.settings.timezone)
        assert changed <= {self.bot.key(message.account, message.openid)}, changed
        self.said(response, message.openid)

    def silent(self, line: logging.LogRecord) -> None:
        text = line.getMessage() + "".join(traceback.format_exception(*line.exc_info) if line.exc_info else [])
        assert SECRET not in text, text
        assert line.levelno < logging.WARNING or VICTIM not in text, text


SEALED = {"msg_signature": "MsgSignature", "timestamp": "TimeStamp", "nonce": "Nonce"}


async def attacked(attacks: Iterable[tuple[str, Request]]) -> list[tuple[str, Request, str]]:
    """Make the attacks, one after another. Gives those that did something: the mode, the request, and what."""
    targets = {mode: Target(mode) for mode in MODES}
    logger, lines = logging.getLogger("wechat"), [target.lines for target in targets.values()]
    level = logger.level
    logger.setLevel(logging.INFO)
    found = []
    for handler in lines:
        logger.addHandler(handler)
    try:
        for target in targets.values():
            await target.begin()
        for mode, request in attacks:
            try:
                await targets[mode].attack(request)
            except Exception as error:
                found.append((mode, request, f"{type(error).__name__}: {error}"))
        for mode, target in targets.items():
            if await target.say(BYSTANDER, "on") != "heard 2":
                found.append((mode, Request(""), "somebody else's conversation was disturbed"))
            await target.bot.aclose()
    finally:
        logger.setLevel(level)
        for handler in lines:
            logger.removeHandler(handler)
    return found


# ---- for longer -----------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--count", type=int, default=10_000, help="how many")
    parser.add_argument("--keep", action="store_true", help="write what is found into the corpus")
    parser.add_argument(
        "--remake", action="store_true", help="write the corpus's valid requests anew, and nothing else"
    )
    given = parser.parse_args()
    if given.remake:
        for name, request in seeds().items():
            (CORPUS / f"{name}.http").write_bytes(written(request))
        return
    logging.getLogger("wechat").propagate = False
    count = 0
    end = given.seed + given.count
    for start in range(given.seed, end, 500):
        for mode, request, what in asyncio.run(attacked(map(mutation, range(start, min(start + 500, end))))):
            count += 1
            print(f"{what}\n  {mode}: {request!r:.2000}")
            if given.keep:
                name = hashlib.sha1(written(request)).hexdigest()[:12]
                (CORPUS / f"{mode}-found-{name}.http").write_bytes(written(request))
    print(f"{given.count} requests, {count} of them did what none may do")
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
