"""The record: what is kept is what is read, and a write carries only what changed."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat import CHINESE, record
from wechat.errors import UnknownFormat
from wechat.journal import Lines
from wechat.medium import Medium
from wechat.record import Arrival, Datum, Partial, Record, Seen, Standing, Unread

NOW = 1_790_000_000_000
VOICE = Medium("gh_1", "o", CHINESE, dt.timezone.utc)
WORDS = st.text(max_size=6)
TIMES = st.integers(NOW, NOW + 10**9)
SEEN = st.builds(
    Seen,
    id=st.text("0123456789e", min_size=1, max_size=6),
    created=st.integers(0, 2**31),
    at=TIMES,
    state=st.sampled_from(["checking", "queued", "taken", "fetching", "aside", "done"]),
    marks=st.sampled_from(["", "ab", "abcd"]),
    body=st.none()
    | st.tuples(st.sampled_from(["", "side", "answer"]), st.none() | st.tuples(WORDS, WORDS, WORDS), WORDS),
    reply=st.none() | WORDS,
    refused=st.booleans(),
    owner=WORDS,
    until=st.integers(0, NOW),
    claims=st.integers(0, 3),
)


@st.composite
def records(draw: Any) -> Record:
    rec = Record(
        owner=draw(WORDS),
        until=draw(st.integers(0, NOW)),
        claims=draw(st.integers(0, 4)),
        turn=draw(WORDS),
        side=draw(st.none() | st.integers(0, 3)),
        shown=draw(st.none() | TIMES),
        standing=draw(
            st.none()
            | st.builds(
                Standing,
                st.integers(0, 10**6) | st.just(math.inf),
                st.lists(WORDS, max_size=2).map(tuple),
                st.lists(WORDS, max_size=2).map(tuple),
            )
        ),
        watermark=draw(st.integers(-1, 2**31)),
        count=draw(st.integers(0, 9)),
        journal=Lines(draw(st.lists(WORDS, max_size=4))),
    )
    seen = sorted(draw(st.lists(SEEN, max_size=4)), key=lambda s: (s.at, s.created, s.id))
    rec.seen = {s.id: s for s in seen}
    unread = {}
    for number in draw(st.lists(st.integers(1, 9), max_size=3)):
        held = draw(st.none() | st.tuples(WORDS, TIMES))
        unread[number] = Unread(
            draw(WORDS),
            draw(WORDS),
            draw(st.booleans()),
            draw(TIMES),
            draw(WORDS),
            held,
            draw(st.booleans()),
            draw(st.none() | WORDS),
            number,
        )
    rec.unread = dict(sorted(unread.items()))
    rec.cancelled = draw(st.booleans())
    rec.partial = draw(st.none() | st.builds(Partial, WORDS, WORDS, WORDS, st.booleans()))
    rec.told = draw(st.dictionaries(WORDS, TIMES, max_size=2))
    rec.data = draw(st.dictionaries(WORDS, st.builds(Datum, WORDS | st.integers(), st.none() | TIMES), max_size=3))
    return rec


@given(records())
def test_what_is_kept_is_what_is_read(rec: Record) -> None:
    rec.seen = dict(sorted(rec.seen.items(), key=lambda item: (item[1].at, item[1].created, item[0])))
    read = record.read(record.fields(rec))
    assert read == rec
    assert list(read.seen) == list(rec.seen)


@given(records(), records())
def test_a_write_of_what_changed_makes_one_record_of_the_other(before: Record, after: Record) -> None:
    kept = record.fields(before)
    put, drop = record.changes(before, after)
    assert not set(put) & set(drop)
    for name in drop:
        del kept[name]
    kept.update(put)
    assert record.read(kept) == record.read(record.fields(after))


@given(records(), TIMES, st.data())
def test_where_leases_were_renewed_that_is_all_that_is_read(rec: Record, until: int, data: st.DataObject) -> None:
    before = record.read(record.fields(rec))
    after = before.copy()
    after.until = until
    for seen in data.draw(st.lists(st.sampled_from([*after.seen.values()]), max_size=2) if after.seen else st.just([])):
        record.change(after, seen, until=until)
    assert record.renewed(before, record.fields(before), record.fields(after)) == after


@given(records(), records())
def test_where_more_happened_all_is_read(before: Record, after: Record) -> None:
    before, after = record.read(record.fields(before)), record.read(record.fields(after))
    read = record.renewed(before, record.fields(before), record.fields(after))
    assert read is None or read == after


@pytest.mark.parametrize("what", ["turn", "shown", "reply", "marks", "journal", "unread"])
def test_whatever_else_changed_is_more_than_a_renewed_lease(what: str) -> None:
    before = Record(owner="w:m1", until=5, turn="m1", seen={"m1": Seen(1, 2, "aside", owner="w", until=5, id="m1")})
    after = before.copy()
    after.until = 9
    if what in ("turn", "shown"):
        setattr(after, what, {"turn": "m2", "shown": NOW}[what])
    elif what in ("reply", "marks"):
        record.change(after, after.seen["m1"], **{what: "ab"})
    elif what == "journal":
        after.journal += ['["i",1,"pay"]']
    else:
        after.unread = {1: Unread("m1", "x", False, NOW, number=1)}
    assert record.renewed(before, record.fields(before), record.fields(after)) is None


@given(records())
def test_nothing_is_written_where_nothing_changed(rec: Record) -> None:
    assert record.changes(rec, rec.copy()) == ({}, [])


def test_a_record_of_a_newer_version_is_left_alone() -> None:
    with pytest.raises(UnknownFormat):
        record.read({"h": "[99]"})


def arrival(id: str, created: int = 1_790_000_000, state: str = "queued", **more: Any) -> Arrival:
    return Arrival(id, created, state, ("", None, "x"), **more)


def look(rec: Record, now: int, arrival: Arrival, owner: str, mark: str = "") -> record.Look:
    """A delivery of its own, unless it has a `mark`."""
    return record.look(rec, now, arrival, owner, mark or f"{now % 100:02d}", VOICE)


def test_a_look_remembers_the_message_and_claims_the_lease() -> None:
    rec = Record()
    assert look(rec, NOW, arrival("1"), "w").what == "claimed"
    assert rec.owner == "w:"
    assert look(rec, NOW + 10, arrival("1"), "v").what == "wait"
    assert rec.seen["1"].deliveries == 2
    assert look(rec, NOW + record.LEASE, arrival("1"), "v", mark="00").what == "claimed"
    assert rec.claims == 2


def test_two_messages_of_one_millisecond_keep_their_order() -> None:
    rec = Record()
    look(rec, NOW, arrival("2"), "w")
    look(rec, NOW, arrival("1"), "w")
    assert [s.id for s in record.read(record.fields(rec)).queue()] == ["2", "1"]


def test_what_is_forgotten_raises_the_watermark_unless_its_clock_was_wrong() -> None:
    rec = Record()
    look(rec, NOW, arrival("1", state="done"), "w")
    look(rec, NOW, arrival("2", created=5, state="done"), "w")
    look(rec, NOW, arrival("2b", created=NOW // 1000 + 7_200, state="done"), "w")
    look(rec, NOW + record.KEEP + 1_001, arrival("3", created=1_790_000_601), "w")
    assert list(rec.seen) == ["3"]
    assert rec.watermark == 1_790_000_000
    assert look(rec, NOW + record.KEEP + 2_000, arrival("1", state="done"), "w").what == "stale"


def test_no_more_than_so_many_messages_are_remembered() -> None:
    rec = Record()
    for i in range(record.CAP + 20):
        look(rec, NOW + i, arrival(str(i), state="done"), "w")
    assert len(rec.seen) <= record.CAP + 1


def test_a_message_of_the_second_of_one_that_went_for_the_cap_alone_is_not_stale() -> None:
    rec = Record()
    for i in range(record.CAP + 20):
        look(rec, NOW + i, arrival(str(i), state="done"), "w")
    assert "0" not in rec.seen
    assert look(rec, NOW + 900, arrival("last"), "w").what == "claimed"


def test_an_unread_question_that_nobody_fetched_counts_as_shown_when_it_expired() -> None:
    rec = Record(standing=Standing(60_000))
    record.put(rec, NOW, "1", "?", True)
    record.settle(rec, NOW + record.UNREAD)
    assert rec.unread == {}
    assert rec.shown == NOW + record.UNREAD


def test_a_record_is_kept_as_long_as_its_longest_part() -> None:
    rec = Record()
    assert record.expires(rec, NOW) == NOW + record.LIVES
    rec.standing, rec.shown = Standing(10 * record.LIVES), NOW
    assert record.expires(rec, NOW) == NOW + 10 * record.LIVES + record.GRACE
    rec.standing = Standing(math.inf)
    assert record.expires(rec, NOW) is None
    rec.standing = None
    rec.data = {"k": Datum(1)}
    assert record.expires(rec, NOW) is None


def test_owner_and_length_tell_whether_it_is_still_the_same_journal() -> None:
    rec = Record(owner="w:", journal=Lines(["a"]))
    record.name_turn(rec, "m1")
    assert record.holds(rec, "w:m1", 1)
    assert not record.holds(rec, "w:m1", 2)
    record.end_turn(rec)
    assert not record.holds(rec, "w:m1", 1)


def test_what_another_run_says_otherwise_was_not_shown() -> None:
    rec = Record(turn="1")
    record.stream(rec, "one two")
    assert rec.partial is not None
    rec.partial = Partial("1", "one two", shown="one ")
    record.stream(rec, "one two three")
    assert rec.partial == Partial("1", "one two three", shown="one ")
    record.stream(rec, "on")  # a run that has begun anew, and may come to the same
    assert rec.partial == Partial("1", "one ", shown="one ")
    record.stream(rec, "one two")
    assert rec.partial == Partial("1", "one two", shown="one ")
    record.stream(rec, "once")
    assert rec.partial == Partial("1", "once", shown="", again=True)


def test_a_question_whose_dialog_is_over_starts_no_clock() -> None:
    rec = Record(journal=Lines(["x"]), standing=Standing(60_000))
    look(rec, NOW, arrival("1", state="fetching"), "w")
    record.put(rec, NOW, "0", "?", True)
    record.forget(rec)
    rec.journal, rec.standing = Lines(["y"]), Standing(60_000)  # another dialog asks, and its question is not shown yet
    item = next(iter(rec.unread.values()))
    record.bind_unread(rec, NOW, rec.seen["1"], item, [], "open", VOICE)
    assert rec.shown is None


def test_what_a_turn_said_in_parts_is_nobodys_once_it_is_over() -> None:
    rec = Record(turn="1")
    record.stream(rec, "one two")
    record.end_turn(rec)
    assert rec.partial is None


@pytest.mark.parametrize(("says", "unread"), [([], []), (["three"], ["（重新生成）\nthree"])])
def test_what_is_made_anew_is_announced_where_there_is_something_to_say(says: list[str], unread: list[str]) -> None:
    rec = Record(turn="1", partial=Partial("1", "one two", "one"))
    rec.seen["1"] = Seen(NOW // 1000, NOW, "taken", "--", id="1")
    record.finish(rec, NOW, says, [], None, "", VOICE)
    assert [item.say for item in rec.unread.values()] == unread


def test_of_a_user_who_is_gone_nothing_is_left_unread() -> None:
    rec = Record()
    record.put(rec, NOW, "0", "late", False)
    look(rec, NOW, arrival("1", ends=True, silent=True), "w")
    assert rec.unread == {}


def test_a_datum_whose_time_is_over_is_on_record_no_more() -> None:
    rec = Record(data={"a": Datum(1, NOW), "b": Datum(2, NOW + 1), "c": Datum(3)})
    record.settle(rec, NOW)
    assert list(rec.data) == ["b", "c"]


def test_a_question_that_is_shown_again_starts_anew_and_takes_what_was_typed_since_it_was_shown_first() -> None:
    rec = Record(standing=Standing(60_000))
    record.show(rec, NOW)
    record.show(rec, NOW + 500)
    assert rec.early(NOW - 1)
    assert not rec.early(NOW)
    assert not rec.early(NOW + 100)
    assert rec.late(NOW + 500 + 60_000) == 0
    record.show(rec, NOW + 90_000)
    assert not rec.early(NOW + 60_000)
    assert rec.early(NOW + 60_001)  # it had lapsed, and was not shown again yet
    assert not rec.early(NOW + 90_000)


def test_a_message_in_time_with_which_a_question_is_shown_again_had_stopped_its_clock() -> None:
    rec = Record(standing=Standing(60_000))
    record.show(rec, NOW)
    record.show(rec, NOW + 61_000, NOW + 60_000)  # it took a second
    record.show(rec, NOW + 64_000, NOW + 63_000)
    assert not rec.early(NOW + 60_500)
    assert not rec.early(NOW + 63_500)
    assert rec.early(NOW - 1)


def test_of_a_question_that_lapsed_and_is_shown_again_twice_the_later_showings_count() -> None:
    rec = Record(standing=Standing(60_000))
    record.show(rec, NOW)
    record.show(rec, NOW + 90_000)
    record.show(rec, NOW + 92_000, NOW + 91_000)
    assert rec.early(NOW + 80_000)
    assert not rec.early(NOW + 90_500)


def test_a_question_that_the_last_push_carries_was_shown_and_not_by_being_given_up() -> None:
    rec = Record(shown=NOW, standing=Standing(60_000))
    rec.unread = {1: Unread("1", "words", True, NOW + 100, held=("1", NOW), number=1)}
    record.settle(rec, NOW + 200)
    assert rec.unread == {}
    assert rec.shown == NOW


def test_a_head_says_what_is_not_as_always() -> None:
    waits = Record(shown=NOW, standing=Standing(60_000, key=0))
    assert record.fields(Record())["h"] == "[2]"
    assert record.fields(waits)["h"] == f"[2,{NOW},60000,0]"


def test_a_head_of_the_first_version_is_read_and_the_next_write_makes_it_new() -> None:
    """Whoever knows only the first leaves the record alone from then on."""
    first = {"h": f'[1,"w.0:m1",9,1,"m1",3,{NOW},5,7,2,true,60000,"key",["A"],["b"]]', "0": '["i",1,"pay"]'}
    standing = Standing(60_000, ("A",), ("b",), "key")
    before = record.read(first)
    assert before == Record("w.0:m1", 9, 1, "m1", 3, NOW, 5, standing, True, 7, 2, Lines([first["0"]]), format=1)
    after = before.copy()
    after.journal += ['["r",2,"pay"]']
    put, _ = record.changes(before, after)
    assert set(put) == {"h", "1"}
    assert record.read({**first, **put}) == after
