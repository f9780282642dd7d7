"""HAProxy's configuration (Debian's 2.6): several speech servers behind one address on loopback. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ops.edge.plan import Plan

KINDS = (("stt", "a caller's recognition stays on its server: one WebSocket"), ("tts", "one request per phrase"))


def wanted(plan: Plan) -> bool:
    """Whether there are several servers to balance."""
    return bool(plan.edge.stt_servers or plan.edge.tts_servers)


def configuration(plan: Plan) -> str:
    """The text of haproxy.cfg."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    edge = plan.edge
    yield f"# Written by `phone-ops edge render` from {plan.source or 'the default settings'}: change those, not this."
    yield "global"
    yield "    maxconn 4096"
    yield f"    stats socket {plan.folder / 'haproxy.sock'} mode 600 level operator"
    yield "defaults"
    yield "    mode http"
    yield "    timeout connect 300ms"
    yield "    timeout client 1h"
    yield "    timeout server 1h"
    yield "    timeout tunnel 2h"
    yield "    # A server that is gone or full (503) does not affect the caller: the next one is tried."
    yield "    retries 2"
    yield "    option redispatch"
    yield "    retry-on conn-failure empty-response 503"
    for kind, why in KINDS:
        servers = edge.stt_servers if kind == "stt" else edge.tts_servers
        if not servers:
            continue
        port = edge.stt_port if kind == "stt" else edge.tts_port
        yield f"listen {kind}"
        yield f"    # {why}; the server with the fewest gets the next."
        yield f"    bind 127.0.0.1:{port}"
        yield "    balance leastconn"
        for at, server in enumerate(servers):
            yield f"    server {kind}{at} {server} check inter 1s fall 1 rise 2 on-marked-down shutdown-sessions"
