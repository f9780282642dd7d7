"""The page's files, as they are, under an address that changes with them: a browser asks for each of them once.

`index.html` alone is asked for at each visit; it names the others as `HASH/main.js`, and they each other from there.
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
"""How the names of files end that are no modules of the page, but of the browser's audio thread."""
NAMED = re.compile(r'\b(src|href)="(?=[\w/]+\.(?:js|css|svg)")')
KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


class PageFiles:
    """Every file under `folder`, read once; empty where there is no page."""

    def __init__(self, folder: Path) -> None:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:12]
        index = NAMED.sub(rf'\1="{self.version}/', files.pop(INDEX, b"").decode())
        # All modules at once: they would be found one after the other, each in the one that imports it.
        modules = (name for name in files if name.endswith(".js") and not name.endswith(WORKLET))
        links = "".join(f'<link rel="modulepreload" href="{self.version}/{name}">\n' for name in modules)
        self.index = index.replace("</head>", f"{links}</head>")
        self._files = files

    def add_to(self, app: Starlette) -> None:
        """A route for each file: a mount would answer for every path, and for the methods of the API's as well."""
        for name in self._files:
            app.add_route(f"/{self.version}/{name}", self._serve, methods=["GET"], include_in_schema=False)

    async def _serve(self, request: Request) -> Response:
        name = request.url.path.removeprefix(f"/{self.version}/")
        kind = mimetypes.guess_type(name)[0]
        return Response(self._files[name], media_type=kind, headers=KEPT)
