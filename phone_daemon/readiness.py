"""What readiness depends on: without a line no call can come in, while without the other parts calls still can."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from phone_daemon.agent.factory import AgentFactory
from phone_daemon.call.services import Services
from phone_daemon.health import Condition, Level, Part
from phone_daemon.web.process import WebProcess
from phone_daemon.wire.sip import LineCards
from phone_daemon.wire.trunks import Trunks


def parts_of(
    cards: LineCards,
    trunks: Trunks,
    agents: AgentFactory,
    services: Callable[[], Services],
    web: Callable[[], WebProcess | None],
) -> Mapping[str, Part]:
    """The daemon's parts by name; `services` and `web` return the current objects, because both are replaced."""
    settings = services().settings

    def line_cards() -> Condition:
        if cards.alive == settings.sip.cards:
            return Condition()
        detail = f"{cards.alive} of {settings.sip.cards} line cards run"
        return Condition(Level.DEGRADED if cards.alive else Level.UNREADY, detail)

    def state() -> Condition:
        store = services().store
        return Condition() if store.ready else Condition(Level.DEGRADED, store.problem)

    def pages() -> Condition:
        process = web()
        up = process is not None and process.alive
        return Condition() if up else Condition(Level.DEGRADED, "the web process is down")

    return {
        "line_cards": line_cards,
        **({"trunks": lambda: _unless(trunks.problem)} if len(trunks) else {}),
        "stt": lambda: _unless(services().stt.problem),
        "tts": lambda: _unless(services().tts.problem),
        "model": lambda: _unless(agents.problem),
        "state": state,
        **({"web": pages} if settings.web.on else {}),
    }


def _unless(problem: str) -> Condition:
    return Condition(Level.DEGRADED, problem) if problem else Condition()
