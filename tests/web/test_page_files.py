"""The page's files under their versioned address."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from phone_daemon.web.app import PAGE
from phone_daemon.web.page_files import PageFiles


def client(folder: Path) -> tuple[PageFiles, TestClient]:
    files, app = PageFiles(folder), Starlette()
    files.add_to(app)
    return files, TestClient(app)


def test_the_index_names_files_that_are_there_and_so_do_they() -> None:
    """All files from index.html on, through every import."""
    files, http = client(PAGE)
    waiting, seen = re.findall(r'(?:src|href)="([^"#]+)"', files.index), set()
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
        assert f'src="{files.version}/main.js"' in files.index
        assert http.get(f"/{files.version}/main.js").text == text
        assert http.get("/main.js").status_code == http.get(f"/{files.version}/../main.js").status_code == 404
        versions.append(files.version)
    assert versions[0] != versions[1]


def test_where_there_is_no_page_there_is_nothing(tmp_path: Path) -> None:
    files, http = client(tmp_path / "nowhere")
    assert files.index == "" and http.get(f"/{files.version}/main.js").status_code == 404
