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
    assert journal.encode(entry) == '["m",0,"24000000000000000",1790000000,"5"]'


def test_the_time_of_an_answer_may_stand_there_as_it_is() -> None:
    """As the first version wrote it."""
    read = journal.decode('["m",1790000000123,"24000000000000000",1790000000,"5"]')
    assert read == journal.decode('["m",123,"24000000000000000",1790000000,"5"]')
    assert read.at == 1_790_000_000_123


@given(st.lists(ENTRIES))
def test_many_are_read_as_one_is(entries: list[journal.Entry]) -> None:
    assert [*journal.decode_all([journal.encode(entry) for entry in entries])] == entries


@pytest.mark.parametrize("damaged", ["", "{}", '["i",1,"a"]\n["i",1,"b"]', '["z",1]', '["m",'])
def test_of_many_those_before_a_damaged_one_are_read(damaged: str) -> None:
    good = journal.encode(journal.Intent(1, "pay"))
    read = iter(journal.decode_all([good, damaged, good]))
    assert next(read) == journal.Intent(1, "pay")
    with pytest.raises((ValueError, UnknownFormat)):
        next(read)


def test_a_kind_that_a_newer_version_wrote_is_not_guessed_at() -> None:
    with pytest.raises(UnknownFormat):
        journal.decode('["z",1]')


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "\ud83d", object(), {1: object()}, [print]])
def test_what_json_cannot_hold_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        journal.plain(wrong)


# ---- lines ----------------------------------------------------------------------------------------------------------

DEEDS = st.lists(st.tuples(st.sampled_from(["copy", "add", "cut"]), st.integers(0, 9), st.integers(0, 9)), max_size=40)


@given(DEEDS)
def test_copies_of_a_journal_share_their_lines_and_each_goes_its_own_way(deeds: list[tuple[str, int, int]]) -> None:
    """As lists do, each a copy of its own."""
    pairs: list[tuple[journal.Lines, list[str]]] = [(journal.Lines("ab"), ["a", "b"])]
    for number, (deed, which, count) in enumerate(deeds):
        lines, plain = pairs[which % len(pairs)]
        if deed == "copy":
            pairs.append((lines.upto(count), plain[:count]))
        elif deed == "add":
            lines += [f"{number}.{i}" for i in range(count % 3)]
            plain += [f"{number}.{i}" for i in range(count % 3)]
        else:
            lines.cut(count)
            del plain[count:]
        for one, two in pairs:
            assert (one, [*one], len(one), one[1:], one[-2:]) == (two, two, len(two), two[1:], two[-2:])
    for one, two in pairs:
        for other, like in pairs:
            same = next(
                (i for i, (a, b) in enumerate(zip(two, like, strict=False)) if a != b), min(len(two), len(like))
            )
            assert one.begins_as(other) == same
            assert (one == other) == (two == like)


def test_a_copy_of_a_long_journal_takes_no_more_than_one_of_a_short_one() -> None:
    long = journal.Lines(["x"] * 100_000)
    assert long.upto(100_000)._shared is long._shared


def test_what_is_not_there_is_no_line() -> None:
    with pytest.raises(IndexError):
        journal.Lines("ab").upto(1)[1]


@pytest.mark.parametrize(
    "text", ["null", "{}", "[]", "[1]", '["m"]', '["m",1.5,"m1",1,"5"]', '[["a"],2]', '["m",1', ""]
)
def test_what_is_damaged_is_no_entry_and_none_of_a_newer_version(text: str) -> None:
    with pytest.raises(ValueError, match="this is no journal entry"):
        journal.decode(text)
