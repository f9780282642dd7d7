"""The policies for interrupting a speaking agent, as named in dialplans."""

from __future__ import annotations

from typing import Literal

Policy = Literal["adaptive", "speech", "words", "off"]
