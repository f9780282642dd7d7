"""The Redis in which rtpengine keeps its calls, so that it continues with them after a restart, with the same ports and
keys. Pure.

A separate server on loopback, in memory only, because it holds the keys of live calls.
"""

from __future__ import annotations

from ops.edge.plan import EdgeError, Plan
from phone_daemon.state.server import RedisServerError, binary


def arguments(plan: Plan) -> list[str]:
    """The command that starts it. Raises `EdgeError` if it is not installed."""
    try:
        return [binary(), f"{plan.folder}/redis.conf"]
    except RedisServerError as error:
        raise EdgeError(str(error)) from None


def address(plan: Plan) -> str:
    """Its address in the format of rtpengine."""
    return f"{plan.secret('redis')}@127.0.0.1:{plan.edge.redis_port}/0"


def configuration(plan: Plan) -> str:
    """The text of redis.conf."""
    return f"""\
# Written by `phone-ops edge render` from {plan.source or "the default settings"}: change those, not this.
bind 127.0.0.1
port {plan.edge.redis_port}
requirepass {plan.secret("redis")}
save ""
appendonly no
loglevel warning
maxmemory 64mb
maxmemory-policy noeviction
"""
