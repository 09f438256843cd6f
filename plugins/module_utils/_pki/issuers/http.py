# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a CA's server over HTTP: who calls is handed in, what an answer means is judged here.

Whether a question may be repeated depends on what happened to it: a server that was never reached, or that said it
did not work on it (503, 429), can be asked again; one whose answer was lost may have issued a certificate.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..._plain.errors import InputError, PkiError
from ..values.text import show

MAX_BYTES = 8 * 1024 * 1024
TIMEOUT = 30.0
_ATTEMPTS = 4
_PAUSES = (0.5, 1.0, 2.0)
# The server says that it did not work on the question (RFC 9110 section 15.6.4, RFC 6585 section 4).
_NOT_WORKED_ON = (429, 503)
# Something before the server gave up on it; the server itself may have done its work.
_LOST = (408, 502, 504)


@dataclass(frozen=True)
class HttpRequest:
    """One question.

    :ivar headers: may hold a secret, and so may ``body``; they are shown nowhere.
    :ivar ca_cert: path of the CA certificates for the server's own certificate; None: the system's.
    :ivar timeout: seconds for all of it, connecting and reading the answer included.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    ca_cert: str | None = None
    timeout: float = TIMEOUT
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True)
class HttpAnswer:
    """What came back, whatever its status."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    location: str = ""


class HttpCaller(Protocol):
    """Makes one call, without following redirects (they would carry the token elsewhere)."""

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """The answer.

        :raises ServerError: there is none; ``lost`` says whether the server may have worked on the question.
        """


class ServerError(PkiError):
    """A server that cannot be asked, or does not give what it should.

    :ivar status: of its answer; 0: there was none.
    :ivar lost: it may have worked on the question, and its answer did not arrive.
    :ivar down: it could not be asked at all, so nobody else need try.
    """

    def __init__(self, message: str, status: int = 0, lost: bool = False, down: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.lost = lost
        self.down = down


def check_url(value: Any, where: str) -> str:
    """A server's address without its last slash.

    :raises InputError: it is none, or it holds a password.
    """
    text = value if isinstance(value, str) else ""
    try:
        found = urlsplit(text)
        fit = found.scheme in ("http", "https") and bool(found.hostname) and (found.port or 1) > 0
    except ValueError:
        fit = False
    if not fit or not text.isprintable() or " " in text:
        given = f"is {show(str(value), 90)!r}" if value else "is missing"
        raise InputError(f"{where} {given}; wanted: the server's address, https://name:port")
    if found.username or found.password:
        raise InputError(f"{where} holds a user name or password; wanted: the address alone")
    if found.query or found.fragment:
        raise InputError(f"{where} holds a query or fragment; wanted: the address alone, https://name:port")
    return text.rstrip("/")


@dataclass(frozen=True)
class Server:
    """A CA's server.

    :ivar title: what it is called in messages. :ivar headers: sent with each question; secret.
    :ivar secrets: texts that must appear in no message, whatever the server quotes.
    :ivar pause: waits so many seconds.
    """

    title: str
    url: str
    call: HttpCaller = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_cert: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = TIMEOUT
    pause: Callable[[float], None] = time.sleep

    def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None, repeat: bool = True) -> Any:
        """Ask, again where that is harmless, and read the JSON of the answer.

        :param repeat: asking twice is harmless whatever happened to the first question.
        :raises ServerError: no usable answer.
        """
        body = None if content is None else json.dumps(content).encode()
        headers = {"Accept": "application/json", **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = HttpRequest(method, self.url + path, headers, body, self.ca_cert, self.timeout)
        for attempt in range(_ATTEMPTS):
            try:
                answer = self.call(request)
            except ServerError as error:
                problem = ServerError(self.clean(f"{self.title}: {error}"), 0, error.lost, not error.lost)
                again = repeat or not error.lost
            else:
                if answer.status not in (*_NOT_WORKED_ON, *_LOST):
                    return self._read(answer)
                problem = self._refusal(answer)
                again = repeat or answer.status in _NOT_WORKED_ON
            if not again or attempt == _ATTEMPTS - 1:
                raise problem
            self.pause(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        raise ServerError(f"{self.title} was not asked")

    def clean(self, text: str) -> str:
        """A text for a message, without anything secret."""
        for secret in self.secrets:
            if secret:
                text = text.replace(secret, "(secret)")
        return show(" ".join(text.split()), 600)

    def _read(self, answer: HttpAnswer) -> Any:
        if 300 <= answer.status < 400:
            where = urlsplit(answer.location).netloc or "another address"
            raise ServerError(
                self.clean(
                    f"{self.title} redirects to {where} (HTTP {answer.status}), which is not followed, since secrets "
                    "would go there; name that address as url if it is right"
                ),
                answer.status,
            )
        if answer.status >= 400:
            raise self._refusal(answer)
        if answer.status == 204 or not answer.body:
            return {}
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ServerError(
                f"{self.title} answers with {_kind(answer)} instead of JSON (HTTP {answer.status}); is url right, and "
                "is there no proxy or sign-in page in between?",
                answer.status,
            ) from None

    def _refusal(self, answer: HttpAnswer) -> ServerError:
        lost = answer.status in _LOST
        told = told_errors(answer.body)
        if told is None:
            told = _kind(answer) if answer.body else ""
        text = f"HTTP {answer.status}{': ' + told if told else ''}"
        hints = {
            401: "it does not accept the credentials",
            403: "the token is wrong or has expired, or its policy does not allow this",
            404: "there is no such path; are url, mount and role right?",
            429: "it is asked too often",
            503: "it is not ready (sealed, starting or overloaded)",
        }
        hint = hints.get(answer.status)
        return ServerError(
            self.clean(f"{self.title} refuses ({text}){'; ' + hint if hint else ''}"), answer.status, lost
        )


def _kind(answer: HttpAnswer) -> str:
    start = answer.body[:200].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or "html" in answer.content_type.lower():
        return "a web page (HTML)"
    return "something else"


def told_errors(body: bytes) -> str | None:
    """What a server says is wrong, in the forms of Vault (``errors``: texts) and cfssl (``errors``: objects)."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    errors = content.get("errors") if isinstance(content, dict) else None
    texts = []
    for entry in errors if isinstance(errors, list) else []:
        if isinstance(entry, dict):
            code = entry.get("code")
            texts.append(f"{entry.get('message')}{f' ({code})' if code else ''}")
        else:
            texts.append(str(entry))
    return "; ".join(dict.fromkeys(texts))
