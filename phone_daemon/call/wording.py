"""What a call says in its own words, whichever agent handles it."""

from __future__ import annotations

DEAF = "I'm sorry, I could not hear you just now. Could you say that again, please?"
NO_MATCH = "Sorry, I did not catch that."
TIME_IS_UP = "I'm sorry, our time is up. Please call again. Goodbye."
BUSY = "I'm sorry, the line is busy. Is there anything else I can do for you?"
NOT_PUT_THROUGH = "I'm sorry, I could not put you through. Is there anything else I can do for you?"
ONE_MOMENT = "One moment, please."
BACK_AGAIN = "Thank you for waiting. I am back."
PUTTING_THROUGH = "One moment, I am putting you through."
COLLEAGUE_JOINS = "One moment, please. A colleague is joining us."
COLLEAGUE_LEFT = "I am back with you. Is there anything else I can do for you?"
