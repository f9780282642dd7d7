"""The page's files under their versioned address."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from phone_daemon.web.app import PAGE
from phone_daemon.web.page_files import PageFiles

PLAIN = {"accept-encoding": "identity"}


def client(folder: Path) -> tuple[PageFiles, TestClient]:
    files, app = PageFiles(folder), Starlette()
    files.add_to(app)
    app.add_route("/", files.index)
    return files, TestClient(app)


def test_the_index_names_files_that_are_there_and_so_do_they() -> None:
    """All files from index.html on, through every import."""
    files, http = client(PAGE)
    waiting, seen = re.findall(r'(?:src|href)="([^"#]+)"', http.get("/").text), set()
    assert len(waiting) >= 3
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = http.get(f"/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"]
        imported = re.findall(r'(?:from |import\(|URL\()"(?:\./)?([\w/]+\.js)"', answer.text)
        waiting += [f"{files.version}/{each}" for each in imported]
    assert {each.name for each in PAGE.glob("*.js")} == {Path(name).name for name in seen if name.endswith(".js")}


def test_another_page_has_another_address(tmp_path: Path) -> None:
    versions = []
    for text in ("export {};", "export { };"):
        (tmp_path / "index.html").write_text('<script type="module" src="main.js"></script>')
        (tmp_path / "main.js").write_text(text)
        files, http = client(tmp_path)
        assert f'src="{files.version}/main.js"' in http.get("/").text
        assert http.get(f"/{files.version}/main.js").text == text
        assert http.get("/main.js").status_code == http.get(f"/{files.version}/../main.js").status_code == 404
        versions.append(files.version)
    assert versions[0] != versions[1]


def test_where_there_is_no_page_there_is_nothing(tmp_path: Path) -> None:
    files, http = client(tmp_path / "nowhere")
    assert http.get("/").text == ""
    assert http.get(f"/{files.version}/main.js").status_code == 404


def test_a_browser_that_has_the_index_is_sent_nothing_and_others_get_it_compressed() -> None:
    files, http = client(PAGE)
    first = http.get("/", headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip" and first.text == http.get("/", headers=PLAIN).text
    again = http.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/", headers={"if-none-match": '"another"'}).status_code == 200
    style = f"/{files.version}/style.css"
    packed, plain = http.get(style), http.get(style, headers=PLAIN)
    assert packed.text == plain.text and int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "content-encoding" not in plain.headers
