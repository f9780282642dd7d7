"""Settings of the edge: what `phone-ops edge` puts between the trunks and the line cards. The daemon reads none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, FilePath, Flag, Texts, between


@dataclass(frozen=True, slots=True, config=MODEL)
class EdgeSettings:
    """The edge: Kamailio, rtpengine and HAProxy in front of the line cards (`phone-ops edge`, docs/edge.md).

    Leave it out where the line cards themselves face the trunk.
    """

    bind: str = ""
    """Address that the trunks reach. Empty: there is no edge."""
    port: Annotated[int, between(1, 65535)] = 5060
    """UDP and TCP port for the trunks."""
    tls_port: Annotated[int, between(1, 65535)] = 5061
    """TLS port for the trunks; open only with a `certificate`."""
    public_address: str = ""
    """Address to write into SIP and SDP when the machine is behind a NAT."""
    name: str = ""
    """Host name that trunks connect to by TLS: the one that the certificate is for."""
    certificate: FilePath | None = Field(default=None, examples=[Path("edge.pem")])
    """Certificate chain (PEM), the edge's own certificate first."""
    key: FilePath | None = Field(default=None, examples=[Path("edge.key")])
    """Its private key (PEM), readable by its owner only."""
    ca: FilePath = Path("/etc/ssl/certs")
    """Authorities that a trunk's certificate is checked against when the edge connects to it: a folder as Debian's
    ca-certificates has it, or a file (PEM)."""
    client_ca: FilePath | None = Field(default=None, examples=[Path("trunks.pem")])
    """Authorities (PEM) whose certificate whoever connects by TLS must show. Unset: none is asked for."""
    inner: str = "127.0.0.1"
    """Address towards the line cards. They trust it, so it must not be reachable from outside."""
    inner_port: Annotated[int, between(1, 65535)] = 5059
    """UDP port towards the line cards."""
    control_port: Annotated[int, between(1, 65535)] = 2223
    """UDP port on loopback by which Kamailio tells rtpengine what to relay."""
    cards: Texts = ()
    """Line cards of other machines, such as "10.0.0.2:5060-5063"; those of `[sip]` are known."""
    discover: Flag = False
    """Whether line cards are also learned from the Redis of `[state]`, where each daemon writes its own."""
    rtp_ports: str = "30000-33999"
    """RTP ports that the trunks may reach: four a call."""
    rtp_source: Literal["strict", "moving"] = "strict"
    """A caller's RTP from an address that is not the call's: dropped (strict), or followed (moving), which phones that
    change networks need and which lets whoever guesses a port take the call's audio."""
    stranger_requests: Annotated[int, between(1, 10_000)] = 16
    """Requests in two seconds after which an address that is no trunk is not answered any more."""
    retry_after_s: Annotated[int, between(1, 3600)] = 30
    """What a caller is told to wait when every line card is full, or the edge drains."""
    stt_servers: Texts = ()
    """Recognition servers, such as ["10.0.0.5:8765", "10.0.0.6:8765"], that HAProxy shares out on `stt_port`."""
    stt_port: Annotated[int, between(1, 65535)] = 8764
    """Loopback port for `[stt] url = "ws://127.0.0.1:8764/v1/listen"`."""
    tts_servers: Texts = ()
    """Speech servers, shared out likewise on `tts_port`."""
    tts_port: Annotated[int, between(1, 65535)] = 8879
    """Loopback port for `[tts] url = "http://127.0.0.1:8879/v1"`."""
    directory: FilePath = Path("var/edge")
    """Where `phone-ops edge` writes the configurations and keeps its sockets."""
