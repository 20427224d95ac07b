"""What happened to one conversation: the entries, and how they are written down.

Rule 1: an entry is a JSON array, its kind first; new kinds may come, and what a kind holds never changes.
Rule 2: a dialog sees an entry only after it was encoded and decoded again, live and replayed alike.
Rule 3: what a dialog *said* is no entry: it says it again when it is replayed.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeAlias

import msgspec

from .errors import UnknownFormat

#: what of a message is on record beside its id and time (the protocol's own encoding of it)
Payload: TypeAlias = Any


@dataclasses.dataclass(frozen=True)
class Began:
    """A message opened a dialog."""

    at: int  # ms since 1970, as everywhere in the journal
    dialog: str
    version: int
    kind: str  # of the route
    pattern: str | None  # that the route searched for in the message's text, and its flags
    flags: int
    message: str
    created: int  # WeChat's CreateTime, seconds
    payload: Payload


@dataclasses.dataclass(frozen=True)
class Afresh:
    """A dialog said `again`: it waits for the message that opens it anew."""

    at: int
    dialog: str
    version: int
    kind: str
    message: str  # that began the dialog, once
    said: list[Any]  # what it waits with
    state: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Answered:
    """A message answered the ask."""

    at: int
    message: str
    created: int
    payload: Payload
    #: the ask's `key`; where it has none, its place in `PROMPTS`
    key: str | int | None = None
    #: of options, what was chosen: its place, and a digest of its label
    chose: int | None = None


@dataclasses.dataclass(frozen=True)
class Misread(Answered):
    """A message was meant for the ask, which did not understand it."""


@dataclasses.dataclass(frozen=True)
class Lapsed:
    """The message came too late for the ask."""

    at: int
    message: str
    payload: Payload = None


@dataclasses.dataclass(frozen=True)
class Stopped(Lapsed):
    """The message was a cancel word."""


@dataclasses.dataclass(frozen=True)
class Returned(Lapsed):
    """The message was a back word."""


@dataclasses.dataclass(frozen=True)
class Intent:
    """A step that may run once only is about to begin."""

    at: int
    name: str


@dataclasses.dataclass(frozen=True)
class Result:
    """A step's result."""

    at: int
    name: str
    value: Any


@dataclasses.dataclass(frozen=True)
class Failure:
    """A step's failure."""

    at: int
    name: str
    type: str
    message: str
    made: str | None = None  # of a text that was to be said, before it broke off


@dataclasses.dataclass(frozen=True)
class Recalled:
    """What was found of the user's own data."""

    at: int
    key: str
    found: bool
    value: Any = None


Entry: TypeAlias = (
    Began | Afresh | Answered | Misread | Lapsed | Stopped | Returned | Intent | Result | Failure | Recalled
)

KINDS: dict[str, type[Any]] = {
    "b": Began,
    "a": Afresh,
    "m": Answered,
    "n": Misread,
    "t": Lapsed,
    "c": Stopped,
    "w": Returned,
    "i": Intent,
    "r": Result,
    "e": Failure,
    "v": Recalled,
}
#: kinds of ask, each at its place for ever: an answer to one is none to another. A plain ask is one of text
PROMPTS = ("text", "number", "amount", "choice", "choices", "confirm", "date", "time", "phone", "form", "parsed")
#: of a step that may run once only, and was cut off or took too long
INTERRUPTED = ("StepInterrupted", "it was cut off, and nobody knows whether it was done")
LETTERS = {kind: letter for letter, kind in KINDS.items()}
FIELDS = {kind: tuple(field.name for field in dataclasses.fields(kind)) for kind in LETTERS}
#: the newest format this version writes and reads
FORMAT = 1

_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder()


def interruption(at: int, name: str) -> Failure:
    """A step that may run once only was cut off, or took too long: nobody knows whether it was done."""
    return Failure(at, name, *INTERRUPTED)


def encode(entry: Entry) -> str:
    """The entry as one line of JSON. Raises TypeError or ValueError for a value that JSON cannot hold."""
    kind = type(entry)
    values = [getattr(entry, name) for name in FIELDS[kind]]
    while values[-1] is None:
        values.pop()
    return compact([LETTERS[kind], *values])


def decode(text: str) -> Entry:
    """The entry that `encode` wrote. Raises `UnknownFormat` for a kind that a newer version wrote."""
    letter, *values = read(text)
    if letter not in KINDS:
        raise UnknownFormat(f"a journal entry of the unknown kind {letter!r}", found=FORMAT + 1, known=FORMAT)
    kind = KINDS[letter]
    missing = len(FIELDS[kind]) - len(values)
    entry: Entry = kind(*values, *[None] * missing)
    return entry


def compact(value: Any) -> str:
    """JSON without spaces, of what JSON can hold (`plain`). Raises ValueError for half a surrogate pair, which no store keeps."""
    return _ENCODER.encode(value).decode()


def read(text: str) -> Any:
    """What `compact` wrote."""
    return _DECODER.decode(text)


# ---- values ---------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A step's result, or one of the user's data, as JSON holds it. Raises TypeError or ValueError where it cannot."""
    made = msgspec.to_builtins(value, str_keys=True, enc_hook=_dump)
    json.dumps(made, allow_nan=False)  # which `compact` would make null of
    return read(compact(made))


def restore(value: Any, annotation: Any) -> Any:
    """What `plain` made, as `annotation` says; unchanged where that is `Any`. Raises TypeError or ValueError if it does not fit."""
    if annotation is Any:
        return value
    return msgspec.convert(value, annotation, str_keys=True, dec_hook=_load)


def _dump(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)  # a model of pydantic, which we need not import to know
    if dump is None:
        raise TypeError(f"{type(value).__name__} is not JSON, and no dataclass, date, Decimal or enum either")
    return dump(mode="json")


def _load(annotation: Any, value: Any) -> Any:
    validate = getattr(annotation, "model_validate", None)
    if validate is not None:
        return validate(value)
    if isinstance(value, annotation):
        return value
    raise TypeError(f"{annotation!r} cannot be made from JSON")
