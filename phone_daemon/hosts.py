"""Which host serves the ears and the mouth, and with what, by the settings."""

from __future__ import annotations

from collections.abc import Mapping

from phone_daemon.config import EarsSettings
from phone_daemon.mind.dialplan import Dialplans
from sidecars.hosts.fallback import FallbackHost
from sidecars.hosts.host import Host
from sidecars.hosts.inprocess import InProcessHost
from sidecars.hosts.listen_client import ListenHost
from sidecars.hosts.subprocess import SubprocessHost


def engine_options(settings: EarsSettings, dialplans: Dialplans) -> dict[str, object]:
    """What an engine is started with: its settings, and by dialplan and question the phrases that callers may say."""
    return {"phrases": _phrases(dialplans), **settings.options}


def _phrases(dialplans: Dialplans) -> dict[str, object]:
    return {plan.name: {name: list(said) for name, said in plan.phrase_sets().items()} for plan in dialplans}


def make_ears(settings: EarsSettings, dialplans: Dialplans, environ: Mapping[str, str]) -> Host:
    """The host of `settings`, with the embedded engine behind it for when it fails."""
    options = engine_options(settings, dialplans)

    def chosen() -> Host:
        if settings.host == "listen":
            token = environ.get(settings.api_key_env, "")
            return ListenHost(settings.url, token=token, options=settings.options)
        if settings.host == "inprocess":
            return InProcessHost("stt", settings.engine, options)
        return SubprocessHost("stt", settings.engine, options, python=settings.python)

    remote = settings.host == "listen"
    if not settings.fallback or (settings.fallback == settings.engine and not remote):
        return chosen()
    name = "the ears' server" if remote else f"stt engine {settings.engine}"
    embedded = SubprocessHost("stt", settings.fallback, {"phrases": _phrases(dialplans)})
    return FallbackHost("stt", name, chosen, embedded, deadline_s=settings.deadline_s)
