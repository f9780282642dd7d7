"""Calls to the parcel line, as transcripts: numbers in pieces, by voice and by key."""

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.script import ScriptedAgent
from phone_daemon.events import Understood
from tests.agent.transcript import holds, shipped

PARCELS = shipped("parcel_line")


async def test_a_retracted_key_leaves_the_menu_as_it_was() -> None:
    await holds(
        PARCELS,
        """
        keys: 1
        agent: Please say or key in your eight digit tracking number.
        forgotten
        keys: 3
        means: hours
        agent: Our depot is open from seven in the morning until eight in the evening, Monday to Saturday. It is \
closed on Sunday. Is there anything else I can do for you?
        """.replace("\\\n", ""),
    )


async def test_a_parcel_number_in_two_breaths() -> None:
    await holds(
        PARCELS,
        """
        caller: where's my parcel
        means: track
        agent: Please say or key in your eight digit tracking number.
        caller: double five oh nine
        means: track
        agent: I have five five zero nine so far. What comes next?
        caller: one three five seven
        means: track number=55091357
        agent: Tracking number five five zero nine, one three five seven. Is that right?
        caller: yes
        agent: Parcel five five zero nine, one three five seven has left our depot. It is on its way and will arrive \
tomorrow before noon. Is there anything else I can do for you?
        """.replace("\\\n", ""),
    )


async def test_a_parcel_number_by_keys_alone() -> None:
    await holds(
        PARCELS,
        """
        keys: 1
        means: track
        agent: Please say or key in your eight digit tracking number.
        keys: 4829
        means: unclear
        agent: Sorry, I need all eight digits of the tracking number. You can also key them in.
        keys: 48291357
        means: track number=48291357
        agent: Tracking number four eight two nine, one three five seven. Is that right?
        keys: 2
        agent: Sorry, I need all eight digits of the tracking number. You can also key them in.
        keys: 48291358
        agent: I have four eight two nine, one three five eight. Is that correct?
        keys: 1
        means: track number=48291358
        agent: Parcel four eight two nine, one three five eight has left our depot. It is on its way and will arrive \
tomorrow before noon. Is there anything else I can do for you?
        """.replace("\\\n", ""),
    )


async def test_a_number_alone_is_a_parcel_to_track() -> None:
    await holds(
        PARCELS,
        """
        caller: four eight two nine one three five seven
        means: track number=48291357
        agent: Tracking number four eight two nine, one three five seven. Is that right?
        """,
    )


async def test_a_number_given_to_a_question_belongs_to_that_question() -> None:
    await holds(
        PARCELS,
        """
        caller: i missed a delivery
        means: redelivery
        agent: Please say or key in your eight digit tracking number.
        caller: it's four eight two nine one three five seven
        means: redelivery number=48291357
        agent: Which day shall we bring it?
        caller: on sunday
        agent: I am afraid we do not deliver on Sunday. Which other day shall we come?
        caller: saturday
        agent: Shall we bring it to your door, to a neighbour, or to a parcel shop?
        caller: next door please
        means: redelivery number=48291357 day=saturday place=neighbour
        agent: On Saturday, to a neighbour. Is that right?
        caller: no to the parcel shop
        agent: So we come on Saturday, to the parcel shop. Is that correct?
        caller: yes
        means: redelivery number=48291357 day=saturday place=shop
        agent: Thank you. Parcel four eight two nine, one three five seven will come on Saturday. Is there anything \
else I can do for you?
        """.replace("\\\n", ""),
    )


async def test_how_many_digits_end_a_turn_follows_the_question() -> None:
    agent = ScriptedAgent(PARCELS)
    assert agent.wanted_digits() == 1
    agent.reply(CallerTurn("1", digits=True), [])
    assert agent.wanted_digits() == 8
    agent.retract()
    assert agent.wanted_digits() == 1


async def test_a_number_that_was_misheard_is_the_one_that_has_as_many_digits_as_it_should() -> None:
    agent = ScriptedAgent(PARCELS)
    [event async for event in agent.reply(CallerTurn("track a parcel"), [])]
    turn = CallerTurn(
        "one two three four five six seven eight three", others=("one two three four five six seven eight",)
    )
    events = [event async for event in agent.reply(turn, [])]
    assert next(event for event in events if isinstance(event, Understood)).slots == {"number": "12345678"}
