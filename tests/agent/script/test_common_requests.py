"""Small dialplans gain from what callers usually say."""

from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.agent.script.common_requests import common_wordings
from phone_daemon.agent.script.conversation import Conversation
from phone_daemon.agent.script.reading import Reader
from phone_daemon.agent.script.scoring import LEAST
from phone_daemon.agent.script.state import State
from phone_daemon.dialplan.dialplan import Dialplan, Dialplans
from phone_daemon.dialplan.intents import Intent, Then
from phone_daemon.language.words import words
from tests.agent.transcript import OPEN, holds

SURGERY = """
name = "vet"
called = ["*"]
greeting = "Hill Street vets."
[slots.day]
type = "day"
ask = ["Which day?"]
[intents.book]
offer = "to bring an animal in"
slots = ["day"]
caller_says = ["i'd like to book a visit [{day}]"]
say = ["See you {day}."]
[intents.cancel]
offer = "to cancel a visit"
caller_says = ["cancel my visit"]
confirm = ["Shall I cancel it?"]
say = ["It is cancelled."]
[intents.hours]
offer = "to hear when we are open"
caller_says = ["when are you open"]
say = ["From eight to six."]
[intents.bye]
caller_says = ["goodbye"]
say = ["Goodbye."]
then = "hang_up"
"""


def written(folder: Path, text: str) -> Dialplan:
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return next(iter(Dialplans.load([path]))).at(OPEN)


def understood(dialplan: Dialplan, said: str) -> tuple[str, bool]:
    """The likeliest intent, and whether it is likely enough."""
    best = Reader(dialplan.script).read(words(said), State()).best
    return best.intent, best.score >= LEAST


@pytest.fixture(scope="module")
def vet(tmp_path_factory: pytest.TempPathFactory) -> Dialplan:
    return written(tmp_path_factory.mktemp("vet"), SURGERY)


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("Are you there on Saturdays?", "hours"),
        ("How late can I come by?", "hours"),
        ("Something has come up, I'm afraid we can't make it.", "cancel"),
        ("I've got one on Friday but I don't need it.", "cancel"),
        ("Could you squeeze us in on Tuesday?", "book"),
        ("Lovely, have a nice day then.", "bye"),
    ],
)
def test_a_request_named_in_one_sentence_is_understood_in_the_usual_ones(vet: Dialplan, said: str, intent: str) -> None:
    assert understood(vet, said) == (intent, True)


COBBLER = """
name = "cobbler"
called = ["*"]
greeting = "Cobbler's."
[intents.ready]
offer = "to hear if your shoes are done"
caller_says = ["are my shoes ready"]
say = ["On Friday."]
[intents.quote]
offer = "to get an estimate"
caller_says = ["i'd like an estimate"]
say = ["About twenty pounds."]
[intents.pay]
offer = "to pay"
caller_says = ["i'd like to pay my bill"]
say = ["In the shop, please."]
[intents.where]
offer = "to hear where we are"
caller_says = ["where are you"]
say = ["By the market."]
[intents.back]
offer = "to be called back"
caller_says = ["please call me back"]
say = ["We will."]
[intents.urgent]
offer = "for something urgent"
caller_says = ["it's urgent"]
say = ["Come in at once."]
[intents.move]
offer = "to move your fitting"
caller_says = ["i want to change my appointment"]
say = ["To when?"]
"""


@pytest.fixture(scope="module")
def cobbler(tmp_path_factory: pytest.TempPathFactory) -> Dialplan:
    return written(tmp_path_factory.mktemp("cobbler"), COBBLER)


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("Have you finished with them yet?", "ready"),
        ("Can you give me a rough idea of the cost?", "quote"),
        ("What do I owe you?", "pay"),
        ("Is there anywhere to park?", "where"),
        ("Could you ask him to ring me?", "back"),
        ("This really can't wait.", "urgent"),
        ("Could we make it a bit later instead?", "move"),
    ],
)
def test_each_usual_kind_of_request_is_understood_from_one_sentence(cobbler: Dialplan, said: str, intent: str) -> None:
    assert understood(cobbler, said) == (intent, True)


@pytest.mark.parametrize("said", ["I've burnt my dinner.", "The train was full of people.", "How tall is that tower?"])
def test_what_has_nothing_to_do_with_it_is_still_asked_about(vet: Dialplan, said: str) -> None:
    assert Reader(vet.script).read(words(said), State()).best.score < LEAST


async def test_a_small_dialplan_is_told_from_what_it_is_not(vet: Dialplan) -> None:
    await holds(
        vet,
        """
        caller: I don't want to book, I want to cancel.
        means: cancel
        agent: Shall I cancel it?
        caller: Yes, that's what I want.
        means: cancel
        agent: It is cancelled. Is there anything else?
        caller: I'm good, thanks.
        means: goodbye
        agent: Thank you for calling. Goodbye.
        does: hang_up
        """,
    )
    assert Conversation(vet).expects(State()) == ""


def test_the_offer_of_an_intent_is_something_to_say() -> None:
    assert common_wordings(Intent("buy", ("i want a ticket",), offer="to buy a ticket")) == ("buy a ticket",)


def test_giving_up_is_not_taken_for_asking_for_a_new_one() -> None:
    """Its sentences name an appointment as well."""
    cancel = common_wordings(Intent("cancel", ("cancel my appointment", "cancel the appointment i have")))
    assert "i can't come" in cancel
    assert not any("squeeze" in sentence for sentence in cancel)


def test_nothing_is_added_that_the_dialplan_says_itself() -> None:
    own = ("goodbye", "have a nice day")
    assert not set(own) & set(common_wordings(Intent("bye", own, then=Then.HANG_UP)))
    assert common_wordings(Intent("buy", ("i want a ticket",))) == ()


def test_the_next_call_does_not_look_for_them_again() -> None:
    """It would hold up every other call meanwhile."""
    intent = Intent("cancel", ("cancel my appointment",), barge_in="words")
    assert common_wordings(replace(intent)) is common_wordings(replace(intent))
