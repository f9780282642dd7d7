"""Removes what a reasoning model thinks: `<think>…</think>` in its text, wherever the tags are cut into tokens."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class Thinking:
    """Takes a reply's text piece by piece and gives out what is meant to be spoken."""

    def __init__(self, thinking: bool = False) -> None:
        """`thinking`: the text begins within a thought, as it does where the chat template opens it."""
        self.thinking = thinking
        """Whether the text is within a thought."""
        self._held = ""
        """What may be the beginning of a tag."""

    def feed(self, piece: str) -> str:
        """What of the text up to now is known to be speech, once each."""
        text, self._held = self._held + piece, ""
        spoken = ""
        while text:
            # A thought that is closed without having been opened is one that the chat template opened.
            tag, at = min(((tag, _find(text, tag)) for tag in (OPEN, CLOSE)), key=lambda found: found[1])
            if not self.thinking:
                spoken += text[:at]
            if len(text) - at < len(tag):
                self._held = text[at:]
                break
            self.thinking = tag == OPEN
            text = text[at + len(tag) :]
        return spoken

    def flush(self) -> str:
        """The rest, at the end of the text: a `<` that came to nothing is spoken after all."""
        rest, self._held = self._held, ""
        return "" if self.thinking else rest


def _find(text: str, tag: str) -> int:
    """Where `tag` stands in `text`, or could have begun at its end; the end where it cannot."""
    at = text.find(tag)
    if at >= 0:
        return at
    return next(
        (len(text) - n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), len(text)
    )
