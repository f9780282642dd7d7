"""What tests of a call need and most edits do not change, loaded once: a process that is forked for an edit has it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans
from phone_daemon.engines import engine_options
from phone_daemon.settings.settings import Settings
from sidecars.engines import moonshine

MODULES = (
    *("aiohttp", "httpx2", "numpy", "onnxruntime", "openai", "redis", "soxr", "opentelemetry.sdk.trace"),
    *(
        "phone_daemon.agent.script.script",
        "phone_daemon.engines",
        "phone_daemon.media.echo",
        "phone_daemon.state.store",
    ),
    *("phone_daemon.media.hold_music", "phone_daemon.media.recorder", "phone_daemon.telemetry.trace"),
    *("phone_daemon.tts.filler", "phone_daemon.wire.tape", "sidecars.engines.espeak", "sidecars.local.inline"),
    "tests.sidecars.speech",
)


def warm() -> None:
    for name in MODULES:
        import_module(name)
    _load_recognizer()


def unload(edited: str) -> None:
    """If `edited` is loaded already, the next import loads it again, and all that may have imported it."""
    if edited in sys.modules:
        for name in [name for name in sys.modules if name.startswith(("phone_daemon.", "tests."))]:
            del sys.modules[name]


def _load_recognizer() -> None:
    """The first recognizer that a test loads with the usual options is this one, which has no threads that a fork would
    lose.
    """
    create = moonshine.create
    usual = engine_options(Settings().stt, Dialplans.load([SHIPPED / "dental_clinic.toml"]))
    loaded = [create(usual)]

    def hand_out(options: Mapping[str, Any]) -> moonshine.Moonshine:
        return loaded.pop() if loaded and dict(options) == dict(usual) else create(options)

    moonshine.create = hand_out
