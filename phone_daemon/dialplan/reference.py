"""The reference of dialplan keys in Markdown, written from their models: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator

from phone_daemon.dialplan.keys import PlanKeys
from phone_daemon.dialplan.script_keys import SLOT_TYPES, SlotKeys
from phone_daemon.dialplan.tools import OwnToolKeys, TransferKeys, WebhookKeys
from phone_daemon.settings.problems import fields_of
from phone_daemon.settings.reference import tables

_HEAD = """\
# Dialplans

Keys of a dialplan file (TOML). The settings name such files (`dialplans = ["reception.toml"]`); `phone-daemon init`
writes a first one, `phone-daemon check` checks them, `phone-daemon try FILE` lets you talk to one by typing, and SIGHUP
makes the daemon read them again. Times are in seconds. A key that takes a list of texts also takes a single text.

A minimal dialplan:

```toml
called = ["*"]
greeting = "Hello. How can I help?"

[intents.hours]
caller_says = ["when are you open", "[what are your] opening hours"]
say = ["From nine to five."]
```
"""


def dialplan_reference() -> str:
    return "\n".join((_HEAD, *tables(PlanKeys), *_slots(), *_tools())).rstrip() + "\n"


def _slots() -> Iterator[str]:
    yield from tables(SlotKeys, "slots", "NAME")
    for name, model in SLOT_TYPES.items():
        if model is not SlotKeys:
            own = fields_of(model).keys() - fields_of(SlotKeys).keys()
            yield from tables(model, title=f'`[slots.NAME]` with `type = "{name}"`', only=own)


def _tools() -> Iterator[str]:
    yield from tables(TransferKeys, "tools", "transfer")
    yield from tables(OwnToolKeys, title="`[tools.hang_up]`, `[tools.send_dtmf]`, `[tools.take_message]`")
    yield from tables(WebhookKeys, "tools", "NAME")


if __name__ == "__main__":
    print(dialplan_reference(), end="")  # noqa: T201
