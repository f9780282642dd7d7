"""What has been said in one reply, by the model and in its place."""

from __future__ import annotations

import asyncio

HOLD_S = 4.0
"""If a model thinks for longer than this without saying anything, the agent speaks in its place."""


class Said:
    """What has been said in one reply, joined the way it will be spoken."""

    def __init__(self) -> None:
        self.words = False
        """Whether the model has said anything."""
        self.in_round = False
        """Whether it has said anything in the current request."""
        self.waited_for = True
        """Whether the caller is waiting for the model to say something: at first, and after a webhook was asked."""
        self.over = False
        """Whether nothing more is to be said."""
        self._end = ""
        """The last character that was said."""
        self._held = False
        self._begun = asyncio.get_running_loop().time()

    def next_round(self) -> None:
        self.in_round = False

    def add(self, text: str) -> str:
        """The model's `text`, as it is to be spoken."""
        if not self.in_round:
            text = text.lstrip()
            if text and self._end and not self._end.isspace():
                text = " " + text
        if text:
            self.in_round = self.words = True
            self.waited_for = False
            self._end = text[-1]
        return text

    def late(self) -> bool:
        """Whether the caller has waited so long that something must be said; true once."""
        if self._end or self._held or asyncio.get_running_loop().time() - self._begun < HOLD_S:
            return False
        self._held = True
        return True

    def ours(self, text: str, after: str = "") -> str:
        """Our own `text`, as it is to be spoken."""
        text = f"{after if self._end.isalnum() else ''}{' ' * bool(self._end and not self._end.isspace())}{text} "
        self._end = " "
        return text
