"""Weights from the Hugging Face hub, by its real client; `test_chatterbox.py` runs this file where that is installed.

The hub is a small server that implements as much of the hub's protocol as the client needs.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants

from sidecars import weights
from sidecars.weights import WeightsMissing, find_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = bytes(range(256)) * 4096
SMALL = b'{"vocabulary": {}}'
FILES = ("large.bin", "small.json")
MODEL = "somebody/voice"


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        address = urlsplit(constants.ENDPOINT)
        super().__init__((str(address.hostname), int(address.port or 0)), Answer)
        self.files = {"large.bin": LARGE, "small.json": SMALL}
        self.etags = {
            "large.bin": hashlib.sha256(LARGE).hexdigest(),
            "small.json": hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest(),
        }
        self.cut_at: int | None = None
        """Breaks off an answer after this many bytes, once."""
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        owner_name, _, rest = self.path.lstrip("/").partition("/resolve/")
        name = rest.split("/", 1)[-1]
        self.server.asked.append(f"{self.command} {name} {self.headers.get('Range', '')}".strip())
        if owner_name != MODEL or name not in self.server.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound" if owner_name != MODEL else "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.server.files[name]
        start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0]) if "Range" in self.headers else 0
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.server.etags[name]}"')
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if with_body:
            cut, self.server.cut_at = self.server.cut_at, None
            self.wfile.write(body[start:cut])
            self.close_connection = cut is not None


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one for each test."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_not_there_is_fetched_once_and_then_used_without_asking(
    hub: Hub, cache: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "TELL_EVERY_S", 0.0)
    caplog.set_level(logging.INFO)
    folder = find_weights(MODEL, FILES)
    assert folder.is_relative_to(cache)
    assert [(folder / name).read_bytes() for name in FILES] == [LARGE, SMALL]
    assert any("large.bin" in line and "100%" in line for line in caplog.messages)
    hub.asked.clear()
    assert find_weights(MODEL, FILES) == folder
    assert hub.asked == []


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    # it keeps the parts of an interrupted download in these
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.cut_at = 300_000
    folder = find_weights(MODEL, FILES)
    assert (folder / "large.bin").read_bytes() == LARGE
    assert [line for line in hub.asked if line.startswith("GET large.bin bytes=")]


def test_a_file_with_a_wrong_checksum_is_refused_and_fetched_again(hub: Hub) -> None:
    hub.files["large.bin"] = LARGE[:-1] + b"!"
    with pytest.raises(WeightsMissing, match=rf"large\.bin: its checksum is [0-9a-f]+, not {hub.etags['large.bin']}"):
        find_weights(MODEL, FILES)
    hub.files["large.bin"] = LARGE
    assert (find_weights(MODEL, FILES) / "large.bin").read_bytes() == LARGE


def test_a_small_file_with_a_wrong_checksum_is_refused(hub: Hub) -> None:
    hub.files["small.json"] = SMALL.replace(b"{}", b"[]")
    with pytest.raises(WeightsMissing, match=r"small\.json: its checksum is"):
        find_weights(MODEL, FILES)


def test_offline_what_is_there_is_used_and_what_is_not_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    folder = find_weights(MODEL, FILES)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert find_weights(MODEL, FILES) == folder
    with pytest.raises(WeightsMissing) as caught:
        find_weights(MODEL, (*FILES, "more.bin"))
    assert f"more.bin not in {cache}" in str(caught.value)
    assert "HF_HUB_OFFLINE" in str(caught.value)
    assert "set model to it" in str(caught.value)
    assert hub.asked == []


def test_no_network_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client tries again a few times
    with pytest.raises(WeightsMissing, match=f"{constants.ENDPOINT} cannot be reached") as caught:
        find_weights(MODEL, FILES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "files", "complaint"),
    [
        ("nobody/voice", FILES, "nobody/voice"),
        (MODEL, ("large.bin", "none.bin"), "none.bin"),
        ("no_such_folder", FILES, "no such folder, nor OWNER/NAME"),
        ("/no/such/folder", FILES, "no such folder, nor OWNER/NAME"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(hub: Hub, model: str, files: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(WeightsMissing, match=complaint) as caught:
        find_weights(model, files)
    assert "\n" not in str(caught.value)


def test_a_folder_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(b"")
    assert find_weights(str(tmp_path), ["large.bin"]) == tmp_path
    with pytest.raises(WeightsMissing, match=r"the folder has no small\.json; it takes large\.bin, small\.json"):
        find_weights(str(tmp_path), FILES)
