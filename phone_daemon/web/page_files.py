"""The page's files, served unchanged under an address that changes with their content, so that a browser fetches each
only once.

Only `index.html` is asked for at each visit, and answered with 304 if the browser has it. It names the other files as
`HASH/main.js`, and they refer to each other from there.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

INDEX = "index.html"
WORKLET = "worklet.js"
"""The ending of file names that are not modules of the page, but of the browser's audio thread."""
NAMED = re.compile(r'\b(src|href)="(?=[\w/]+\.(?:js|css|svg)")')
KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}
ASKED_AGAIN = {"Cache-Control": "no-cache"}
ONE_PACKET = 1400
"""Files up to this many bytes are not compressed."""


class PageFiles:
    """All files under `folder`, read once; empty if there is no page."""

    def __init__(self, folder: Path) -> None:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:12]
        index = NAMED.sub(rf'\1="{self.version}/', files.pop(INDEX, b"").decode())
        # Names all modules at once; otherwise the browser would find them one after the other through their imports.
        modules = (name for name in files if name.endswith(".js") and not name.endswith(WORKLET))
        links = "".join(f'<link rel="modulepreload" href="{self.version}/{name}">\n' for name in modules)
        self._files = files | {INDEX: index.replace("</head>", f"{links}</head>").encode()}
        self._packed = {
            name: gzip.compress(content) for name, content in self._files.items() if len(content) > ONE_PACKET
        }

    def add_to(self, app: Starlette) -> None:
        """Adds a route for each file: a mount would answer for every path, even for the API's other methods."""
        for name in self._files.keys() - {INDEX}:
            app.add_route(f"/{self.version}/{name}", self._serve, methods=["GET"], include_in_schema=False)

    def index(self, request: Request) -> Response:
        """Answers a visit."""
        tag = f'"{self.version}"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={**ASKED_AGAIN, "ETag": tag})
        return self._answer(request, INDEX, {**ASKED_AGAIN, "ETag": tag})

    async def _serve(self, request: Request) -> Response:
        return self._answer(request, request.url.path.removeprefix(f"/{self.version}/"), KEPT)

    def _answer(self, request: Request, name: str, headers: Mapping[str, str]) -> Response:
        kind = mimetypes.guess_type(name)[0]
        packed = self._packed.get(name)
        headers = {**headers, "Vary": "Accept-Encoding"}
        if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=kind, headers={**headers, "Content-Encoding": "gzip"})
        return Response(self._files[name], media_type=kind, headers=headers)
