"""A live call as captions: gray partials that become finals, what the agent says as it is played, interruptions.

On a terminal the current line changes in place; in a pipe only finals are printed, without colors.
"""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from phone_daemon.events import Note


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
        data = note.data
        match note.kind:
            case "started":
                self._began_ns = note.at_ns
                self._print(note, "call", f"answered with {data['dialplan']}", "dim")
            case "state":
                self._state = str(data["state"]).lower()
            case "partial":
                self._partial, self._stable = str(data["text"]), str(data["stable"])
            case "final":
                self._partial = ""
                if data["text"]:
                    self._print(note, "caller", str(data["text"]), "bold cyan")
            case "agent":
                self._print(note, "agent", str(data["text"]), "green")
            case "digit":
                self._print(note, "caller", f"[{data['digit']}]", "bold cyan")
            case "understood":
                slots = data["slots"]
                told = ", ".join(f"{k} = {v}" for k, v in slots.items()) if isinstance(slots, dict) else ""
                self._print(note, "", f"understood: {data['intent']}{f' ({told})' if told else ''}", "dim")
            case "barge_in":
                legs = data["legs_ms"]
                silent = legs.get("rtp_silent") if isinstance(legs, dict) else None
                after = f"silent after {silent:.0f} ms" if silent is not None else "the line did not confirm"
                self._print(note, "", f"↯ interrupted ({data['source']}): {after}; heard “{data['heard']}”", "bold red")
            case "fault":
                self._print(note, "", f"{data['part']}: {data['error']}", "yellow")
            case "action":
                self._print(note, "", f"{data['kind']} {data['argument']}".rstrip(), "dim")
            case "tool":
                self._print(note, "", f"{data['name']} {data['outcome']}", "dim")
            case "ended":
                self._partial = self._state = ""
                self._print(note, "call", f"ended: {data['reason']}", "dim")
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

    def _print(self, note: Note, who: str, text: str, style: str) -> None:
        at = (note.at_ns - self._began_ns) / 1e9
        # A grid, so that a long caption wraps under itself and not under the clock.
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(style="grey50", width=8, justify="right", no_wrap=True)
        row.add_column(style="grey70", width=6, justify="right", no_wrap=True)
        row.add_column(style=style)
        row.add_row(f"{at:.2f} s", who, text.strip())
        self._console.print(row)
