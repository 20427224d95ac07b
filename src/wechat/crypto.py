"""The signature, and the AES envelope of the safe mode.

Source: WeChat's pages on message encryption and on receiving messages (消息加解密说明). All comparing is in constant time; nothing
but `ProtocolError` leaves, whatever comes in.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import re
import secrets
import struct
from typing import TYPE_CHECKING

from .errors import BadEnvelope, BadSignature, ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher as Aes
    from cryptography.hazmat.primitives.ciphers import modes

#: PKCS7 pads to blocks of 32 bytes here, not of AES's 16
BLOCK = 32
#: random bytes in front, so that no two envelopes of one text are alike
RANDOM = 16


def signature(token: str, *parts: str) -> str:
    """SHA-1, in hexadecimal, of the token and the parts, sorted and joined."""
    joined = "".join(sorted((token, *parts)))
    return hashlib.sha1(joined.encode("utf-8", "surrogatepass")).hexdigest()


def verify(token: str, given: str | None, *parts: str | None) -> None:
    """Raises `BadSignature` unless `given` is the signature of the parts, in constant time. None: not in the query."""
    if given is None or None in parts:
        raise BadSignature("the signature, or what it signs, is missing", given or "")
    right = signature(token, *filter(None, parts)).encode()  # an empty one adds nothing
    if not hmac.compare_digest(right, given.encode("utf-8", "surrogatepass")):
        raise BadSignature("the signature is wrong: another token, or not from WeChat", given)


@dataclasses.dataclass(frozen=True)
class Cipher:
    """One EncodingAESKey of one account: opens what WeChat sealed, and seals replies.

    Where `appid` is "", nobody knows for which app an envelope is, and it is not looked at.
    Raises `ConfigurationError` for a key that is not 43 characters of Base64.
    """

    aes_key: str = dataclasses.field(repr=False)
    appid: str
    token: str = dataclasses.field(repr=False)
    _key: bytes = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.aes_key, str) or not re.fullmatch(r"[A-Za-z0-9+/]{43}", self.aes_key):
            raise ConfigurationError("aes_key (WECHAT_AES_KEY) must be the 43 letters and digits of EncodingAESKey")
        # the last character's unused bits may be set, as they are in WeChat's own sample: so no strict decoding
        object.__setattr__(self, "_key", base64.b64decode(self.aes_key + "="))

    def open(self, encrypt: str, *, msg_signature: str, timestamp: str, nonce: str) -> bytes:
        """What is in an envelope. Raises `BadSignature`, or `BadEnvelope` for whatever this key did not seal for this account."""
        verify(self.token, msg_signature, timestamp, nonce, encrypt)
        plain = _unpadded(self._decrypt(_decoded(encrypt)))
        if len(plain) < RANDOM + 4:
            raise BadEnvelope("the envelope is too short", plain)
        (length,) = struct.unpack_from("!I", plain, RANDOM)
        body, appid = plain[RANDOM + 4 : RANDOM + 4 + length], plain[RANDOM + 4 + length :]
        if len(body) != length:
            raise BadEnvelope("the envelope's length is wrong", plain)
        if self.appid and not hmac.compare_digest(appid, self.appid.encode()):
            raise BadEnvelope("the envelope is for another app id", appid)
        return body

    def encrypt(self, plain: bytes, random: bytes | None = None) -> str:
        """The text of ``Encrypt``: what WeChat makes of a push, and we of a reply. `random`: 16 bytes, fresh ones if not given.

        Raises ValueError for another number of them, for nobody could open the envelope.
        """
        front = secrets.token_bytes(RANDOM) if random is None else random
        if len(front) != RANDOM:
            raise ValueError(f"random must be {RANDOM} bytes, not {len(front)}")
        full = front + struct.pack("!I", len(plain)) + plain + self.appid.encode()
        padding = BLOCK - len(full) % BLOCK
        encryptor = self._aes().encryptor()
        return base64.b64encode(encryptor.update(full + bytes([padding]) * padding) + encryptor.finalize()).decode()

    def seal(self, reply: str, *, timestamp: int, nonce: str, random: bytes | None = None, json: bool = False) -> str:
        """A reply in its envelope, as XML or JSON. `timestamp`: seconds since 1970."""
        encrypt = self.encrypt(reply.encode(), random)
        nonce = re.sub(r"\W", "", nonce, flags=re.ASCII)  # it came in a query, so it may hold anything
        signed = signature(self.token, str(timestamp), nonce, encrypt)
        if json:  # none of these four needs an escape
            return f'{{"Encrypt":"{encrypt}","MsgSignature":"{signed}","TimeStamp":{timestamp},"Nonce":"{nonce}"}}'
        return (
            f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{signed}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _aes(self) -> Aes[modes.CBC]:
        from cryptography.hazmat.primitives.ciphers import Cipher as Aes  # the plain mode needs none of it
        from cryptography.hazmat.primitives.ciphers import algorithms, modes

        return Aes(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def _decrypt(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % BLOCK:
            raise BadEnvelope("the ciphertext is no whole number of blocks", sealed)
        decryptor = self._aes().decryptor()
        return decryptor.update(sealed) + decryptor.finalize()


def _decoded(encrypt: str) -> bytes:
    try:
        return base64.b64decode(encrypt, validate=True)
    except (binascii.Error, ValueError):
        raise BadEnvelope("the ciphertext is not Base64", encrypt) from None


def _unpadded(plain: bytes) -> bytes:
    size = plain[-1]
    if not 1 <= size <= BLOCK or plain[-size:] != bytes([size]) * size:
        raise BadEnvelope("the padding is wrong: another key", b"")
    return plain[:-size]
