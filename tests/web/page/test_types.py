"""The page's modules are served under the right types, and their JSDoc types hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.foreign.programs import need

TYPESCRIPT = "typescript@5.9.3"
PAGE = Path("phone_daemon/web/page")


def test_the_types_hold() -> None:
    """By TypeScript's own checker, strict."""
    command = [need("npx"), "--yes", "-p", TYPESCRIPT, "tsc", "-p", "tests/web/page/tsconfig.json"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_is_inline_and_nothing_from_elsewhere() -> None:
    """Nothing that the Content-Security-Policy would refuse: no inline script or style, no other origin."""
    for path in PAGE.iterdir():
        text = path.read_text()
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text), path
        assert not re.search(r"(src|href|from|import)[=( ]+[\"'](https?:)?//", text), path
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "document.write" not in text, path
