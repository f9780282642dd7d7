"""Finds the audio stream that a session description (RFC 8866) offers us. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from phone_daemon.wire.line_card.reach import is_address

PROFILES = ("RTP/AVP", "RTP/AVPF")
_STATIC = {"0": "PCMU", "8": "PCMA", "9": "G722"}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""
_RTPMAP = re.compile(r"rtpmap:(\d+)\s+([^/\s]+)/8000\b", re.IGNORECASE)
_MEDIA = re.compile(r"^(?=m=)", re.MULTILINE)
_AUDIO = re.compile(r"^(m=audio )\d+(?:/\d+)?(?= )")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class Audio:
    """The first audio stream that is not rejected."""

    host: str
    """Connection address."""
    port: int
    codecs: tuple[str, ...]
    """Encoding names in upper case, in the order of the offer."""
    direction: str
    """The direction from the other side's view (RFC 3264): `sendonly` is hold with music, `inactive` is hold
    without."""

    @property
    def holds(self) -> bool:
        """Whether the other side has put us on hold, and so is not listening (RFC 3264 section 8.4, RFC 2543 appendix
        B.5)."""
        return self.direction in ("sendonly", "inactive") or self.host == "0.0.0.0"


def audio(sdp: str) -> Audio | None:
    """The audio stream in `sdp`; None if it offers none that we could accept, regardless of codecs."""
    session, *sections = _MEDIA.split(sdp.replace("\r\n", "\n"))
    for section in sections:
        words = section.partition("\n")[0][2:].split()
        if len(words) < 4 or words[0] != "audio" or words[2] not in PROFILES:
            continue
        port = words[1].partition("/")[0]
        if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            continue
        names = _names(section)
        return Audio(
            _value(section, "c=") or _value(session, "c="),
            int(port),
            tuple(names[number] for number in words[3:] if number in names),
            _direction(section) or _direction(session) or "sendrecv",
        )
    return None


def alone(sdp: str, codecs: Collection[str]) -> str:
    """Returns `sdp` with only one audio stream, the first that we can accept; all others are refused (RFC 3264 section
    6).

    Several streams offer the same audio in several ways: with and without SRTP, by IPv6 and by IPv4.
    """
    session, *sections = _MEDIA.split(sdp)
    found = [audio(session + section) for section in sections]
    ours = next((at for at, each in enumerate(found) if speaks(each, codecs)), None)
    if ours is None:
        return sdp
    return session + "".join(
        section if at == ours else _AUDIO.sub(r"\g<1>0", section) for at, section in enumerate(sections)
    )


def speaks(offer: Audio | None, codecs: Collection[str]) -> bool:
    """Whether the offer has a stream with one of `codecs` that we can send to its address (IPv4)."""
    return offer is not None and is_address(offer.host) and any(codec in codecs for codec in offer.codecs)


def prefer(answer: str, offer: str, codecs: Sequence[str]) -> str:
    """Reduces our `answer` to one codec: the first of `codecs` that the offer has, whatever the order of the offer.

    Anything that is not a codec (telephone-event) is kept, and everything is kept if the offer has none of our codecs.
    """
    offered = audio(offer)
    ours = next((codec for codec in codecs if offered is not None and codec in offered.codecs), None)
    if ours is None:
        return answer
    session, *sections = _MEDIA.split(answer)
    return session + "".join(_with_codec(section, ours, codecs) for section in sections)


def _with_codec(section: str, codec: str, codecs: Sequence[str]) -> str:
    if not section.startswith("m=audio "):
        return section
    head, *lines = section.splitlines(keepends=True)
    words = head.split()
    names = _names(section)
    gone = {number for number in words[3:] if names.get(number) in codecs and names[number] != codec}
    end = head[len(head.rstrip()) :]
    about = re.compile(rf"a=(?:rtpmap|fmtp):(?:{'|'.join(gone)})\b") if gone else None
    kept = [line for line in lines if about is None or not about.match(line)]
    return " ".join(word for at, word in enumerate(words) if at < 3 or word not in gone) + end + "".join(kept)


def _names(section: str) -> dict[str, str]:
    """Encoding names by payload type."""
    return {**_STATIC, **{number: name.upper() for number, name in _RTPMAP.findall(section)}}


def _value(section: str, kind: str) -> str:
    line = next((line for line in section.split("\n") if line.startswith(kind)), "")
    return line.split(" ")[-1].partition("/")[0].strip()


def _direction(section: str) -> str:
    lines = (line[2:].strip().lower() for line in section.split("\n") if line.startswith("a="))
    return next((line for line in lines if line in _DIRECTIONS), "")
