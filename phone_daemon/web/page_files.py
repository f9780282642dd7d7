"""The page's files, served unchanged under an address that changes with their content, so that a browser fetches each
only once.

Only `index.html` is fetched at each visit. It names the other files as `HASH/main.js`, and they refer to each other
from there.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

INDEX = "index.html"
WORKLET = "worklet.js"
"""The ending of file names that are not modules of the page, but of the browser's audio thread."""
NAMED = re.compile(r'\b(src|href)="(?=[\w/]+\.(?:js|css|svg)")')
KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


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
        self.index = index.replace("</head>", f"{links}</head>")
        self._files = files

    def add_to(self, app: Starlette) -> None:
        """Adds a route for each file: a mount would answer for every path, even for the API's other methods."""
        for name in self._files:
            app.add_route(f"/{self.version}/{name}", self._serve, methods=["GET"], include_in_schema=False)

    async def _serve(self, request: Request) -> Response:
        name = request.url.path.removeprefix(f"/{self.version}/")
        kind = mimetypes.guess_type(name)[0]
        return Response(self._files[name], media_type=kind, headers=KEPT)
