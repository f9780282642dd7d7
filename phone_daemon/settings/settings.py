"""Frozen settings, from a TOML file and the environment, checked once at start."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from phone_daemon.settings.toml_lines import Document, NotToml, dotted, read
from phone_daemon.settings.toml_table import NOT_HTTP, Table, is_http, nearest
from sidecars.engine import STT_ENGINES, TTS_ENGINES, instead

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SipSettings:
    """`[sip]`: where calls come in."""

    bind: str = "127.0.0.1"
    port: int = 5060
    """UDP port of the first line card; the next card takes the next port. 0: any free port (one card only)."""
    cards: int = 1
    """Line card processes; each carries as many calls as pjsua2 was compiled for (4 in the PyPI wheel)."""
    public_address: str = ""
    """Address to write into SDP and Contact when the machine stands behind a NAT."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    """In order of preference."""
    rtp_port: int = 0
    """First RTP port; 0: any free ones."""
    rtp_timeout_s: float = 30.0
    """A call whose caller sends no RTP for this long is ended."""
    ack_timeout_s: float = 5.0
    """An answered call that is never acknowledged (ACK) is ended after this long."""


@dataclass(frozen=True, slots=True)
class VadSettings:
    """`[vad]`: when the caller speaks (Silero at 8 kHz, 32 ms windows)."""

    threshold: float = 0.4
    release: float = 0.3
    """Speech goes on while the probability stays above this (hysteresis)."""
    min_speech_s: float = 0.096
    min_silence_s: float = 0.5
    """Endpointing: the caller's turn is over after this much silence."""
    pre_roll_s: float = 0.4
    """Audio before the onset that recognition gets as well, so that first words are never lost."""
    max_speech_s: float = 15.0
    """Speech without a pause is made final at least this often."""


@dataclass(frozen=True, slots=True)
class SttSettings:
    """`[stt]`: which recognition engine, and where it runs."""

    engine: str = "moonshine"
    host: str = "subprocess"
    """`subprocess`, `inprocess` (a thread of the daemon), or a server (`url` instead of `engine`): `listen` (Deepgram's
    streaming dialect) or `wyoming`."""
    python: str = ""
    """subprocess: the interpreter; empty: that of the engine's own environment where it was built, else ours."""
    per_call: bool = False
    """subprocess: a child for each call, which ends with it, instead of one for all."""
    url: str = ""
    """listen: ws://HOST:PORT/v1/listen, wss://…, or unix:///PATH. wyoming: tcp://HOST:PORT or unix:///PATH."""
    api_key_env: str = ""
    """listen: the environment variable that holds the server's token."""
    fallback: str = "moonshine"
    """Embedded engine that hears while the one above does not answer; empty: none."""
    deadline_s: float = 1.5
    """After the end of speech, how long the fallback waits for the one above."""
    options: dict[str, object] = field(default_factory=dict)
    """Handed to the engine as they are (`[stt.options]`); to a server as query parameters."""


@dataclass(frozen=True, slots=True)
class TtsSettings:
    """`[tts]`: which voice speaks, and where it runs."""

    engine: str = "hibari"
    host: str = "subprocess"
    """`subprocess`, `inprocess` (a thread of the daemon), or a server (`url` instead of `engine`): `speech` (OpenAI's
    `/v1/audio/speech`) or `wyoming`."""
    python: str = ""
    """subprocess: the interpreter; empty: that of `sidecars/ENGINE/.venv` where it was built, else the daemon's own."""
    per_call: bool = False
    """subprocess: a child for each call, which ends with it, instead of one for all."""
    spare: bool = False
    """subprocess: keep a second engine loaded, and kill the first when it does not stop at once."""
    url: str = ""
    """speech: http://HOST:PORT/v1, https://… or unix:///PATH. wyoming: tcp://HOST:PORT or unix:///PATH."""
    api_key_env: str = ""
    """speech: the environment variable that holds the server's key."""
    fallback: str = "espeak"
    """Embedded engine that speaks while the one above does not; empty: none."""
    deadline_s: float = 3.0
    """A voice that is silent for so long, at the start of a phrase or in its middle, is given up for it."""
    options: dict[str, object] = field(default_factory=dict)
    """Handed to the engine as they are; to a speech server as fields of each request (`model`, `voice`, …), to a
    Wyoming server as `voice`, `language`, `speaker`."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """`[calls]`: what a call may take and what it leaves."""

    directory: Path = Path("var/calls")
    record: bool = True
    """Write `call.wav`. Recordings are personal data: the law may want the caller told."""
    limit_s: float = 3600.0
    drain_s: float = 30.0
    """At shutdown, how long live calls may go on."""
    lead_s: float = 0.4
    """How far ahead of playout audio is pushed to the line card."""
    leg_deadline_s: float = 1.0
    """A leg of a cancel chain that takes longer is reported as missed."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """`[turn]`: what is made of a transcript before it is final."""

    stable_s: float = 0.2
    """A word of a partial transcript counts once it has stood for so long."""
    early_start: bool | None = None
    """Whether a reply is begun before the caller's turn is certainly over. Unset: when a language model gives it."""
    early_after_s: float = 0.1
    """The pause after which it is."""
    unfinished_s: float = 0.0
    """Silence, on top of `vad.min_silence_s`, granted to a caller who has broken off in the middle of a sentence."""


@dataclass(frozen=True, slots=True)
class StateSettings:
    """`[state]`: Redis. `REDIS_URL` overrides `url`."""

    url: str = field(default="", repr=False)
    """Empty: an embedded server on a socket under `directory`. `off`: none."""
    directory: Path = Path("var")
    lease_s: float = 15.0
    max_events: int = 10_000
    texts: bool | None = None
    """Whether events hold what people said and pressed. Unset: only in the embedded server, which stays on this
    machine and in memory; a Redis elsewhere gets states and figures."""


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """`[llm]`: the model server of dialplans that name none. `OPENAI_BASE_URL` overrides `base_url`."""

    base_url: str = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True, slots=True)
class Settings:
    sip: SipSettings = SipSettings()
    vad: VadSettings = VadSettings()
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    turn: TurnSettings = TurnSettings()
    calls: CallSettings = CallSettings()
    state: StateSettings = StateSettings()
    llm: LlmSettings = LlmSettings()
    health_port: int = 8060
    """HTTP port on loopback for /healthz and /readyz; 0: any free port."""
    dialplans: tuple[Path, ...] = ()
    """Dialplan files; empty: every number is answered with the dental clinic."""
    llm_cancel_floor_s: float | None = None
    """`LLM_CANCEL_FLOOR_S`: what the gate is judged against; None: measured."""


class SettingsError(Exception):
    """Settings that cannot be used; `lines` tells each problem in one line: file, line, key, what, how to mend it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


_RANGES: Mapping[str, tuple[float, float]] = {
    "sip.port": (0, 65535),
    "sip.cards": (1, 64),
    "sip.rtp_port": (0, 65000),
    "sip.rtp_timeout_s": (1, 3600),
    "sip.ack_timeout_s": (0.5, 32),
    "vad.threshold": (0.01, 0.99),
    "vad.release": (0.01, 0.99),
    "vad.min_speech_s": (0.032, 1),
    "vad.min_silence_s": (0.1, 5),
    "vad.pre_roll_s": (0, 2),
    "vad.max_speech_s": (1, 60),
    "tts.deadline_s": (0.1, 4.5),
    "turn.stable_s": (0, 2),
    "turn.early_after_s": (0.02, 2),
    "turn.unfinished_s": (0, 5),
    "stt.deadline_s": (0.2, 2.5),
    "calls.limit_s": (1, 86_400),
    "calls.drain_s": (0, 3600),
    "calls.lead_s": (0.04, 5),
    "calls.leg_deadline_s": (0.05, 30),
    "state.lease_s": (1, 3600),
    "state.max_events": (1, 10_000_000),
    "health_port": (0, 65535),
    "llm_cancel_floor_s": (0, 60),
}
"""Lowest and highest value of each number, in its own unit."""

_OLD_NAMES = {"ears": "stt", "mouth": "tts"}
"""Sections by the name that they had, and the one that they have."""

_CODECS = ("PCMU", "PCMA", "G722")
_STT_HOSTS: Mapping[str, tuple[str, ...]] = {
    "subprocess": (),
    "inprocess": (),
    "listen": ("ws://127.0.0.1:8765/v1/listen", "unix:///PATH", "wss://HOST/v1/listen"),
    "wyoming": ("tcp://127.0.0.1:10300", "unix:///PATH"),
}
"""Where an engine may run, and what the URL of a server looks like."""
_REDIS = ("redis", "rediss", "unix")
_TTS_HOSTS: Mapping[str, tuple[str, ...]] = {
    "subprocess": (),
    "inprocess": (),
    "speech": ("http://127.0.0.1:8880/v1", "unix:///PATH", "https://HOST/v1"),
    "wyoming": ("tcp://127.0.0.1:10200", "unix:///PATH"),
}
_WYOMING = {"stt": ("model", "language"), "tts": ("voice", "language", "speaker")}
"""What a Wyoming server is told."""


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from the TOML file `path` (None: the defaults), then from `REDIS_URL`, `OPENAI_BASE_URL` and
    `LLM_CANCEL_FLOOR_S`.

    Paths in the file are relative to the file's own folder. Raises `SettingsError` with every problem there is.
    """
    problems: list[str] = []
    try:
        document = read(path) if path else Document(Path(), {})
    except NotToml as error:
        raise SettingsError([str(error)]) from None
    document = _renamed(document, problems)
    table = Table(document, problems)
    folder = path.parent if path else Path()
    values: dict[str, Any] = {}
    for section in fields(Settings):
        if is_dataclass(section.default) and not isinstance(section.default, type):
            values[section.name] = _section(table.table(section.name), section.default, folder)
    settings = _section(table, replace(Settings(), **values), folder)
    _check(settings, table, problems)
    settings = _environment(settings, environ, problems)
    if problems:
        raise SettingsError(problems)
    return settings


def _renamed(document: Document, problems: list[str]) -> Document:
    """`document` with its sections under the names that they have today; one line in the log for each old one."""
    data, lines = dict(document.data), dict(document.lines)
    for old, new in _OLD_NAMES.items():
        if old not in data:
            continue
        if new in data:
            problems.append(document.problem((old,), f"is the old name of {new}, which is there as well; take it out"))
            del data[old]
            continue
        _log.warning("%s", document.problem((old,), f"is the old name of {new}; write {new} instead"))
        data[new] = data.pop(old)
        lines |= {(new, *key[1:]): line for key, line in lines.items() if key[:1] == (old,)}
    return replace(document, data=data, lines=lines)


_Section = TypeVar("_Section", bound="DataclassInstance")


def _section(table: Table, default: _Section, folder: Path) -> _Section:
    """`default` with what `table` says. The fields' own types say how each value is read."""
    hints = get_type_hints(type(default))
    found: dict[str, Any] = {}
    for name in (each.name for each in fields(default)):
        standing = getattr(default, name)
        if is_dataclass(standing) or name not in table:
            table.expect(name)
            continue
        kinds = set(get_args(hints[name])) if isinstance(hints[name], UnionType) else {hints[name]}
        low, high = _RANGES.get(dotted((*table.key, name)), (0, 1e9))
        if bool in kinds:
            found[name] = table.flag(name, bool(standing))
        elif int in kinds:
            found[name] = table.whole(name, standing or 0, int(low), int(high))
        elif float in kinds:
            found[name] = table.number(name, standing or 0.0, low, high)
        elif str in kinds:
            found[name] = table.text(name, standing)
        elif Path in kinds:
            found[name] = folder / table.text(name, str(standing))
        elif tuple[str, ...] in kinds:
            found[name] = table.texts(name, standing)
        elif tuple[Path, ...] in kinds:
            found[name] = tuple(folder / text for text in table.texts(name))
        else:
            found[name] = table.mapping(name)
    table.done()
    return replace(default, **found)


def _check(settings: Settings, table: Table, problems: list[str]) -> None:
    """What no type and no range can say."""
    sip, vad = settings.sip, settings.vad
    for name, address in (("bind", sip.bind), ("public_address", sip.public_address)):
        if address and not _is_address(address):
            table.wrong(("sip", name), f'"{address}" is not an IP address; write one such as "192.0.2.10"')
    if not sip.bind:
        table.wrong(("sip", "bind"), 'is empty; write "127.0.0.1", or "0.0.0.0" for every interface')
    if sip.port == 0 and sip.cards > 1:
        table.wrong(("sip", "cards"), f"is {sip.cards}, but port 0 (any free port) carries one card; set sip.port")
    if sip.port + sip.cards - 1 > 65535:
        table.wrong(("sip", "port"), f"leaves no room for {sip.cards} cards below 65536; choose a lower port")
    if 0 < sip.rtp_port < 1024:
        table.wrong(("sip", "rtp_port"), f"is {sip.rtp_port}; write 0 (any free ports) or a port from 1024 up")
    if not sip.codecs:
        table.wrong(("sip", "codecs"), "is empty; name at least one codec")
    for index, codec in enumerate(sip.codecs):
        if codec not in _CODECS:
            table.wrong(("sip", "codecs", index), f'unknown codec "{codec}"; {nearest(codec, _CODECS)}')
        elif codec in sip.codecs[:index]:
            table.wrong(("sip", "codecs", index), f'"{codec}" is named twice; take one out')
    if vad.release > vad.threshold:
        table.wrong(("vad", "release"), f"is {vad.release}, above threshold ({vad.threshold}); choose a lower value")
    _check_part("stt", settings.stt, _STT_HOSTS, table)
    if settings.stt.engine == "moonshine" and "pronunciations" in settings.stt.options:
        table.wrong(("stt", "options", "pronunciations"), "moonshine needs none: it hears any word; take it out")
    _check_part("tts", settings.tts, _TTS_HOSTS, table)
    if settings.tts.spare and settings.tts.per_call:
        table.wrong(("tts", "spare"), "is for a child that serves every call; take it out, or per_call")
    for index, plan in enumerate(settings.dialplans):
        if not plan.is_file():
            table.wrong(("dialplans", index), f"no such file: {plan}; paths are relative to the settings file")
    if not _is_redis(settings.state.url):
        table.wrong(("state", "url"), _redis_problem(settings.state.url))
    if not is_http(settings.llm.base_url):
        table.wrong(("llm", "base_url"), NOT_HTTP)


def _check_part(name: str, part: SttSettings | TtsSettings, hosts: Mapping[str, tuple[str, ...]], table: Table) -> None:
    """What stt and tts have in common: where they run."""
    engines = STT_ENGINES if name == "stt" else TTS_ENGINES
    if part.engine not in engines:
        table.wrong((name, "engine"), f'unknown engine "{part.engine}"; {instead(part.engine, engines)}')
    if part.host not in hosts:
        table.wrong((name, "host"), f'unknown value "{part.host}"; {nearest(part.host, hosts)}')
        return
    if part.fallback and part.fallback not in engines:
        table.wrong((name, "fallback"), f'unknown engine "{part.fallback}"; {instead(part.fallback, engines)}')
    if urls := hosts[part.host]:
        _check_url(name, part.url, urls, table)
    else:
        for key in ("url", "api_key_env"):
            if getattr(part, key):
                table.wrong(
                    (name, key), f'is for a server; write host = "{_first_server(hosts)}" with it, or take it out'
                )
    for key in ("python", "per_call"):
        if getattr(part, key) and part.host != "subprocess":
            table.wrong((name, key), 'is for a child process; write host = "subprocess" with it, or take it out')
    if part.host == "wyoming":
        known = _WYOMING[name]
        for key in part.options.keys() - set(known):
            table.wrong((name, "options", key), f"a Wyoming server knows {_and(known)}; take it out")


def _check_url(name: str, url: str, examples: tuple[str, ...], table: Table) -> None:
    scheme, mark, rest = url.partition("://")
    if "@" in rest.partition("/")[0]:
        table.wrong((name, "url"), "holds a password; set api_key_env to the variable with the key or token")
    elif not (mark and rest and any(each.startswith(f"{scheme}://") for each in examples)) or (
        scheme == "tcp" and not rest.rpartition(":")[2].isdecimal()
    ):
        what = f'is "{url}"' if url else "is missing"
        table.wrong((name, "url"), f'{what}; write "{examples[0]}" or "{examples[1]}"')


def _first_server(hosts: Mapping[str, tuple[str, ...]]) -> str:
    return next(host for host, urls in hosts.items() if urls)


def _and(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _environment(settings: Settings, environ: Mapping[str, str], problems: list[str]) -> Settings:
    if url := environ.get("REDIS_URL", ""):
        if not _is_redis(url):
            problems.append(f"environment: REDIS_URL: {_redis_problem(url)}")
        settings = replace(settings, state=replace(settings.state, url=url))
    if url := environ.get("OPENAI_BASE_URL", ""):
        if not is_http(url):
            problems.append(f"environment: OPENAI_BASE_URL: {NOT_HTTP}")
        settings = replace(settings, llm=LlmSettings(url))
    if (name := settings.tts.api_key_env) and not environ.get(name):
        problems.append(f"environment: {name}: not set, but tts.api_key_env names it")
    if (name := settings.stt.api_key_env) and not environ.get(name):
        problems.append(f"environment: {name}: not set, but stt.api_key_env names it")
    if text := environ.get("LLM_CANCEL_FLOOR_S", ""):
        low, high = _RANGES["llm_cancel_floor_s"]
        try:
            floor = float(text)
        except ValueError:
            floor = -1.0
        if low <= floor <= high:
            settings = replace(settings, llm_cancel_floor_s=floor)
        else:
            what = f'is "{text}"; it must be a number of seconds from {low:g} to {high:g}'
            problems.append(f"environment: LLM_CANCEL_FLOOR_S: {what}")
    return settings


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_redis(url: str) -> bool:
    scheme, mark, rest = url.partition("://")
    return url in ("", "off") or (bool(mark) and scheme in _REDIS and bool(rest))


def _redis_problem(url: str) -> str:
    """What is wrong with `url`, without the password it may hold."""
    shown = url.partition("://")[0].split(":")[0].split("@")[-1]
    return f'not a Redis URL ("{shown}…"); write redis://HOST:6379/0, rediss://…, unix:///PATH, "" (embedded) or "off"'
