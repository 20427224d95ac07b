"""Entries are short, and what was written is what is read."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat import journal
from wechat.errors import UnknownFormat

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.text(max_size=8)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(0, 2**45),
    "str": WORDS,
    "bool": st.booleans(),
    "int | None": st.none() | st.integers(0, 2**45),
    "str | None": st.none() | WORDS,
    "str | int | None": st.none() | WORDS | st.integers(0, 10),
    "list[Any]": st.lists(JSON, max_size=3),
    "dict[str, Any]": st.dictionaries(WORDS, JSON, max_size=3),
}


def annotations_of(kind: type[Any]) -> dict[str, str]:
    found = {name: said for base in reversed(kind.__mro__) for name, said in inspect.get_annotations(base).items()}
    return {name: found[name] for name in kind.__struct_fields__}


ENTRIES = st.one_of(
    [
        st.builds(kind, **{name: FIELDS.get(kind_of, JSON) for name, kind_of in annotations_of(kind).items()})
        for kind in journal.KINDS.values()
    ]
)


@given(ENTRIES)
def test_what_was_written_is_what_is_read(entry: journal.Entry) -> None:
    assert journal.decode(journal.encode(entry)) == entry


@given(JSON)
def test_plain_values_are_themselves(value: Any) -> None:
    assert journal.plain(value) == value


def test_an_answer_is_short() -> None:
    entry = journal.Answered(1_790_000_000_000, "24000000000000000", 1_790_000_000, "5")
    assert journal.encode(entry) == '["m",1790000000000,"24000000000000000",1790000000,"5"]'


def test_a_kind_that_a_newer_version_wrote_is_not_guessed_at() -> None:
    with pytest.raises(UnknownFormat):
        journal.decode('["z",1]')


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "\ud83d", object(), {1: object()}, [print]])
def test_what_json_cannot_hold_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        journal.plain(wrong)
