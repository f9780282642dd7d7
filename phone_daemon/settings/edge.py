"""Settings of the edge, which `phone-ops edge` puts between the trunks and the line cards. The daemon itself uses
none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.values import MODEL, FilePath, Flag, Texts, between


@dataclass(frozen=True, slots=True, config=MODEL)
class EdgeSettings:
    """The edge: Kamailio, rtpengine and HAProxy in front of the line cards (`phone-ops edge`, docs/edge.md).

    Leave this table out if the line cards themselves face the trunk.
    """

    bind: str = ""
    """Address at which the trunks reach the edge. Empty: there is no edge."""
    port: Annotated[int, between(1, 65535)] = 5060
    """UDP and TCP port for the trunks."""
    tls_port: Annotated[int, between(1, 65535)] = 5061
    """TLS port for the trunks; open only with a `certificate`."""
    public_address: str = ""
    """Address to write into SIP and SDP when the machine is behind a NAT."""
    name: str = ""
    """Host name that trunks connect to by TLS; the certificate must be for this name."""
    certificate: FilePath | None = Field(default=None, examples=[Path("edge.pem")])
    """Certificate chain (PEM), the edge's own certificate first."""
    key: FilePath | None = Field(default=None, examples=[Path("edge.key")])
    """The certificate's private key (PEM), readable by its owner only."""
    ca: FilePath = Path("/etc/ssl/certs")
    """Certificate authorities that must have signed a trunk's certificate when the edge connects to it: a folder laid
    out like Debian's ca-certificates, or a file (PEM)."""
    client_ca: FilePath | None = Field(default=None, examples=[Path("trunks.pem")])
    """Certificate authorities (PEM); whoever connects by TLS must present a certificate from one of them. Unset: no
    client certificate is required."""
    inner: str = "127.0.0.1"
    """Address toward the line cards. They trust it, so it must not be reachable from outside."""
    inner_port: Annotated[int, between(1, 65535)] = 5059
    """UDP port toward the line cards."""
    control_port: Annotated[int, between(1, 65535)] = 2223
    """UDP port on loopback on which rtpengine takes Kamailio's commands."""
    redis_port: Annotated[int, between(1, 65535)] = 2224
    """TCP port on loopback of the Redis in which rtpengine keeps its calls, so that they survive its restart."""
    cards: Texts = ()
    """Line cards of other machines, such as "10.0.0.2:5060-5063". This machine's own, from `[sip]`, need not be
    listed."""
    discover: Flag = False
    """Whether to find line cards through the Redis of `[state]` as well, where each daemon registers its own."""
    rtp_ports: str = "30000-33999"
    """RTP ports that the trunks may reach; a call takes four."""
    rtp_source: Literal["strict", "moving"] = "strict"
    """What happens to a caller's RTP from an address that is not the call's. strict: it is dropped; moving: it is
    followed, which phones that change networks need, but which also lets anyone who guesses a port take over the call's
    audio."""
    stranger_requests: Annotated[int, between(1, 10_000)] = 16
    """An address that is not a trunk's and sends more requests than this in two seconds is no longer answered."""
    retry_after_s: Annotated[int, between(1, 3600)] = 30
    """How long a caller is told to wait before retrying when every line card is full or the edge is draining."""
    stt_servers: Texts = ()
    """Recognition servers, such as ["10.0.0.5:8765", "10.0.0.6:8765"], across which HAProxy balances connections to
    `stt_port`."""
    stt_port: Annotated[int, between(1, 65535)] = 8764
    """Loopback port for `[stt] url = "ws://127.0.0.1:8764/v1/listen"`."""
    tts_servers: Texts = ()
    """Speech servers, balanced in the same way behind `tts_port`."""
    tts_port: Annotated[int, between(1, 65535)] = 8879
    """Loopback port for `[tts] url = "http://127.0.0.1:8879/v1"`."""
    directory: FilePath = Path("var/edge")
    """Where `phone-ops edge` writes the configurations and keeps its sockets."""
