"""Test certificates made by openssl: an authority, and certificates that it signs."""

from __future__ import annotations

import subprocess
from pathlib import Path

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def authority(folder: Path) -> Path:
    """The authority's certificate; its key is next to it."""
    _openssl(
        folder, "req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem",
        "-days", "2", "-subj", "/CN=Test authority",
    )  # fmt: skip
    return folder / "ca.pem"


def certificate(folder: Path, name: str, days: int = 30) -> tuple[Path, Path]:
    """A certificate for a host name or address, signed by the authority in `folder`, and its key.

    `days` below 0: it expired that long ago.
    """
    kind = "IP" if name.replace(".", "").isdigit() else "DNS"
    (folder / f"{name}.ext").write_text(f"subjectAltName={kind}:{name}\n")
    _openssl(
        folder, "req", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr",
        "-subj", f"/CN={name}",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-out", f"{name}.pem", "-days", str(days), "-extfile", f"{name}.ext",
    )  # fmt: skip
    (folder / f"{name}.key").chmod(0o600)
    return folder / f"{name}.pem", folder / f"{name}.key"


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=30)
