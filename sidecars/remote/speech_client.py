"""A server of OpenAI's `POST /v1/audio/speech` as a voice: OpenAI itself, `sidecars.serve.tts`, Kokoro-FastAPI, …

Dialect: https://platform.openai.com/docs/api-reference/audio/createSpeech. For `pcm`, a server streams 16-bit mono at
24 kHz as it makes it. If it sends a WAV header or states another rate, that is used. The dialect has no word marks, and
closing the response stops the speech.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import httpx2 as httpx

from sidecars.remote.tts_host import Sound, Unspoken
from sidecars.remote.wav_stream import NotWav, WavStream

RATE = 24000
"""The rate of `pcm` if the server does not state one."""
CONNECT_S = 1.5
IDLE_S = 120.0
"""How long an unused connection is kept."""
MAX_CONNECTIONS = 64
MODEL, VOICE = "tts-1", "alloy"
NOT_PCM = re.compile(r"text/|application/json|audio/(mpeg|mp3|mp4|ogg|opus|aac|flac|webm)")


class SpeechSource:
    """A `Source`. `options`: `model`, `voice`, `response_format` (`pcm` or `wav`), and any others that the server
    accepts. `url`: the part before `/audio/speech`, such as `http://HOST:PORT/v1`, or `unix:///PATH` of a socket.
    """

    def __init__(self, url: str, options: Mapping[str, Any], *, key: str = "", key_name: str = "") -> None:
        """`key` is sent in the Authorization header; `key_name` is its name in messages."""
        self.name = f"speech server {url}"
        self._key_name = key_name or "the key"
        self._body = {"model": MODEL, "response_format": "pcm", **options}
        self._voice = self._body.pop("voice", "")
        self._listed: Sequence[str] = ()
        transport = httpx.AsyncHTTPTransport(uds=url.removeprefix("unix://")) if url.startswith("unix:") else None
        self._client = httpx.AsyncClient(
            base_url="http://localhost/v1/" if transport else url.rstrip("/") + "/",
            transport=transport,
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=IDLE_S),
        )

    async def speak(self, text: str, options: Mapping[str, Any]) -> AsyncGenerator[Sound, None]:
        body = {**self._body, "input": text, "voice": self._voice_for(options)}
        if rate := options.get("rate"):
            body["speed"] = rate
        response = await self._ask(lambda: self._client.build_request("POST", "audio/speech", json=body))
        try:
            if response.status_code != 200:
                raise await self._complaint(response)
            kind = response.headers.get("content-type", "")
            if NOT_PCM.match(kind):
                raise Unspoken(f"answers {kind}, not PCM or WAV")
            audio = WavStream(_rate(response))
            async for data in response.aiter_raw():
                if pcm := audio.feed(data):
                    yield Sound(pcm, audio.rate)
        except httpx.HTTPError as error:
            raise Unspoken(_reason(error)) from error
        except NotWav as error:
            raise Unspoken(str(error)) from error
        finally:
            await response.aclose()

    async def voices(self) -> Sequence[str]:
        """The voices from `GET audio/voices`, which most servers have, but not OpenAI's."""
        response = await self._ask(lambda: self._client.build_request("GET", "audio/voices"))
        try:
            told = json.loads(await response.aread())["voices"] if response.status_code == 200 else []
            self._listed = [each if isinstance(each, str) else str(each.get("id") or each["name"]) for each in told]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            self._listed = ()
        finally:
            await response.aclose()
        return self._listed

    async def close(self) -> None:
        await self._client.aclose()

    def _voice_for(self, options: Mapping[str, Any]) -> str:
        """The call's voice if the server is known to have it; otherwise the one in the settings."""
        voice = str(options.get("voice") or "")
        if self._listed:
            return voice if voice in self._listed else self._voice or self._listed[0]
        return self._voice or voice or VOICE

    async def _ask(self, request: Any) -> httpx.Response:
        """Sends `request()` and returns its answer, unread. Raises `Unspoken`."""
        try:
            try:
                return await self._client.send(request(), stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A server may close an idle connection just as it is used again. Nothing has been spoken yet.
                return await self._client.send(request(), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unspoken(_reason(error)) from error

    async def _complaint(self, response: httpx.Response) -> Unspoken:
        status = response.status_code
        if status in (401, 403):  # such an answer may quote the key
            return Unspoken(f"answers {status}: {self._key_name} is refused, or missing")
        try:
            said = json.loads(await response.aread())["error"]["message"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            said = response.reason_phrase
        return Unspoken(f"answers {status}: {str(said)[:200]}")


def _rate(response: httpx.Response) -> int:
    """The sample rate, if the server states it: `audio/pcm;rate=22050`, or `X-Sample-Rate`."""
    told = re.search(r"rate=(\d+)", response.headers.get("content-type", ""))
    text = told[1] if told else response.headers.get("x-sample-rate", "")
    return int(text) if text.isdecimal() and 4000 <= int(text) <= 192_000 else RATE


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
