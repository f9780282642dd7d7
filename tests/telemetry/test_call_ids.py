"""Ids of traces and spans."""

from __future__ import annotations

from phone_daemon.telemetry.call_ids import CallIds


def spans(ids: CallIds, call: str) -> list[int]:
    found = []
    for number in range(3):
        ids.next(call, number)
        found.append(ids.generate_span_id())
    return found


def test_the_trace_of_a_call_is_known_from_its_name() -> None:
    ids = CallIds(b"")
    ids.next("a call", 0)
    assert ids.generate_trace_id() == ids.trace_id("a call") == CallIds(b"").trace_id("a call")
    assert ids.trace_id("another") != ids.trace_id("a call")


def test_every_span_has_its_own_id_and_the_same_one_in_every_run() -> None:
    first, again = spans(CallIds(b""), "a call"), spans(CallIds(b""), "a call")
    assert first == again
    assert len({*first, *spans(CallIds(b""), "another")}) == 6


def test_two_daemons_with_salts_of_their_own_share_no_id() -> None:
    assert CallIds(b"one").trace_id("a call") != CallIds(b"two").trace_id("a call")


def test_ids_have_the_sizes_that_traces_and_spans_have() -> None:
    ids = CallIds(b"")
    assert 0 < ids.trace_id("a call") < 2**128
    assert all(0 < each < 2**64 for each in spans(ids, "a call"))
