"""What callers of a clinic say, for tests of recognition."""

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
