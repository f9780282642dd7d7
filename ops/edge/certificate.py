"""Whether clients will accept the edge's certificate: its dates, name, and key. Runs openssl."""

from __future__ import annotations

import ssl
import subprocess
import time
from pathlib import Path

from ops.edge.supervisor import program

SOON_S = 14 * 86_400
ASK_S = 10


def problems(certificate: Path, key: Path, name: str) -> list[str]:
    """The problems that a client connecting to `name` would find, one line each. Raises `Missing` (openssl)."""
    return [*mistakes(certificate, key, name), *dates(certificate)]


def mistakes(certificate: Path, key: Path, name: str) -> list[str]:
    """The problems that last until somebody changes the settings or the files. Raises `Missing` (openssl)."""
    for path, what in ((certificate, "certificate"), (key, "key")):
        if not path.is_file():
            return [f"[edge] {what}: no such file: {path}"]
    if not _ask(certificate)[0]:
        return [f"[edge] certificate: {certificate} is not a PEM certificate"]
    found: list[str] = []
    if not name:
        found.append("[edge] name is not set; write the host name that trunks connect to, which the certificate is for")
    elif "does match" not in _ask(certificate, "-checkhost", name)[1]:
        names = ", ".join(_names(_ask(certificate, "-ext", "subjectAltName")[1]))
        names = names or _ask(certificate, "-subject")[1].partition("CN = ")[2] or "nobody"
        found.append(
            f'[edge] certificate: {certificate} is for {names}, not for name = "{name}"; trunks will refuse it'
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", "") or str(error)
        what = "is not the certificate's" if "MISMATCH" in reason else f"cannot be used ({reason})"
        found.append(f"[edge] key: {key} {what}")
    if key.stat().st_mode & 0o077:
        found.append(f"[edge] key: {key} can be read by others: chmod 600 {key}")
    return found


def dates(certificate: Path) -> list[str]:
    """What time makes wrong: the edge works all the same, or loads the next certificate by itself. Raises `Missing`."""
    readable, said = _ask(certificate, "-startdate", "-enddate")
    if not readable:
        return []
    start, _, end = (line.partition("=")[2] for line in (*said.splitlines(), "")[:3])
    found: list[str] = []
    if not _ask(certificate, "-checkend", "0")[0]:
        found.append(
            f"[edge] certificate: {certificate} expired on {end}; renew it: a running edge loads the new one by itself"
        )
    elif not _ask(certificate, "-checkend", str(SOON_S))[0]:
        found.append(f"[edge] certificate: {certificate} expires on {end}; renew it soon")
    if ssl.cert_time_to_seconds(start) > time.time():
        found.append(f"[edge] certificate: {certificate} is valid only from {start} on; is this machine's clock right?")
    return found


def _ask(certificate: Path, *words: str) -> tuple[bool, str]:
    """Whether openssl can answer, and what it says."""
    done = subprocess.run(
        [program("openssl"), "x509", "-noout", "-in", str(certificate), *words],
        capture_output=True, text=True, timeout=ASK_S, check=False,
    )  # fmt: skip
    return done.returncode == 0, done.stdout.strip()


def _names(text: str) -> list[str]:
    return [
        part.strip().removeprefix("DNS:") for line in text.splitlines() for part in line.split(",") if "DNS:" in part
    ]
