"""What the caller says while the agent has the floor: it interrupts as soon as it is understood, or when it is over."""

from __future__ import annotations

from pathlib import Path

from phone_daemon.call.floor import State
from tests import agents
from tests.phone import OPEN, Left, Phone, plan, ring, speech

HOURS = "We are open from half past eight until half past five on every day of the week, and on Saturday until noon."
RIGHT = "All right."
STOP = "stop i would like to book an appointment"


def interrupted(folder: Path, said: str, **barge_in: object) -> Left:
    """A call in which `said` is said while the agent tells its hours."""

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.until(lambda: phone.line.played.get(2, 0) >= 8000)
        await phone.says(speech(said))
        await phone.heard_out(RIGHT)

    agent = agents.Lines(agents.text(HOURS), agents.text(RIGHT))
    return ring(folder, script, agent=agent, dialplan=plan(**barge_in))


def test_the_agent_stops_in_the_middle_of_what_interrupts_it(tmp_path: Path) -> None:
    left = interrupted(tmp_path, STOP)
    turn = left.turns[1]
    assert turn["interrupted"] and [duck["why"] for duck in turn["ducks"]] == ["words"]
    assert turn["barge_in"]["onset_to_silence_ms"] < 1000 * len(speech(STOP)) / 16000 / 2
    assert left.turns[2]["caller"].lower().startswith("stop")


def test_where_only_words_interrupt_those_that_are_over_before_they_are_understood_do(tmp_path: Path) -> None:
    left = interrupted(tmp_path, "wrong number", policy="words", min_words=2)
    assert left.turns[1]["interrupted"] and "number" in left.turns[2]["caller"].lower()
    assert left.turns[1]["ducks"] == []
