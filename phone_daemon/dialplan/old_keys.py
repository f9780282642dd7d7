"""Reads keys of dialplans by their former names and formats, and logs what to write now."""

from __future__ import annotations

import logging
from dataclasses import replace

from phone_daemon.settings.problems import Problems
from phone_daemon.settings.toml_lines import Document, Key

_log = logging.getLogger(__name__)


def read_old_keys(found: Problems) -> Document:
    """The document of `found` with today's keys. Keys that are given twice are added to `found`."""
    document = found.document
    data, lines = dict(document.data), dict(document.lines)
    barge_in = data.get("barge_in")
    if isinstance(barge_in, str):
        data["barge_in"] = {"policy": barge_in}
        lines["barge_in", "policy"] = document.line(("barge_in",))
    elif isinstance(barge_in, dict) and "mode" in barge_in:
        old: Key = ("barge_in", "mode")
        if "policy" in barge_in:
            found.add(old, "is the old name of policy, which is there as well; take it out")
        else:
            value = barge_in["mode"]
            _log.warning("%s", document.problem(old, f'is the old name of policy; write policy = "{value}" instead'))
        data["barge_in"] = {"policy": barge_in["mode"], **{k: v for k, v in barge_in.items() if k != "mode"}}
        lines.setdefault(("barge_in", "policy"), document.line(old))
    return replace(document, data=data, lines=lines)
