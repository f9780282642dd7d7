"""What a model is told about the call: valid messages, whatever the conversation was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.llm.chat import ToolCall
from phone_daemon.agent.llm.prompt import ANSWERED, INTERRUPTING, VOICE, Work, conversation, facts, system
from phone_daemon.dialplan.hours import Hours
from phone_daemon.dialplan.model import Model
from tests.agent.asking import plan, valid

TEXT = st.sampled_from(["", "hello", "we are open", "1234"])
LINE = st.builds(Message, st.sampled_from(["caller", "agent"]), TEXT, st.booleans())
TURN = st.one_of(
    st.none(),
    st.builds(CallerTurn, TEXT.filter(bool), st.booleans()),
    st.just(CallerTurn("")),
)


@given(st.lists(LINE, max_size=70), TURN, st.data())
def test_any_conversation_makes_valid_messages(
    history: list[Message], turn: CallerTurn | None, data: st.DataObject
) -> None:
    """Roles alternate, with the caller's first and last; each tool call has an answer, even a canceled one."""
    history = [] if turn is None else history  # Only the greeting is not an answer.
    places = data.draw(st.lists(st.integers(0, len(history)), max_size=4))
    work = []
    for number, at in enumerate(sorted(places)):
        call = ToolCall(f"call{number}", "book", "{}")
        answered = data.draw(st.booleans())
        work.append(Work(at, [[call]], {call.id: "ok"} if answered else {}))
    messages = conversation(history, work, set(), turn)
    valid([{"role": "system", "content": "x"}, *messages])
    assert messages[-1]["role"] in ("user", "tool")


def test_what_was_not_heard_is_not_told() -> None:
    history = [
        Message("agent", "Good morning."),
        Message("caller", "when are you open"),
        Message("agent", "From nine until", interrupted=True),
        Message("caller", "on friday"),
        Message("agent", "", interrupted=True),
    ]
    told = conversation(history, [], set(), CallerTurn("hello"))
    assert [(message["role"], message["content"]) for message in told[1:]] == [
        ("assistant", "Good morning."),
        ("user", "when are you open"),
        ("assistant", "From nine until"),
        ("user", f"{INTERRUPTING}\non friday\n{INTERRUPTING}\nhello"),
    ]


def test_pressed_keys_are_told_one_by_one() -> None:
    history = [Message("agent", "Which option?"), Message("caller", "12"), Message("agent", "And now?")]
    told = conversation(history, [], {1}, CallerTurn("34", digits=True))
    assert [message["content"] for message in told if message["role"] == "user"][-2:] == [
        "[The caller pressed the keys 1 2.]",
        "[The caller pressed the keys 3 4.]",
    ]


def test_what_a_tool_did_is_told_in_the_turn_in_which_it_was_called() -> None:
    history = [
        Message("agent", "Good morning."),
        Message("caller", "on friday"),
        Message("agent", "Friday it is."),
        Message("caller", "no, on monday"),
        Message("agent", "Monday it is."),
    ]
    work = [Work(at, [[ToolCall(f"call{at}", "book", "{}")]], {f"call{at}": "ok"}) for at in (1, 3)]
    told = conversation(history, work, set(), CallerTurn("thanks"))
    assert [message.get("tool_call_id") or message["content"] for message in told] == [
        ANSWERED,
        "Good morning.",
        "on friday",
        "",
        "call1",
        "Friday it is.",
        "no, on monday",
        "",
        "call3",
        "Monday it is.",
        "thanks",
    ]


def test_the_system_prompt_has_the_voice_the_agent_and_the_hour() -> None:
    found = plan(Model("m", prompt="You are Ada."))
    told = system(found, Parties(called="+44"), datetime(2026, 3, 3, 10, 5, tzinfo=UTC))
    assert told.index(VOICE) < told.index("You are Ada.") < told.index("10:05")
    assert "{" not in told


def test_facts_are_told_in_the_dialplans_own_time_zone() -> None:
    hours = Hours({0: ((540, 1020),), 1: ((540, 720), (780, 1020))}, zone=ZoneInfo("Asia/Tokyo"))
    told = facts(
        replace(plan(), hours=hours, is_open=False), Parties(called="200"), datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    )
    assert told == [
        "It is Tuesday, 3 March 2026, 07:30.",
        "The caller dialled 200.",
        "We are closed now. Opening hours: Monday 9:00 to 17:00, Tuesday 9:00 to 12:00 and 13:00 to 17:00,"
        " Wednesday closed, Thursday closed, Friday closed, Saturday closed, Sunday closed.",
    ]
    assert len(facts(replace(plan(), hours=Hours()), Parties(), datetime(2026, 3, 2))) == 1


def test_the_model_is_told_who_calls_and_that_a_name_proves_nothing() -> None:
    told = facts(plan(), Parties("+442079460111", "Ann Lee", "100"), datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    assert told[1:4] == [
        "The caller dialled 100.",
        "The caller's number is +442079460111.",
        'The name that came with it, which proves nothing: "Ann Lee".',
    ]
    assert not any("number" in fact for fact in facts(plan(), Parties(), datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))
