"""Whether a registrar is reachable, and how one that refuses is recognized. For moving accounts, see
test_accounts.py.
"""

from __future__ import annotations

import asyncio
import socket

import pytest

from ops.edge.registrars import REFUSED, last_answer
from ops.reachable import answers


@pytest.mark.parametrize(("said", "there"), [(b"SIP/2.0 404 Not Found\r\n\r\n", True), (b"junk", False)])
async def test_a_registrar_is_there_when_it_answers_whatever_it_says(said: bytes, there: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar:
        registrar.bind(("127.0.0.1", 0))
        registrar.setblocking(False)
        uri = f"sip:127.0.0.1:{registrar.getsockname()[1]};transport=udp"
        asking = asyncio.create_task(answers(uri, "127.0.0.1"))
        asked, sender = await loop.sock_recvfrom(registrar, 4096)
        assert asked.startswith(b"OPTIONS sip:127.0.0.1:")
        registrar.sendto(said, sender)
        assert await asking is there
    assert not await answers(uri, "127.0.0.1")


async def test_by_tcp_and_tls_it_is_there_when_it_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as registrar:
        where = f"sip:127.0.0.1:{registrar.getsockname()[1]}"
        assert await answers(f"{where};transport=tcp", "127.0.0.1")
        assert await answers(f"{where};transport=tls", "127.0.0.1")
    assert not await answers(f"{where};transport=tcp", "127.0.0.1")


def test_the_last_answer_for_a_trunk_is_what_counts() -> None:
    silent = "ERROR: uac [uac_reg.c:1058]: uac_reg_tm_callback(): got sip response 408 while registering [a]"
    wrong = "ERROR: uac [uac_reg.c:933]: uac_reg_tm_callback(): authentication failed for <a>"
    assert last_answer("a", ()) == last_answer("b", (silent, wrong)) == 0
    assert last_answer("a", (silent, wrong)) in REFUSED
    assert last_answer("a", (wrong, silent, "another line")) == 408
