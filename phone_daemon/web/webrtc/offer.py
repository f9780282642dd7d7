"""Checks an SDP offer (RFC 8866) for one call before anything acts on it, and completes our answer. Pure.

aiortc raises AssertionError, StopIteration, or KeyError on unexpected input, decodes video that nobody asked for, and
probes each of a thousand candidates. So only what a browser sends for a call reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_BYTES = 32_768
"""The most bytes in an offer; a browser's offer of audio and a data channel has 3,000 to 6,000."""
MAX_CANDIDATES = 24
"""The most candidates; we probe each of them."""
MAX_LINE = 1024
NO_RESTART = "an ICE restart: this call has one ICE session; place a new call"

OPUS_RECEIVE = "minptime=10;useinbandfec=1;stereo=0;maxplaybackrate=16000;maxaveragebitrate=32000"
"""What we ask of the sender (RFC 7587 section 7): the bandwidth that recognition uses, and a copy of each packet in the
next one."""


class BadOffer(ValueError):
    """An offer that is refused, with one line for its sender and a `status`: 400 if it is not SDP, 413 if it is too
    large, or 422 if we do not support it."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


@dataclass(frozen=True, slots=True)
class Offer:
    """What a valid offer contains."""

    sdp: str
    """The SDP without the codecs that we do not support."""
    opus: int
    """The payload type of Opus."""
    keys: Mapping[int, int]
    """The clock rate of telephone-event (RFC 4733), by payload type."""
    ufrags: frozenset[str]
    """The names of its ICE session."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What comes after an offer."""

    ufrags: frozenset[str]
    """The names of the ICE session that it belongs to; empty if it does not say."""
    candidates: Sequence[tuple[str, str]]
    """Pairs of a mid and a candidate."""


def judge(body: bytes) -> Offer:
    """Parses and checks the offer in `body`. Raises `BadOffer`."""
    if len(body) > MAX_BYTES:
        raise BadOffer(413, f"the offer has {len(body)} bytes: {MAX_BYTES} is the most")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadOffer(400, "the offer is not SDP: not UTF-8") from None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not re.match(r"[a-z]=.", line) or len(line) > MAX_LINE or not line.isprintable():
            raise BadOffer(400, f"line {number} of the offer is not SDP (RFC 8866): {line[:40]!r}")
    if not lines or lines[0] != "v=0":
        raise BadOffer(400, "the offer is not SDP: it does not begin with v=0")
    sections = _sections(lines)
    audio = _audio(sections)
    _transport(lines, sections)
    maps = dict(re.findall(r"^a=rtpmap:(\d{1,3}) (\S+)", "\n".join(audio), re.M))
    offered = audio[0].split()[3:]
    opus = [number for number in offered if maps.get(number, "").lower().startswith("opus/48000")]
    if not opus:
        raise BadOffer(422, "the offer has no Opus (a=rtpmap:… opus/48000/2)")
    if {"a=recvonly", "a=inactive"} & set(audio):
        raise BadOffer(422, "the offer only listens: send audio, too (a=sendrecv)")
    events = {number: re.fullmatch(r"telephone-event/(\d{4,6})", maps.get(number, ""), re.I) for number in offered}
    keys = {number: int(event[1]) for number, event in events.items() if event}
    narrowed = _narrowed(lines, offered, [opus[0], *keys])
    return Offer(narrowed, int(opus[0]), {int(number): rate for number, rate in keys.items()}, _ufrags(text))


def complete(answer: str, offer: Offer) -> str:
    """Adds to `answer`, as aiortc writes it, what aiortc cannot express: how we want Opus."""
    return re.sub(
        rf"(a=rtpmap:{offer.opus} [^\r\n]*\r\n)", rf"\1a=fmtp:{offer.opus} {OPUS_RECEIVE}\r\n", answer, count=1
    )


def fragment(text: str) -> Fragment:
    """Parses a trickle-ICE fragment (RFC 8840 section 9). Raises `BadOffer`."""
    if len(text) > MAX_BYTES:
        raise BadOffer(413, f"the fragment has {len(text)} bytes: {MAX_BYTES} is the most")
    mid, found = "", []
    for line in text.splitlines():
        if line.startswith("a=mid:"):
            mid = line[6:].strip()
        elif line.startswith("a=candidate:"):
            found.append((mid, line[12:].strip()))
    if len(found) > MAX_CANDIDATES:
        raise BadOffer(422, f"the fragment has {len(found)} candidates: {MAX_CANDIDATES} is the most")
    return Fragment(_ufrags(text), found)


def _ufrags(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"^a=ice-ufrag:(\S+)", text, re.M))


def _narrowed(lines: list[str], offered: list[str], kept: list[str]) -> str:
    """The offer with `kept` as the only payload types of its audio."""
    other = re.compile(rf"a=(?:rtpmap|fmtp|rtcp-fb):(?!(?:{'|'.join(kept)}) )\d+ ")
    narrowed = []
    for line in lines:
        if line.startswith("m=audio "):
            narrowed.append(" ".join([*line.split()[:3], *(number for number in offered if number in kept)]))
        elif not other.match(line):
            narrowed.append(line)
    return "\r\n".join(narrowed) + "\r\n"


def _sections(lines: list[str]) -> list[list[str]]:
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    return [lines[start:end] for start, end in pairwise([*starts, len(lines)])]


def _audio(sections: list[list[str]]) -> list[str]:
    kinds = []
    for section in sections:
        match = re.fullmatch(r"m=(\w+) \d{1,5} [A-Z/]+((?: \S+)+)", section[0])
        if match is None:
            raise BadOffer(400, f"no media line of SDP: {section[0][:60]!r}")
        kinds.append(match[1])
        if match[1] == "audio" and not re.fullmatch(r"(?: \d{1,3})+", match[2]):
            raise BadOffer(400, f"no payload types: {section[0][:60]!r}")
    if "video" in kinds:
        raise BadOffer(422, "the offer has video: this is a telephone, offer audio alone")
    if kinds.count("audio") != 1:
        raise BadOffer(422, f"the offer has {kinds.count('audio') or 'no'} audio: exactly one m=audio is taken")
    if len(kinds) - kinds.count("application") != 1 or kinds.count("application") > 1:
        raise BadOffer(422, "the offer has more than audio and one data channel (m=application)")
    return sections[kinds.index("audio")]


def _transport(lines: list[str], sections: list[list[str]]) -> None:
    count = sum(line.startswith("a=candidate:") for line in lines)
    if count > MAX_CANDIDATES:
        raise BadOffer(422, f"the offer has {count} candidates: {MAX_CANDIDATES} is the most")
    common = lines[: lines.index(sections[0][0])]
    for section in sections:
        for name in ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "mid"):
            if not any(line.startswith(f"a={name}:") for line in common + section):
                raise BadOffer(422, f"{section[0].split()[0]} of the offer has no a={name}: it is not WebRTC's")
    mids = [line[6:] for line in lines if line.startswith("a=mid:")]
    bundles = [line.split()[1:] for line in lines if line.startswith("a=group:BUNDLE")]
    if len(mids) != len(sections) or any(sorted(bundle) != sorted(mids) for bundle in bundles):
        raise BadOffer(422, "the a=mid of the offer are not what its a=group:BUNDLE names: all media go together")
    if "a=rtcp-mux" not in [line for section in sections for line in section]:
        raise BadOffer(422, "the audio of the offer has no a=rtcp-mux")
