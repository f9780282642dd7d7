"""A live call as captions: gray partials that become finals, what the agent says as it is played, interruptions.

On a terminal the current line changes in place; in a pipe only finals are printed, without colors.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from phone_daemon.events import Note


class Caption(NamedTuple):
    """A line about what happened in a call."""

    who: str
    """`call`, `caller`, `agent`, or empty for internal events."""
    text: str
    style: str


def caption_of(note: Note) -> Caption | None:  # noqa: PLR0911
    """The caption of a note; None for what only moves a call on, such as a partial."""
    data = note.data
    match note.kind:
        case "started":
            return Caption("call", f"answered with {data['dialplan']}", "dim")
        case "final" if data["text"]:
            return Caption("caller", str(data["text"]), "bold cyan")
        case "agent":
            return Caption("agent", str(data["text"]), "green")
        case "digit":
            return Caption("caller", f"[{data['digit']}]", "bold cyan")
        case "understood":
            slots = data["slots"]
            told = ", ".join(f"{k} = {v}" for k, v in slots.items()) if isinstance(slots, dict) else ""
            return Caption("", f"understood: {data['intent']}{f' ({told})' if told else ''}", "dim")
        case "barge_in":
            legs = data["legs_ms"]
            silent = legs.get("rtp_silent") if isinstance(legs, dict) else None
            after = f"silent after {silent:.0f} ms" if silent is not None else "the line did not confirm"
            return Caption("", f"↯ interrupted ({data['source']}): {after}; heard “{data['heard']}”", "bold red")
        case "fault":
            return Caption("", f"{data['part']}: {data['error']}", "yellow")
        case "action":
            return Caption("", f"{data['kind']} {data['argument']}".rstrip(), "dim")
        case "tool":
            return Caption("", f"{data['name']} {data['outcome']}", "dim")
        case "hold":
            return Caption("", "on hold" if data["held"] else "off hold", "dim")
        case "take_over":
            return Caption("", "taken over by a colleague" if data["taken"] else "given back to the agent", "dim")
        case "transfer_failed":
            return Caption("", f"transfer failed: {data['code']} {data['detail']}".rstrip(), "yellow")
        case "fax":
            return Caption("", f"a fax machine: {data['tone']}", "yellow")
        case "ended":
            return Caption("call", f"ended: {data['reason']}", "dim")
    return None


class Captions:
    """Shows the notes of one call. Use it as a context manager, and give `show` to the daemon as its `watch`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=20, transient=True)
        self._began_ns = 0
        self._partial = ""
        self._stable = ""
        """The beginning of it that will most likely not change."""
        self._state = ""

    def __enter__(self) -> Captions:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, note: Note) -> None:
        """Takes the next note."""
        match note.kind:
            case "started":
                self._began_ns = note.at_ns
            case "state":
                self._state = str(note.data["state"]).lower()
            case "partial":
                self._partial, self._stable = str(note.data["text"]), str(note.data["stable"])
            case "final":
                self._partial = ""
            case "ended":
                self._partial = self._state = ""
        if caption := caption_of(note):
            self._print(note, caption)
        if self._live.is_started:
            self._live.update(self._running())

    def _running(self) -> Group:
        caller = Text(f"         caller  {self._partial}" if self._partial else "", style="grey42", overflow="ellipsis")
        if self._partial.startswith(self._stable):
            caller.stylize("grey70", 17, 17 + len(self._stable))
        return Group(
            caller,
            Text(f"         {self._state}", style="grey35"),
        )

    def _print(self, note: Note, caption: Caption) -> None:
        at = (note.at_ns - self._began_ns) / 1e9
        # A grid, so that a long caption wraps under itself and not under the clock.
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(style="grey50", width=8, justify="right", no_wrap=True)
        row.add_column(style="grey70", width=6, justify="right", no_wrap=True)
        row.add_column(style=caption.style)
        row.add_row(f"{at:.2f} s", caption.who, caption.text.strip())
        self._console.print(row)
