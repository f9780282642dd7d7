"""Whether anything speaks SIP at an address."""

from __future__ import annotations

import asyncio
import secrets
import socket

from phone_daemon.settings.trunks import SIP_PORT, host_port

ANSWER_S = 1.5


async def answers(uri: str, bind: str) -> bool:
    """Whether anything at `uri` answers OPTIONS, whatever the answer is; for TCP and TLS, whether it accepts
    connections.

    `bind` is our address.
    """
    where, _, transport = uri.removeprefix("sip:").partition(";transport=")
    host, port = host_port(where)
    try:
        async with asyncio.timeout(ANSWER_S):
            if transport != "udp":
                _, writer = await asyncio.open_connection(host, port or (5061 if transport == "tls" else SIP_PORT))
                writer.close()
                return True
            loop = asyncio.get_running_loop()
            [(family, kind, _, _, address), *_] = await loop.getaddrinfo(host, port or SIP_PORT, type=socket.SOCK_DGRAM)
            with socket.socket(family, kind) as end:
                end.setblocking(False)
                end.bind((bind, 0))
                await loop.sock_connect(end, address)
                ours, token = "{}:{}".format(*end.getsockname()[:2]), secrets.token_hex(8)
                lines = (
                    f"OPTIONS sip:{where} SIP/2.0",
                    f"Via: SIP/2.0/UDP {ours};rport;branch=z9hG4bK{token}",
                    "Max-Forwards: 70",
                    f"From: <sip:ops@{ours}>;tag={token}",
                    f"To: <sip:{where}>",
                    f"Call-ID: {token}",
                    "CSeq: 1 OPTIONS",
                    "Content-Length: 0",
                )
                await loop.sock_sendall(end, "\r\n".join((*lines, "", "")).encode())
                return (await loop.sock_recv(end, 4096)).startswith(b"SIP/2.0 ")
    except (OSError, TimeoutError):
        return False


async def nobody_at(where: str) -> str:
    """Why a call to `where` (host, or host:port; UDP) would reach nobody, in one line; empty if somebody answers."""
    for _ in range(2):  # a datagram may be lost
        if await answers(f"sip:{where};transport=udp", "0.0.0.0"):
            return ""
    return f"nobody answers SIP at {where}; is phone-daemon serve running there?"
