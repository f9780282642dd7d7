"""Who may do what: tokens with a role, from a file or the environment, and the cookie that a browser keeps.

Tokens are compared by their SHA-256, so that the time that a comparison takes reveals nothing about them.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBearer

from phone_daemon.web.hand_over import TOKENS_VARIABLE

COOKIE = "phone_token"
LEAST_TOKEN = 16
"""The shortest token in characters: a shorter one can be guessed."""


class Role(IntEnum):
    """What a token permits; each role includes the permissions of the roles before it."""

    WATCH = 1
    """See calls, events and recordings."""
    OPERATE = 2
    """Call the agent, and steer calls."""
    ADMIN = 3
    """Dial, remove a person's data, drain."""


@dataclass(frozen=True, slots=True)
class Who:
    name: str
    """The name in the audit log."""
    role: Role
    expires: datetime | None = None


class TokensError(ValueError):
    """Unusable tokens, in one line that says where the problem is, what it is, and how to fix it."""


class Tokens:
    """The tokens of one web server."""

    def __init__(self, tokens: Mapping[str, Who]) -> None:
        self._known = {_digest(token): who for token, who in tokens.items()}

    @classmethod
    def load(cls, path: Path | None, environ: Mapping[str, str], made: str = "") -> Tokens:
        """Loads the tokens of the file and of the environment variable; if there are none, `made` is the only token, as
        admin. Raises `TokensError`.
        """
        known: dict[str, Who] = {}
        if path is not None:
            known |= _from_file(path)
        if pairs := environ.get(TOKENS_VARIABLE, "").split():
            known |= _from_variable(pairs)
        if not known and made:
            known[made] = Who("link", Role.ADMIN)
        return cls(known)

    def renew(self, other: Tokens) -> None:
        """Makes those of `other` the only tokens."""
        self._known = other._known

    def who(self, token: str, now: datetime) -> Who | None:
        """Returns the token's owner, or None if the token is unknown. Raises `PermissionError` if it has expired."""
        who = self._known.get(_digest(token)) if token else None
        if who is not None and who.expires is not None and now >= who.expires:
            raise PermissionError(f"this token expired on {who.expires:%Y-%m-%d %H:%M} UTC; ask for a new one")
        return who


def token_of(connection: HTTPConnection) -> str:
    """The token of a request or WebSocket handshake, from `Authorization: Bearer …` or the cookie; empty if there is
    none. A browser cannot set a header on a WebSocket, but it sends its cookie.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return connection.cookies.get(COOKIE, "")


def identify(connection: HTTPConnection, role: Role) -> Who:
    """Returns who sent the request, if they may act as `role`. Raises `HTTPException` 401 or 403 with one line."""
    return judge(connection.app.state.web.tokens, token_of(connection), role)


def may_still(connection: HTTPConnection, role: Role) -> bool:
    """Whether whoever opened a stream may go on reading it: a token can expire or be removed meanwhile."""
    try:
        identify(connection, role)
    except HTTPException:
        return False
    return True


def judge(tokens: Tokens, token: str, role: Role) -> Who:
    """Returns the owner of `token`, if they may act as `role`. Raises `HTTPException` 401 or 403 with one line."""
    try:
        who = tokens.who(token, datetime.now(UTC))
    except PermissionError as error:
        raise _unauthorized(str(error)) from None
    if who is None:
        raise _unauthorized("this token is not known" if token else 'a token is needed: "Authorization: Bearer TOKEN"')
    if who.role < role:
        raise HTTPException(
            403, f"the token of {who.name} is for {who.role.name.lower()}; this needs {role.name.lower()}"
        )
    return who


_BEARER = HTTPBearer(auto_error=False, description="a token of the role that the request needs")
"""For the API's description only: it tells a generated client where the token goes."""


def requires(role: Role) -> Any:
    """A FastAPI dependency: `who: Annotated[Who, Depends(requires(Role.OPERATE))]`."""

    # Not a plain function: FastAPI would run that in a thread.
    async def dependency(connection: HTTPConnection, described: Annotated[Any, Depends(_BEARER)]) -> Who:
        return identify(connection, role)

    return dependency


Watcher = Annotated[Who, Depends(requires(Role.WATCH))]
Operator = Annotated[Who, Depends(requires(Role.OPERATE))]
Admin = Annotated[Who, Depends(requires(Role.ADMIN))]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _unauthorized(why: str) -> HTTPException:
    return HTTPException(401, why, headers={"WWW-Authenticate": "Bearer"})


def _from_variable(pairs: Iterable[str]) -> dict[str, Who]:
    known = {}
    for at, pair in enumerate(pairs, 1):
        role, colon, token = pair.partition(":")
        if not colon:
            raise TokensError(
                f'environment: {TOKENS_VARIABLE}: entry {at} has no ":"; write role:token, separated by spaces'
            )
        where = f"environment: {TOKENS_VARIABLE}: entry {at}"
        known[_token(token, where)] = Who(f"{role}-{at}", _role(role, where))
    return known


def _from_file(path: Path) -> dict[str, Who]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.stat().st_mode & 0o004:
            raise TokensError(f"{path}: everybody on this machine may read it; chmod 600 it")
        tables = tomllib.loads(text)
    except OSError as error:
        raise TokensError(f"{path}: {error.strerror}; [web] tokens names it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TokensError(f"{path}: {error}; write a table for each name, with token and role") from None
    known: dict[str, Who] = {}
    for name, table in tables.items():
        where = f"{path}: [{name}]"
        if not isinstance(table, dict):
            raise TokensError(f"{where} is not a table; write [{name}] with token and role under it")
        if unknown := set(table) - {"token", "role", "expires"}:
            raise TokensError(f'{where}: unknown key "{min(unknown)}"; there are token, role and expires')
        token = _token(table.get("token"), where)
        if token in known:
            raise TokensError(f"{where}: has the token of [{known[token].name}]; give each its own")
        known[token] = Who(name, _role(table.get("role"), where), _expires(table.get("expires"), where))
    return known


def _token(token: object, where: str) -> str:
    if not isinstance(token, str) or len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
        raise TokensError(
            f"{where}: a token has at least {LEAST_TOKEN} plain characters; `openssl rand -hex 24` makes one"
        )
    return token


def _role(role: object, where: str) -> Role:
    found = {each.name.lower(): each for each in Role}.get(role if isinstance(role, str) else "")
    if found is None:
        raise TokensError(f'{where}: "{role}" is not a role; write watch, operate or admin')
    return found


def _expires(at: object, where: str) -> datetime | None:
    match at:
        case None:
            return None
        case datetime():
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        case date():
            return datetime(at.year, at.month, at.day, tzinfo=UTC)
    raise TokensError(f"{where}: expires is a date, such as 2027-01-31 or 2027-01-31T12:00:00Z, without quotes")
