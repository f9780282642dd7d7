"""Hardened systemd units for the edge. Pure."""

from __future__ import annotations

from ops.edge import haproxy, kamailio, relay_redis
from ops.edge.plan import Plan

_HARDENED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateDevices=yes
PrivateTmp=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
"""


def files(plan: Plan) -> dict[str, str]:
    """The units, by name; copy them to /etc/systemd/system."""
    folder = plan.folder
    sip = " ".join(kamailio.arguments(folder))
    written = {
        "systemd/phone-edge-redis.service": _unit(
            plan, "the relay's calls (Redis)", " ".join(relay_redis.arguments(plan)), ""
        ),
        "systemd/phone-edge-media.service": _unit(
            plan,
            "media relay (rtpengine)",
            f"/usr/bin/rtpengine --foreground --log-stderr --config-file={folder}/rtpengine.conf",
            "Wants=phone-edge-redis.service\nAfter=phone-edge-redis.service\n",
        ),
        "systemd/phone-edge.service": _unit(
            plan,
            "SIP edge (Kamailio)",
            f"/usr/sbin/kamailio {sip}",
            "Requires=phone-edge-media.service\nAfter=phone-edge-media.service\n",
            # Stopping this unit does not wait for live calls; `phone-ops edge start` does.
            f"ExecStartPre=/usr/sbin/kamailio -c -f {folder}/kamailio.cfg\n",
        ),
    }
    if haproxy.wanted(plan):
        written["systemd/phone-edge-speech.service"] = _unit(
            plan, "speech servers (HAProxy)", f"/usr/sbin/haproxy -db -f {folder}/haproxy.cfg", ""
        )
    return written


def _unit(plan: Plan, what: str, command: str, needs: str, before: str = "") -> str:
    low = min(plan.edge.port, plan.edge.tls_port if plan.tls else plan.edge.port) < 1024
    ports = "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
    return f"""\
# Written by `phone-ops edge render`. cp it to /etc/systemd/system, then systemctl enable --now it.
[Unit]
Description=Phone edge: {what}
After=network-online.target
Wants=network-online.target
{needs}
[Service]
Type=exec
User=phone-daemon
{before}ExecStart={command}
Restart=always
RestartSec=1
TimeoutStopSec=10
ReadWritePaths={plan.folder}
# Callers hear it if the relay has to wait for the processor.
CPUWeight=500
{ports if low else "CapabilityBoundingSet=" + chr(10)}{_HARDENED}
[Install]
WantedBy=multi-user.target
"""
