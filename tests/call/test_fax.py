"""A fax machine that calls: it is not talked to for minutes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.events import EndReason
from tests.media.test_fax import calling
from tests.phone import Phone, calls, ring

CNG = np.asarray(calling(3), "<i2").tobytes()


@pytest.mark.parametrize(("fax", "reason"), [("hang_up", EndReason.FAX), ("go_on", EndReason.CALLER_HUNG_UP)])
def test_a_fax_machine_is_said_to_be_one_and_hung_up_on_unless_that_is_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fax: str, reason: EndReason
) -> None:
    async def script(phone: Phone) -> None:
        await phone.says(CNG)

    left = ring(tmp_path, script, settings=calls(fax=fax))
    assert left.closed.reason is reason
    assert left.told("fax") == [{"tone": "CNG"}]
    assert json.loads((left.folder / "call.json").read_text())["reason"] == reason
    assert [record.getMessage() for record in caplog.records if "call.fax" in record.getMessage()]
