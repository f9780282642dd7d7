"""The state of the running edge: line cards, calls, registrations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.edge.plan import Plan
from ops.edge.rpc import NoAnswer, call, media_answers


@dataclass(frozen=True, slots=True)
class CardStatus:
    """A line card as the dispatcher lists it."""

    uri: str
    up: bool
    """Whether it takes calls: it answers, is not full, and is not draining."""
    calls: int
    """Calls counted by the edge."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account at a registrar."""

    trunk: str
    registered: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the edge at one moment."""

    cards: tuple[CardStatus, ...]
    calls: int
    draining: bool
    media: bool
    """Whether rtpengine answers."""
    accounts: tuple[AccountStatus, ...]

    @property
    def ready(self) -> bool:
        """Whether the edge would take a call."""
        return self.media and not self.draining and any(card.up for card in self.cards)

    def as_json(self) -> dict[str, Any]:
        return {"ready": self.ready, **asdict(self)}


async def ask(plan: Plan) -> Status:
    """Reads the state. Raises `NoAnswer` if the edge is not running."""
    control = plan.control
    listed = await call(control, "dispatcher.list")
    calls = await call(control, "dlg.stats_active")
    try:
        # "draining:" has a value only after it was set once.
        draining = "1" in str(await call(control, "pv.shvGet", "draining"))
    except NoAnswer:
        draining = False
    accounts: tuple[AccountStatus, ...] = ()
    if plan.accounts:
        accounts = tuple(map(_account, await call(control, "uac.reg_dump")))
    return Status(
        cards=tuple(
            _card(target["DEST"])
            for record in listed.get("RECORDS", [])
            for target in record["SET"]["TARGETS"]
        ),
        calls=int(calls["all"]),
        draining=draining,
        media=await media_answers(plan.edge.control_port),
        accounts=accounts,
    )  # fmt: skip


def _card(shown: dict[str, Any]) -> CardStatus:
    # The first letter of the flags: A active, I inactive, D disabled, T trying.
    calls = shown.get("RUNTIME", {}).get("DLGLOAD", 0)
    return CardStatus(shown["URI"], shown["FLAGS"].startswith("A"), int(calls))


def _account(shown: dict[str, Any]) -> AccountStatus:
    # Flags of the uac module: 4 is registered, 2 in progress.
    flags = int(shown.get("flags", 0))
    detail = "registered" if flags & 4 else "under way" if flags & 2 else "refused or not answered; tried again"
    return AccountStatus(str(shown.get("l_uuid", "")), bool(flags & 4), detail)


def show(status: Status, console: Console) -> None:
    """The state as a table for people."""
    table = Table("line card", "state", "calls", box=None, pad_edge=False)
    for card in sorted(status.cards, key=lambda card: card.uri):
        table.add_row(card.uri, "up" if card.up else "full, draining or gone", str(card.calls))
    console.print(table)
    for account in status.accounts:
        console.print(f"trunk {account.trunk}: {account.detail}")
    up = sum(card.up for card in status.cards)
    state = "draining" if status.draining else "ready" if status.ready else "takes no calls"
    media = "media relay answers" if status.media else "MEDIA RELAY DOES NOT ANSWER"
    console.print(f"{state}: {up} of {len(status.cards)} line cards up, {status.calls} calls, {media}")
