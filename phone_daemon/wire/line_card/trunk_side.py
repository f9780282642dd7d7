"""The line card's side of trunks: who may call, which accounts there are, and how OPTIONS is answered."""

from __future__ import annotations

from collections.abc import Callable

from phone_daemon.wire import protocol
from phone_daemon.wire.line_card.admission import Admission
from phone_daemon.wire.line_card.message import SipMessage
from phone_daemon.wire.line_card.phone import Phone
from phone_daemon.wire.line_card.registration import Accounts
from phone_daemon.wire.line_card.screening import ALLOW, RETRY_AFTER_S, Verdict
from phone_daemon.wire.line_card.sip_request import ask_options

MAX_ASKED = 64
"""Number of our OPTIONS requests whose answers are awaited."""
STRANGER = Verdict(403)


class TrunkSide:
    """`guarded`: whether nobody may call until the daemon says who may."""

    def __init__(
        self, phone: Phone, accounts: Accounts, send: Callable[[protocol.Report], None], guarded: bool
    ) -> None:
        self._phone = phone
        self._accounts = accounts
        self._send = send
        self._admission = Admission(() if guarded else None)
        self._ready = True
        self._asked: dict[str, str] = {}
        """The trunks to which OPTIONS was sent, by Call-ID."""

    def do(self, command: protocol.TrunkCommand) -> None:
        """Carries out the command. Raises `pjsua2.Error`."""
        match command:
            case protocol.Account():
                self._accounts.set(command)
            case protocol.Unregister(trunk):
                self._accounts.unregister(trunk)
            case protocol.Admit(rules):
                self._admission = Admission.decode(rules)
                self._phone.admit(self._admission.networks)
            case protocol.SetReady(ready):
                self._ready = ready
            case protocol.AskOptions(trunk, target):
                self._asked[ask_options(target, f"sip:{self._phone.host}")] = trunk
                if len(self._asked) > MAX_ASKED:
                    del self._asked[next(iter(self._asked))]

    def trunk(self, message: SipMessage, address: str) -> str:
        """The trunk that sent this request; empty if there are no trunks."""
        return self._admission.trunk(message, address) or ""

    def admits(self, message: SipMessage, address: str) -> bool:
        """Whether the sender of this message may call."""
        return self._admission.trunk(message, address) is not None

    def take(self, response: SipMessage) -> None:
        """Takes any response, which may be an answer to our OPTIONS."""
        trunk = self._asked.pop(response.header("call-id"), None)
        if trunk is not None:
            self._send(protocol.OptionsAnswered(trunk, response.code))

    def judge(self, request: SipMessage, address: str, *, busy: bool) -> Verdict:
        """Judges a request outside of any call. `busy`: an INVITE would not be accepted."""
        if not self.admits(request, address):
            return STRANGER
        if request.method != "OPTIONS" or request.cseq_method != "OPTIONS":
            return Verdict()
        if busy or not self._ready:
            return Verdict(503, {"Retry-After": str(RETRY_AFTER_S)})
        return Verdict(200, {"Allow": ALLOW, "Accept": "application/sdp"})
