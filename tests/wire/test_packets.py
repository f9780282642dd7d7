"""The packets between daemon and line card."""

from __future__ import annotations

import struct
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.events import EndReason, Frame, WideFrame
from phone_daemon.wire.line_card.daemon_link import MAX_TOGETHER
from phone_daemon.wire.packets import MAX_PACKET, WireError, pack, pack_frame, unpack
from phone_daemon.wire.protocol import PLAY_BYTES, Message, Play, Ring, SendDigits, Stop

KINDS: tuple[type[Any], ...] = get_args(Message)
VALUES = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    str: st.text(max_size=80),
    bytes: st.binary(max_size=700),
    EndReason: st.sampled_from(EndReason),
}
CALLS = st.integers(0, 2**32 - 1)


def messages() -> st.SearchStrategy[Any]:
    return st.sampled_from(KINDS).flatmap(
        lambda kind: st.builds(kind, **{name: VALUES[of] for name, of in get_type_hints(kind).items()})
    )


@given(st.lists(st.tuples(CALLS, messages()), max_size=5))
def test_what_is_packed_is_what_is_unpacked(said: list[tuple[int, Any]]) -> None:
    assert unpack(b"".join(pack(call, message) for call, message in said)) == said


@given(CALLS, st.builds(Frame, **{name: VALUES[of] for name, of in get_type_hints(Frame).items()}))
def test_a_frame_has_a_shorter_way_to_the_same_bytes(call: int, frame: Frame) -> None:
    short = pack_frame(call, frame.position, frame.pcm, frame.agent, frame.reply, frame.played, frame.queued)
    assert short == pack(call, frame)


@given(CALLS, messages(), st.data())
def test_a_packet_cut_short_is_refused(call: int, message: Any, data: st.DataObject) -> None:
    packet = pack(call, message)
    with pytest.raises(WireError, match="malformed line card packet"):
        unpack(packet[: data.draw(st.integers(1, len(packet) - 1))])


@given(CALLS, messages(), st.binary(min_size=1, max_size=4))
def test_a_packet_with_bytes_left_over_is_refused(call: int, message: Any, more: bytes) -> None:
    with pytest.raises(WireError):
        unpack(pack(call, message) + more)


@given(st.binary(max_size=64))
def test_a_stranger_s_bytes_either_are_a_packet_or_raise_wire_error(packet: bytes) -> None:
    try:
        said = unpack(packet)
    except WireError:
        return
    assert all(type(message) in KINDS and 0 <= call < 2**32 for call, message in said)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(WireError, match="utf-8"):
        unpack(pack(1, SendDigits("12"))[:-1] + b"\xff")


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(WireError):
        unpack(struct.pack("<BI", len(KINDS), 0))


def test_a_full_frame_fits_the_receiver_s_buffer_and_so_does_the_longest_play() -> None:
    assert len(pack(1, Frame(0, bytes(320), bytes(320), 1, 0, 0))) < 700
    assert len(pack(1, Play(1, bytes(PLAY_BYTES)))) < MAX_PACKET
    wide = pack(1, WideFrame(0, bytes(320), bytes(320), 1, 0, 0, bytes(640), bytes(640)))
    assert MAX_TOGETHER * len(wide) < 0.8 * MAX_PACKET


def test_values_without_fields_are_a_header_alone() -> None:
    assert pack(7, Ring()) == struct.pack("<BI", 0, 7)
    assert unpack(pack(0, Stop(drain=True))) == [(0, Stop(drain=True))]
