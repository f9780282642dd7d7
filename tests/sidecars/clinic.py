"""What callers of a clinic say, for recognition tests."""

from __future__ import annotations

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CLINIC = [
    "what are your opening hours",
    "what time do you close",
    "i would like to book an appointment please",
    "i'd like to make an appointment",
    "i need to cancel my appointment",
    "can i leave a message for the doctor",
    "how much does a cleaning cost",
    "yes please",
    "no that is wrong",
    "thank you goodbye",
    "wait a moment",
    *(f"are you open on {day}" for day in DAYS),
    *(f"on {day}" for day in DAYS),
    *(f"{day} morning please" for day in DAYS),
]
PARCEL = [
    "where is my parcel",
    "my parcel has not arrived",
    *(f"my number is {DIGITS[n]} {DIGITS[(3 * n + 2) % 10]} {DIGITS[(n + 4) % 10]}" for n in range(10)),
    *(f"{first} {second}" for first in DIGITS for second in DIGITS),
]
OPTIONS = {"phrases": {"clinic": CLINIC, "parcel": PARCEL}}
SAID = (
    "what are your opening hours",
    "are you open on saturday",
    "what time do you close on friday",
    "monday morning please",
    "i need to cancel my appointment",
    "can i leave a message for the doctor",
)
WITHOUT_A_PAUSE = (
    "I have a question about my appointment on Tuesday",
    "and I would like to know what time you close on Friday",
    "because my brother wants to come in too",
    "and he works until five every day",
    "so the morning is no good for him",
    "and the dentist told us last time",
    "that we could both come on the same day",
    "if we call in advance and leave a message",
    "so I am calling to ask if that is possible on Monday",
    "or on any other day of the week after that",
    "and I can come early in the morning or late in the afternoon",
)
"""Pieces of one sentence that takes 20 s."""
