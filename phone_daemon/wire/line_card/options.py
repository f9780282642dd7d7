"""The line card's command line, written by `line_card_process.py`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

CODECS = {"PCMU": "PCMU/8000", "PCMA": "PCMA/8000", "G722": "G722/16000"}
"""Names in RFC 3551 and in pjmedia. (G.722 samples at 16 kHz, whatever its rtpmap says.)"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for each call of the card; times in seconds."""

    rtp_timeout_s: float
    ack_timeout_s: float
    codecs: tuple[str, ...]
    """Encoding names, in our order of preference."""
    transfer_timeout_s: float
    """Longest wait for the outcome of a transfer (RFC 5589: a NOTIFY with a final status)."""

    @classmethod
    def of(cls, options: argparse.Namespace) -> Limits:
        codecs = tuple(options.codecs.split(","))
        return cls(options.rtp_timeout, options.ack_timeout, codecs, options.transfer_timeout)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses `arguments`, or this process's own. Exits with 2 and a line on stderr if they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m phone_daemon.wire.line_card")
    parser.add_argument("--fd", type=int, required=True, help="our end of the socket pair")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5060, help="0: any free port")
    parser.add_argument("--transports", default="udp", help="udp, or udp,tcp on the same port")
    parser.add_argument("--public-address", default="")
    parser.add_argument("--codecs", default=",".join(CODECS))
    parser.add_argument("--rtp-port", type=int, default=0, help="0: any free ports")
    parser.add_argument("--rtp-range", type=int, default=0, help="how many from there on; 0: as far as they go")
    parser.add_argument("--rtp-timeout", type=float, default=30.0)
    parser.add_argument("--ack-timeout", type=float, default=5.0)
    parser.add_argument("--transfer-timeout", type=float, default=45.0)
    parser.add_argument("--max-calls", type=int, default=64, help="fewer than it was compiled for")
    parser.add_argument("--pj-log", type=int, default=0, choices=range(7), help="pjsua2's own log level")
    parser.add_argument("--guarded", action="store_true", help="nobody may call until it is told who may")
    parser.add_argument("--loopback", action="store_true", help="answer, and echo inside pjsua2: the bench's floor")
    return parser.parse_args(arguments)
