"""Settings from the file, the environment, and the command line, and one line for each mistake."""

from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings


def settings_of(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "s.toml"
    path.write_text(text)
    return load_settings(path, environ)


def test_no_file_and_an_empty_environment_give_the_defaults() -> None:
    assert load_settings(None, {}) == Settings()


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        'health_port = 0\n[sip]\nport = 5080\ncodecs = ["PCMA"]\n[vad]\nmin_silence_s = 1\n'
        '[stt.options]\nbeam = 1e-20\nphrases = { a = [1] }\n[state]\ntexts = false\nurl = "off"\n',
    )
    default = Settings()
    assert settings == replace(
        default,
        health_port=0,
        sip=replace(default.sip, port=5080, codecs=("PCMA",)),
        vad=replace(default.vad, min_silence_s=1.0),
        stt=replace(default.stt, options={"beam": 1e-20, "phrases": {"a": [1]}}),
        calls=replace(default.calls, directory=tmp_path / "var/calls"),
        state=replace(default.state, texts=False, url="off", directory=tmp_path / "var"),
        edge=replace(default.edge, directory=tmp_path / "var/edge"),
    )
    assert isinstance(settings.vad.min_silence_s, float)


@pytest.mark.parametrize(("old", "new", "value"), [("ears", "stt", "whisper"), ("mouth", "tts", "kokoro")])
def test_an_old_section_name_is_read_and_the_new_one_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str, new: str, value: str
) -> None:
    settings = settings_of(tmp_path, f'\n[{old}]\nengine = "{value}"\n')
    assert getattr(settings, new).engine == value
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/s.toml:2: {old}: is the old name of {new}; write {new} instead"
    ]


def test_what_is_wrong_under_an_old_name_is_found_on_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, "[ears]\n\ndeadline_s = 9")
    assert caught.value.lines == (f"{tmp_path}/s.toml:3: stt.deadline_s: is 9; it must be from 0.2 to 2.5",)


def test_an_old_name_beside_its_new_one_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, '[tts]\nengine = "espeak"\n[mouth]\nengine = "kokoro"')
    assert caught.value.lines == (
        f"{tmp_path}/s.toml:3: mouth: is the old name of tts, which is there as well; take it out",
    )


def test_paths_are_relative_to_the_file_unless_absolute(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    settings = settings_of(
        tmp_path, 'dialplans = ["mine.toml"]\n[calls]\ndirectory = "c"\n[state]\ndirectory = "/srv/state"\n'
    )
    assert settings.dialplans == (tmp_path / "mine.toml",)
    assert settings.calls.directory == tmp_path / "c"
    assert settings.state.directory == Path("/srv/state")
    assert settings.edge.directory == tmp_path / "var/edge"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        'llm_cancel_floor_s = 1\n[state]\nurl = "off"\n',
        REDIS_URL="redis://cache:6379/0",
        LLM_CANCEL_FLOOR_S="0.12",
    )
    assert settings.state.url == "redis://cache:6379/0"
    assert settings.llm_cancel_floor_s == 0.12


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "", REDIS_URL="", LLM_CANCEL_FLOOR_S="") == settings_of(tmp_path, "")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[stt]\nengine = 3", ['2: stt.engine: is a whole number; it must be text: write engine = "3"']),
        ("[vad]\nthreshold = nan", ["2: vad.threshold: is nan; it must be from 0.01 to 0.99"]),
        ("sip = 3", ["1: sip: is a whole number; it must be a table"]),
        (
            "calls = 3\nstate = true\nedge = []",
            [
                "1: calls: is a whole number; it must be a table",
                "2: state: is true; it must be a table",
                "3: edge: is a list; it must be a table",
            ],
        ),
        (
            '[trunk]\nname = "a"',
            ["1: trunk: is a table; write each one as a table of its own, below a line [[trunk]]"],
        ),
        ('dialplans = "a.toml"', ['1: dialplans: is text; write dialplans = ["a.toml"]']),
        ("[sip]\nprot = 5060", ['2: sip.prot: unknown key; did you mean "port"?']),
        (
            "[sipp]\nport = 5060",
            ['1: sipp: unknown key; did you mean "sip"?'],
        ),
        ('[sip]\nport = "5060"', ["2: sip.port: is text; it must be a whole number: write port = 5060"]),
        ("[sip]\n\nport = 70000", ["3: sip.port: is 70000; it must be from 0 to 65535"]),
        ("[sip]\nport = 5060.5", ["2: sip.port: is a number; it must be a whole number"]),
        ("[sip]\nport = true", ["2: sip.port: is true; it must be a whole number"]),
        (
            '[sip]\nbind = "::1"',
            ['2: sip.bind: "::1": line cards speak IPv4 only; write it as [edge] bind (docs/edge.md)'],
        ),
        (
            '[sip]\nbind = "localhots"',
            ['2: sip.bind: "localhots" is not an IP address; write one such as "192.0.2.10"'],
        ),
        ('[sip]\nbind = ""', ['2: sip.bind: is empty; write "127.0.0.1", or "0.0.0.0" for every interface']),
        (
            '[sip]\npublic_address = "203.0.113.300"',
            ['2: sip.public_address: "203.0.113.300" is not an IP address; write one such as "192.0.2.10"'],
        ),
        (
            '[sip]\ncodecs = [\n  "PCMU",\n  "OPUS",\n  "PCMU",\n]',
            [
                '4: sip.codecs[1]: unknown codec "OPUS"; choose from: G722, PCMA, PCMU',
                '5: sip.codecs[2]: "PCMU" is named twice; take one out',
            ],
        ),
        ("[sip]\ncodecs = [1]", ["2: sip.codecs[0]: is a whole number; write it in quotes"]),
        ("[sip]\ncodecs = []", ["2: sip.codecs: is empty; name at least one codec"]),
        (
            "[sip]\nport = 0\ncards = 2",
            ["3: sip.cards: is 2, but port 0 (any free port) allows one card; set sip.port"],
        ),
        (
            "[sip]\nport = 65535\ncards = 2",
            ["2: sip.port: leaves no room for 2 cards below 65536; choose a lower port"],
        ),
        (
            '[sip]\nrtp_ports = "41000-41003"',
            [
                "2: sip.rtp_ports: 4 ports are too few: 1 line cards of 4 calls need 8, two a call from an even one "
                'on; write "41000-41007" or more, or set fewer sip.cards'
            ],
        ),
        (
            '[sip]\nrtp_port = 41000\nrtp_ports = "41000-41063"',
            ["2: sip.rtp_port: stands beside rtp_ports, which says more; take it out"],
        ),
        (
            '[sip]\ncountry = "+44"\ntrusted = ["192.0.2.0/99"]\ncalled_from = ["from"]',
            [
                '2: sip.country: is "+44"; write digits alone',
                '3: sip.trusted[0]: "192.0.2.0/99" is not a network; write one such as "192.0.2.0/24"',
                '4: sip.called_from[0]: unknown source "from"; choose from: diversion, history-info, '
                "p-called-party-id, request, to",
            ],
        ),
        ("[sip]\nrtp_port = 80", ["2: sip.rtp_port: is 80; write 0 (any free ports) or a port from 1024 up"]),
        (
            "[vad]\nthreshold = 0.2",
            ["1: vad.release: is 0.3, above threshold (0.2); choose a lower value"],
        ),
        ("[calls]\nrecord = 'yes'", ["2: calls.record: is text; it must be true or false"]),
        ("[calls]\nrecord = 'False'", ["2: calls.record: is text; it must be true or false: write record = false"]),
        ("[calls]\ndirectory = 7", ['2: calls.directory: is a whole number; it must be text: write directory = "7"']),
        (
            '[tts]\nengine = ""',
            ['2: tts.engine: unknown engine ""; there are chatterbox, espeak, hibari, kokoro, piper'],
        ),
        (
            '[tts]\nhost = "speach"',
            ['2: tts.host: unknown value "speach"; did you mean "speech"?'],
        ),
        (
            '[tts]\nhost = "speech"',
            ['1: tts.url: is missing; write "http://127.0.0.1:8880/v1" or "unix:///PATH"'],
        ),
        (
            '[tts]\nhost = "wyoming"\nurl = "127.0.0.1:10200"\noptions = { rate = 1 }',
            [
                '3: tts.url: is "127.0.0.1:10200"; write "tcp://127.0.0.1:10200" or "unix:///PATH"',
                "4: tts.options.rate: a Wyoming server knows voice, language and speaker; take it out",
            ],
        ),
        (
            '[tts]\nhost = "speech"\nurl = "http://me:pw@host/v1"\nfallback = "e speak"',
            [
                "3: tts.url: holds a password; set api_key_env to the variable with the key or token",
                '4: tts.fallback: unknown engine "e speak"; did you mean "espeak"?',
            ],
        ),
        ("[tts]\ndeadline_s = 10", ["2: tts.deadline_s: is 10; it must be from 0.1 to 4.5"]),
        ('[stt]\nengine = "wisper"', ['2: stt.engine: unknown engine "wisper"; did you mean "whisper"?']),
        (
            '[stt]\nengine = "espeak"',
            ['2: stt.engine: unknown engine "espeak"; there are moonshine, nemo, onnx_tdt, qwen3, sherpa, whisper'],
        ),
        (
            '[stt]\nengine = "pocketsphinx"\nfallback = "pocketsphinx"',
            [
                '2: stt.engine: unknown engine "pocketsphinx"; write "moonshine"',
                '3: stt.fallback: unknown engine "pocketsphinx"; write "moonshine"',
            ],
        ),
        (
            '[stt.options]\npronunciations = { banoola = "B AH N UW L AH" }',
            ["2: stt.options.pronunciations: moonshine needs none: it knows any word; take it out"],
        ),
        (
            "[stt.options]\nbean = 5",
            ['2: stt.options.bean: moonshine has no such option; did you mean "beam"?'],
        ),
        ("[stt]\noptions = 1", ["2: stt.options: is a whole number; it must be a table"]),
        ('[stt]\nhost = "liston"', ['2: stt.host: unknown value "liston"; did you mean "listen"?']),
        (
            '[stt]\nhost = "listen"',
            ['1: stt.url: is missing; write "ws://127.0.0.1:8765/v1/listen" or "unix:///PATH"'],
        ),
        (
            '[stt]\nhost = "listen"\nurl = "http://127.0.0.1"\nfallback = "moon shine"\npython = "python3"',
            [
                '3: stt.url: is "http://127.0.0.1"; write "ws://127.0.0.1:8765/v1/listen" or "unix:///PATH"',
                '4: stt.fallback: unknown engine "moon shine"; did you mean "moonshine"?',
                '5: stt.python: is for a child process; write host = "subprocess" with it, or take it out',
            ],
        ),
        (
            '[stt]\nhost = "listen"\nurl = "wss://me:pw@host/v1/listen"',
            ["3: stt.url: holds a password; set api_key_env to the variable with the key or token"],
        ),
        (
            '[stt]\nhost = "wyoming"\nurl = "tcp://127.0.0.1:10300"\nper_call = true\noptions = { voice = "anna" }',
            [
                '4: stt.per_call: is for a child process; write host = "subprocess" with it, or take it out',
                "5: stt.options.voice: a Wyoming server knows model and language; take it out",
            ],
        ),
        (
            "[tts]\nspare = true\nper_call = true",
            ["2: tts.spare: is for a child process that serves every call; take it out, or per_call"],
        ),
        (
            '[stt]\nurl = "ws://127.0.0.1:8765/v1/listen"',
            ['2: stt.url: is for a server; write host = "listen" with it, or take it out'],
        ),
        ("health_port = 1979-05-27", ["1: health_port: is a date or time; it must be a whole number"]),
        ("a = 1\nb =", ['2: not TOML: invalid value; a text stands in straight quotes ("…"), a list in [ ]']),
        (
            "[stt]\nhost = 'inprocess'\n\n[stt]\nengine = 'nemo'",
            ["4: not TOML: [stt] is already on line 1: write below that one, and take this one out"],
        ),
        ("[sip]\nport = 1\nport = 2", ["3: not TOML: cannot overwrite a value; this key is there twice: take one out"]),
    ],
)
def test_each_problem_is_one_line_with_file_line_key_and_remedy(tmp_path: Path, text: str, lines: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text)
    assert list(caught.value.lines) == [f"{tmp_path}/s.toml:{line}" for line in lines]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, "[sip]\nport = -1\nbnid = ''\n[vad]\nthreshold = 2", LLM_CANCEL_FLOOR_S="fast")
    assert len(caught.value.lines) == 4
    assert str(caught.value) == "\n".join(caught.value.lines)


def test_a_key_that_the_environment_lacks_is_named(tmp_path: Path) -> None:
    text = '[tts]\nhost = "speech"\nurl = "http://127.0.0.1:8880/v1"\napi_key_env = "SPEECH_KEY"'
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text)
    assert caught.value.lines == (
        f"{tmp_path}/s.toml:4: tts.api_key_env: names the environment variable SPEECH_KEY, which is not set; "
        "set it, or take this out",
    )
    assert settings_of(tmp_path, text, SPEECH_KEY="sesame").tts.api_key_env == "SPEECH_KEY"


@pytest.mark.parametrize(
    ("floor", "what"),
    [
        ("fast", "is text; it must be a number"),
        ("-1", "is -1.0; it must be from 0 to 60"),
        ("61", "is 61.0; it must be from 0 to 60"),
        ("nan", "is nan; it must be from 0 to 60"),
    ],
)
def test_a_bad_floor_in_the_environment_is_named(tmp_path: Path, floor: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, "", LLM_CANCEL_FLOOR_S=floor)
    assert caught.value.lines == (f"environment: LLM_CANCEL_FLOOR_S: {what}",)


@pytest.mark.parametrize(
    ("text", "environ", "where"),
    [
        ('[state]\nurl = "http://me:secret@cache"', {}, '{file}:2: state.url: not a Redis URL ("http…")'),
        ("", {"REDIS_URL": "user:secret@cache"}, 'environment: REDIS_URL: not a Redis URL ("user…")'),
    ],
)
def test_a_bad_redis_url_is_told_without_its_password(
    tmp_path: Path, text: str, environ: dict[str, str], where: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text, **environ)
    [line] = caught.value.lines
    assert line.startswith(where.format(file=tmp_path / "s.toml"))
    assert "secret" not in line


def test_an_engine_that_is_not_built_is_told_with_what_builds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phone_daemon.settings.checks.interpreter", lambda engine: "")
    (tmp_path / "s.toml").write_text('[tts]\nengine = "kokoro"\n[stt]\nengine = "nemo"\nfallback = ""\n')
    load_settings(tmp_path / "s.toml", {})
    assert not caplog.records
    load_settings(tmp_path / "s.toml", {}, warn=True)
    assert [record.getMessage().removeprefix(f"{tmp_path}/") for record in caplog.records] == [
        "s.toml:4: stt.engine: nemo is not installed; run make parakeet; without it nothing starts",
        "s.toml:2: tts.engine: kokoro is not installed; run make kokoro; until then espeak speaks",
    ]


def test_embedded_engines_need_nothing_built(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_settings(None, {}, warn=True)
    assert not caplog.records


def test_what_the_command_line_gives_overrides_the_file_and_is_named_when_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[sip]\nport = 5070\n")
    assert load_settings(path, {}, {"--port 5080": (("sip", "port"), 5080)}).sip.port == 5080
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, {"--port 99999": (("sip", "port"), 99999)})
    assert caught.value.lines == ("--port 99999: is 99999; it must be from 0 to 65535",)


def test_an_address_of_another_machine_is_told_by_the_daemon_that_is_to_serve_on_it(tmp_path: Path) -> None:
    address = "192.0.2.7"
    (tmp_path / "s.toml").write_text(f'[sip]\nbind = "{address}"\n')
    assert load_settings(tmp_path / "s.toml", {}).sip.bind == address
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "s.toml", {}, serving=True)
    [line] = caught.value.lines
    assert line.startswith(f'{tmp_path}/s.toml:2: sip.bind: "{address}" is not an address of this machine: `ip -br')
    for here in ("127.0.0.1", "0.0.0.0"):
        options = {"--bind": (("sip", "bind"), here)}
        assert load_settings(tmp_path / "s.toml", {}, options, serving=True).sip.bind == here


def test_a_wrong_value_hides_no_other_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, '[stt]\nengine = 3\nhost = "listen"\n[calls]\ndirectory = []\nrecord = 1\n')
    assert [line.partition("s.toml:")[2].partition(": ")[0] for line in caught.value.lines] == ["1", "2", "5", "6"]
    assert "stt.url: is missing" in caught.value.lines[0]


def test_a_missing_dialplan_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, 'dialplans = [\n  "gone.toml",\n]')
    assert caught.value.lines == (
        f"{tmp_path}/s.toml:2: dialplans[0]: no such file: {tmp_path}/gone.toml; "
        "paths are relative to the settings file",
    )


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "none.toml", {})
    assert caught.value.lines == (
        f"{tmp_path}/none.toml: cannot be read: No such file or directory; "
        '"phone-daemon init" writes one to start from',
    )
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "latin.toml", {})
    assert caught.value.lines == (f"{tmp_path}/latin.toml: not UTF-8 text (byte 5); save it as UTF-8",)
