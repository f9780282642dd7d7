"""Which dialplan answers a call, by the numbers that were dialed, and by the trunk on which the call came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from phone_daemon.dialplan.dialplan import Dialplan, Dialplans
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.identity import national, same_number
from phone_daemon.wire.trunk import Trunk


def dialplan_for(
    numbers: Sequence[str], dialplans: Dialplans, now: datetime, sip: SipSettings
) -> tuple[Dialplan, str] | None:
    """The dialplan for the first of `numbers` that a dialplan names, with that number; otherwise the dialplan for all
    numbers; None if there is none."""
    whole = [pattern for plan in dialplans for pattern in plan.called]
    for_all = None
    for number in numbers:
        for called in dict.fromkeys((number, same_number(number, whole, sip) or number, national(number, sip))):
            plan = dialplans.match(called, now)
            if plan is not None and plan.called != ("*",):
                return plan, called
            if plan is not None and for_all is None:
                for_all = plan, number
    return for_all


def dialplan_of_trunk(
    trunk: Trunk | None, numbers: Sequence[str], dialplans: Dialplans, now: datetime, sip: SipSettings
) -> tuple[Dialplan, str] | None:
    """Like `dialplan_for`, among the dialplans of the trunk on which the call came.

    A caller to an account always reaches one of them, because the number that they dialed is seldom known.
    """
    if trunk is None or not trunk.settings.dialplans:
        return dialplan_for(numbers, dialplans, now, sip)
    by_name = {plan.name: plan for plan in dialplans}
    own = [by_name[name] for name in trunk.settings.dialplans if name in by_name]
    found = dialplan_for(numbers, Dialplans(own), now, sip)
    if found is None and own and trunk.settings.register is not None:
        return own[0].at(now), numbers[0]
    return found
