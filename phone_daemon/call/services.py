"""What all calls share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import Note
from phone_daemon.settings.settings import Settings
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.tts.filler import Store as FillerStore
from phone_daemon.tts.kept_speech import KeptSpeech
from phone_daemon.tts.lead import Lead
from phone_daemon.tts.voice import Voice
from sidecars.host.host import Host
from sidecars.log import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """The engines, stores, and settings that a call uses."""

    settings: Settings
    stt: Host
    tts: Host
    store: State
    telemetry: Telemetry
    watch: Callable[[Note], None]
    lead: Lead = field(default_factory=Lead)
    fillers: FillerStore = field(default_factory=dict)
    speech: KeptSpeech = field(default_factory=KeptSpeech)

    def open_voice(self, dialplan: Dialplan, call: str, *, wide: bool = False) -> Voice:
        """Opens a voice for `call`, as its dialplan specifies; `wide`: for a wideband line."""
        return Voice(self.tts, dialplan.voice, call, self.speech, fixed=dialplan.texts(), wide=wide)

    def tell(self, call: str, kind: str, data: dict[str, object]) -> None:
        """Records what happened in `call`, for the store and for observers. An observer that fails is logged."""
        note = Note(call, kind, now_ns(), data)
        self.store.note(note)
        try:
            self.watch(note)
        except Exception:
            log.exception(Event("call.observer_failed", call=call))
