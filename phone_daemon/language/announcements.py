"""What a queue, a hold or a mailbox says to whoever waits: a recording, which nobody wants answered. English."""

from __future__ import annotations

import re

_ANNOUNCEMENT = re.compile(
    r"""\b(?:
    your\ (?:call|business)\ is\ (?:very\ )?important
    | (?:please|to)\ (?:continue\ to\ )?(?:hold|stay\ on|remain\ on)\ (?:the\ line|for\ the|and\ your|while|until)
    | (?:thank\ you|thanks)\ for\ (?:holding|waiting|your\ patience)
    | you\ are\ (?:now\ |currently\ )?(?:first|next|second|third|caller|number)\b.*\b(?:line|queue)
    | (?:there\ are|there\ is)\b.*\bcallers?\b.*\b(?:ahead|before|waiting|in\ (?:line|the\ queue))
    | (?:the\ )?(?:current|estimated|approximate)\ (?:hold|wait|waiting)\ time
    | all\ (?:of\ )?(?:our\ )?(?:agents|representatives|operators|lines|circuits)\b.*\b(?:busy|assisting)
    | (?:next|first)\ available\ (?:agent|representative|operator|person)
    | will\ be\ (?:answered|with\ you)\ (?:in\ the\ order|shortly|as\ soon)
    | (?:at|after)\ the\ (?:tone|beep)
    )""",
    re.VERBOSE,
)


def is_announcement(text: str) -> bool:
    """Whether `text` is one, however it is written."""
    return _ANNOUNCEMENT.search(" ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold()))) is not None
