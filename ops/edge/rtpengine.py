"""rtpengine's configuration (Debian's 10.5): SRTP outside, RTP inside, in user space. Pure."""

from __future__ import annotations

from ops.edge import relay_redis
from ops.edge.plan import Plan, port_range


def configuration(plan: Plan) -> str:
    """The text of rtpengine.conf. Raises `EdgeError`."""
    edge = plan.edge
    first, last = port_range(edge.rtp_ports)
    outer = f"outer/{edge.bind}" + (f"!{edge.public_address}" if edge.public_address else "")
    return f"""\
# Written by `phone-ops edge render` from {plan.source or "the default settings"}: change those, not this.
[rtpengine]
# In user space: no kernel module, so no root and no firewall rules.
table = -1
interface = {outer};inner/{edge.inner}
# Kamailio speaks to it here.
listen-ng = 127.0.0.1:{plan.edge.control_port}
port-min = {first}
port-max = {last}
# The source of a stream is learned from its first packets; those from the announced address take precedence.
endpoint-learning = heuristic
# The line card ends a call whose caller has gone silent; this forgets what it never ended. It goes by the wall clock,
# which may be set forward by an hour during a live call.
timeout = 7200
silent-timeout = 7200
offer-timeout = 180
# Its calls are kept there, and taken up again after a restart. A Redis that is gone or frozen must hold nobody up.
redis = {relay_redis.address(plan)}
no-redis-required = true
redis-connect-timeout = 100
redis-cmd-timeout = 100
redis-allowed-errors = 0
redis-disable-time = 10
delete-delay = 0
num-threads = 2
log-level = 4
"""
