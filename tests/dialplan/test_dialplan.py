"""Dialplans: which one answers, and one line for each mistake in one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phone_daemon.dialplan.dialplan import SHIPPED, BargeIn, Dialplan, DialplanError, Dialplans
from phone_daemon.dialplan.intents import Prompts, Then
from phone_daemon.dialplan.slots import Choice, Digits
from tests.agent.transcript import shipped

NOON = datetime(2026, 3, 3, 12, 0)
HEAD = 'called = ["*"]\ngreeting = "Hello."\n'
INTENT = '[intents.bye]\ncaller_says = ["bye"]\nsay = ["Goodbye."]\nthen = "hang_up"\n'


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def load(tmp_path: Path, *texts: str) -> Dialplans:
    return Dialplans.load([write(tmp_path / f"p{index}.toml", text) for index, text in enumerate(texts)])


def plan_of(tmp_path: Path, text: str) -> Dialplan:
    return next(iter(load(tmp_path, text)))


def answering(*called: str) -> str:
    patterns = ", ".join(f"'{pattern}'" for pattern in called)
    return f'called = [{patterns}]\ngreeting = "Hello."\n{INTENT}'


# ------------------------------------------------------------------------------------------------ matching


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("+442079460100", "p0"),
        ("+442079460101", "p1"),
        ("+442079999999", "p1"),
        ("+441234567890", "p2"),
        ("+331234567890", "p3"),
        ("sales", "p0"),
        ("SALES", "p0"),
        ("support-7", "p3"),
        ("anything", "p4"),
        ("", "p4"),
    ],
)
def test_the_most_specific_pattern_answers(tmp_path: Path, called: str, name: str) -> None:
    plans = load(
        tmp_path,
        answering("+44 20 7946-0100", "sales"),
        answering("+44207*"),
        answering("+44*"),
        answering("/^\\+33/", "/^support-\\d$/"),
        answering("*"),
    )
    plan = plans.match(called, NOON)
    assert plan is not None
    assert plan.name == name


def test_a_number_that_nothing_matches_gets_no_dialplan(tmp_path: Path) -> None:
    assert load(tmp_path, answering("100", "2*")).match("300", NOON) is None


def test_opening_hours_choose_the_greeting(tmp_path: Path) -> None:
    text = HEAD + 'closed_greeting = "We are closed."\ntimezone = "Europe/London"\n[hours]\ntuesday = "09:00-17:00"\n'
    plans = load(tmp_path, text + INTENT)
    by_day = plans.match("1", datetime(2026, 3, 3, 16, 59, tzinfo=UTC))
    by_night = plans.match("1", datetime(2026, 3, 3, 17, 0, tzinfo=UTC))
    assert by_day is not None and by_night is not None
    assert (by_day.is_open, by_day.opening) == (True, "Hello.")
    assert (by_night.is_open, by_night.opening) == (False, "We are closed.")


def test_everything_a_file_may_say_is_read(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        HEAD
        + 'name = "desk"\nno_input_s = 4\nno_input = "Hello?"\nmax_no_input = 1\n'
        + '[voice]\nname = "en-gb"\nrate = 1.1\nlanguage = "en-GB"\npronounce = { "Siobhan" = "ʃɪvˈɔːn" }\n'
        + '[barge_in]\npolicy = "words"\nmin_words = 3\nmin_speech_s = 0.2\ngreeting = false\ndigits = false\n'
        + '[slots.pin]\ntype = "digits"\nmin = 4\nmax = 6\nask = "Your pin?"\n'
        + '[slots.size]\ntype = "choice"\nvalues = { small = ["tiny"], large = [] }\n'
        + 'spoken = { large = "the large one" }\n'
        + 'ask = "Which size?"\nagain = "Small or large?"\n'
        + '[intents.order]\ncaller_says = ["order [a {size}]"]\nslots = ["pin", "size"]\nconfirm = "{size}?"\n'
        + 'say = "Done, {pin}."\nthen = "transfer"\ntransfer_to = "sip:desk@192.0.2.1"\n'
        + 'digit = "#"\noffer = "to order"\n'
        + 'closed_say = "Closed. Say goodbye?"\nsuggest = "bye"\n'
        + INTENT
        + '[prompts]\ngoodbye = ["Bye."]\n',
    )
    assert (plan.name, plan.no_input_s, plan.no_input, plan.max_no_input) == ("desk", 4.0, ("Hello?",), 1)
    said = {"Siobhan": "ʃɪvˈɔːn"}
    assert plan.voice == {"voice": "en-gb", "rate": 1.1, "language": "en-gb", "pronounce": said}
    assert plan.barge_in == BargeIn("words", 3, 0.2, False, False)
    assert plan.script.slots["pin"].kind == Digits(4, 6)
    assert plan.script.slots["pin"].again == ("Your pin?",)
    assert plan.script.slots["size"].kind == Choice(
        {"small": ("small", "tiny"), "large": ("large",)}, {"large": "the large one"}
    )
    order = plan.script.intents["order"]
    assert order.sentences == ("order", "order a {size}")
    assert (order.then, order.transfer_to, order.digit) == (Then.TRANSFER, "sip:desk@192.0.2.1", "#")
    assert plan.script.keys == {"#": "order"}
    assert plan.script.prompts == Prompts(goodbye=("Bye.",))
    assert {"order", "order a small", "tiny", "large", "yes", "bye"} <= set(plan.phrases())


def test_a_dialplan_needs_little(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEAD + INTENT)
    assert plan.name == "p0"
    assert plan.barge_in == BargeIn()
    assert plan.voice == {}
    assert plan.agent == "script"


# ------------------------------------------------------------------------------------------------ bad input

SLOT = '[slots.day]\ntype = "day"\nask = ["Which day?"]\n'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "",
            [
                '1: "called" is missing; write called = ["…"]',
                '1: "greeting" is missing; write greeting = "…"',
                '1: has no intents; write at least one [intents.NAME] with "caller_says" and "say"',
            ],
        ),
        (HEAD + 'agent = "lm"\n' + INTENT, ['3: agent: unknown value "lm"; did you mean "llm"?']),
        (HEAD + 'agnet = "script"\n' + INTENT, ['3: agnet: unknown key; did you mean "agent"?']),
        (
            HEAD + '[outbound]\nmachine = "leave_message"\n' + INTENT,
            ['4: outbound.machine: is "leave_message", but "message" is missing; write what is left after the beep'],
        ),
        (
            HEAD + '[outbound]\nmessage = "Call us."\n' + INTENT,
            ['4: outbound.message: is said only with machine = "leave_message"; write that, or take it out'],
        ),
        ('called = ["*"]\ngreeting = " "\n' + INTENT, ["2: greeting: is empty; write some text"]),
        (
            'called = [100]\ngreeting = "Hello."\n' + INTENT,
            ["1: called[0]: is a whole number; write it in quotes"],
        ),
        (
            'called = [\n  "/[/",\n  "/x",\n  "1*2",\n]\ngreeting = "Hello."\n' + INTENT,
            [
                '2: called[0]: "/[/" is not a valid regular expression: unterminated character set at position 0',
                '3: called[1]: "/x" begins a regular expression; end it with "/"',
                '4: called[2]: "1*2": "*" stands at the end only; write a /regular expression/',
            ],
        ),
        (HEAD + 'name = "my plan"\n' + INTENT,
         ['3: name: "my plan" is not a valid name; use letters, digits, "_" and "-"']),
        (HEAD + "no_input_s = 0\n" + INTENT, ["3: no_input_s: is 0; it must be from 1 to 120"]),
        (HEAD + "no_input = []\n" + INTENT,
         ["3: no_input: is empty; write at least one prompt, or max_no_input = 0"]),
        (HEAD + 'filler = ["One moment."]\nfiller_after_s = 0\n' + INTENT,
         ["3: filler: is one text, and none is said twice in a row; write several, or [] for none",
          "4: filler_after_s: is 0; it must be from 0.1 to 10"]),
        (HEAD + 'filler = [\n  "One moment.",\n  "' + 81 * "a" + '",\n]\n' + INTENT,
         ["5: filler[1]: has 81 characters; write no more than 80"]),
        (HEAD + INTENT + "[voice]\nrate = 9\npitch = 1\n",
         ["8: voice.rate: is 9; it must be from 0.5 to 2",
          "9: voice.pitch: unknown key; choose from: language, name, pronounce, rate"]),
        (HEAD + INTENT + '[voice]\nlanguage = "klingonese"\n',
         ['8: voice.language: "klingonese" is not a language that espeak-ng speaks; write a code such as "de"']),
        (HEAD + INTENT + '[voice.pronounce]\nSiobhan = "ʃɪvˈɔːn"\nNiamh = "n☃v"\nAoife = 3\n"Mac Cumhaill" = "mək"\n',
         ['9: voice.pronounce.Niamh: "n☃v" does not parse: "☃" is not an English phoneme; '
          'write phonemes of IPA, such as "ʃɪvˈɔːn"',
          '10: voice.pronounce.Aoife: is a whole number; write phonemes in quotes, such as "ʃɪvˈɔːn"',
          '11: voice.pronounce."Mac Cumhaill": is not a single word; write one word, without spaces or brackets']),
        (HEAD + INTENT + '[voice]\nrate = 1.0\npronounce = { "Niamh" = "ʃʃ" }\n',
         ['9: voice.pronounce.Niamh: "ʃʃ" does not parse: it has no vowel; write phonemes of IPA, such as "ʃɪvˈɔːn"']),
        (HEAD + INTENT + '[barge_in]\npolicy = "word"\n',
         ['8: barge_in.policy: unknown value "word"; did you mean "words"?']),
        (HEAD + 'barge_in = "of"\n' + INTENT,
         ['3: barge_in.policy: unknown value "of"; did you mean "off"?']),
        (HEAD + INTENT + '[barge_in]\nmode = "words"\npolicy = "off"\n',
         ['8: barge_in.mode: is the old name of policy, which is there as well; take it out']),
        (HEAD + INTENT + 'barge_in = "never"\n',
         ['7: intents.bye.barge_in: unknown value "never"; choose from: adaptive, off, speech, words']),
        (HEAD + INTENT + '[hours]\nmonday = "09:00-17:00"\n',
         ['7: hours: are set, but "closed_greeting" is missing; write what is said outside them']),
        (HEAD + "[intents]\nbye = 3\n",
         ["4: intents.bye: is a whole number; it must be a table"]),
        (HEAD + '[intents.bye]\nsay = ["Goodbye."]\n',
         ['3: intents.bye: "caller_says" is missing; write caller_says = ["…"]']),
        (HEAD + '[intents.bye]\nsay = "Bye."\ncaller_says = ["bye"]\nbrief = "Ann."\n',
         ["6: intents.bye.brief: nobody is told it; write transfer_to as well, or take it out"]),
        ('hold_music = "none.wav"\n' + HEAD + INTENT,
         ['1: hold_music: "none.wav": no such file; name a WAV file, or take it out for a melody of ours']),
        (HEAD + '[intents.bye]\ncaller_says = ["bye"]\n',
         ['3: intents.bye: "say" is missing; write say = ["…"], what the agent answers to bye']),
        (HEAD + '[intents.bye]\nsay = "Bye."\ncaller_says = [\n  "bye",\n  "(good|bye",\n  "  ",\n]\n',
         ["8: intents.bye.caller_says[2]: is empty; write some text or take it out"]),
        (HEAD + '[intents.bye]\nsay = "Bye."\ncaller_says = [\n  "bye",\n  "(good|bye",\n]\n',
         ['7: intents.bye.caller_says[1]: "(" is never closed; write ")"']),
        (HEAD + SLOT + '[intents.book]\nslots = ["dya"]\ncaller_says = ["book"]\nsay = "Booked."\n',
         ['7: intents.book.slots[0]: no slot named "dya"; did you mean "day"?']),
        (HEAD + SLOT + '[intents.book]\nslots = ["dya"]\ncaller_says = ["book {day}"]\nsay = "{day}."\n',
         ['7: intents.book.slots[0]: no slot named "dya"; did you mean "day"?']),
        (HEAD + INTENT + '[slots.size]\ntype = "chioce"\nask = "Size?"\nvalues = { a = [] }\n',
         ['8: slots.size.type: unknown value "chioce"; did you mean "choice"?']),
        (HEAD + '[intents.book]\ncaller_says = ["book {day}"]\nsay = "Booked."\n',
         ['4: intents.book.caller_says[0]: {day} is not a slot of this intent; write slots = ["…"] in this intent']),
        (HEAD + SLOT + '[intents.book]\nslots = ["day"]\ncaller_says = ["book"]\nsay = "Booked {dya}."\n',
         ['9: intents.book.say[0]: {dya} is not a slot of this intent; did you mean "day"?']),
        (HEAD + INTENT + 'digit = "12"\n', ['7: intents.bye.digit: "12" is no key; write one of 0 to 9, "*" or "#"']),
        (HEAD + INTENT + 'digit = "1"\n' + INTENT.replace("bye", "end") + 'digit = "1"\n',
         ['12: intents.end.digit: "1" also chooses bye; take another']),
        (HEAD + INTENT.replace("hang_up", "hangup"),
         ['6: intents.bye.then: unknown value "hangup"; did you mean "hang_up"?']),
        (HEAD + INTENT.replace("hang_up", "transfer"),
         ['6: intents.bye.then: is "transfer", but "transfer_to" is missing; '
          'write transfer_to = "sip:desk@192.0.2.10"']),
        (HEAD + INTENT.replace("hang_up", "transfer") + 'transfer_to = "the desk"\n',
         ['7: intents.bye.transfer_to: "the desk" is no SIP or tel URI; write sip:USER@HOST']),
        (HEAD + INTENT + 'transfer_to = "sip:desk@192.0.2.1"\n',
         ['7: intents.bye.transfer_to: is never used; write then = "transfer" as well']),
        (HEAD + INTENT.replace("hang_up", "repeat"),
         ['5: intents.bye.say: is never said: then = "repeat" says the last words again; take one out']),
        (HEAD + INTENT + 'closed_say = "Leave a message?"\nsuggest = "massage"\n',
         ['8: intents.bye.suggest: no intent named "massage"; choose from: bye']),
        (HEAD + INTENT + INTENT.replace("intents.bye", "intents.end"),
         ['8: intents.end.caller_says: "bye" also stands for bye; take it out of one of them']),
        (HEAD + INTENT + '[slots.day]\ntype = "date"\nask = "When?"\n',
         ['8: slots.day.type: unknown value "date"; choose from: choice, day, digits, text, time, yes_no']),
        (HEAD + INTENT + '[slots.day]\nask = "When?"\n',
         ['7: slots.day: "type" is missing; write type = one of choice, day, digits, text, time, yes_no']),
        (HEAD + INTENT + '[slots.day]\ntype = "day"\nnever = ["funday"]\n',
         ['7: slots.day: "ask" is missing; write ask = ["…"]',
          '9: slots.day.never[0]: "funday" is not a weekday; did you mean "sunday"?']),
        (HEAD + INTENT + '[slots.day]\ntype = "day"\nask = "Not {day}?"\n',
         ["9: slots.day.ask[0]: {day} is not known yet when this is asked; take it out"]),
        (HEAD + INTENT + '[slots.at]\ntype = "time"\nask = "When?"\nearliest = "9"\nlatest = "08:00"\n',
         ['10: slots.at.earliest: "9" is not a time of day; write one such as "08:30"',
          "11: slots.at.latest: is 08:00, not after earliest (9); choose a later time"]),
        (HEAD + INTENT + '[slots.pin]\ntype = "digits"\nmin = 6\nmax = 4\nask = "Pin?"\n',
         ["9: slots.pin.min: is 6, above max (4); choose a lower value"]),
        (HEAD + INTENT + '[slots.size]\ntype = "choice"\nask = "Size?"\n',
         ['7: slots.size: "values" is missing; write values = { small = ["small", "a small one"], … }']),
        (HEAD + INTENT + '[slots.size]\ntype = "choice"\nask = "Size?"\nlength = 3\nvalues = { a = [] }\n',
         ["10: slots.size.length: unknown key; choose from: again, ask, refuse, spoken, type, values"]),
        (HEAD + INTENT + '[prompts]\nunclear = "What?"\nchoises = "{choices}"\nclarify = "{coices}?"\n',
         ['9: prompts.choises: unknown key; did you mean "choices"?',
          "10: prompts.clarify[0]: {coices} has no meaning here; write {choices}"]),
        (HEAD + "greeting = 'Hello'\n" + INTENT,
         ["3: not TOML: cannot overwrite a value; this key is there twice: take one out"]),
    ],
)  # fmt: skip
def test_each_problem_is_one_line_with_file_line_key_and_remedy(tmp_path: Path, text: str, lines: list[str]) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, text)
    assert list(caught.value.lines) == [f"{tmp_path}/p0.toml:{line}" for line in lines]


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, HEAD, "greeting = 1\n" + INTENT, "[")
    assert [Path(line.split(":")[0]).name for line in caught.value.lines] == [
        "p0.toml",
        "p1.toml",
        "p1.toml",
        "p2.toml",
    ]


def test_two_dialplans_may_share_neither_name_nor_pattern(tmp_path: Path) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, 'name = "a"\n' + answering("100", "2*"), 'name = "a"\n' + answering("1-0-0"))
    assert caught.value.lines == (
        f'{tmp_path}/p1.toml:1: name: "a" is also the name of {tmp_path}/p0.toml; choose another',
        f'{tmp_path}/p1.toml:2: called[0]: "100" also stands in {tmp_path}/p0.toml; take one out',
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DialplanError) as caught:
        Dialplans.load([tmp_path / "gone.toml"])
    assert caught.value.lines == (f"{tmp_path}/gone.toml: cannot be read: No such file or directory",)


def test_settings_in_place_of_a_dialplan_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, "dialplans = []\n[sip]\nport = 5060\n[tts]\n")
    [line] = caught.value.lines
    assert "is a settings file, not a dialplan" in line


@pytest.mark.parametrize("name", ["voice", "hours", "barge_in", "slots", "intents", "prompts", "llm", "tools", "start"])
def test_a_number_in_place_of_any_table_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, f'called = ["*"]\n{name} = 2\n')
    assert any(f":2: {name}: is a whole number; it must be a table" in line for line in caught.value.lines)


def test_no_table_of_a_shipped_dialplan_may_have_an_unknown_key(tmp_path: Path) -> None:
    text = (SHIPPED / "parcel_line.toml").read_text()
    headers = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("[")]
    spoiled = "".join(f"{line}\n" + ("zzz = 1\n" if line.startswith("[") else "") for line in text.splitlines())
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, spoiled)
    assert len(caught.value.lines) == len(headers)
    assert all("zzz: unknown key" in line for line in caught.value.lines)


# ------------------------------------------------------------------------------------------------ what is shipped


def test_the_clinic_answers_every_number_that_the_parcel_line_does_not() -> None:
    plans = Dialplans.load([SHIPPED / "dental_clinic.toml", SHIPPED / "parcel_line.toml"])
    names = [plan.name for called in ("", "100", "+442079460200", "parcel", "+4420794620000", "x")
             if (plan := plans.match(called, NOON))]  # fmt: skip
    assert names == ["dental_clinic", "dental_clinic", "parcel_line", "parcel_line", "parcel_line", "dental_clinic"]


@pytest.mark.parametrize("name", ["dental_clinic", "parcel_line"])
def test_the_phrases_of_a_shipped_dialplan_are_many_and_bounded(name: str) -> None:
    phrases = shipped(name).phrases()
    assert 500 < len(phrases) < 5000
    assert len(set(phrases)) == len(phrases)
    assert not any("{" in phrase or "  " in phrase or phrase != phrase.lower() for phrase in phrases)


def test_there_is_a_set_of_phrases_for_each_question_that_a_dialplan_asks() -> None:
    assert shipped("dental_clinic").phrase_sets().keys() == {"", "yes_no", "day", "time"}
    sets = shipped("parcel_line").phrase_sets()
    assert sets.keys() == {"", "yes_no", "day", "digits_8_8", "choice_place"}
    assert sets[""] == shipped("parcel_line").phrases()
    assert {"no that's all thank you goodbye", "yes please", "no on friday"} <= set(sets["yes_no"])
    for said in sets.values():
        assert 20 < len(said) == len(set(said))
        assert not any("{" in phrase or "  " in phrase or phrase != phrase.lower() for phrase in said)


@pytest.mark.parametrize("name", ["dental_clinic", "parcel_line"])
def test_a_greeting_is_long_enough_to_be_interrupted(name: str) -> None:
    plan = shipped(name)
    for greeting in (plan.greeting, plan.closed_greeting or plan.greeting):
        assert 20 <= len(greeting.split()) <= 32
