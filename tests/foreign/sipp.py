"""SIPp (third-party) as caller or callee: scenarios assembled from a few steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ops.live.ports import free_port
from tests.foreign.programs import need

_HEAD = """\
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: "Ada" <sip:{caller}@[local_ip]:[local_port]>;tag=[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
    Call-ID: [call_id]
    CSeq: {cseq} {method}
    Contact: <sip:{caller}@[local_ip]:[local_port];transport=[transport]>
    Max-Forwards: 70
"""
_SDP = """\
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=sipp 1 1 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 0
    a=rtpmap:0 PCMU/8000
"""
_EMPTY = "    Content-Length: 0\n"
_ANSWER = """\
    [last_Via:]
    [last_From:]
    [last_To:]{tag}
    [last_Call-ID:]
    [last_CSeq:]
    [last_Record-Route:]
    Contact: <sip:callee@[local_ip]:[local_port]>
"""


def _send(start: str, head: str, rest: str, retrans: bool = False) -> str:
    again = ' retrans="500"' if retrans else ""
    return f"  <send{again}><![CDATA[\n\n    {start}\n{head}{rest}\n  ]]></send>\n"


def calling(
    status: int = 200, *, caller: str = "sipp", hold_ms: int = 300, extra: str = "", hung_up_on: bool = False
) -> str:
    """Calls, is answered with `status` through any proxies, stays for `hold_ms`, and hangs up.

    `extra`: more header lines for the INVITE. `hung_up_on`: waits for BYE instead.
    """

    def ours(method: str, cseq: int, rest: str, within: bool = True) -> str:
        uri = "[next_url]" if within else "sip:[service]@[remote_ip]:[remote_port]"
        tag = "[peer_tag_param]" if within else ""
        head = _HEAD.format(caller=caller, tag=tag, cseq=cseq, method=method)
        routes = "    [routes]\n" if within else ""
        return _send(f"{method} {uri} SIP/2.0", head + routes, rest, method != "ACK")

    steps = ours("INVITE", 1, "".join(f"    {line}\n" for line in extra.splitlines()) + _SDP, within=False)
    steps += '  <recv response="100" optional="true"/>\n  <recv response="180" optional="true"/>\n'
    steps += f'  <recv response="{status}" rrs="true"/>\n'
    if hung_up_on:
        steps += ours("ACK", 1, _EMPTY) + '  <recv request="BYE" timeout="8000"/>\n'
        steps += _send("SIP/2.0 200 OK", _ANSWER.format(tag=""), _EMPTY)
    elif status == 200:
        steps += ours("ACK", 1, _EMPTY) + f'  <pause milliseconds="{hold_ms}"/>\n'
        steps += ours("BYE", 2, _EMPTY) + '  <recv response="200"/>\n'
    else:
        head = _HEAD.format(caller=caller, tag="[peer_tag_param]", cseq=1, method="ACK")
        steps += _send("ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0", head, _EMPTY)
    return _scenario(steps)


def asking(status: int, method: str = "OPTIONS") -> str:
    """Sends one request outside of any call, and expects `status`."""
    head = _HEAD.format(caller="sipp", tag="", cseq=1, method=method)
    ask = _send(f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0", head, _EMPTY, retrans=True)
    return _scenario(f'{ask}  <recv response="{status}"/>\n')


def called(status: int = 200, *, early: bool = False, ring_ms: int = 0, says: Path | None = None) -> str:
    """Is called: rings (with `early` media in a 183), then answers with `status`; 0: never answers, and waits for
    CANCEL.

    `says`: a file of PCMU that is played after the answer.
    """
    tag = ";tag=[call_number]"
    steps = '  <recv request="INVITE" crlf="true" rrs="true"/>\n'
    if early:
        steps += _send("SIP/2.0 183 Session Progress", _ANSWER.format(tag=tag), _SDP)
    else:
        steps += _send("SIP/2.0 180 Ringing", _ANSWER.format(tag=tag), _EMPTY)
    if ring_ms:
        steps += f'  <pause milliseconds="{ring_ms}"/>\n'
    if status == 0:
        steps += '  <recv request="CANCEL"/>\n' + _send("SIP/2.0 200 OK", _ANSWER.format(tag=""), _EMPTY)
        gone = _ANSWER.format(tag=tag).replace("[last_CSeq:]", "CSeq: 1 INVITE")
        return _scenario(steps + '  <pause milliseconds="100"/>\n' + _send("SIP/2.0 487 Gone", gone, _EMPTY))
    if status != 200:
        steps += _send(f"SIP/2.0 {status} Sorry", _ANSWER.format(tag=tag), _EMPTY, retrans=True)
        return _scenario(steps + '  <recv request="ACK"/>\n')
    steps += _send("SIP/2.0 200 OK", _ANSWER.format(tag=tag), _SDP, retrans=True)
    steps += '  <recv request="ACK"/>\n'
    if says is not None:
        steps += f'  <nop><action><exec rtp_stream="{says},1,0"/></action></nop>\n'
    steps += '  <recv request="BYE"/>\n' + _send("SIP/2.0 200 OK", _ANSWER.format(tag=""), _EMPTY)
    return _scenario(steps)


def _scenario(steps: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="steps">\n{steps}</scenario>\n'


def _command(folder: Path, scenario: str, port: int, source: str, *more: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"sipp-{port}.xml"
    file.write_text(scenario)
    return [
        need("sipp"), "-sf", str(file), "-m", "1", "-nostdin", "-i", source, "-mi", source, "-p", str(port),
        "-mp", str(free_port(even=True)), "-timeout", "30", "-timeout_error", *more,
    ]  # fmt: skip


async def sipp(
    folder: Path,
    to: int,
    scenario: str,
    number: str = "100",
    transport: str = "u1",
    source: str = "127.0.0.1",
    more: tuple[str, ...] = (),
) -> None:
    """Runs one scenario against loopback port `to`; fails unless every message arrives as expected."""
    target = f"[::1]:{to}" if source == "[::1]" else f"127.0.0.1:{to}"
    command = _command(folder, scenario, free_port(), source, "-t", transport, "-s", number, *more, target)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(40):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()


@asynccontextmanager
async def telephone(folder: Path, scenario: str, calls: int = 1, port: int = 0) -> AsyncIterator[int]:
    """A SIPp that waits for calls while the block lasts; yields its port. Its exit status is ignored."""
    port = port or free_port()
    command = _command(
        folder, scenario, port, "127.0.0.1", "-t", "u1", *(() if "rtp_stream" in scenario else ("-rtp_echo",))
    )
    command[command.index("-m") + 1] = str(calls)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.sleep(0.3)
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
