"""Third-party programs with which tests call the daemon; a laptop may lack them, but CI must not."""

from __future__ import annotations

import os
import shutil

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
