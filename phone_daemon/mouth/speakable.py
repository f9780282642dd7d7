"""What of a written text is spoken. Language models write for the eye: Markdown and pictures have no sound."""

from __future__ import annotations

import re
import unicodedata

_MARKDOWN = re.compile(
    r"""
      ^[ \t]*(?:\#{1,6}[ ]|>[ ]?|[-+•*][ ])      # heading, quotation, item of a list
    | \*+ | `+ | ~~ | \|                          # emphasis, code, struck out, table
    | (?<![^\W_])_+ | _+(?![^\W_])                # emphasis, but not the one in first_name@example.org
    | !?\[(?=[^\[\]]*\]\() | (?<=\])\([^()\s]*\) | \](?=\()   # a link: its text stays
    """,
    re.MULTILINE | re.VERBOSE,
)


def speakable(text: str) -> str:
    """`text` with a space in place of every character that has no sound: as long as before, so that a word's place
    in it is its place in `text`."""
    text = _MARKDOWN.sub(lambda found: " " * len(found.group()), text)
    return "".join(" " if _is_picture(char) else char for char in text)


def has_sound(text: str) -> bool:
    """Whether there is anything in a speakable text to speak."""
    return any(char.isalnum() or char in "$€£%&@+=#" for char in text)


def _is_picture(char: str) -> bool:
    """Emoji and their modifiers, control characters and lone surrogates; not signs with names such as ° and ©."""
    if char < "\x7f":
        return char < " " and char not in "\n\t"
    kind = unicodedata.category(char)
    return kind in ("Cc", "Cs") or (kind == "So" and char > "\u2190") or char > "\U0001f000" or char in "\u200d\ufe0f"
