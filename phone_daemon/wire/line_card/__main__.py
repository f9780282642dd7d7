"""The line card: a child process that holds pjsua2, up to four calls, and one thread.

`python -m phone_daemon.wire.line_card --fd N …` is started by `wire/line_card_process.py` with one end of a
`SOCK_SEQPACKET` pair. It ends when told to, or when that socket closes, so it never outlives its daemon. Exit codes: 0
if told to end, `EXIT_PORT` if the SIP port is taken, 1 otherwise. The card itself is in `card.py`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from phone_daemon.wire.line_card import options as card_options
from phone_daemon.wire.line_card.card import Card
from phone_daemon.wire.line_card.guarded import log
from phone_daemon.wire.line_card.phone import PortTaken

EXIT_PORT = 98
"""Exit code when the SIP port is in use (EADDRINUSE)."""


def main() -> int:
    options = card_options.parse()

    # A Ctrl-C reaches the whole process group and systemd's SIGTERM the whole unit; the daemon decides, we follow.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # pjsua2 logs to stdout.
    os.dup2(2, 1)
    daemon = socket.socket(fileno=options.fd)
    daemon.setblocking(False)
    daemon.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    card = Card(options, daemon)
    try:
        card.start()
    except PortTaken as error:
        log("ERROR", f"{error}: stop what holds it (`ss -lntup`), or set another `port` under [sip]")
        return EXIT_PORT
    card.run()
    return 0


if __name__ == "__main__":
    # Past this point nothing is worth an interpreter's shutdown, which pjsua2's objects might not survive.
    code = main()
    sys.stderr.flush()
    os._exit(code)
