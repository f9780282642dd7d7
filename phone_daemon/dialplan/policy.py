"""What may take the floor from an agent who speaks, as a dialplan says it."""

from __future__ import annotations

from typing import Literal

Policy = Literal["adaptive", "speech", "words", "off"]
