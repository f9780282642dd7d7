"""Which hosts provide speech recognition and synthesis, and with which engines, according to the settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from phone_daemon.dialplan.dialplan import Dialplans
from phone_daemon.settings.settings import SttSettings, TtsSettings
from sidecars.environment import interpreter
from sidecars.host.by_language import ByLanguage
from sidecars.host.fallback import FallbackHost
from sidecars.host.host import Host, Kind
from sidecars.host.known_voices import KnownVoices
from sidecars.local.inline import InlineHost
from sidecars.local.inprocess import InProcessHost
from sidecars.local.per_call import PerCallHost
from sidecars.local.subprocess import SubprocessHost

EMBEDDED_S = 60.0
"""An embedded engine that takes longer to load has hung."""
LOADING_S = 3600.0
"""An engine that is not embedded may have to download its weights first."""
TAKES_PHRASES = ("moonshine",)
"""Engines that use the phrases that callers may say."""
ENGLISH_ONLY = PRONOUNCES = ("hibari",)
"""Engines that speak only English, and engines that accept pronunciations."""
OTHER_LANGUAGES = "espeak"
"""The engine that speaks other languages."""
RELOAD_S = 15.0
"""How often loading is retried for an engine of ours that could not be loaded."""


def engine_options(settings: SttSettings, dialplans: Dialplans) -> dict[str, object]:
    """The options with which an engine starts: its settings, and, by dialplan and question, the phrases that callers
    may say."""
    return {**({"phrases": _phrases(dialplans)} if settings.engine in TAKES_PHRASES else {}), **settings.options}


def _phrases(dialplans: Dialplans) -> dict[str, object]:
    return {plan.name: {name: list(said) for name, said in plan.phrase_sets().items()} for plan in dialplans}


def make_stt(settings: SttSettings, dialplans: Dialplans, environ: Mapping[str, str]) -> Host:
    """The host that `settings` specify, with the embedded engine as its fallback."""
    options = engine_options(settings, dialplans)

    def chosen() -> Host:
        # A server's client is imported only where it is used: these libraries take longer to import than everything
        # else here together.
        if settings.host == "listen":
            from sidecars.remote.listen_client import ListenHost  # noqa: PLC0415

            token = environ.get(settings.api_key_env, "")
            return ListenHost(settings.url, token=token, options=settings.options)
        if settings.host == "wyoming":
            from sidecars.remote.wyoming_stt import WyomingStt  # noqa: PLC0415

            return WyomingStt(settings.url, settings.options)
        if settings.host == "inprocess":
            return InProcessHost("stt", settings.engine, options)
        return _children("stt", settings, options, EMBEDDED_S if settings.engine == settings.fallback else LOADING_S)

    remote = settings.host in ("listen", "wyoming")
    if not settings.fallback or (settings.fallback == settings.engine and not remote):
        return chosen()
    name = "the recognition server" if remote else f"stt engine {settings.engine}"
    embedded = SubprocessHost("stt", settings.fallback, {"phrases": _phrases(dialplans)})
    return FallbackHost("stt", name, chosen, embedded, deadline_s=settings.deadline_s)


def _children(
    kind: Kind,
    settings: SttSettings | TtsSettings,
    options: Mapping[str, object],
    limit_s: float,
    spare: bool = False,
) -> Host:
    """One child process for all calls, or one for each call."""
    python = settings.python or interpreter(settings.engine)
    make = partial(SubprocessHost, kind, settings.engine, options, python=python, spare=spare, start_timeout_s=limit_s)
    return PerCallHost(lambda emptied: make(emptied=emptied)) if settings.per_call else make()


def make_tts(settings: TtsSettings, environ: Mapping[str, str]) -> Host:
    """The same for synthesis. If a dialplan names a voice of another engine, the default voice speaks; what an English
    engine cannot speak, espeak-ng speaks."""
    name = settings.engine
    remote = settings.host in ("speech", "wyoming")

    def chosen() -> Host:
        match settings.host:
            case "speech":  # imported where it is used, as above
                from sidecars.remote.speech_client import SpeechSource  # noqa: PLC0415
                from sidecars.remote.tts_host import RemoteHost  # noqa: PLC0415

                key = environ.get(settings.api_key_env, "")
                return RemoteHost(SpeechSource(settings.url, settings.options, key=key, key_name=settings.api_key_env))
            case "wyoming":
                from sidecars.remote.tts_host import RemoteHost  # noqa: PLC0415
                from sidecars.remote.wyoming_tts import WyomingSource  # noqa: PLC0415

                return RemoteHost(WyomingSource(settings.url, settings.options))
            case "inprocess":
                return InProcessHost("tts", name, settings.options)
        return _children("tts", settings, settings.options, LOADING_S, spare=settings.spare)

    if not settings.fallback or (settings.fallback == name and not remote):
        return _any_language(_knowing(chosen(), "" if remote else name), "" if remote else name)
    embedded = _knowing(SubprocessHost("tts", settings.fallback, {}), settings.fallback)
    host = FallbackHost(
        "tts",
        f"{settings.host} server {settings.url}" if remote else f"tts engine {name}",
        lambda: _knowing(chosen(), "" if remote else name),
        embedded,
        deadline_s=settings.deadline_s,
        **({} if remote else {"probe_s": RELOAD_S}),
    )
    return _any_language(host, "" if remote else name, embedded if settings.fallback == OTHER_LANGUAGES else None)


def make_counted_tts(settings: TtsSettings) -> Host:
    """The engine of `settings` if time is counted: in this process, with no fallback."""
    inline = _knowing(InlineHost("tts", settings.engine, settings.options), settings.engine)
    others = _knowing(InlineHost("tts", OTHER_LANGUAGES, {}), OTHER_LANGUAGES)
    return _any_language(inline, settings.engine, others, starts_others=True)


def _knowing(host: Host, engine: str) -> Host:
    """`engine`: its name, or empty for a server's engine."""
    return KnownVoices(host, by_language=engine == OTHER_LANGUAGES, pronounces=engine in PRONOUNCES)


def _any_language(host: Host, engine: str, others: Host | None = None, *, starts_others: bool = False) -> Host:
    """`others` speaks what an English-only engine cannot; None for a host of its own."""
    if engine not in ENGLISH_ONLY:
        return host
    if others is None:
        others, starts_others = _knowing(SubprocessHost("tts", OTHER_LANGUAGES, {}), OTHER_LANGUAGES), True
    return ByLanguage(host, others, starts_others=starts_others)
