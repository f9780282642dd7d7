"""`phone-daemon demo`: one recorded call over real SIP and RTP on loopback, shown as captions and then as figures."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ops import sigterm
from ops.live import floor
from ops.replay import fixture, tape_call
from ops.replay.expectations import read_turns
from ops.replay.sip_call import place_recorded_call
from ops.report import tables
from ops.report.captions import Captions
from ops.report.stats import gate_ms
from phone_daemon.daemon import Daemon
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.events import Note
from phone_daemon.settings.load import load_settings
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.sip import LineCard

DEFAULT = "interrupts_three_times"


def run(name: str | None) -> int:
    """Plays fixture `name` (or `DEFAULT`). Returns 0 if the call took place, 2 if there is no such fixture."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        recorded = fixture.load(fixture.find(name or DEFAULT))
    except fixture.FixtureError as error:
        print(error, file=sys.stderr)
        return 2
    sigterm.run(show(recorded, tables.console()))
    return 0


async def show(recorded: fixture.Fixture, console: Console) -> Path:
    """Makes the call, with captions on `console`; returns the folder of its files."""
    settings = replace(
        load_settings(None, os.environ),
        sip=SipSettings(port=0),
        health_port=0,
        dialplans=tuple(sorted(SHIPPED.glob("*.toml"))),
    )
    ended = asyncio.Event()
    folder: list[Path] = []

    with Captions(console) as captions:

        def watch(note: Note) -> None:
            captions.show(note)
            if note.kind == "started":
                folder.append(settings.calls.directory / note.call)
            elif note.kind == "ended":
                ended.set()

        with console.status("starting SIP, speech recognition and synthesis"):
            limit_ms = gate_ms((await floor.floor(settings)).ms["p95"])
            daemon = Daemon(settings, watch=watch, now=lambda: tape_call.NOON)
            await daemon.__aenter__()
        try:
            caller = await LineCard.start(SipSettings(port=0))
            serving = asyncio.create_task(daemon.serve())
            try:
                uri = f"sip:{recorded.called}@127.0.0.1:{daemon.port}"
                console.print(f"[bold]{recorded.name}[/]: {recorded.description}  [dim]→ {uri}[/]\n")
                await place_recorded_call(caller, uri, recorded)
                await asyncio.wait_for(ended.wait(), 10)
            finally:
                await caller.close()
                daemon.drain()
                await serving
        finally:
            await daemon.__aexit__(None, None, None)

    turns = read_turns(folder[0] / "turns.jsonl")
    if interrupted := [turn for turn in turns if turn["barge_in"]]:
        console.print()
        console.print(tables.waterfall(*interrupted, limit_ms=limit_ms))
    console.print()
    console.print(tables.latency(turns))
    console.print(f"\n{folder[0]}/")
    for name, what in (
        ("call.wav", "both sides, caller left, agent right"),
        ("turns.jsonl", "one line per turn: text, what was heard, every timestamp"),
        ("spans.jsonl", "the OpenTelemetry spans"),
    ):
        console.print(f"  {name:<12} [dim]{what}[/]")
    console.print("\nNow talk to it yourself: [bold]make serve[/], and open the link that it prints.")
    return folder[0]
