"""What the `/v1` API takes and answers: the models from which clients are generated (`/openapi.json`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from phone_daemon.telemetry.machine import MachineUse
from phone_daemon.wire.dialing import Result


class Problem(BaseModel):
    """The reason for a refusal, in one line."""

    detail: str


# ------------------------------------------------------------------------------------------------------------ bodies


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(Body):
    token: Annotated[str, Field(min_length=1, max_length=512)]


class Say(Body):
    text: Annotated[str, Field(min_length=1, max_length=2000, description="what the agent says next")]


class Keys(Body):
    digits: Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,64}$", description="keys that the caller's side hears")]


class Hold(Body):
    held: bool = True


class Transfer(Body):
    to: Annotated[str, Field(pattern=r"^sips?:[^\s<>\"]{1,200}$", description="a SIP URI")]


class Dial(Body):
    number: Annotated[str, Field(pattern=r"^[0-9+*# ().-]{2,40}$", description="whom to call")]
    dialplan: Annotated[
        str, Field(min_length=1, max_length=128, description="the name of the one that speaks with them")
    ]
    values: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")], Annotated[str, Field(max_length=500)]],
        Field(max_length=50, description="texts for each {name} in what the dialplan says"),
    ] = {}
    trunk: Annotated[str, Field(max_length=128, description="this one and no other")] = ""
    retries: Annotated[
        int | None, Field(ge=0, le=20, description="how many times to call again; unset: as [outbound] says")
    ] = None
    dry_run: Annotated[bool, Field(description="say what would be done, and call nobody")] = False


# ----------------------------------------------------------------------------------------------------------- answers


class Answer(BaseModel):
    """Every field is always there, and a newer daemon's other fields are passed on."""

    model_config = ConfigDict(
        extra="allow", json_schema_serialization_defaults_required=True, use_attribute_docstrings=True
    )


class Me(Answer):
    """The owner of the token."""

    name: str
    role: Literal["watch", "operate", "admin"]
    expires: datetime | None = None
    """When the token expires; null: never."""


class Call(Answer):
    """A live or a past call. What is known only of the one kind is empty, 0, false, or null in the other."""

    call: str
    """Its id."""
    caller: str = ""
    """The number or address that called; empty: withheld."""
    called: str = ""
    dialplan: str = ""
    started: str = ""
    """ISO 8601, UTC."""
    live: bool = False
    daemon: str = ""
    """Live: which of the daemons has it."""
    state: str = ""
    """Live: who has the floor: GREETING, LISTENING, THINKING, SPEAKING, or CLOSING."""
    turn: int = 0
    """Live: the number of the turn; 0 is the greeting."""
    held: bool = False
    """Live: the caller is on hold."""
    taken: bool = False
    """Live: a colleague speaks in place of the agent."""
    seconds: float = 0.0
    """Past: how long it took."""
    reason: str = ""
    """Past: why it ended, such as caller_hung_up or agent_hung_up."""
    turns: int = 0
    """Past: how many."""
    interruptions: int = 0
    """Past: how often the agent was interrupted."""
    ttfa_ms: float | None = None
    """Past: its slowest time to first audio, in ms."""
    faults: int = 0
    """Past: how many parts failed during the call."""
    failed: bool = False
    """Past: it ended by a failure, or had faults."""
    bytes: int = 0
    """Past: the size of its files."""
    snippet: str = ""
    """Past: where the words that were searched for were said."""


class Calls(Answer):
    calls: list[Call]
    more: bool = False
    """Whether there are older past calls: to get them, ask again with `before` set to the last call's id."""


class BargeIn(Answer):
    """An interruption of the agent. Durations are in ms."""

    source: str = ""
    """speech, dtmf, command, or hold."""
    at: float = 0.0
    """Seconds into the recording."""
    detection_ms: float | None = None
    """From the caller's first sound to the decision."""
    onset_to_silence_ms: float | None = None
    """From the caller's first sound to silence."""
    legs_ms: dict[str, float] = {}
    """When each part of the cancel chain was done, counted from the decision; `total`: the last of them."""
    missed: list[str] = []
    """Legs that were not done in time."""


class ToolUse(Answer):
    """A tool that the agent ran."""

    name: str = ""
    outcome: str = ""
    at: float = 0.0
    """Seconds into the recording."""
    ms: float = 0.0


class Turn(Answer):
    """A line of `turns.jsonl`: what a caller said, and what the agent said to it. Turn 0 is the greeting."""

    turn: int = 0
    caller: str = ""
    """What the caller said, or the keys that were pressed."""
    dtmf: bool = False
    """The caller pressed keys."""
    intent: str = ""
    slots: dict[str, str] = {}
    agent: str = ""
    """The agent's reply."""
    heard: str = ""
    """The part of the reply that was played."""
    interrupted: bool = False
    barge_in: BargeIn | None = None
    times: dict[str, float] = {}
    """Moments, in seconds of the recording."""
    ttfa_ms: float | None = None
    """Time to first audio: from the caller's last sound to the agent's first."""
    stages_ms: dict[str, float] = {}
    """The parts of that time, in order."""
    faults: list[str] = []
    """Parts that failed, and what was done about it."""
    actions: list[str] = []
    tools: list[ToolUse] = []


class OneCall(Answer):
    call: Call
    turns: list[Turn]
    """Those that are over."""


class Said(Answer):
    said: str
    """The text that the agent says."""


class Sent(Answer):
    sent: str
    """The keys that were sent."""


class Held(Answer):
    held: bool
    """Whether the caller is on hold now."""


class Transferring(Answer):
    transferring: str
    """The SIP URI to which the caller is being transferred."""


class HungUp(Answer):
    hung_up: bool


class Interrupted(Answer):
    """How the agent was silenced."""

    reply: int
    """The reply that was cut off."""
    legs_ms: dict[str, float]
    """When each part of the cancel chain was done, in ms; `rtp_silent`: when the caller heard silence."""
    missed: list[str]
    """Legs that were not done in time."""


class Dialed(Answer):
    """The outcome of an outbound call."""

    result: Result
    number: str = ""
    """The number that was called, in E.164 as far as the settings allow."""
    trunk: str = ""
    code: int = 0
    """SIP status of the last refusal; 0: there was none."""
    reason: str = ""
    """In one line."""
    call: str = ""
    """Id of the call, if it was answered."""
    attempts: int = 0
    answered_by: str = ""
    """person or machine, if the dialplan wants to know."""


class CallEvent(Answer):
    """Something that happened in a call."""

    id: str
    """Its place in the stream."""
    call: str
    kind: str
    """Such as started, final, agent, barge_in, turn, or ended."""
    at_ns: int
    """The daemon's monotonic clock."""
    daemon: str
    data: dict[str, Any]


class Events(Answer):
    events: list[CallEvent]
    last: str
    """The id to continue after."""


class TrunkState(Answer):
    trunk: str = ""
    state: str = ""
    detail: str = ""
    calls: int = 0


class Machine(Answer, MachineUse):
    """A daemon and its machine now."""

    daemon: str
    """The daemon's id."""
    host: str = ""
    pid: int = 0
    calls: int = 0
    """Live ones."""
    trunks: list[TrunkState] = []
    past: list[MachinePast] = []
    """Up to half an hour, oldest first."""


class MachinePast(Answer):
    at: float
    """Seconds since 1970."""
    calls: int
    cpu_percent: float
    memory_bytes: int
    processes: dict[str, ProcessPast]
    """By name."""


class ProcessPast(Answer):
    cpu_percent: float
    rss_bytes: int


class Machines(Answer):
    machines: list[Machine]


class Alive(Answer):
    status: Literal["alive"] = "alive"


class PartState(Answer):
    status: Literal["ok", "degraded", "unready"]
    detail: str = ""


class WebState(Answer):
    connected: bool
    """Whether the daemon is there."""
    live_calls: int
    """Calls from the web."""


class Readiness(Answer):
    """Whether calls should come here. `degraded`: something is missing, but calls work."""

    status: Literal["ok", "degraded", "unready"]
    live_calls: int = 0
    draining: bool = False
    parts: dict[str, PartState] = {}
    detail: str = ""
    """Why the daemon cannot be asked."""
    web: WebState
