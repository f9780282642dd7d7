"""A Containerfile and a compose file that run the edge and a daemon as the systemd units do. Pure."""

from __future__ import annotations

from ops.edge.plan import Plan

CONTAINERFILE = """\
# Written by `phone-ops edge render`. Build it in the project's folder:
#     podman build -t phone-daemon -f var/edge/Containerfile .
FROM docker.io/library/debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
      ca-certificates haproxy kamailio kamailio-tls-modules openssl \\
      python3 python3-venv rtpengine-daemon \\
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home --home-dir /var/lib/phone-daemon phone-daemon
WORKDIR /opt/phone-daemon
COPY . .
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir -c constraints.txt '.[ops]'
ENV PATH=/opt/phone-daemon/.venv/bin:$PATH
USER phone-daemon
WORKDIR /var/lib/phone-daemon
CMD ["phone-daemon", "serve", "-c", "/etc/phone-daemon/phone-daemon.toml"]
"""


def files(plan: Plan) -> dict[str, str]:
    """Both files, by name."""
    return {"Containerfile": CONTAINERFILE, "compose.yaml": _compose(plan)}


def _compose(plan: Plan) -> str:
    stop_s = round(plan.drain_s) + 10
    daemon = _service("daemon", '"phone-daemon", "serve"', stop_s)
    edge = _service("edge", '"phone-ops", "edge", "start"', stop_s)
    return f"""\
# Written by `phone-ops edge render`: `podman-compose up` or `docker compose up` in the project's folder.
# Host networking: RTP takes thousands of ports, and a relay behind a container's NAT would announce addresses that
# nobody reaches.
services:
{daemon}{edge}volumes:
  phone-daemon: {{}}
"""


def _service(name: str, command: str, stop_s: int) -> str:
    return f"""\
  {name}:
    image: phone-daemon
    command: [{command}, "-c", "/etc/phone-daemon/phone-daemon.toml"]
    network_mode: host
    read_only: true
    tmpfs: ["/tmp"]
    cap_drop: ["ALL"]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: {stop_s}s
    restart: on-failure
    volumes:
      - /etc/phone-daemon:/etc/phone-daemon:ro
      - phone-daemon:/var/lib/phone-daemon
"""
