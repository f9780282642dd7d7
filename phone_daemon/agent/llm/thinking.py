"""Removes a reasoning model's thoughts: `<think>…</think>` in its text, no matter how the tags are split into
tokens."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class Thinking:
    """Takes a reply's text piece by piece and returns what is meant to be spoken."""

    def __init__(self, thinking: bool = False) -> None:
        """`thinking`: whether the text begins within a thought, as it does if the chat template opens it."""
        self.thinking = thinking
        """Whether the text is within a thought."""
        self._held = ""
        """Text that may be the beginning of a tag."""

    def feed(self, piece: str) -> str:
        """The part of the text so far that is known to be speech; each part is returned once."""
        text, self._held = self._held + piece, ""
        spoken = ""
        while text:
            # If a thought is closed without having been opened, the chat template opened it.
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
        """The rest, at the end of the text: a `<` that did not become a tag is spoken after all."""
        rest, self._held = self._held, ""
        return "" if self.thinking else rest


def _find(text: str, tag: str) -> int:
    """Where `tag` is in `text`, or could begin at its end; the end of `text` if it cannot."""
    at = text.find(tag)
    if at >= 0:
        return at
    return next(
        (len(text) - n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), len(text)
    )
