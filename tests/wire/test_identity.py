"""Numbers as written by trunks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.identity import Identity, e164, identify, national, same_number
from phone_daemon.wire.line_card.message import parse

CALLED, CALLER = "+442079460200", "+442079460111"
ANYWHERE = SipSettings()
BRITISH = SipSettings(country="44")


def who(
    *headers: str,
    uri: str = f"sip:{CALLED}@h",
    to: str = f"<sip:{CALLED}@h>",
    caller: str = f"<sip:{CALLER}@h>",
    sip: SipSettings = ANYWHERE,
    address: str = "127.0.0.1:5060",
) -> Identity:
    lines = [f"INVITE {uri} SIP/2.0", f"To: {to}", f"From: {caller};tag=1", *headers]
    return identify(parse("\r\n".join([*lines, "", ""])), address, sip)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            f"sip:{CALLED}@h;user=phone",
            "sip:%2B442079460200@h",
            f"sip:{CALLED};npdi;rn=+442079460000@h",
            f"tel:{CALLED}",
        ),
        *("sip:00442079460200@h", "tel:+44-20-7946-0200"),
    ],
)
def test_the_called_number_is_the_request_uris_however_it_is_written(uri: str) -> None:
    assert who(uri=uri) == Identity(CALLER, (CALLED,))


def test_every_header_that_may_name_the_called_number_is_read_in_the_order_of_the_settings() -> None:
    headers = (
        "P-Called-Party-ID: <sip:1@h>",
        "Diversion: <sip:3@h>;reason=unconditional, <sip:2@h>",
        "History-Info: <sip:4@h>;index=1, <sip:5@h>;index=1.1",
    )
    found = who(*headers, uri="sip:trunk-4711@h", to="<sip:0@h>")
    assert found.called == ("trunk-4711", "0", "1", "2", "3", "4", "5")
    chosen = replace(ANYWHERE, called_from=("diversion", "request"))
    assert who(*headers, uri="sip:trunk-4711@h", sip=chosen).called == ("2", "3", "trunk-4711")
    assert who(uri="sip:h", to="sip:h").called == ("",)


def test_an_asserted_identity_is_believed_from_a_trusted_trunk_alone() -> None:
    asserted = f'P-Asserted-Identity: "A, B" <sip:{CALLER}@h>, <tel:+1>'
    withheld = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert who(asserted, caller=withheld).caller == CALLER
    assert who(asserted, caller="<sip:trunk@h>").caller == CALLER
    assert who(asserted, caller="<sip:trunk@h>", address="192.0.2.7:5060").caller == "trunk"
    carrier = replace(ANYWHERE, trusted=("192.0.2.0/24",))
    assert who(asserted, caller=withheld, address="192.0.2.7:5060", sip=carrier).caller == CALLER
    assert who(caller=withheld).caller == ""
    assert who(caller="<tel:2079460111;phone-context=+44>").caller == CALLER


@pytest.mark.parametrize("written", ["02079460200", "00442079460200", "442079460200", CALLED, "020 7946-0200"])
def test_with_a_country_every_spelling_is_one_number(written: str) -> None:
    assert e164(written, BRITISH) == CALLED


@pytest.mark.parametrize("written", ["100", "alice", "", "44", "0123", "trunk-4711", "*21#"])
def test_what_is_no_whole_number_stays_as_it_is(written: str) -> None:
    assert e164(written, BRITISH) == written


def test_without_a_country_a_number_is_compared_by_its_end_and_never_guessed() -> None:
    whole = (CALLED, "+442079460201", "*", "100")
    assert same_number("02079460200", whole, ANYWHERE) == CALLED
    assert same_number("442079460200", whole, ANYWHERE) == CALLED
    assert same_number("02079460200", (*whole, "+492079460200"), ANYWHERE) == ""
    assert same_number("0200", whole, ANYWHERE) == ""
    assert same_number("02079460299", whole, ANYWHERE) == ""
    assert same_number("alice", whole, ANYWHERE) == ""


def test_a_number_of_the_country_may_be_written_without_it() -> None:
    assert national(CALLED, BRITISH) == "02079460200"
    assert national("+4930123456", BRITISH) == "+4930123456"
    assert national(CALLED, ANYWHERE) == CALLED


def test_a_remote_party_id_names_the_caller_where_nothing_better_does() -> None:
    party = f'Remote-Party-ID: "Lee" <sip:{CALLER}@h>;party=calling;privacy=off;screen=no'
    assert who(party, caller="<sip:asterisk@h>") == Identity(CALLER, (CALLED,), "Lee")
    assert who(party, "P-Asserted-Identity: <sip:+15550100@h>", caller="<sip:asterisk@h>").caller == "+15550100"
    assert who(party, caller="<sip:asterisk@h>", address="192.0.2.7:5060").caller == "asterisk"
    assert who(party.replace("calling", "called"), caller="<sip:asterisk@h>").caller == "asterisk"


def test_the_callers_name_is_the_asserted_one_or_that_of_from() -> None:
    assert who(caller=f'"Ann Lee" <sip:{CALLER}@h>').name == "Ann Lee"
    asserted = f'P-Asserted-Identity: "Lee, A" <sip:{CALLER}@h>, <tel:{CALLER}>'
    assert who(asserted, caller="Ann <sip:x@h>").name == "Lee, A"
    assert who(asserted, caller="Ann <sip:x@h>", address="192.0.2.9:5060").name == "Ann"
    assert who().name == ""


def test_commas_in_names_and_uris_part_no_entries() -> None:
    asserted = f'P-Asserted-Identity: "Lee \\"A\\", B" <sip:{CALLER};x=1,2@h>, <tel:+1>'
    assert who(asserted, caller="<sip:x@h>") == Identity(CALLER, (CALLED,), "Lee A , B")
    diversion = 'Diversion: <sip:1@h>;reason="no, answer", "2, 3" <sip:2@h>'
    assert who(diversion, sip=replace(ANYWHERE, called_from=("diversion",))).called == ("2", "1")


@pytest.mark.parametrize("privacy", ["id", "header;id", "user; critical"])
def test_who_withholds_the_number_is_known_to_trusted_trunks_alone(privacy: str) -> None:
    asserted, withheld = f"P-Asserted-Identity: <sip:{CALLER}@h>", f"Privacy: {privacy}"
    stranger = "198.51.100.9:5060"
    assert who(asserted, withheld, caller='"Ann" <sip:trunk@h>') == Identity(CALLER, (CALLED,))
    assert who(asserted, withheld, caller=f'"Ann" <sip:{CALLER}@h>', address=stranger) == Identity("", (CALLED,))
    assert who("Privacy: none", caller=f"<sip:{CALLER}@h>").caller == CALLER


@pytest.mark.parametrize("user", ["anonymous", "Unknown", "restricted", "unavailable", "+anonymous", "0000", "private"])
def test_what_stands_in_place_of_a_number_is_none(user: str) -> None:
    assert who(caller=f"<sip:{user}@h>") == Identity("", (CALLED,))


def test_of_several_identities_the_number_is_the_callers() -> None:
    assert who("P-Asserted-Identity: <sip:trunk-7@h>", f"P-Asserted-Identity: <tel:{CALLER}>").caller == CALLER


@pytest.mark.parametrize(
    ("country", "national_prefix", "international_prefix", "written", "whole"),
    [
        *(("49", "0", "00", "03012345678", "+493012345678"), ("39", "", "00", "0612345678", "+390612345678")),
        *(("1", "1", "011", "2125550123", "+12125550123"), ("1", "1", "011", "12125550123", "+12125550123")),
        *(("1", "1", "011", "011442079460123", "+442079460123"), ("1", "1", "011", "911", "911")),
        *(("7", "8", "810", "84951234567", "+74951234567"), ("7", "8", "810", "810442079460123", "+442079460123")),
        *(("36", "06", "00", "0612345678", "+3612345678"), ("61", "0", "0011", "0011442079460123", "+442079460123")),
        *(("45", "", "00", "32123456", "+4532123456"), ("44", "0", "00", "+44 (0)20 7946 0123", "+442079460123")),
        *(("44", "0", "00", "+00442079460123", "+442079460123"), ("44", "0", "00", "+02079460123", "+442079460123")),
        ("44", "0", "00", "0000", "0000"),
    ],
)
def test_other_countries_dial_otherwise(
    country: str, national_prefix: str, international_prefix: str, written: str, whole: str
) -> None:
    sip = SipSettings(country=country, national_prefix=national_prefix, international_prefix=international_prefix)
    assert e164(written, sip) == whole


def test_a_number_in_a_sip_uri_may_have_a_context() -> None:
    assert who(caller="<sip:2079460111;phone-context=+44@h;user=phone>").caller == CALLER
    assert who(caller="<sip:00442079460111;phone-context=+44@h>", sip=BRITISH).caller == CALLER


@pytest.mark.parametrize(
    "asserted",
    [
        *(f"<tel:{CALLER};ext=22>", f"tel:{CALLER}, sip:alice@h", f"sip:alice@h, tel:{CALLER};isub=1;ext=5"),
        *(f"<sip:{CALLER};verstat=TN-Validation-Passed@h;user=phone>", f"<urn:service:sos>, <tel:{CALLER}>"),
        *("<tel:2079460111;ext=3;phone-context=+44>", '<tel:2079460111;phone-context="+44">'),
        *("<sip:2079460111;Phone-Context=%2B44@h;user=phone>", "<tel:0111;phone-context=+44207946>"),
        f"<tel:7042;phone-context=example.com>, <sip:{CALLER}@h>",
    ],
)
def test_a_whole_number_is_the_callers_however_it_is_asserted(asserted: str) -> None:
    assert who(f"P-Asserted-Identity: {asserted}", caller="<sip:trunk@h>").caller == CALLER


def test_an_extension_without_a_whole_number_is_the_caller() -> None:
    assert who("P-Asserted-Identity: <sip:alice@h>, <tel:7042;phone-context=example.com>").caller == "7042"
    assert who("P-Asserted-Identity: <sip:alice@h>", caller="<sip:trunk@h>").caller == "alice"


@pytest.mark.parametrize(
    ("header", "called"),
    [
        *(("<sip:1@h>;index=1, <sip:2@h?Reason=SIP%3Bcause%3D302>;index=1.1", ("1", "2")),),
        *(("<sip:2@h>;index=1.10, <sip:1@h>;index=1.9;rc=1, <tel:0>;Index = 1", ("0", "1", "2")),),
        *(("<sip:1@h>, <sip:2@h;index=0>", ("1", "2")), ("<sip:unknown@h>;index=1, sip:2@h;index=1.1", ("2",))),
    ],
)
def test_history_is_read_in_the_order_of_its_index(header: str, called: tuple[str, ...]) -> None:
    chosen = replace(ANYWHERE, called_from=("history-info",))
    assert who(f"History-Info: {header}", sip=chosen).called == called
