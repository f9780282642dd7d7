"""What `phone-daemon serve` prints once it answers: everything that an operator needs for the first call."""

from __future__ import annotations

import shlex
from calendar import day_name, month_name
from pathlib import Path

from phone_daemon import __version__
from phone_daemon.daemon import Daemon, number_of
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.settings.trunks import TrunkSettings

THINGS = 3
"""Number of suggested sentences."""
LONGEST = 8
"""Most words in each of them."""
_CAPITALIZED = frozenset(
    {"i", *(name.lower() for name in (*day_name, *month_name) if name not in ("", "March", "May"))}
)


def welcome(daemon: Daemon, config: Path | None = None) -> str:
    """The address to dial, what to say, and where to look; `config`: the settings file, which the tools need too."""
    sip = daemon.settings.sip
    where = f"{sip.bind}:{daemon.port}"
    trunks = [trunk.settings for trunk in daemon.trunks]
    if trunks:
        reach = "only your trunks are answered"
    elif sip.bind.startswith("127."):
        reach = "only this machine can reach it; see docs/trunks.md to open it"
    else:
        reach = "anyone who can reach it is answered; see docs/trunks.md to name your trunks"
    same = f" -c {shlex.quote(str(config))}" if config else ""
    plan = next(iter(daemon.dialplans))
    lines = [
        f"phone-daemon {__version__} answers SIP calls on {where} ({reach})",
        *(f"  trunk       {_by(trunk)}" for trunk in trunks),
        *([] if trunks else [_softphone(plan, where)]),
        *(f"  {'and say' if at == 0 else '':<11} “{what}”" for at, what in enumerate(things_to_say(plan))),
        *(
            []
            if daemon.web is None
            else [f"  browser     open {daemon.web.link} (call the agent, follow and control live calls)"]
        ),
        *([] if trunks else [f"  trunk       send INVITEs to sip:<called number>@{where}"]),
        f"  readiness   http://127.0.0.1:{daemon.health.port}/readyz",
        f"  live calls  phone-ops calls{same} (also: watch, hangup CALL, drain, trunks, dial NUMBER)",
        f"  recordings  {daemon.settings.calls.directory}/<call id>/ (personal data)",
        "Ctrl-C lets live calls finish; press it twice to stop now.",
    ]
    return "\n".join(lines)


def _softphone(plan: Dialplan, where: str) -> str:
    return f"  softphone   dial sip:{number_of(plan)}@{where} (no registration, no password; PCMU, PCMA, or G722)"


def _by(trunk: TrunkSettings) -> str:
    """How calls come in by a trunk."""
    if trunk.register is not None:
        return f"{trunk.name}: call {trunk.register.user} at {trunk.register.registrar[0]}"
    return f"{trunk.name}: calls from {', '.join(trunk.addresses)}"


def things_to_say(plan: Dialplan) -> list[str]:
    """A sentence for each of the first intents that the dialplan offers to callers."""
    offered = [intent for intent in plan.script.intents.values() if intent.offer]
    plain = [[each for each in intent.sentences if "{" not in each] for intent in offered]
    return [_sentence(max(said, key=_natural)) for said in plain if said][:THINGS]


def _natural(words: str) -> int:
    """The sort key that prefers whole sentences that are not too long, as people say them."""
    count = len(words.split())
    return count if count <= LONGEST else 0


def _sentence(words: str) -> str:
    spelled = " ".join(
        _capital(word) if word in _CAPITALIZED or word.startswith("i'") else word for word in words.split()
    )
    return _capital(spelled)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
