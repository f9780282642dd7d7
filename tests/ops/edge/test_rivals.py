"""Two rtpengines on one machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ops.edge.rivals import rivals
from ops.edge.supervisor import program
from ops.live.ports import free_port, rtp_ports
from tests.foreign.programs import need


@contextmanager
def running(config: Path, more: str) -> Iterator[psutil.Popen]:
    """An rtpengine with `more` in its configuration, which is `config`."""
    need("rtpengine")
    config.write_text(f"[rtpengine]\ntable = -1\ninterface = 127.0.0.1\nlisten-ng = 127.0.0.1:{free_port()}\n{more}")
    command = [program("rtpengine"), "--foreground", "--log-stderr", f"--config-file={config}"]
    with psutil.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("more", "shared"), [("port-min = 1100\nport-max = 1199\n", (1199, 1250)), ("", (39000, 41000))]
)
def test_another_relay_with_ports_of_ours_is_named(tmp_path: Path, more: str, shared: tuple[int, int]) -> None:
    own = tmp_path / "own.conf"
    with running(tmp_path / "rtpengine.conf", more) as other:
        [line] = [each for each in rivals(*shared, own) if f"process {other.pid})" in each]
        assert line.startswith(f'[edge] rtp_ports: "{shared[0]}-{shared[1]}" overlaps with ')
        assert not any(str(other.pid) in each for each in rivals(50_000, 51_000, own))
        assert not any(str(other.pid) in each for each in rivals(*shared, tmp_path / "rtpengine.conf"))


def test_a_process_keeps_a_range_of_its_own() -> None:
    assert rtp_ports() == rtp_ports()
    asked = [sys.executable, "-c", "from ops.live.ports import rtp_ports; print(rtp_ports())"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() != rtp_ports()
