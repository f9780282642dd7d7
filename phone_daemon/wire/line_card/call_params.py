"""Parameters for pjsua2's call methods."""

from __future__ import annotations

from typing import Any

import pjsua2 as pj

DIGIT_TICKS = 160
"""The length in milliseconds of each DTMF digit that we send."""


def response(code: int) -> Any:
    """A response with status `code`, for `Call.answer` and `Call.hangup`."""
    param = pj.CallOpParam(True)
    param.opt.videoCount = 0
    param.statusCode = code
    return param


def events(digits: str) -> Any:
    """`digits` as telephone-events (RFC 4733), for `Call.sendDtmf`."""
    param = pj.CallSendDtmfParam()
    param.method = pj.PJSUA_DTMF_METHOD_RFC2833
    param.duration = DIGIT_TICKS
    param.digits = digits
    return param
