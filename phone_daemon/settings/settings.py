"""The daemon's settings: every key with its type, range, default and meaning, each written once.

`load.py` reads them from a file, and `example.py` and `reference.py` write the example file and `docs/settings.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.edge import EdgeSettings
from phone_daemon.settings.outbound import OutboundSettings
from phone_daemon.settings.trunks import TrunkSettings
from phone_daemon.settings.values import MODEL, FilePath, Flag, Texts, between, listed
from phone_daemon.settings.web import WebhookSettings, WebSettings


@dataclass(frozen=True, slots=True, config=MODEL)
class SipSettings:
    """Where calls come in."""

    bind: str = "127.0.0.1"
    """Address to listen on. "0.0.0.0" means every interface, and is the default once there is a [[trunk]]. Without
    [[trunk]] tables, anyone who can reach the address is answered."""
    port: Annotated[int, between(0, 65535)] = 5060
    """Port of the first line card; the next card takes the next port. 0: any free port (one card only)."""
    transports: Annotated[tuple[Literal["udp", "tcp"], ...], BeforeValidator(listed)] = ("udp", "tcp")
    """Transports that the line cards listen on; must include UDP."""
    cards: Annotated[int, between(1, 64)] = 1
    """Line card processes, each with up to 4 calls (as many as pjsua2 was compiled for)."""
    public_address: str = ""
    """Address to write into SDP and Contact when the machine is behind a NAT."""
    codecs: Texts = ("PCMU", "PCMA", "G722")
    """Audio codecs, in order of preference."""
    called_from: Texts = ("request", "to", "p-called-party-id", "diversion", "history-info")
    """Where to find the called number: the request URI and headers, in the order in which they are tried against the
    dialplans."""
    country: str = ""
    """Country code, such as "44", of numbers written without one. Empty: numbers are compared by their last digits."""
    national_prefix: str = "0"
    """Prefix of a national number, in place of the country code."""
    international_prefix: str = "00"
    """Prefix of an international number, in place of the +."""
    trusted: Texts = ("127.0.0.0/8",)
    """Networks whose P-Asserted-Identity is believed to name the caller (RFC 3325): your trunk's addresses."""
    rtp_port: Annotated[int, between(0, 65000)] = 0
    """First RTP port, with 16 ports for each card; 0: use `rtp_ports`."""
    rtp_ports: str = ""
    """RTP ports that the firewall lets through, such as "41000-41063": at least 8 for each card. Empty: any free
    ports."""
    rtp_timeout_s: Annotated[float, between(0.2, 3600)] = 30.0
    """A call whose caller sends no RTP for this long is ended."""
    ack_timeout_s: Annotated[float, between(0.5, 32)] = 5.0
    """An answered call that is never acknowledged (ACK), or has no media, is ended after this long."""
    transfer_timeout_s: Annotated[float, between(1, 600)] = 45.0
    """How long the other party's telephone may ring in a transfer before the caller returns to the agent."""
    transfer_to: Texts = ("*",)
    """Numbers and users that a caller may be transferred to: "+442079460100", "+4420*", or "*" for any number that a
    dialplan or a model names. Other transfers are refused, and the caller is told."""


@dataclass(frozen=True, slots=True, config=MODEL)
class VadSettings:
    """When the caller is speaking (Silero at 8 kHz, 32 ms windows)."""

    threshold: Annotated[float, between(0.01, 0.99)] = 0.4
    """Probability above which a window is speech."""
    release: Annotated[float, between(0.01, 0.99)] = 0.3
    """Speech continues while the probability stays above this (hysteresis)."""
    min_speech_s: Annotated[float, between(0.032, 1)] = 0.096
    """The caller counts as speaking after this much speech."""
    min_silence_s: Annotated[float, between(0.1, 5)] = 0.5
    """The caller's turn is over after this much silence if `turn.endpointing` is "fixed", or if nothing they said was
    recognized."""
    pre_roll_s: Annotated[float, between(0, 2)] = 0.4
    """Audio from before the onset that recognition also receives, so that no first word is lost."""
    max_speech_s: Annotated[float, between(1, 60)] = 15.0
    """Speech without a pause is finalized at least this often."""


@dataclass(frozen=True, slots=True, config=MODEL)
class SttSettings:
    """Speech recognition: which engine listens, and where it runs.

    "moonshine" is embedded; "nemo" (make parakeet), "sherpa", "onnx_tdt", "whisper" and "qwen3" need an environment
    and weights first.
    """

    engine: str = "moonshine"
    """moonshine, nemo, onnx_tdt, qwen3, sherpa or whisper."""
    host: Literal["subprocess", "inprocess", "listen", "wyoming"] = "subprocess"
    """Where it runs: subprocess (a child process), inprocess (a thread of the daemon), or a server, named by `url`
    instead of `engine`: listen (Deepgram's streaming protocol, which python -m sidecars.serve.stt also speaks) or
    wyoming."""
    python: str = ""
    """subprocess: the interpreter. Empty: that of the engine's own environment if it was built, else the daemon's."""
    per_call: Flag = False
    """subprocess: one child process for each call, which ends with it, instead of one for all. One more is kept
    loaded."""
    url: str = ""
    """listen: ws://HOST:PORT/v1/listen, wss://… or unix:///PATH. wyoming: tcp://HOST:PORT or unix:///PATH."""
    api_key_env: str = ""
    """listen: the environment variable that holds the server's token."""
    fallback: str = "moonshine"
    """Embedded engine that takes over while the chosen one does not answer. Empty: none."""
    deadline_s: Annotated[float, between(0.2, 2.5)] = 1.5
    """How long after the end of speech the fallback waits for the chosen engine."""
    options: dict[str, object] = Field(default_factory=dict)
    """Passed to the engine unchanged (may also be a table, `[stt.options]`); sent to a listen server as query
    parameters, and to a Wyoming server as model and language."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TtsSettings:
    """Speech synthesis: which voice speaks, and where it runs.

    "hibari" is embedded and speaks English; with it, a dialplan in another language ([voice] language) is spoken by
    espeak. "kokoro", "piper" and "chatterbox" need an environment and weights first (make ENGINE).
    """

    engine: str = "hibari"
    """chatterbox, espeak, hibari, kokoro or piper."""
    host: Literal["subprocess", "inprocess", "speech", "wyoming"] = "subprocess"
    """Where it runs: subprocess (a child process), inprocess (a thread of the daemon), or a server, named by `url`
    instead of `engine`: speech (OpenAI's /v1/audio/speech: OpenAI, Kokoro-FastAPI, python -m sidecars.serve.tts) or
    wyoming."""
    python: str = ""
    """subprocess: the interpreter. Empty: that of the engine's own environment if it was built, else the daemon's."""
    per_call: Flag = False
    """subprocess: one child process for each call, which ends with it, instead of one for all. One more is kept
    loaded."""
    spare: Flag = False
    """subprocess: keep a second engine loaded, at the cost of its memory, so that an engine that does not stop at once
    can be killed and replaced."""
    url: str = ""
    """speech: http://HOST:PORT/v1, https://… or unix:///PATH. wyoming: tcp://HOST:PORT or unix:///PATH."""
    api_key_env: str = ""
    """speech: the environment variable that holds the server's key."""
    fallback: str = "espeak"
    """Embedded engine that speaks while the chosen one does not. Empty: none."""
    deadline_s: Annotated[float, between(0.1, 4.5)] = 3.0
    """If the voice is silent for this long, at the start of a phrase or within it, the fallback takes over."""
    options: dict[str, object] = Field(default_factory=dict)
    """Passed to the engine unchanged; sent to a speech server as fields of each request (model, voice, …), and to a
    Wyoming server as voice, language, and speaker."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TurnSettings:
    """When a caller's turn is over, and how a transcript is used before it is final."""

    endpointing: Literal["adaptive", "fixed"] = "adaptive"
    """How long to wait for a caller who has fallen silent. adaptive: between `min_wait_s` and `max_wait_s`, depending
    on what was asked, what the caller has said, how it sounded, and how they pause; fixed: vad.min_silence_s (plus
    `unfinished_s`)."""
    min_wait_s: Annotated[float, between(0.1, 5)] = 0.2
    """adaptive: the shortest wait, after a requested yes or no and after a sentence that is certainly finished."""
    max_wait_s: Annotated[float, between(0.1, 10)] = 2.6
    """adaptive: the longest wait, in the middle of a number, a sentence, or a name that is being spelled."""
    stable_s: Annotated[float, between(0, 2)] = 0.2
    """Where words interrupt the agent, a word of a partial transcript counts once it has been unchanged for this
    long."""
    early_start: Flag = True
    """Whether to begin a reply when the caller pauses, before their turn is certainly over, and drop it unheard if the
    turn goes on. Replies come sooner; some of a language model's tokens, and of the voice's work, are wasted (reported
    per call)."""
    early_after_s: Annotated[float, between(0.02, 2)] = 0.1
    """The pause after which an early reply is begun."""
    backchannels: Flag = False
    """Whether the agent says a short "mhm" (a dialplan's `backchannel`) in a pause of a caller who has spoken for five
    seconds. It never speaks over the caller."""
    unfinished_s: Annotated[float, between(0, 5)] = 0.0
    """fixed: extra silence, on top of vad.min_silence_s, for a caller who breaks off in the middle of a sentence ("and
    my number is"; English only). 0.6 gives people time to think; a caller whose sentence was wrongly taken for
    unfinished waits longer for the reply."""


@dataclass(frozen=True, slots=True, config=MODEL)
class EchoSettings:
    """The agent's own voice, sent back by the caller's line: a speakerphone, an analog adapter, a hybrid."""

    cancel: Flag = True
    """Whether to cancel the echo once it is detected. A line without echo is left unchanged either way."""
    record_raw: Flag = False
    """Whether `call.wav` holds the caller's audio as it arrived, echo included, instead of what the agent listens
    to."""


@dataclass(frozen=True, slots=True, config=MODEL)
class CallSettings:
    """Limits of a call, and what it leaves behind."""

    directory: FilePath = Path("var/calls")
    """A call leaves DIRECTORY/<call id>/call.wav, call.json, turns.jsonl, spans.jsonl."""
    record: Flag = True
    """Whether to write `call.wav`. Recordings are personal data: the law may require you to tell the caller."""
    limit_s: Annotated[float, between(1, 86_400)] = 3600.0
    """A call is ended after this long."""
    fax: Literal["hang_up", "go_on"] = "hang_up"
    """What happens when the other side sounds like a fax machine, which is logged as `call.fax`. go_on: nothing
    else."""
    drain_s: Annotated[float, between(0, 3600)] = 30.0
    """How long live calls may continue at shutdown."""
    lead_s: Annotated[float, between(0.04, 5)] = 0.4
    """How far ahead of playout the daemon sends audio to the line card."""
    leg_deadline_s: Annotated[float, between(0.05, 30)] = 1.0
    """A leg of a cancel chain that takes longer than this is reported as missed."""


@dataclass(frozen=True, slots=True, config=MODEL)
class StateSettings:
    """Redis: which calls are live, and what happens in them."""

    url: str = Field(default="", repr=False)
    """redis://HOST:6379/0, rediss://…, unix:///PATH, or redis+sentinel://HOST:26379,HOST:26379/NAME, where the
    Sentinels say which server is the master of NAME. Empty: an embedded server on a socket under `directory`. "off":
    none. The environment variable REDIS_URL overrides it."""
    directory: FilePath = Path("var")
    """Where the embedded server keeps its socket."""
    lease_s: Annotated[float, between(1, 3600)] = 15.0
    """A live call's entry disappears if it is not renewed for this long."""
    max_events: Annotated[int, between(1, 10_000_000)] = 10_000
    """How many events the stream keeps."""
    texts: Flag | None = Field(default=None, examples=[True])
    """Whether events include what people said and which keys they pressed. Unset: only in the embedded server, which
    stays on this machine and in memory; any other Redis gets states and figures alone."""


@dataclass(frozen=True, slots=True, config=MODEL)
class LlmSettings:
    """The model server for dialplans that name none."""

    base_url: str = "http://127.0.0.1:8000/v1"
    """A server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, OpenAI, … The environment variable
    OPENAI_BASE_URL overrides it."""


@dataclass(frozen=True, slots=True, config=MODEL)
class Settings:
    """All settings of the daemon."""

    sip: SipSettings = SipSettings()
    vad: VadSettings = VadSettings()
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    turn: TurnSettings = TurnSettings()
    echo: EchoSettings = EchoSettings()
    calls: CallSettings = CallSettings()
    state: StateSettings = StateSettings()
    llm: LlmSettings = LlmSettings()
    web: WebSettings = WebSettings()
    edge: EdgeSettings = EdgeSettings()
    outbound: OutboundSettings = OutboundSettings()
    trunk: tuple[TrunkSettings, ...] = ()
    webhook: tuple[WebhookSettings, ...] = ()
    dialplans: tuple[FilePath, ...] = ()
    """Dialplan files, such as ["front_desk.toml"]. If you list any, a number that none of them matches gets 404. None:
    the dental clinic that comes with the package answers every number."""
    daemons: Annotated[int, between(1, 64)] = 1
    """Daemon processes on this machine, each with `[sip] cards` line cards; one process carries some 25 calls. Each
    additional process takes the next SIP ports and the next health port; only the first registers trunks' accounts and
    serves the web."""
    log: Literal["text", "json"] = "text"
    """Format of log lines: text for people, json for programs. Both have an event name and fields."""
    health_port: Annotated[int, between(0, 65535)] = 8060
    """HTTP port on loopback for /healthz and /readyz; 0: any free port."""
    llm_cancel_floor_s: Annotated[float | None, between(0, 60)] = Field(default=None, examples=[0.05])
    """How long a model's client alone takes to cancel a stream; the barge-in gate is measured against it. Unset: it is
    measured in the same run. The environment variable LLM_CANCEL_FLOOR_S overrides it."""
