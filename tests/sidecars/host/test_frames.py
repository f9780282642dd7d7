"""Messages over a byte stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecars.host.frames import HEADER, MAX_FRAME, Decoder, encode
from sidecars.host.host import Letter

LETTERS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.integers()) | st.none(), max_size=4),
        st.binary(max_size=200),
    ),
    max_size=6,
)


@given(LETTERS, st.lists(st.integers(1, 40)))
def test_what_is_encoded_is_decoded_however_the_stream_is_cut(letters: Any, cuts: Any) -> None:
    decoded: list[Letter] = []
    stream, decoder = b"".join(encode(*letter) for letter in letters), Decoder()
    for cut in [*cuts, len(stream)]:
        decoded += decoder.feed(stream[:cut])
        stream = stream[cut:]
    decoded += decoder.feed(stream)
    assert decoded == letters


@pytest.mark.parametrize(
    "stream",
    [
        HEADER.pack(MAX_FRAME + 1, 1, 0),
        HEADER.pack(20, 1, 13) + bytes(12),
        HEADER.pack(12, 1, 4) + b"[12]",
        HEADER.pack(12, 1, 4) + b"{...",
        HEADER.pack(10, 1, 2) + b"\xff\xfe",
    ],
)
def test_a_broken_stream_is_told_and_never_believed(stream: Any) -> None:
    with pytest.raises(ValueError):
        list(Decoder().feed(stream))


def test_a_frame_that_no_decoder_would_take_is_not_made() -> None:
    with pytest.raises(ValueError, match="16777216 is the most"):
        encode(1, {"type": "Audio"}, bytes(MAX_FRAME))
