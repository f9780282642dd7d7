"""Removes Markdown and pictures from a text: language models write for the eye, and neither has a sound."""

from __future__ import annotations

import re
import unicodedata

_MARKUP = re.compile(
    r"""
      \\(?P<kept>[\\`*_{}\[\]()#+.!|>~-])                        # escaped: the character itself is meant
    | (?P<kept_star>(?<=[\s(])\*(?=[\s.,;:!?)]|$)(?<!^\*))       # the key on a telephone, or "5 * 3"
    | ^[ \t]*(?:```|~~~)[\w+.-]*[ \t]*$                          # fence of a block of code
    | ^[ \t]*(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$      # rule
    | ^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?)?[ \t]*$       # line under the head of a table
    | ^[ \t]*\[[^\]\n]+\]:[ \t]+\S+.*$                           # where a link leads to, told apart
    | ^[ \t]*(?:(?:\#{1,6}|[-+•*])[ \t]+|>[ \t]*)+(?:\[[ xX]\][ ])?     # heading, item (with its box), quotation
    | ^[ \t]*\| | \|[ \t]*$                                      # borders of a table
    | (?P<cell>\|)
    | \*+ | `+ | ~~
    | (?<![^\W_])_+ | _+(?![^\W_])                               # emphasis, but not the one in first_name@example.org
    | \](?:\((?:[^()\s]|\([^()\s]*\))*(?:\s+"[^"]*")?\)|\[[^\]\n]*\])   # a link: its text stays
    | !?\[(?=[^\[\]]*(?:\][(\[]|\Z))                             # perhaps cut in two
    | \[\^[\w-]+\]                                               # footnote
    | <!--.*?--> | </?[A-Za-z][\w-]*(?:\s[^<>\n]*)?/?>           # HTML
    | <(?=[^<>\s]+[:@][^<>\s]+>) | (?<=[\w/])>(?=[\s.,;:!?)]|$)  # <https://example.org>
    """,
    re.MULTILINE | re.VERBOSE,
)


def plain(text: str) -> str:
    """`text` with a space in place of every character that has no sound. The length stays the same, so a word's place
    in it is its place in `text`. Cells of a table are separated by commas."""
    text = _MARKUP.sub(_blank, text)
    return "".join(" " if _is_picture(char) else char for char in text)


def _blank(found: re.Match[str]) -> str:
    kept = found["kept"] or ("*" if found["kept_star"] else "," if found["cell"] else "")
    # An escaped sign stays with the word next to it.
    within = found.start() and not found.string[found.start() - 1].isspace()
    return kept.ljust(len(found.group())) if within else kept.rjust(len(found.group()))


def _is_picture(char: str) -> bool:
    """Whether `char` is an emoji or its modifier, a control character, or a lone surrogate; not a sign with a name,
    such as ° and ©."""
    if char < "\x7f":
        return char < " " and char not in "\n\t"
    kind = unicodedata.category(char)
    return (
        kind in ("Cc", "Cs")
        or (kind == "So" and char > "\u2190")
        or char > "\U0001f000"
        or char in "\u200d\u20e3\ufe0f"
    )
