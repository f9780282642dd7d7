"""Bare streams: how fast they close, and whether the judgment that the server has stopped is right."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ops.bench.model_server import ModelServer
from ops.bench.scripted_model import MODEL, Fault, ScriptedModel
from ops.live.bare_model import BareModel
from ops.live.model_endpoint import Endpoint, EndpointFailed
from ops.live.stream_stop import Release, release

pytestmark = pytest.mark.timeout(120, func_only=True)

ANSWER = "word " * 100


async def released(server: ScriptedModel, streams: int = 5) -> Release:
    async with BareModel(Endpoint(server.base_url, MODEL)) as model:
        return await release(model, streams)


def scripted(**ways: Any) -> ScriptedModel:
    return ScriptedModel(lambda asked: ANSWER, first_s=0.01, token_s=0.01, **ways)


@pytest.mark.parametrize(("ways", "by"), [({"counts": True}, "count"), ({"serial": True}, "wait")])
async def test_a_server_that_stops_is_seen_to(ways: dict[str, bool], by: str) -> None:
    async with scripted(**ways) as server:
        found = await released(server)
    assert found.stopped
    assert by in found.how
    assert len(found.close_ms) == 5
    assert all(0 <= took < 1000 for took in found.close_ms)


@pytest.mark.long
@pytest.mark.parametrize("ways", [{"counts": True}, {"serial": True}])
async def test_a_server_that_goes_on_unheard_is_found_out(ways: dict[str, bool]) -> None:
    """Our end of each stream closes as fast as ever: by itself, that would pass for a floor."""
    async with scripted(**ways, deaf=True) as server:
        found = await released(server)
    assert not found.stopped
    assert max(found.close_ms) < 100


async def test_what_cannot_be_seen_is_not_claimed() -> None:
    """A server that has no count and never slows down may or may not continue: nobody can tell from outside."""
    async with scripted() as server:
        found = await released(server)
    assert not found.stopped
    assert "not proved" in found.how


async def test_a_server_that_refuses_says_so_in_one_line() -> None:
    async with ScriptedModel(lambda asked: ANSWER, fault=Fault.REFUSED) as server:
        with pytest.raises(EndpointFailed, match="500") as failed:
            await released(server)
    assert "\n" not in str(failed.value)


async def test_nobody_there_is_one_line() -> None:
    async with BareModel(Endpoint("http://127.0.0.1:9/v1", "m")) as model:
        with pytest.raises(EndpointFailed, match="is the model server running"):
            await release(model, 1)


async def test_an_answer_too_short_to_be_cut_is_told() -> None:
    async with ScriptedModel(lambda asked: "One.", first_s=0.0) as server:
        with pytest.raises(EndpointFailed, match="ended after 1 tokens"):
            await released(server)


# ------------------------------------------------------------------------------------ a server that we did not write


async def test_a_real_server_streams_while_it_thinks(model_server: ModelServer) -> None:
    """The first piece comes long before the last; how long depends on how busy the machine is."""
    async with BareModel(Endpoint(model_server.base_url, model_server.model)) as model:
        time = asyncio.get_running_loop().time
        began = time()
        stream = await model.open(200)
        assert await model.read(stream, 1) == 1
        first = time() - began
        rest = await model.read(stream)
        whole = time() - began
    assert rest > 100
    assert first < whole / 2


async def test_a_real_server_gives_many_streams_at_once(model_server: ModelServer) -> None:
    """Each of eight is under way before any is over."""
    async with BareModel(Endpoint(model_server.base_url, model_server.model)) as model:
        streams = await asyncio.gather(*(model.open(60) for _ in range(8)))
        assert await asyncio.gather(*(model.read(stream, 3) for stream in streams)) == [3] * 8
        assert min(await asyncio.gather(*map(model.read, streams))) > 10


async def test_a_real_server_stops_when_its_streams_are_closed(model_server: ModelServer) -> None:
    async with BareModel(Endpoint(model_server.base_url, model_server.model)) as model:
        found = await release(model, 20)
    assert found.stopped, found.how
    assert "speed" in found.how
    assert max(found.close_ms) < 500


async def test_a_real_server_that_takes_one_after_the_other_admits_the_next(serial_model_server: ModelServer) -> None:
    """It loses about one cancel in 200 (measured), so this does not require every stream to stop."""
    async with BareModel(Endpoint(serial_model_server.base_url, serial_model_server.model)) as model:
        found = await release(model, 10)
    assert "wait" in found.how
    assert found.stopped or "9 of 10" in found.how, found.how
