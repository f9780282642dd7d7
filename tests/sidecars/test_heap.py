"""Freed memory is returned."""

from __future__ import annotations

import subprocess
import sys

CHURN = """
import psutil
from sidecars.heap import trim
kept = [bytearray(5_000 + at % 7) for at in range(40_000)]
del kept[::2]
kept = [bytes(kept[-1])] + kept[:-1:40]
before = psutil.Process().memory_info().rss
trim()
print(before - psutil.Process().memory_info().rss)
"""


def test_memory_between_what_is_still_in_use_goes_back_to_the_system() -> None:
    told = subprocess.run([sys.executable, "-c", CHURN], check=True, capture_output=True, text=True)
    assert int(told.stdout) > 50_000_000
