"""Turns session descriptions that pjmedia refuses or has no room for into ones that it takes. Pure.

pjmedia answers 400 to anything that is missing or deviates from RFC 8866: an empty `s=`, a `c=` after an attribute, a
TTL, or a payload type that is not described. The meaning of such an offer is plain all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LINE = re.compile(r"\r\n|[\r\n]")
_SESSION, _MEDIA = "vosiuepcbtrzka", "micbka"
"""The lines of each level in their order (RFC 8866 section 9)."""
_OTHER = {"v": "v=0", "s": "s=-", "t": "t=0 0"}
"""Replacements for required lines that are missing."""
FIRST_DYNAMIC = 96
"""Payload types from here on need an rtpmap (RFC 3551 section 6)."""
_NEEDED = re.compile(r"a=(?:rtpmap:|fmtp:|rtcp:|ptime:|maxptime:|sendrecv|sendonly|recvonly|inactive|crypto:)")
_HOST = re.compile(r"^(c=IN IP4 )([^\s/]*[A-Za-z][^\s/]*)", re.MULTILINE)
_IS_SDP = re.compile(r"^(?:content-type|c)\s*:\s*application/sdp\s*(?:;|$)", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(r"^((?:content-length|l)\s*:\s*)\d+", re.IGNORECASE | re.MULTILINE)


def tidy(sdp: str) -> str:
    """The same description in the form that RFC 8866 requires; equal to `sdp` if it already has that form."""
    session, *media = _levels(sdp)
    if not media:
        return sdp
    host = next((found[1] for level in (session, *media) if (found := _connection(level))), "127.0.0.1")
    session = _ordered(session, _SESSION)
    for kind, line in _OTHER.items():
        if not any(each.startswith(f"{kind}=") and len(each) > 2 for each in session):
            session = _ordered([*(each for each in session if each[0] != kind), line], _SESSION)
    origin = next((each for each in session if each[0] == "o"), "")
    session = [each for each in session if each[0] != "o"]
    session = _ordered([*session, _origin(origin, host)], _SESSION)
    lines = [*session, *(line for level in media for line in _stream(_ordered(level, _MEDIA)))]
    return "\r\n".join((*lines, ""))


def lean(sdp: str) -> str:
    """`sdp` reduced to what a phone call needs: the codecs and direction of the audio, and the first line of everything
    else."""
    session, *media = _levels(tidy(sdp))
    lines = [line for line in session if line[0] in "vosct" or _NEEDED.match(line)]
    for level in media:
        audio = level[0].startswith("m=audio ")
        lines += [level[0], *(line for line in level[1:] if line[0] == "c" or (audio and _NEEDED.match(line)))]
    return "\r\n".join((*lines, ""))


def tidied(text: str, address: Callable[[str], str] = lambda name: name) -> str:
    """The SIP message in `text`, with its session description, if it has one, tidied.

    `address` returns the address to write in place of a host name, if there is one, because pjmedia would wait for a
    name server.
    """
    return with_sdp(text, lambda sdp: _HOST.sub(lambda found: found[1] + (address(found[2]) or found[2]), tidy(sdp)))


def with_sdp(text: str, change: Callable[[str], str]) -> str:
    """The SIP message in `text` with its session description, if it has one, changed."""
    head, blank, body = text.partition("\r\n\r\n")
    if not body.strip() or not _IS_SDP.search(head):
        return text
    clean = change(body)
    if clean == body:
        return text
    length = len(clean.encode("utf-8", "surrogateescape"))  # pjsua2 keeps bytes that are not UTF-8 in this form
    return _LENGTH.sub(lambda found: f"{found[1]}{length}", head, count=1) + blank + clean


def _levels(sdp: str) -> list[list[str]]:
    """The lines of the session and of each stream; anything that is not a line is left out."""
    levels: list[list[str]] = [[]]
    for line in _LINE.split(sdp.replace("\0", "")):
        if line.startswith("m="):
            levels.append([])
        if line[1:2] == "=":
            levels[-1].append(line)
    return levels


def _ordered(level: list[str], order: str) -> list[str]:
    known = [_plain(line) for line in level if line[0] in order and re.match(r".=\s*[^:\s]|[^a]=", line)]
    # Sorting is stable: attributes, and the `r=` lines of each `t=`, keep their relative order.
    return sorted(known, key=lambda line: order.index("t" if line[0] in "rz" else line[0]))


def _plain(line: str) -> str:
    if line[0] == "c":
        return re.sub(r"(\s\d+\.\d+\.\d+\.\d+)/[\d/]*\s*$", r"\1", line)
    return " ".join(line.split()) if line[0] == "m" else line


def _connection(level: list[str]) -> re.Match[str] | None:
    return next((found for line in level if (found := re.match(r"c=IN\s+IP4\s+([^\s/]+)", line))), None)


def _origin(line: str, host: str) -> str:
    words = line[2:].split()
    if len(words) < 6 or words[-3] != "IN":
        return f"o=- 1 1 IN IP4 {host}"
    numbers = [number if number.isascii() and number.isdigit() and len(number) < 19 else "1" for number in words[-5:-3]]
    user = "_".join(words[:-5])
    clean = " ".join(("o=" + user, *numbers, *words[-3:]))
    return line if clean == line.strip() else clean


def _stream(level: list[str]) -> list[str]:
    """A stream without the payload types that it does not describe."""
    words = level[0].split()
    if len(words) < 4 or not words[2].startswith("RTP/"):
        return level
    described = {found[1] for line in level if (found := re.match(r"a=rtpmap:\s*(\d+)\s", line))}
    known = [number for number in words[3:] if number in described or not _is_dynamic(number)]
    if not known or len(known) == len(words) - 3:
        return level
    return [" ".join((*words[:3], *known)), *level[1:]]


def _is_dynamic(number: str) -> bool:
    return number.isascii() and number.isdigit() and int(number) >= FIRST_DYNAMIC
