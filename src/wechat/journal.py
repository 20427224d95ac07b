"""What happened to one conversation: the entries, and how they are written down.

Rule 1: an entry is a JSON array, its kind first; new kinds may come, and what a kind holds never changes.
Rule 2: a dialog sees an entry only after it was encoded and decoded again, live and replayed alike.
Rule 3: what a dialog *said* is no entry: it says it again when it is replayed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, get_args, overload

import msgspec
from msgspec import structs
from typing_extensions import Self

from .errors import UnknownFormat

#: what of a message is on record beside its id and time (the protocol's own encoding of it)
Payload: TypeAlias = Any


class Part(msgspec.Struct, frozen=True, array_like=True, tag_field="letter", gc=False):
    """Written as its values in their order, its kind first."""


class Began(Part, frozen=True, tag="b"):
    """A message opened a dialog."""

    at: int  # ms since 1970, as everywhere in the journal
    dialog: str
    version: int
    kind: str  # of the route
    pattern: str | None  # that the route searched for in the message's text, and its flags
    flags: int
    message: str
    created: int  # WeChat's CreateTime, seconds
    payload: Payload = None


class Afresh(Part, frozen=True, tag="a"):
    """A dialog said `again`: it waits for the message that opens it anew."""

    at: int
    dialog: str
    version: int
    kind: str
    message: str  # that began the dialog, once
    said: list[Any]  # what it waits with
    state: dict[str, Any]


class Answered(Part, frozen=True, tag="m"):
    """A message answered the ask."""

    at: int
    message: str
    created: int
    payload: Payload = None
    #: the ask's `key`; where it has none, its place in `PROMPTS`
    key: str | int | None = None
    #: of options, what was chosen: its place, and a digest of its label
    chose: int | None = None


class Misread(Answered, frozen=True, tag="n"):
    """A message was meant for the ask, which did not understand it."""


class Lapsed(Part, frozen=True, tag="t"):
    """The message came too late for the ask."""

    at: int
    message: str
    payload: Payload = None


class Stopped(Lapsed, frozen=True, tag="c"):
    """The message was a cancel word."""


class Returned(Lapsed, frozen=True, tag="w"):
    """The message was a back word."""


class Intent(Part, frozen=True, tag="i"):
    """A step that may run once only is about to begin."""

    at: int
    name: str


class Result(Part, frozen=True, tag="r"):
    """A step's result."""

    at: int
    name: str
    value: Any = None


class Failure(Part, frozen=True, tag="e"):
    """A step's failure."""

    at: int
    name: str
    type: str
    message: str
    made: str | None = None  # of a text that was to be said, before it broke off


class Recalled(Part, frozen=True, tag="v"):
    """What was found of the user's own data."""

    at: int
    key: str
    found: bool
    value: Any = None


Entry: TypeAlias = (
    Began | Afresh | Answered | Misread | Lapsed | Stopped | Returned | Intent | Result | Failure | Recalled
)

#: what came of a message whose CreateTime it has
_DATED = (Began, Answered)
#: each by its letter
KINDS: dict[str, type[Any]] = {kind.__struct_config__.tag: kind for kind in get_args(Entry)}
#: kinds of ask, each at its place for ever: an answer to one is none to another. A plain ask is one of text
PROMPTS = ("text", "number", "amount", "choice", "choices", "confirm", "date", "time", "phone", "form", "parsed")
#: of a step that may run once only, and was cut off or took too long
INTERRUPTED = ("StepInterrupted", "it was cut off, and nobody knows whether it was done")
#: the newest format this version writes and reads
FORMAT = 1

#: what came of a message is on record as so long after its CreateTime (ms): the first records had the time itself, a larger number
_LONG_AGO = 10**12

_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder()
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def interruption(at: int, name: str) -> Failure:
    """A step that may run once only was cut off, or took too long: nobody knows whether it was done."""
    return Failure(at, name, *INTERRUPTED)


def encode(entry: Entry) -> str:
    """The entry as one line of JSON. Raises TypeError or ValueError for a value that JSON cannot hold."""
    values = [*structs.astuple(entry)]
    if isinstance(entry, _DATED) and (since := entry.at - 1_000 * entry.created) < _LONG_AGO:
        values[0] = since
    while values[-1] is None:
        values.pop()
    return compact([entry.__struct_config__.tag, *values])


def decode(text: str) -> Entry:
    """The entry that `encode` wrote. Raises `UnknownFormat` for a kind that a newer version wrote, ValueError for no entry."""
    try:
        return _at_its_time(_ENTRY.decode(text))
    except msgspec.DecodeError as error:
        letter = _letter(text)
        if letter is None or letter in KINDS:
            raise ValueError(f"this is no journal entry: {error}") from None
        what = f"a journal entry of the unknown kind {letter!r}"
        raise UnknownFormat(what, found=FORMAT + 1, known=FORMAT) from None


def decode_all(texts: Sequence[str]) -> Iterable[Entry]:
    """What `decode` gives of each, and raises when it comes to it; in half the time."""
    try:
        entries: list[Entry] = _ENTRY.decode_lines("\n".join(texts))
    except msgspec.DecodeError:
        return map(decode, texts)
    if len(entries) != len(texts):  # one of them is damaged
        return map(decode, texts)
    return map(_at_its_time, entries)


def _at_its_time(entry: Entry) -> Entry:
    if entry.at < _LONG_AGO and isinstance(entry, _DATED):
        structs.force_setattr(entry, "at", 1_000 * entry.created + entry.at)
    return entry


def _letter(text: str) -> str | None:
    try:
        letter = read(text)[0]
    except (ValueError, TypeError, LookupError, msgspec.DecodeError):  # of an older msgspec it is no ValueError
        return None
    return letter if isinstance(letter, str) else None


def compact(value: Any) -> str:
    """JSON without spaces, of what JSON can hold (`plain`). Raises ValueError for half a surrogate pair, which no store keeps."""
    return _ENCODER.encode(value).decode()


def read(text: str) -> Any:
    """What `compact` wrote."""
    return _DECODER.decode(text)


# ---- lines ----------------------------------------------------------------------------------------------------------


class Lines(Sequence[str]):
    """The lines of a journal. A copy shares them, so it costs as little of a long journal as of a short one.

    What is shared only grows: whoever would go another way than the longest of those who share it begins a list of its own.
    """

    __slots__ = ("_count", "_shared")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._shared = [*lines]
        self._count = len(self._shared)

    @classmethod
    def of(cls, lines: Sequence[str]) -> Lines:
        return lines.upto(len(lines)) if isinstance(lines, Lines) else cls(lines)

    def upto(self, count: int) -> Lines:
        """The first so many."""
        made = Lines.__new__(Lines)
        made._shared, made._count = self._shared, min(count, self._count)
        return made

    def since(self, count: int) -> list[str]:
        """Those behind the first so many."""
        return self._shared[count : self._count]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return itertools.islice(self._shared, self._count)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(self._count)[index]
        return self._shared[places] if isinstance(places, int) else [self._shared[place] for place in places]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and self.begins_as(other) == len(self)

    def __repr__(self) -> str:
        return repr([*self])

    def __iadd__(self, lines: Iterable[str]) -> Self:
        if len(self._shared) != self._count:
            self._shared = self._shared[: self._count]
        self._shared += lines
        self._count = len(self._shared)
        return self

    def cut(self, count: int) -> None:
        """Leave the first so many."""
        self._count = min(count, self._count)

    def begins_as(self, other: Sequence[str]) -> int:
        """How many lines both begin with."""
        if isinstance(other, Lines) and other._shared is self._shared:
            return min(self._count, other._count)
        pairs = enumerate(zip(self, other, strict=False))
        return next((i for i, (one, two) in pairs if one != two), min(len(self), len(other)))


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
