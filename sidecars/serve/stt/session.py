"""One client's connection: utterance after utterance, each on its own channel of the engine. Does no I/O itself.

An utterance begins with its first audio, except that the connection's first one begins at once, so that a bad option is
reported at once. It ends by Finalize, CloseStream, Cancel, a pause, or its length. What arrives while one is ending
waits, so that a connection never uses more than one of the engine's sessions.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sidecars import listen_dialect
from sidecars.host.host import Channel, Host, Message
from sidecars.listen_dialect import BadRequest, Request
from sidecars.resample import Resampler
from sidecars.serve.stt.endpoint import Endpointer

LONGEST_S = 20.0
"""An utterance is made final at least this often if the server is asked to find its ends."""
MOST_AT_ONCE_S = 60.0
"""The most audio in one message, or waiting while an utterance is ending."""

NORMAL, POLICY, FAILED = 1000, 1008, 1011
"""Close codes (RFC 6455, section 7.4.1)."""


class Session:
    """One client's session: `hear` and `control` take what the client sends, `say` gets the messages for it, and `end`
    its end."""

    def __init__(
        self,
        host: Host,
        request: Request,
        request_id: str,
        *,
        model: str,
        say: Callable[[dict[str, Any]], None],
        end: Callable[[int], None],
    ) -> None:
        """`end` is called once, with a close code; no message follows."""
        self.request_id = request_id
        self.heard = 0
        """Samples received, at the client's rate."""
        self._host = host
        self._request = request
        self._model = model
        self._tell = say
        self._end_connection = end
        self._created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._hash = hashlib.sha256()
        self._channel: Channel | None = None
        self._begun = 0
        """Where the utterance began, in received samples."""
        self._ending = ""
        """Why the utterance is ending: the type of a control message, or `Pause`."""
        self._behind: deque[bytes | str] = deque()
        self._behind_bytes = 0
        self._over = False
        self._open()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of audio that wait while an utterance is ending."""
        return self._behind_bytes

    def hear(self, pcm: bytes) -> None:
        """Takes audio. Raises `BadRequest` for a message that is not audio, after which the session cannot continue."""
        if len(pcm) % 2:
            raise BadRequest(f"a message of {len(pcm)} bytes: not whole 16-bit samples")
        most = 2 * MOST_AT_ONCE_S * self._request.sample_rate
        if len(pcm) + self._behind_bytes > most:
            raise BadRequest(f"{len(pcm)} bytes at once: {most / 1e6:g} MB ({MOST_AT_ONCE_S:g} s) is the most")
        if self._ending:
            self._behind.append(pcm)
            self._behind_bytes += len(pcm)
        elif pcm:
            self._hear(pcm)

    def control(self, kind: str) -> None:
        """Takes a control message of this type."""
        if kind == "Cancel":
            self._cancel()
        elif kind == "KeepAlive":
            pass
        elif self._ending:
            self._behind.append(kind)
        else:
            self._make_final(kind)

    def close(self) -> None:
        """Ends the session because the client is gone: the engine frees its utterance. Idempotent."""
        self._over = True
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    # ------------------------------------------------------------------------------------------ utterances

    def _open(self) -> Channel:
        self._channel = channel = self._host.open()
        self._begun = self.heard
        self._stream = Resampler(self._request.sample_rate, channel.sample_rate)
        patience_s = self._request.endpointing_s
        self._endpointer = None if patience_s is None else Endpointer(self._request.sample_rate, patience_s)
        channel.listen(self._told, self._lost)
        channel.send({"type": "Open", "options": dict(self._request.options)})
        return channel

    def _hear(self, pcm: bytes) -> None:
        channel = self._channel or self._open()
        channel.send({"type": "Audio"}, self._stream.feed(pcm))
        self._hash.update(pcm)
        self.heard += len(pcm) // 2
        if self._endpointer is not None:
            self._endpointer.hear(pcm)
            self._look_for_end(self._endpointer)

    def _look_for_end(self, endpointer: Endpointer) -> None:
        if endpointer.over or self.heard - self._begun >= LONGEST_S * self._request.sample_rate:
            self._make_final("Pause")

    def _make_final(self, why: str) -> None:
        if self._channel is None:
            self._ending = why
            self._ended({"text": "", "confidence": 0.0})
            return
        self._ending = why
        self._channel.send({"type": "Audio"}, self._stream.flush())
        self._channel.send({"type": "Finalize"})

    def _cancel(self) -> None:
        self._behind.clear()
        self._behind_bytes = 0
        channel = self._channel or self._open()
        self._ending = "Cancel"
        channel.send({"type": "Cancel"})

    def _told(self, message: Message, _: bytes) -> None:
        if self._over:
            return
        kind = message["type"]
        if kind == "Partial":
            if self._request.interim_results and self._ending != "Cancel":
                self._say_results(message)
            if self._endpointer is not None and not self._ending:
                self._endpointer.understood(message["text"])
                self._look_for_end(self._endpointer)
        elif kind == "Final" and self._ending != "Cancel":
            self._ended(message)
        elif kind == "Cancelled":
            cancelled = {
                "type": "Cancelled",
                "request_id": self.request_id,
                "released": listen_dialect.released(message),
            }
            self._say(cancelled)
            self._next()
        elif kind == "Failed":
            self._lost(message["error"])

    def _lost(self, reason: str) -> None:
        if not self._over:
            self._say(listen_dialect.error("ENGINE-0000", reason, self.request_id))
            self._end(FAILED)

    def _ended(self, final: Message) -> None:
        """Handles the utterance's last message."""
        why = self._ending
        paused = self._endpointer is not None and self._endpointer.over
        self._say_results(final, final=True, speech_final=why != "Pause" or paused, from_finalize=why == "Finalize")
        if why == "CloseStream":
            self._say(
                listen_dialect.metadata(
                    request_id=self.request_id,
                    duration=self.heard / self._request.sample_rate,
                    created=self._created,
                    sha256=self._hash.hexdigest(),
                )
            )
            self._end(NORMAL)
        else:
            self._next()

    def _next(self) -> None:
        """Frees the engine's session, and continues with what waits."""
        self._ending = ""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._begun = self.heard
        while self._behind and not self._ending and not self._over:
            item = self._behind.popleft()
            if isinstance(item, str):
                self._make_final(item)
            else:
                self._behind_bytes -= len(item)
                self._hear(item)

    def _say_results(self, heard: Message, **what: bool) -> None:
        rate = self._request.sample_rate
        start, duration = self._begun / rate, (self.heard - self._begun) / rate
        if self._channel is not None and "samples" in heard:  # a partial of the audio that the engine has had
            duration = min(duration, heard["samples"] / self._channel.sample_rate)
        told = listen_dialect.results(
            heard, request_id=self.request_id, model=self._model, start=start, duration=duration, **what
        )
        self._say(told)

    def _say(self, told: dict[str, Any]) -> None:
        if not self._over:
            self._tell(told)

    def _end(self, code: int) -> None:
        self.close()
        self._end_connection(code)
