from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.text.speakable import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # addresses
        ("Mail info@example.com.", "Mail info at example dot com."),
        ("jo.doe_1@mail-box.co.uk!", "jo dot doe underscore one at mail dash box dot co dot U K!"),
        ("See https://www.example.com/booking.", "See example dot com slash booking."),
        ("(www.riverside.org/our-team/)", "(riverside dot org slash our dash team)"),
        ("on example.com, or https://x.org/a8f3?id=3#top", "on example dot com, or x dot org"),
        ("at http://localhost:8080/", "at localhost colon eight zero eight zero"),
        # telephone numbers and references
        ("Call 020 7946 0018.", "Call zero two zero, seven nine four six, zero zero one eight."),
        ("+44 20 7946 0018 or", "plus four four, two zero, seven nine four six, zero zero one eight or"),
        ("(020) 7946 0018", "zero two zero, seven nine four six, zero zero one eight"),
        ("1-800-555-0100", "one, eight zero zero, five five five, zero one zero zero"),
        ("555-0100", "five five five, zero one zero zero"),
        ("call 911 or dial 112", "call nine one one or dial one one two"),
        ("ext. 204", "extension two zero four"),
        ("PIN 1234, order #4521", "PIN one two three four, order number four five two one"),
        ("The code is 2026: note it", "The code is two zero two six: note it"),
        ("Your reference is 482209.", "Your reference is four eight two two zero nine."),
        ("room 007", "room zero zero seven"),
        # money
        ("It is £4.50.", "It is four pounds fifty."),
        ("$1,299.99 now", "one thousand two hundred and ninety-nine dollars ninety-nine now"),
        ("£1, £0.50, 99p, $0.01", "one pound, fifty pence, ninety-nine pence, one cent"),
        ("£3.05 and €20", "three pounds and five pence and twenty euros"),
        ("$2.5 million, £5k, 20€", "two point five million dollars, five thousand pounds, twenty euros"),
        ("-£5", "minus five pounds"),
        ("US$5", "US five dollars"),
        ("9-5 £4.50", "nine to five four pounds fifty"),
        ("£5-£10", "five pounds to ten pounds"),
        # dates
        ("on 5 March 2026.", "on the fifth of March twenty twenty-six."),
        ("the 5th of March", "the fifth of March"),
        ("March 5, 2026 is", "March the fifth twenty twenty-six is"),
        ("Jan. 21st", "January the twenty-first"),
        ("5-7 Mar", "the fifth to the seventh of March"),
        ("2026-03-05", "the fifth of March twenty twenty-six"),
        ("25/12/2026", "the twenty-fifth of December twenty twenty-six"),
        ("12/25/2026", "December the twenty-fifth twenty twenty-six"),
        ("5/3/2026", "five slash three slash twenty twenty-six"),
        ("in 1984 and since 2007", "in nineteen eighty-four and since two thousand and seven"),
        ("the 1990s, the 80s", "the nineteen nineties, the eighties"),
        ("2019-2021", "twenty nineteen to twenty twenty-one"),
        ("Mon-Fri", "Monday to Friday"),
        ("Monday – Friday", "Monday to Friday"),
        ("Sat 10:00", "Saturday ten o'clock"),
        ("I may sit in the sun", "I may sit in the sun"),
        # times
        ("at 10:30.", "at ten thirty."),
        ("8.30 a.m. on", "eight thirty a.m. on"),
        ("We close at 5 p.m.", "We close at five p.m."),
        ("9am-5pm", "nine a.m. to five p.m."),
        ("09:05, 18:00, 00:00", "nine oh five, eighteen hundred, midnight"),
        ("until 17.30 today", "until seventeen thirty today"),
        # quantities
        ("3.14 and 1,000", "three point one four and one thousand"),
        ("-5 or -3°C", "minus five or minus three degrees Celsius"),
        ("50% of 3 km at 60 km/h", "fifty percent of three kilometres at sixty kilometres per hour"),
        ("1 kg, 6 ft", "one kilogram, six feet"),
        ("6 ft. tall, 5 kg. Then", "six feet tall, five kilograms. Then"),
        ("AB-1234 or XYZ482", "A.B. one two three four or X.Y.Z. four eight two"),
        ("the 1st, 22nd and 103rd", "the first, twenty-second and one hundred and third"),
        ("1/2, 2½ and 1 3/4", "a half, two and a half and one and three quarters"),
        ("9-5, 3–5 days, 10 - 12", "nine to five, three to five days, ten to twelve"),
        ("18:30–20:00", "eighteen thirty to twenty hundred"),
        ("a 10-year-old, 24/7", "a ten-year-old, twenty-four seven"),
        ("12000 people", "twelve thousand people"),
        ("version 2.0.1", "version 2.0.1"),
        ("B12, 5G, COVID-19", "B12, 5G, COVID-19"),
        ("5 * 3, 4x6, 3:1, 50/50", "five times three, four by six, three to one, fifty fifty"),
        ("£5/hour, 20 mg/day", "five pounds per hour, twenty milligrams per day"),
        # signs and short forms
        ("Fish & chips, AT&T", "Fish and chips, AT and T"),
        ("Tom &amp; Jerry&#39;s", "Tom and Jerry's"),
        ("Press # or *.", "Press hash or star."),
        ("#5, No. 7 and no. 8", "number five, number seven and number eight"),
        ("No. I am not.", "No. I am not."),
        ("and/or, he/she, TCP/IP", "and or, he or she, TCP IP"),
        ("Dr. Smith, e.g. today etc.", "Doctor Smith, for example today et cetera."),
        ("12 St. Mary's, Main St. Here", "twelve Saint Mary's, Main Street Here"),
        ("2 + 2 = 4, ~5, 18+", "two plus two equals four, about five, eighteen plus"),
        ("Your visit is **on Monday**, _not_ `today`.", "Your visit is on Monday, not today."),
        ("naïve café – “quoted” 日本", "naïve café – “quoted” 日本"),
    ],
)
def test_it_is_said_as_people_say_it(written: str, said: str) -> None:
    assert speakable(written).text == said


@given(st.one_of(st.text(), st.text("0123456789.,:-/£$%&#@+ apmx()", max_size=60)))
def test_any_text_is_said_without_a_figure_that_stands_alone(text: str) -> None:
    said = speakable(text).text
    said.encode("utf-8", "surrogatepass")
    assert said == " ".join(said.split(" "))
    for word in said.split():
        core = word.strip(".,:-/()&#@+%£$'’\"")
        assert not (core.isascii() and core.isdigit() and core == word), word
