"""Logging in and judging tokens, with the recorded words. Must never accept a token it did not sign itself.

Tokens are signed JWTs (HS256) with ``iat`` and ``exp``; the key is made anew for each server, so a restart ends them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.errors import AuthError

NO_TOKEN = "JWT Token not found"  # noqa: S105 - a sentence
BAD_TOKEN = "Invalid JWT Token"  # noqa: S105 - a sentence
EXPIRED = "Expired JWT Token"
BAD_CREDENTIALS = "Invalid credentials."


@dataclass(frozen=True, slots=True)
class User:
    """Who may come in; ``writes`` is False for a reader (403 on every write)."""

    name: str
    password: str
    writes: bool


class Auth:
    """The users of one sandbox."""

    def __init__(self, config: SandboxConfig) -> None:
        writer = User(config.user, config.password, writes=True)
        reader = User(config.reader, config.password, writes=False)
        self.users = {each.name: each for each in (writer, reader)}
        self._static = config.static_token
        self._static_user = config.user
        self._ttl = config.token_ttl
        self._now: Callable[[], float] = config.now
        self._key = secrets.token_bytes(32)

    def login(self, username: str, password: str) -> str:
        """A new token. Raises AuthError."""
        user = self.users.get(username)
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
            raise AuthError(BAD_CREDENTIALS)
        return self.issue(username)

    def issue(self, username: str, ttl: float | None = None) -> str:
        """A signed token for any name, valid for ``ttl`` seconds (negative: expired already)."""
        now = int(self._now())
        expires = now + (self._ttl if ttl is None else ttl)
        claims = {"iat": now, "exp": expires, "roles": ["ROLE_USER"], "username": username}
        head = _pack({"typ": "JWT", "alg": "HS256"})
        body = f"{head}.{_pack(claims)}"
        return f"{body}.{self._sign(body)}"

    def check(self, header: str | None) -> User:
        """The user behind an Authorization header. Raises AuthError with the recorded message."""
        scheme, _, token = (header or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise AuthError(NO_TOKEN)
        if self._static is not None and hmac.compare_digest(token.encode(), self._static.encode()):
            return self.users[self._static_user]
        claims = self._claims(token)
        if claims["exp"] <= self._now():
            raise AuthError(EXPIRED)
        user = self.users.get(claims["username"])
        if user is None:
            raise AuthError(BAD_CREDENTIALS)
        return user

    def _claims(self, token: str) -> dict[str, Any]:
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            raise AuthError(BAD_TOKEN)
        try:
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body.split(".")[1] + "=="))
        except (ValueError, IndexError, binascii.Error) as error:
            raise AuthError(BAD_TOKEN) from error
        return claims

    def _sign(self, body: str) -> str:
        return _text(hmac.digest(self._key, body.encode(), hashlib.sha256))


def _pack(data: dict[str, Any]) -> str:
    return _text(json.dumps(data, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
