# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks CAs' servers with Ansible's own HTTP client: the environment's proxies and its handling of TLS count."""

from __future__ import annotations

import functools
import http.client
import queue
import socket
import ssl
import threading
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ansible.module_utils.urls import Request, make_context

from ..module_utils._pki.issuers.http import HttpAnswer, HttpRequest, ServerError

_CHUNK = 64 * 1024


def call(request: HttpRequest) -> HttpAnswer:
    """One call, bounded in time and size.

    The client's timeout is one for each read, so a server that sends a byte now and then would keep it for ever.
    Therefore it works in a thread, which is left behind if the time is up.

    :raises ServerError: there is no answer.
    """
    box: queue.SimpleQueue[HttpAnswer | ServerError] = queue.SimpleQueue()
    threading.Thread(target=lambda: box.put(_answer(request)), daemon=True).start()
    try:
        found = box.get(timeout=request.timeout)
    except queue.Empty:
        raise ServerError(_no_answer(request), lost=True) from None
    if isinstance(found, ServerError):
        raise found
    return found


def _no_answer(request: HttpRequest) -> str:
    return f"{_where(request)} gives no answer within {request.timeout:g} seconds"


def _where(request: HttpRequest) -> str:
    return urlsplit(request.url).netloc


@functools.lru_cache(maxsize=16)
def _context(ca_cert: str | None) -> ssl.SSLContext:
    """How a server's certificate is verified. Reading the system's store takes longer than a question, so it is kept.

    (``open_url`` is the same call, and makes one for each.)
    """
    context: ssl.SSLContext = make_context(cafile=ca_cert, validate_certs=True)
    return context


def _answer(request: HttpRequest) -> HttpAnswer | ServerError:
    """In the thread; never raises."""
    until = time.monotonic() + request.timeout
    try:
        try:
            response = Request().open(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                timeout=request.timeout,
                follow_redirects="none",
                use_netrc=False,
                context=_context(request.ca_cert),
            )
        except HTTPError as error:
            response = error
        with response:
            return _read(request, response, until)
    except ServerError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever the client raises is about this call; its text is not shown
        return _problem(request, error)


def _read(request: HttpRequest, response: http.client.HTTPResponse | HTTPError, until: float) -> HttpAnswer:
    content = b""
    while chunk := response.read(_CHUNK):
        content += chunk
        if len(content) > request.max_bytes:
            raise ServerError(f"{_where(request)} answers with more than {request.max_bytes >> 20} MiB", lost=True)
        if time.monotonic() > until:
            raise ServerError(_no_answer(request), lost=True)
    headers = response.headers
    return HttpAnswer(
        status=int(response.status or 0),
        body=content,
        content_type=str(headers.get("Content-Type") or ""),
        location=str(headers.get("Location") or ""),
    )


def _problem(request: HttpRequest, error: Exception) -> ServerError:
    """What keeps an answer from coming; the client's own words may quote headers, so they are not repeated."""
    where = _where(request)
    cause: object = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        words = str(cause.verify_message or "it cannot be verified")
        return ServerError(
            f"the TLS certificate of {where} is not trusted: {words}; name the CA that issued it in ca_cert"
        )
    if isinstance(cause, ssl.SSLError):
        reason = str(cause.reason or "TLS failed").replace("_", " ").lower()
        return ServerError(f"no TLS connection to {where}: {reason}")
    if isinstance(cause, socket.gaierror):
        return ServerError(f"the name of {where} cannot be resolved")
    if isinstance(cause, ConnectionRefusedError):
        return ServerError(f"{where} cannot be reached: connection refused")
    if isinstance(cause, FileNotFoundError):
        return ServerError(f"ca_cert cannot be read: {request.ca_cert}")
    if isinstance(cause, TimeoutError):
        return ServerError(_no_answer(request), lost=True)
    if isinstance(cause, http.client.HTTPException):
        return ServerError(f"the connection to {where} broke off, or it does not speak HTTP", lost=True)
    if isinstance(cause, OSError):
        reached = isinstance(cause, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError))
        return ServerError(f"{where} cannot be reached: {cause.strerror or 'the connection failed'}", lost=reached)
    return ServerError(f"no answer from {where} ({type(error).__name__})", lost=True)
