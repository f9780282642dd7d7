"""What no type and no range can say of settings: names of engines, addresses, and values that must fit each other."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from phone_daemon.settings.engine_options import ENGINE_OPTIONS
from phone_daemon.settings.problems import Problems, nearest
from phone_daemon.settings.rtp_ports import blocks
from phone_daemon.settings.settings import Settings, SipSettings, SttSettings, TtsSettings
from phone_daemon.settings.toml_lines import Key
from phone_daemon.settings.trunk_checks import check_trunks
from phone_daemon.settings.trunks import is_network, is_numeric
from phone_daemon.settings.values import NOT_HTTP, is_http, listing
from phone_daemon.settings.web_checks import check_web
from sidecars.engine import STT_ENGINES, TTS_ENGINES, instead
from sidecars.environment import family, interpreter

CALLED_FROM = ("request", "to", "p-called-party-id", "diversion", "history-info")
CODECS = ("PCMU", "PCMA", "G722")
_PACKAGES: Mapping[str, str] = {
    "chatterbox": "chatterbox",
    "kokoro": "kokoro_onnx",
    "nemo": "nemo",
    "onnx_tdt": "onnx_asr",
    "piper": "piper",
    "qwen3": "qwen_asr",
    "sherpa": "sherpa_onnx",
    "whisper": "faster_whisper",
}
"""What an engine that is not embedded imports: in an environment of its own, or in the daemon's."""
_REDIS = ("redis", "rediss", "unix")
_URLS: Mapping[str, tuple[str, ...]] = {
    "stt.listen": ("ws://127.0.0.1:8765/v1/listen", "unix:///PATH", "wss://HOST/v1/listen"),
    "stt.wyoming": ("tcp://127.0.0.1:10300", "unix:///PATH"),
    "tts.speech": ("http://127.0.0.1:8880/v1", "unix:///PATH", "https://HOST/v1"),
    "tts.wyoming": ("tcp://127.0.0.1:10200", "unix:///PATH"),
}
"""What the URL of a server looks like."""
_SERVERS = {"stt": "listen", "tts": "speech"}
_WYOMING = {"stt": ("model", "language"), "tts": ("voice", "language", "speaker")}
"""What a Wyoming server is told."""


def check(
    settings: Settings, environ: Mapping[str, str], found: Problems, *, serving: bool, secrets: bool = False
) -> None:
    """Adds what is wrong to `found`; `serving`: also what this machine lacks; `secrets`: whatever else a daemon would
    lack here, such as a password, or a folder that it can write to."""
    _check_sip(settings.sip, settings.daemons, found, serving=serving)
    check_trunks(settings, environ, found, secrets=secrets)
    check_web(settings.web, settings.webhook, environ, found, serving=serving, secrets=secrets)
    vad = settings.vad
    if vad.release > vad.threshold:
        found.add(("vad", "release"), f"is {vad.release}, above threshold ({vad.threshold}); choose a lower value")
    turn = settings.turn
    if turn.min_wait_s > turn.max_wait_s:
        found.add(("turn", "min_wait_s"), f"is {turn.min_wait_s}, above max_wait_s ({turn.max_wait_s}); lower it")
    _check_engine("stt", settings.stt, environ, found)
    _check_engine("tts", settings.tts, environ, found)
    if settings.tts.spare and settings.tts.per_call:
        found.add(("tts", "spare"), "is for a child process that serves every call; take it out, or per_call")
    for index, plan in enumerate(settings.dialplans):
        if plan in settings.dialplans[:index]:
            found.add(("dialplans", index), f"{plan} is named twice; take one out")
        elif plan.is_dir():
            found.add(("dialplans", index), f"{plan} is a folder; name the dialplans in it")
        elif not plan.is_file():
            found.add(("dialplans", index), f"no such file: {plan}; paths are relative to the settings file")
    if secrets and (reason := _unwritable(settings.calls.directory)):
        found.add(("calls", "directory"), f"{reason}; choose a folder that the daemon may write to")
    if not _is_redis(settings.state.url):
        found.add(("state", "url"), _redis_problem(settings.state.url))
    if not is_http(settings.llm.base_url):
        found.add(("llm", "base_url"), NOT_HTTP)


def not_built(settings: Settings) -> Iterator[tuple[Key, str]]:
    """Engines that this machine has no environment for, by the key that names them: calls go on with the fallback."""
    parts: tuple[tuple[str, SttSettings | TtsSettings, str], ...] = (
        ("stt", settings.stt, "recognizes"),
        ("tts", settings.tts, "speaks"),
    )
    for name, part, does in parts:
        here = part.host in ("subprocess", "inprocess") and part.engine in _PACKAGES
        if here and not part.python and not interpreter(part.engine) and find_spec(_PACKAGES[part.engine]) is None:
            meanwhile = f"until then {part.fallback} {does}" if part.fallback else "without it nothing starts"
            yield (name, "engine"), f"{part.engine} is not installed; run make {family(part.engine)}; {meanwhile}"


def _check_sip(sip: SipSettings, daemons: int, found: Problems, *, serving: bool) -> None:
    cards = sip.cards * daemons
    for name, address in (("bind", sip.bind), ("public_address", sip.public_address)):
        if address and not is_numeric(address):
            found.add(("sip", name), f'"{address}" is not an IP address; write one such as "192.0.2.10"')
        elif ":" in address:
            found.add(("sip", name), f'"{address}": line cards speak IPv4 only; write it as [edge] bind (docs/edge.md)')
    if not sip.bind:
        found.add(("sip", "bind"), 'is empty; write "127.0.0.1", or "0.0.0.0" for every interface')
    elif serving and is_numeric(sip.bind) and not _is_here(sip.bind):
        remedy = '`ip -br addr` lists those; "0.0.0.0" is all of them; behind a NAT, public_address is the one outside'
        found.add(("sip", "bind"), f'"{sip.bind}" is not an address of this machine: {remedy}')
    if "udp" not in sip.transports:
        found.add(("sip", "transports"), 'lacks "udp", which every line card speaks; add it')
    if sip.port == 0 and cards > 1:
        found.add(("sip", "cards"), f"is {cards}, but port 0 (any free port) allows one card; set sip.port")
    if sip.port + cards - 1 > 65535:
        found.add(("sip", "port"), f"leaves no room for {cards} cards below 65536; choose a lower port")
    if 0 < sip.rtp_port < 1024:
        found.add(("sip", "rtp_port"), f"is {sip.rtp_port}; write 0 (any free ports) or a port from 1024 up")
    for index, source in enumerate(sip.called_from):
        if source not in CALLED_FROM:
            found.add(("sip", "called_from", index), f'unknown source "{source}"; {nearest(source, CALLED_FROM)}')
    for name, digits in (("country", sip.country), ("national_prefix", sip.national_prefix),
                         ("international_prefix", sip.international_prefix)):  # fmt: skip
        if digits and not (digits.isascii() and digits.isdigit()):
            found.add(("sip", name), f'is "{digits}"; write digits alone')
    for index, network in enumerate(sip.trusted):
        if not is_network(network):
            found.add(("sip", "trusted", index), f'"{network}" is not a network; write one such as "192.0.2.0/24"')
    if sip.rtp_ports:
        if sip.rtp_port:
            found.add(("sip", "rtp_port"), "stands beside rtp_ports, which says more; take it out")
        try:
            blocks(sip.rtp_ports, cards)
        except ValueError as error:
            found.add(("sip", "rtp_ports"), str(error))
    if not sip.codecs:
        found.add(("sip", "codecs"), "is empty; name at least one codec")
    for index, codec in enumerate(sip.codecs):
        if codec not in CODECS:
            found.add(("sip", "codecs", index), f'unknown codec "{codec}"; {nearest(codec, CODECS)}')
        elif codec in sip.codecs[:index]:
            found.add(("sip", "codecs", index), f'"{codec}" is named twice; take one out')


def _check_engine(name: str, part: SttSettings | TtsSettings, environ: Mapping[str, str], found: Problems) -> None:
    """What recognition and synthesis have in common: which engine, and where it runs."""
    engines = STT_ENGINES if name == "stt" else TTS_ENGINES
    if part.engine not in engines:
        found.add((name, "engine"), f'unknown engine "{part.engine}"; {instead(part.engine, engines)}')
    if part.fallback and part.fallback not in engines:
        found.add((name, "fallback"), f'unknown engine "{part.fallback}"; {instead(part.fallback, engines)}')
    if examples := _URLS.get(f"{name}.{part.host}", ()):
        _check_url(name, part.url, examples, found)
    else:
        for key in ("url", "api_key_env"):
            if getattr(part, key):
                found.add((name, key), f'is for a server; write host = "{_SERVERS[name]}" with it, or take it out')
    for key in ("python", "per_call"):
        if getattr(part, key) and part.host != "subprocess":
            found.add((name, key), 'is for a child process; write host = "subprocess" with it, or take it out')
    for key in part.options:
        if part.host == "wyoming" and key not in _WYOMING[name]:
            found.add((name, "options", key), f"a Wyoming server knows {listing(_WYOMING[name])}; take it out")
        elif part.engine == "moonshine" and key == "pronunciations":
            found.add((name, "options", key), "moonshine needs none: it knows any word; take it out")
        elif part.host in ("subprocess", "inprocess") and key not in (known := ENGINE_OPTIONS.get(part.engine, (key,))):
            found.add((name, "options", key), f"{part.engine} has no such option; {nearest(key, known)}")
    if part.api_key_env and not environ.get(part.api_key_env):
        what = f"names the environment variable {part.api_key_env}, which is not set; set it, or take this out"
        found.add((name, "api_key_env"), what)


def _check_url(name: str, url: str, examples: tuple[str, ...], found: Problems) -> None:
    scheme, mark, rest = url.partition("://")
    if "@" in rest.partition("/")[0]:
        found.add((name, "url"), "holds a password; set api_key_env to the variable with the key or token")
    elif not (mark and rest and any(each.startswith(f"{scheme}://") for each in examples)) or (
        scheme == "tcp" and not rest.rpartition(":")[2].isdecimal()
    ):
        what = f'is "{url}"' if url else "is missing"
        found.add((name, "url"), f'{what}; write "{examples[0]}" or "{examples[1]}"')


def _is_here(address: str) -> bool:
    """Whether this machine has the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def _unwritable(folder: Path) -> str:
    """Why nothing could be written under `folder`, which need not be there yet; empty: it could."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        return f"{there} is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written to"


def _is_redis(url: str) -> bool:
    scheme, mark, rest = url.partition("://")
    if scheme == "redis+sentinel":
        hosts, _, name = rest.partition("/")
        return bool(hosts and name)
    return url in ("", "off") or (bool(mark) and scheme in _REDIS and bool(rest))


def _redis_problem(url: str) -> str:
    """What is wrong with `url`, without the password it may hold."""
    shown = url.partition("://")[0].split(":")[0].split("@")[-1]
    return (
        f'not a Redis URL ("{shown}…"); write redis://HOST:6379/0, rediss://…, unix:///PATH, '
        f'redis+sentinel://HOST:26379,HOST:26379/NAME, "" (embedded) or "off"'
    )
