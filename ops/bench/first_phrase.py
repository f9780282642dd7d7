"""How soon the first phrase of a reply leaves the chunker: tokens between the earliest possible point and the actual
one.

`|` marks by hand where the first phrase could be spoken: after the first sentence, or after a first clause of twelve
characters or more, because a shorter one sounds chopped off. It is never within "Dr. Miller", "9.30", or an address.
"""

from __future__ import annotations

import re

from ops.bench.figure import Figure, Progress
from phone_daemon.tts.phrases import PhraseChunker

REPLIES = (
    "Yes, of course.| Which day would suit you?",
    "I can do that for you.| What is your name?",
    "Good morning,| Riverside Dental. How can I help you?",
    "Thank you very much.| Your appointment is on Tuesday at half past ten.",
    "We are open from eight in the morning,| and we close at six.",
    "Let me see what I can do for you.| One moment, please.",
    "Dr. Miller is on holiday this week.| Would Dr. Jones suit you?",
    "Mr. and Mrs. Smith are expected at 9.30 in the morning.| They come together.",
    "The filling costs $85.50 in all.| Would you like to book it?",
    "That is 1,250 pounds altogether.| You can pay in two parts.",
    "We open at 8 a.m. on Mondays.| Shall I book you in?",
    "Please write to help@riverside.example.com about that.| They will answer soon.",
    "You will find it on www.riverside.example.com.| It is on the first page.",
    "I am sorry to hear that.| Is it very painful?",
    "Certainly, I can book that for you.| Is the morning better?",
    "No problem at all!| I have cancelled it for you.",
    "Is Tuesday at ten all right?| Otherwise I have Thursday.",
    "The U.S. office is closed today.| It opens tomorrow.",
    "Your parcel arrives tomorrow,| between two and four o'clock.",
    "I have three times left on Friday:| nine, eleven and half past two.",
    "Your number is 020 7946 0123,| is that right? Then I will call you back.",
    "The practice is at 12 St. John's Road.| There is a car park behind it.",
    "It takes about 2.5 hours,| so please eat something before.",
    "Well, that depends on the treatment.| What is it about?",
    'He said "come in" and that was all.| Nothing else happened.',
    "You can come in today,| if that is not too early for you.",
    "I understand,| that sounds unpleasant. Does it hurt when you chew?",
    "We do take new patients.| The first visit is half an hour.",
    "Just a second...| Here it is.",
    "Our fax is no. 5 on the list.| Do you have it?",
)


def late(reply: str) -> int:
    """Tokens between the point where the first phrase could be spoken and where it was; the end of the reply counts as
    one.

    Negative if it left too soon, in the wrong place.
    """
    first, rest = reply.split("|")
    tokens = re.findall(r"\s*\S+", first + rest)
    could = len(re.findall(r"\s*\S+", first))
    chunker = PhraseChunker()
    for number, token in enumerate(tokens, 1):
        if phrases := chunker.feed(token):
            return number - could if phrases[0].strip() == first.strip() or number > could else -1
    return len(tokens) + 1 - could


async def measure(progress: Progress) -> list[Figure]:
    """The value for the latest of all first phrases."""
    found = {reply: late(reply) for reply in REPLIES}
    progress(1.0)
    worst = max(found, key=lambda reply: found[reply])
    early = [reply for reply, tokens in found.items() if tokens < 0]
    sample = f"{len(found)} replies, mean {sum(found.values()) / len(found):.2f}; the latest: {worst!r}"
    return [
        Figure("first phrase leaves after it could, tokens", found[worst], "tokens", 1, sample),
        Figure("first phrases cut in the wrong place", len(early), "", 0, "; ".join(map(repr, early))),
    ]
