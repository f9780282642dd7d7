"""A transfer: the caller's telephone is asked by REFER to call somebody else, and reports how that goes by NOTIFY.

RFC 3515; with Replaces (RFC 3891) it takes our place in a call that we already have with a colleague.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from phone_daemon.events import TransferFailed
from phone_daemon.wire.line_card.screening import Dialog

UNTOLD_S = 3.0
"""How long to wait for the caller's BYE if their side no longer reports the progress of the transfer."""
Failed = Callable[[int, str], None]
"""Takes the status, 0 if there is none, and the reason."""


class Transfer:
    """The transfer of the call of `dialog`; `tell` takes reports for the daemon."""

    def __init__(self, dialog: Dialog, tell: Callable[[TransferFailed], None]) -> None:
        self.under_way = False
        self._dialog = dialog
        self._tell = tell
        self._failed: Failed | None = None
        self._within_s = 0.0
        self._by = float("inf")

    def begin(self, whom: str, refer: Callable[[Any], None], within_s: float, failed: Failed | None = None) -> None:
        """Calls `refer` to send REFER. If that fails, or no final NOTIFY comes `within_s`, `failed` is called, or
        without it the daemon is notified."""
        self._within_s, self._by = within_s, time.monotonic() + within_s
        self._failed = failed
        self.under_way = self._dialog.referring = True
        try:
            refer(pj.CallOpParam(True))
        except pj.Error as error:
            self._fail(0, f"transfer to {whom}: {why(error)}")

    def timed_out(self, now: float) -> bool:
        """Whether it has just failed because no final NOTIFY came in time; `now` is monotonic."""
        if self._dialog.untold:
            self._end_soon(now)
        late = now >= self._by
        if late:
            self._fail(408, f"nothing was heard of the transfer for {self._within_s:g} s")
        return late

    def done(self, code: int, reason: Any, *, final: bool) -> bool:
        """Takes a NOTIFY. Returns whether the caller has reached the other party, so that our call can end."""
        # Until the final NOTIFY the other party's phone is ringing, and the caller may come back (RFC 3515).
        if code >= 300 or final or self._dialog.succeeded:
            self._dialog.referring = False
        if code >= 300:
            self._fail(code, str(reason))
        elif final and code < 200:
            self._end_soon(time.monotonic())
        return 200 <= code < 300 and (bool(final) or self._dialog.succeeded)

    def _end_soon(self, now: float) -> None:
        """The subscription ended before or while the other telephone rang, so the outcome will not be reported."""
        self._dialog.untold = False
        if self.under_way:
            self._by, self._within_s = min(self._by, now + UNTOLD_S), UNTOLD_S

    def _fail(self, code: int, detail: str) -> None:
        """Reports that the transfer failed and the caller is still here."""
        self._by, self.under_way = float("inf"), False
        failed, self._failed = self._failed, None
        if failed is not None:
            failed(code, detail)
        else:
            self._tell(TransferFailed(code, detail))


def why(error: Any) -> str:
    """The message of a `pj.Error`, on one line."""
    return re.sub(r"\s+", " ", str(error.reason or error.info()))
