"""The signature and the envelope: WeChat's own numbers, and every way to be wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Aes
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from wechat.crypto import Cipher, signature, verify
from wechat.errors import BadEnvelope, BadSignature, ConfigurationError, ProtocolError

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"  # WeChat's sample: the last character has unused bits set
CIPHER = Cipher(KEY, "wx0123456789abcdef", "token")


def sealed(plain: bytes, cipher: Cipher = CIPHER, token: str = "token") -> dict[str, str]:
    encrypt = cipher.encrypt(plain)
    return {"encrypt": encrypt, "msg_signature": signature(token, "1", "n", encrypt), "timestamp": "1", "nonce": "n"}


def opened(cipher: Cipher, encrypt: str, **query: str) -> bytes:
    return cipher.open(encrypt, **query)  # type: ignore[arg-type]


def test_a_signature_is_the_digest_of_the_sorted_parts() -> None:
    assert signature("b", "c", "a") == signature("c", "a", "b") == "a9993e364706816aba3e25717850c26c9cd0d89d"  # abc


def test_a_right_signature_passes_and_any_other_does_not() -> None:
    verify("token", signature("token", "1", "n"), "1", "n")
    for wrong in ("", "x", "é", "\ud800", signature("other", "1", "n"), signature("token", "1", "n").upper()):
        with pytest.raises(BadSignature):
            verify("token", wrong, "1", "n")


@pytest.mark.parametrize(
    ("given", "parts"),
    [(None, ("1", "n")), ("x", (None, "n")), ("x", ("1", None)), (None, (None, None)), ("é", ("é", "\ud800"))],
)
def test_what_is_missing_or_odd_is_a_bad_signature_and_nothing_else(given: Any, parts: tuple[Any, ...]) -> None:
    with pytest.raises(BadSignature):
        verify("token", given, *parts)


@pytest.mark.parametrize("length", [*range(70), 2048, 65536])
def test_what_was_sealed_is_what_is_opened(length: int) -> None:
    plain = bytes(range(256)) * (length // 256 + 1)
    assert opened(CIPHER, **sealed(plain[:length])) == plain[:length]


def test_a_reply_in_its_envelope_is_opened_by_whoever_has_the_key() -> None:
    root = ET.fromstring(CIPHER.seal("<xml>你好</xml>", timestamp=1_790_000_000, nonce="n]]>é"))
    text = {child.tag: child.text or "" for child in root}
    assert text["TimeStamp"] == "1790000000"
    plain = CIPHER.open(
        text["Encrypt"], msg_signature=text["MsgSignature"], timestamp=text["TimeStamp"], nonce=text["Nonce"]
    )
    assert plain.decode() == "<xml>你好</xml>"


def test_an_envelope_in_json_says_the_same() -> None:
    nonce = 'n",}\\é'
    xml, text = (
        CIPHER.seal("{}", timestamp=1_790_000_000, nonce=nonce, random=b"r" * 16, json=json) for json in (False, True)
    )
    envelope = json.loads(text)
    assert envelope["TimeStamp"] == 1_790_000_000
    assert {**envelope, "TimeStamp": "1790000000"} == {child.tag: child.text for child in ET.fromstring(xml)}


def test_no_two_envelopes_of_one_text_are_alike() -> None:
    assert CIPHER.encrypt(b"x") != CIPHER.encrypt(b"x")
    assert CIPHER.encrypt(b"x", b"r" * 16) == CIPHER.encrypt(b"x", b"r" * 16)


OTHER_KEY = Cipher(KEY[::-1], "wx0123456789abcdef", "token")
OTHER_APP = Cipher(KEY, "wx9999999999999999", "token")


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        ({**sealed(b"x"), "msg_signature": "0" * 40}, BadSignature),
        (sealed(b"x", token="other"), BadSignature),
        (sealed(b"x", OTHER_KEY), BadEnvelope),
        (sealed(b"x", OTHER_APP), BadEnvelope),
    ],
)
def test_what_is_not_for_this_account_is_not_opened(envelope: dict[str, str], error: Any) -> None:
    with pytest.raises(error):
        opened(CIPHER, **envelope)


def test_where_no_app_id_is_known_none_is_looked_at() -> None:
    assert opened(Cipher(KEY, "", "token"), **sealed(b"x", OTHER_APP)) == b"x"


def forged(length: int, body: bytes, appid: str, block: int) -> dict[str, str]:
    """A signed envelope whose parts are what we say they are."""
    plain = b"r" * 16 + struct.pack("!I", length) + body + appid.encode()
    padding = block - len(plain) % block
    return framed(plain + bytes([padding]) * padding)


def framed(whole: bytes) -> dict[str, str]:
    """A signed envelope of exactly these bytes."""
    key = base64.b64decode(KEY + "=")
    encryptor = Aes(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypt = base64.b64encode(encryptor.update(whole) + encryptor.finalize()).decode()
    return {"encrypt": encrypt, "msg_signature": signature("token", "1", "n", encrypt), "timestamp": "1", "nonce": "n"}


def test_an_envelope_put_together_by_hand_is_opened() -> None:
    assert opened(CIPHER, **forged(1, b"x", CIPHER.appid, 32)) == b"x"


def test_padding_to_half_a_block_is_refused() -> None:
    """A whole number of AES's blocks, and an honest PKCS7 of theirs, but not the 32 bytes of WeChat's."""
    with pytest.raises(BadEnvelope, match="whole number of blocks"):
        opened(CIPHER, **forged(1, b"x", CIPHER.appid, 16))


@pytest.mark.parametrize("end", [b"\x03\x04\x05\x04", b"\x00\x02", b"\x21" * 33, b"\x00" * 32, b"\xff" * 255, b"\x00"])
def test_padding_that_is_none_is_refused_though_everything_else_is_right(end: bytes) -> None:
    """Not all bytes the same, none at all, or more than a block: as many bytes as the last one says would be the rest."""
    short = 16 + 4 + len(CIPHER.appid) + len(end)
    body = b"x" * (-short % 32)
    with pytest.raises(BadEnvelope, match="padding is wrong"):
        opened(CIPHER, **framed(b"r" * 16 + struct.pack("!I", len(body)) + body + CIPHER.appid.encode() + end))


@pytest.mark.parametrize("length", [2, 2**31, 2**32 - 1])
def test_a_length_beyond_the_envelope_is_refused_even_where_no_app_id_is_known(length: int) -> None:
    with pytest.raises(BadEnvelope, match="length is wrong"):
        opened(Cipher(KEY, "", "token"), **forged(length, b"x", "", 32))


@pytest.mark.parametrize("size", [0, 15, 17])
def test_random_bytes_that_are_not_sixteen_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="random must be 16 bytes"):
        CIPHER.encrypt(b"x", b"r" * size)


@pytest.mark.parametrize(
    "encrypt", ["", "!", "AAAA", base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 32).decode(), "é"]
)
def test_a_signed_envelope_that_holds_nothing_is_refused(encrypt: str) -> None:
    with pytest.raises(BadEnvelope):
        CIPHER.open(encrypt, msg_signature=signature("token", "1", "n", encrypt), timestamp="1", nonce="n")


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_no_flipped_bit_raises_anything_but_our_own(at: int, bit: int) -> None:
    raw = bytearray(base64.b64decode(CIPHER.encrypt(b"<xml></xml>")))
    raw[at % len(raw)] ^= 1 << bit
    encrypt = base64.b64encode(bytes(raw)).decode()
    with contextlib.suppress(ProtocolError):
        CIPHER.open(encrypt, msg_signature=signature("token", "1", "n", encrypt), timestamp="1", nonce="n")


@pytest.mark.parametrize("key", ["", "short", KEY + "=", KEY[:-1] + "é", KEY[:-1] + " ", None, KEY.encode()])
def test_a_key_that_is_none_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="43 letters and digits"):
        Cipher(key, "wx0123456789abcdef", "token")


def test_a_cipher_shows_no_secret() -> None:
    assert KEY not in repr(CIPHER)
    assert "token" not in repr(CIPHER)


# ---- numbers that others publish --------------------------------------------------------------------------------------

#: key, app id, token, the 16 random bytes, timestamp, nonce, what is sealed, ``Encrypt``, ``msg_signature``
PUBLISHED = {
    "WeChat's page on receiving messages": (
        "A" * 43,
        "wxba5fad812f8e6fb9",
        "AAAAA",
        b"707722b803182950",
        "1713424427",
        "415670741",
        '{"demo_resp":"good luck"}',
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",
        "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1",
    ),
    "a key with unused bits set, and Chinese": (
        KEY,
        "wxb11529c136998cb6",
        "pamtest",
        b"aaaabbbbccccdddd",
        "1409304348",
        "xxxxxx",
        "我是中文abcd123",
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
        "82c962d39941aa48552f90ef55aa323dc620cc10",
    ),
}


@pytest.mark.parametrize("numbers", PUBLISHED.values(), ids=PUBLISHED)
def test_published_numbers_are_ours_both_ways(numbers: tuple[Any, ...]) -> None:
    key, appid, token, random, timestamp, nonce, plain, encrypt, signed = numbers
    cipher = Cipher(key, appid, token)
    assert cipher.encrypt(plain.encode(), random) == encrypt
    assert signature(token, timestamp, nonce, encrypt) == signed
    assert cipher.open(encrypt, msg_signature=signed, timestamp=timestamp, nonce=nonce).decode() == plain
    envelope = ET.fromstring(cipher.seal(plain, timestamp=int(timestamp), nonce=nonce, random=random))
    assert [child.text for child in envelope] == [encrypt, signed, timestamp, nonce]


def test_the_signature_of_an_access_check_is_the_published_one() -> None:
    verify("AAAAA", "f464b24fc39322e44b38aa78f5edd27bd1441696", "1714036504", "1514711492")


@pytest.mark.parametrize("timestamp", ["", "-1", "9" * 5_000, "soon", "１２", "\x00", "\ud800"])
def test_a_timestamp_is_text_and_nothing_but_signed(timestamp: str) -> None:
    encrypt = CIPHER.encrypt(b"x")
    signed = signature("token", timestamp, "n", encrypt)
    assert CIPHER.open(encrypt, msg_signature=signed, timestamp=timestamp, nonce="n") == b"x"
    with pytest.raises(BadSignature):
        CIPHER.open(encrypt, msg_signature=signed, timestamp=timestamp + "0", nonce="n")


@given(st.data())
def test_nothing_that_was_changed_on_the_way_is_opened(data: st.DataObject) -> None:
    """The signature stands before the cipher: a text that was cut, or in which one character is another, gets no further."""
    envelope = sealed(b"<xml></xml>")
    name = data.draw(st.sampled_from(sorted(envelope)))
    at = data.draw(st.integers(0, len(envelope[name]) - 1))
    other = data.draw(st.characters().filter(lambda character: character != envelope[name][at]))
    for changed in (envelope[name][:at], envelope[name][:at] + other + envelope[name][at + 1 :]):
        with pytest.raises(BadSignature):
            opened(CIPHER, **{**envelope, name: changed})


@given(st.integers(0, 95))
def test_an_envelope_that_is_cut_and_signed_anew_is_not_opened(end: int) -> None:
    whole = base64.b64decode(CIPHER.encrypt(b"x" * 40, b"r" * 16))
    assert len(whole) == 96
    encrypt = base64.b64encode(whole[:end]).decode()
    with pytest.raises(BadEnvelope):
        CIPHER.open(encrypt, msg_signature=signature("token", "1", "n", encrypt), timestamp="1", nonce="n")
