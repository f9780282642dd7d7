"""Recognizes what a queue, a hold, or a mailbox says to a caller: a recording that needs no answer. English."""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = 3
"""Letters of each word that must be right: a partial may contain "your calling is" for "your call is"."""
_ANNOUNCEMENT = re.compile(
    r"""\b(?:
    your\ (?:call|business)\ is\ (?:very\ )?important
    | (?:please|to)\ (?:continue\ to\ )?(?:hold|stay\ on|remain\ on)\ (?:the\ line|for\ the|and\ your|while|until)
    | (?:thank\ you|thanks)\ for\ (?:holding|waiting|your\ patience)
    | you\ are\ (?:now\ |currently\ )?(?:first|next|second|third|caller|number)\b.*\b(?:line|queue)
    | (?:there\ are|there\ is)\b.*\bcallers?\b.*\b(?:ahead|before|waiting|in\ (?:line|the\ queue))
    | (?:the\ )?(?:current|estimated|approximate)\ (?:hold|wait|waiting)\ time | (?:hold|waiting)\ time\ is
    | we(?:'re|\ are)?\ sorry\ (?:to\ keep\ you|(?:that|for)\ you\ .*)\ waiting
    | we\ apologize\ for\ the\ (?:delay|wait) | (?:appreciate|thank\ you\ for)\ your\ patience
    | ^thank\ you\ for\ calling\ (?:the|our)\b
    | ^the\ (?:number|person|party)\ you\ (?:are\ calling|have\ (?:called|dial+ed))\b
    | all\ (?:of\ )?(?:our\ )?(?:agents|representatives|operators|lines|circuits)\b.*\b(?:busy|assisting)
    | (?:next|first)\ available\ (?:agent|representative|operator|person)
    | will\ be\ (?:answered|with\ you)\ (?:in\ the\ order|shortly|as\ soon)
    | (?:at|after)\ the\ (?:tone|beep)
    | you\ are\ (?:now\ |currently\ )?caller\ number
    | your\ call\ is\ (?:now|currently)\b.*\b(?:line|queue)
    | the\ conference\ will\ begin
    | (?:please\ wait|(?:please\ )?(?:hold|wait)\ a\ moment)\ while\ (?:i|we)\ (?:connect|transfer|try|locate|put)
    | while\ (?:i|we)\ (?:try|connect|locate)\ (?:that|you|your)\b
    | ^(?:call\ waiting|(?:hold|waiting|wait)\ time)$ | ^waiting\ to\ speak\ (?:to|with)\ a\b
    | we\ are\ currently\ experiencing | (?:higher|unusually\ high)\ (?:than\ (?:usual|normal)\ )?call\ volumes?
    | ^(?:this|your)\ call\ (?:may|might|will)\ be\ (?:recorded|monitored)
    )""",
    re.VERBOSE,
)
_BEGINNINGS = (
    "your call is", "your business is important", "your call will be answered", "the conference will",
    "please hold the line", "please hold for the", "please hold while", "please wait while", "please stand by",
    "please stay on the line", "please remain on the line", "please continue to hold", "please leave your message",
    "thank you for holding", "thank you for waiting", "thank you for your patience", "thanks for your patience",
    "thanks for holding", "thanks for waiting", "you are now first", "you are currently", "you are next in line",
    "you are the next caller", "you are caller number", "you are number", "there are currently", "there is currently",
    "all of our agents", "all of our representatives", "all our agents", "all our representatives", "all our lines",
    "all our operators", "all of our operators", "the estimated hold", "the estimated wait", "the current wait",
    "the current hold", "the approximate wait", "the next available", "at the tone", "after the tone", "after the beep",
    "we are currently experiencing", "this call may be", "waiting to speak with a", "calls waiting to speak",
    "all of our team", "we appreciate your", "we are sorry to keep", "the person you are calling",
    "the number you have dialed", "the waiting time is", "due to high",
)  # fmt: skip


def is_announcement(text: str) -> bool:
    """Whether `text` is an announcement, however it is spelled."""
    return _ANNOUNCEMENT.search(_plain(text)) is not None


def begins_announcement(text: str, *, over: bool = True) -> bool:
    """Whether `text` is the beginning of an announcement. Two of its words are enough, because more follow: someone who
    begins that way but wants to say something else will have said it a moment later. Unless it is `over`, its last
    word may be half a word, and need not fit."""
    said = _plain(text).split()
    heard = [said, *([] if over else [said[:-1]])]
    return any(len(words) >= 2 and _begins(words, each.split()) for words in heard for each in _BEGINNINGS)


def _begins(said: Sequence[str], known: Sequence[str]) -> bool:
    """Whether `said` begins as `known` does, or is its beginning, allowing for how well a partial is recognized."""
    return all(one[:LETTERS] == other[:LETTERS] for one, other in zip(said, known, strict=False))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold()))
