"""Which RTP source is trusted."""

from __future__ import annotations

from phone_daemon.events import SourceChanged
from phone_daemon.wire.line_card.source import SETTLE, STRIKES, SourceWatch

CALLER, STRANGER, NAT, MOVED = "10.0.0.1:4000", "6.6.6.6:666", "203.0.113.9:31000", "10.0.0.2:5000"


def watch(*seen: str) -> tuple[SourceWatch, list[SourceChanged]]:
    line = SourceWatch()
    line.expect(CALLER)
    return line, looks(line, *seen)


def looks(line: SourceWatch, *seen: str) -> list[SourceChanged]:
    return [event for address in seen if (event := line.look(address))]


def test_the_address_in_sdp_is_trusted_and_a_stranger_is_not() -> None:
    line, events = watch(CALLER, *[STRANGER] * STRIKES)
    assert events == [SourceChanged(STRANGER, trusted=False)]
    assert not line.trusted


def test_behind_nat_the_first_source_is_the_caller_and_the_second_is_a_stranger() -> None:
    _, events = watch(NAT, NAT, CALLER, STRANGER, STRANGER)
    assert events == [SourceChanged(STRANGER, trusted=False)]


def test_the_line_is_trusted_again_once_the_old_source_has_been_alone_for_a_while() -> None:
    line, _ = watch(NAT, STRANGER, STRANGER)
    assert looks(line, *[NAT] * (SETTLE - 1)) == []
    assert looks(line, NAT) == [SourceChanged(NAT, trusted=True)]
    assert line.trusted


def test_two_sources_that_take_turns_are_told_once_and_stay_unused() -> None:
    line, events = watch(NAT, STRANGER, *[STRANGER, NAT] * 20)
    assert events == [SourceChanged(STRANGER, trusted=False)]
    assert not line.trusted


def test_a_single_packet_of_a_stranger_is_a_strike_and_no_more() -> None:
    line, events = watch(CALLER, STRANGER)
    assert (events, line.strikes, line.trusted) == ([], 1, True)
    assert looks(line, CALLER, STRANGER) == []
    assert line.trusted


def test_a_new_sdp_moves_the_trust_and_the_old_source_may_fade_out() -> None:
    line, events = watch(NAT)
    line.expect(MOVED)
    assert events == looks(line, NAT, NAT, MOVED, MOVED) == []
    assert looks(line, NAT, NAT) == [SourceChanged(NAT, trusted=False)]


def test_after_a_new_sdp_the_first_new_source_is_the_caller_behind_nat_again() -> None:
    line, _ = watch(NAT)
    line.expect(MOVED)
    assert looks(line, NAT, "203.0.113.9:31002", "203.0.113.9:31002") == []
    assert looks(line, STRANGER, STRANGER) == [SourceChanged(STRANGER, trusted=False)]


def test_the_same_sdp_again_changes_nothing() -> None:
    line, _ = watch(CALLER, STRANGER, STRANGER)
    line.expect(CALLER)
    assert looks(line, STRANGER) == []
    assert not line.trusted


def test_a_caller_who_moved_is_trusted_in_the_new_place_alone() -> None:
    line, _ = watch(CALLER, STRANGER, STRANGER)
    assert line.move(MOVED) == SourceChanged(MOVED, trusted=True)
    assert line.caller == MOVED
    assert looks(line, MOVED, MOVED) == []
    assert looks(line, STRANGER, STRANGER) == [SourceChanged(STRANGER, trusted=False)]
