"""Programs by other people that the tests phone us with; on a laptop they may be missing, in CI they may not."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "kamailio": "kamailio kamailio-tls-modules",
    "rtpengine": "rtpengine-daemon",
    "haproxy": "haproxy",
    "systemd-analyze": "systemd",
    "ip": "iproute2",
    "chromium": "chromium",
    "svmap": "sipvicious",
    "svwar": "sipvicious",
    "turnserver": "coturn",
    "npx": "npm",
    "faketime": "faketime",
}


def need(program: str) -> str:
    """Path of a program; skips the test when it is missing, or fails it where `CI=true`."""
    # Debian keeps some of them where few users look.
    if path := shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
        return path
    message = f"{program} is not installed: apt-get install {PACKAGES[program]}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_udp_port(even: bool = False) -> int:
    """A UDP port of 127.0.0.1 that was free a moment ago; even ones for RTP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if not even or port % 2 == 0:
            return port
