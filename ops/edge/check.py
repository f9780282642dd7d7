"""Whether the edge would start and its certificate be accepted: every problem, one line each."""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from ops.edge import certificate, haproxy
from ops.edge.plan import CALLS_A_CARD, EdgeError, Plan, port_range
from ops.edge.rivals import rivals
from ops.edge.supervisor import program
from ops.usage import count

PORTS_A_CALL = 4
"""Ports per call: RTP and RTCP on each side."""
ASK_S = 20
KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
WHY = {
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EADDRINUSE: "is in use: by a running edge, or by the services that Debian starts; "
    "systemctl disable --now kamailio rtpengine-daemon",
    errno.EACCES: "is below 1024 and needs privileges; run the units that `phone-ops edge render` writes, or choose "
    "another port",
}


def problems(plan: Plan, sip_trusted: tuple[str, ...], *, rendered: bool) -> list[str]:
    """All problems. `rendered`: whether the configurations have been written, so that the programs can check them."""
    return [*mistakes(plan, sip_trusted, rendered=rendered), *passing(plan)]


def mistakes(plan: Plan, sip_trusted: tuple[str, ...], *, rendered: bool) -> list[str]:
    """Problems that last until somebody changes the settings or this machine: the edge does not start with them."""
    return list(_mistakes(plan, sip_trusted, rendered=rendered))


def passing(plan: Plan) -> list[str]:
    """Problems that the edge bears, because they end without it: a name server is back, a certificate is renewed."""
    found = [str(each) for each in plan.unknown]
    if plan.edge.certificate is not None:
        with contextlib.suppress(EdgeError):  # `mistakes` says that openssl is missing
            found += certificate.dates(plan.edge.certificate)
    return found


def ports_taken(plan: Plan) -> list[str]:
    """The edge's ports that something else uses, one line each: before the edge runs, they must be free."""
    edge = plan.edge
    wanted = [
        *((name, host, kind) for name, host in (("port", edge.bind), ("inner_port", edge.inner)) for kind in KINDS),
        *([("tls_port", edge.bind, "tcp")] if plan.tls else []),
        ("control_port", "127.0.0.1", "udp"),
        ("redis_port", "127.0.0.1", "tcp"),
    ]
    found = []
    for name, host, kind in wanted:
        port = getattr(edge, name)
        if reason := _unusable(host, port, KINDS[kind]):
            found.append(f"[edge] {name}: {host}:{port}/{kind} {reason}")
    return found


def _mistakes(plan: Plan, sip_trusted: tuple[str, ...], *, rendered: bool) -> Iterator[str]:
    edge = plan.edge
    missing = False
    for name in ("kamailio", "rtpengine", *(["haproxy"] if haproxy.wanted(plan) else [])):
        try:
            program(name)
        except EdgeError as error:
            missing = True
            yield str(error)
    for key, address in (("bind", edge.bind), ("inner", edge.inner)):
        if reason := _not_here(address):
            yield f'[edge] {key}: "{address}" {reason}; `ip -br addr` lists the addresses of this machine'
    try:
        first, last = port_range(edge.rtp_ports)
        need = PORTS_A_CALL * CALLS_A_CARD * len(plan.cards)
        if last - first + 1 < need:
            cards = count(len(plan.cards), "line card")
            yield f'[edge] rtp_ports: "{edge.rtp_ports}" is too few for {cards}: {need} are needed'
        yield from rivals(first, last, plan.folder / "rtpengine.conf")
    except EdgeError as error:
        yield str(error)
    if not any(ip_address(edge.inner) in ip_network(each, strict=False) for each in sip_trusted):
        yield f'[sip] trusted lacks {edge.inner}, from which the edge names callers; add "{edge.inner}/32"'
    for kind in ("stt", "tts"):
        for server in getattr(edge, f"{kind}_servers"):
            host, _, port = server.rpartition(":")
            if not host or not port.isdecimal():
                yield f'[edge] {kind}_servers: "{server}" is not an address; write, for example, "10.0.0.5:8765"'
    if edge.certificate and edge.key:
        try:
            yield from certificate.mistakes(edge.certificate, edge.key, edge.name)
        except EdgeError as error:
            yield str(error)
    for name, text in (("ca", edge.ca), ("client_ca", edge.client_ca)):
        if plan.tls and text is not None and not text.exists():
            yield f"[edge] {name}: no such file: {text}"
    for account in plan.accounts:
        if not account.password:
            yield f'[[trunk]] "{account.trunk}": its password is not set, so {account.keys.registrar[0]} will refuse us'
    if not plan.trunks:
        yield "there is no [[trunk]] table, so everybody gets 403; write one that says where calls come from"
    if rendered and not missing:
        yield from _programs_say(plan)


def _programs_say(plan: Plan) -> Iterator[str]:
    """What Kamailio and HAProxy find wrong in the files written for them."""
    folder = plan.folder
    asked = [("kamailio", ["-c", "-f", f"{folder}/kamailio.cfg"])]
    if haproxy.wanted(plan):
        asked.append(("haproxy", ["-c", "-q", "-f", f"{folder}/haproxy.cfg"]))
    for name, words in asked:
        done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=ASK_S, check=False)
        if done.returncode:
            lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            wrong = [line for line in lines if any(word in line for word in ("CRITICAL", "ALERT", "ERROR"))]
            yield f"{name}: {(wrong or lines or ['it says nothing'])[-1]}"


def _not_here(address: str) -> str:
    """Why nothing can listen on an address; empty if it can."""
    try:
        ip_address(address.strip("[]"))
    except ValueError:
        return "is not an IP address"
    return _unusable(address, 0, socket.SOCK_DGRAM)


def _unusable(address: str, port: int, kind: socket.SocketKind) -> str:
    """Why nothing can listen on a port (0: on any) of an address; empty if it can."""
    host = address.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # Connections that have just been closed do not keep a server from listening.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return WHY.get(error.errno or 0) or str(error.strerror)
    return ""
