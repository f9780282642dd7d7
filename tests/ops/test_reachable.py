"""Nobody at an address is noticed before a measurement waits for them."""

import asyncio
import socket

import pytest

from ops.__main__ import main
from ops.reachable import nobody_at


async def test_any_sip_answer_is_somebody() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.setblocking(False)
        asking = asyncio.create_task(nobody_at(f"127.0.0.1:{there.getsockname()[1]}"))
        _, asker = await loop.sock_recvfrom(there, 4096)
        there.sendto(b"SIP/2.0 403 Forbidden\r\n\r\n", asker)
        assert await asking == ""


@pytest.mark.parametrize("command", [["burst"], ["replay", "books_an_appointment"]])
def test_a_port_where_nobody_answers_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert main([*command, "--to", f"sip:127.0.0.1:{port}"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"phone-ops {command[0]}: nobody answers SIP at 127.0.0.1:{port}; is phone-daemon serve running there?\n"
    )
