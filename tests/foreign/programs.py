"""Third-party programs with which tests call the daemon; a laptop may lack them, but CI must not."""

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
    """Path of a program; skips the test if it is missing, or fails it if `CI=true`."""
    # Debian keeps some of them outside of most users' PATH.
    if path := shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
        return path
    message = f"{program} is not installed: apt-get install {PACKAGES[program]}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_udp_port(even: bool = False) -> int:
    """A UDP port of 127.0.0.1 that was free a moment ago; an even one for RTP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if not even or port % 2 == 0:
            return port
