# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch files over plain HTTP as a sensor would, from servers that may be broken or hostile.

Everything is bounded: time (name resolution, connection, each byte of header and body), size on the wire,
size after decompression, number of redirects. Nothing is raised; a :class:`Fetched` says what happened.
"""

from __future__ import annotations

import base64
import errno
import http.client
import io
import re
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Sequence
from urllib.parse import quote, urljoin, urlsplit

from .addresses import literal, networks, objection
from .fetching_proxy import proxy_address, proxy_for
from .texts import harmless

OK, ADDRESS = "ok", "address"
SCHEME, DNS, REFUSED, TIMEOUT, PROXY = "scheme", "dns", "refused", "timeout", "proxy"
HTTP_STATUS, REDIRECT, EMPTY, INCOMPLETE, TOO_LARGE = "http-status", "redirect", "empty", "incomplete", "too-large"

REASONS = frozenset(
    (OK, ADDRESS, SCHEME, DNS, REFUSED, TIMEOUT, PROXY, HTTP_STATUS, REDIRECT, EMPTY, INCOMPLETE, TOO_LARGE)
)

WORKERS = 8
MAX_REDIRECTS = 5
_CHUNK = 64 * 1024
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TEMPORARY = frozenset((408, 425, 429, 500, 502, 503, 504))
# Names as DNS has them (and "_", which some use), addresses, and the zone of an address of a link (RFC 6874).
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._~-]+)?)\Z")
_USER_AGENT = "ot_pki.defender_iot"


class Settings(NamedTuple):
    """How to fetch. Times are in seconds.

    ``timeout`` is for one attempt, name resolution and body included; ``connect_timeout`` for one address.
    ``proxy`` is a URL without credentials; ``None``: as ``environment`` says; empty: no proxy.
    ``credentials`` (``user:password``) are for the proxy.
    ``allow_networks`` are networks that are fetched from although :mod:`.addresses` has an objection.
    """

    timeout: float = 10.0
    connect_timeout: float = 5.0
    retries: int = 2
    backoff: float = 0.5
    max_bytes: int = 20 * 1024 * 1024
    proxy: str | None = None
    credentials: str | None = None
    no_proxy: str | None = None
    environment: Mapping[str, str] = {}
    allow_networks: tuple[str, ...] = ()


class Fetched(NamedTuple):
    """What came of one URL. ``body`` is set if ``reason`` is ``ok``; ``via`` names the proxy, without credentials."""

    url: str
    reason: str
    message: str = ""
    body: bytes | None = None
    status: int | None = None
    address: str | None = None
    seconds: float = 0.0
    attempts: int = 1
    via: str | None = None
    final_url: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data for a module's result; the body compressed and in Base64."""
        data = dict(self._asdict())
        if self.body is not None:
            data["body"] = base64.b64encode(zlib.compress(self.body, 1)).decode("ascii")
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], max_bytes: int) -> Fetched:
        """The reverse of :meth:`to_dict`.

        :raises ValueError: not made by it, or larger than ``max_bytes``.
        """
        if not isinstance(data, Mapping):
            raise ValueError("it is not what was asked for")
        known = {key: data[key] for key in cls._fields if key in data}
        for key, kinds in _KINDS.items():
            if not isinstance(known.get(key), kinds):
                raise ValueError(f"its {key} is not what it has to be")
        if known["reason"] not in REASONS:
            raise ValueError("its reason is unknown")
        if known.get("body") is not None:
            stream = zlib.decompressobj()
            try:
                body = stream.decompress(base64.b64decode(known["body"], validate=True), max_bytes + 1)
            except zlib.error as error:
                raise ValueError("its body is damaged") from error
            if len(body) > max_bytes:
                raise ValueError("the body is larger than allowed")
            if not stream.eof:
                raise ValueError("its body is cut off")
            known["body"] = body
        return cls(**known)


_TEXT = (str, type(None))
# What an answer from another host has to be made of.
_KINDS: dict[str, tuple[type, ...]] = {
    "url": (str,),
    "reason": (str,),
    "message": _TEXT,
    "body": _TEXT,
    "status": (int, type(None)),
    "address": _TEXT,
    "seconds": (int, float, type(None)),
    "attempts": (int, type(None)),
    "via": _TEXT,
    "final_url": _TEXT,
    "content_type": _TEXT,
    "content_encoding": _TEXT,
}


class FetchProblem(Exception):
    """Why an attempt failed; ``temporary`` if another may succeed."""

    def __init__(self, reason: str, message: str, temporary: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.temporary = temporary


class Deadline:
    """A moment on the monotonic clock by which something must be done."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left.

        :raises FetchProblem: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchProblem(TIMEOUT, f"it took longer than {self.seconds:g} s", temporary=True)
        return left


class _BoundedReader(io.RawIOBase):
    """The reading end of a socket; every read ends by a deadline, however slowly the bytes drip."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there."""
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)


class _BoundedSocket:
    """What http.client needs of a socket, with a deadline for all of it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send a request."""
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, mode: str = "rb", *_arguments: Any) -> io.BufferedReader:
        """The reading end, as http.client asks for it."""
        return io.BufferedReader(_BoundedReader(self._socket, self._deadline), _CHUNK)

    def close(self) -> None:
        """Nothing: http.client closes before the body is read. Who opened the socket closes it."""


class Target(NamedTuple):
    """Where to connect to, and what to ask there."""

    url: str
    host: str
    port: int
    request: str
    host_header: str
    via: str | None
    authorization: str | None


class Answer(NamedTuple):
    """What a server said; the body is empty unless the status is 200."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    address: str


if TYPE_CHECKING:
    # One request to a target before a deadline. Raises FetchProblem, and notes in the dictionary what is known by then.
    Ask = Callable[[Target, Deadline, Settings, dict[str, Any]], Answer]


def fetch_all(urls: Sequence[str], settings: Settings) -> list[Fetched]:
    """Fetch each distinct URL once, several at a time; results in the order of the URLs."""
    distinct = list(dict.fromkeys(urls))
    if not distinct:
        return []
    with ThreadPoolExecutor(max_workers=min(WORKERS, len(distinct))) as pool:
        found = dict(zip(distinct, pool.map(lambda url: fetch(url, settings), distinct)))
    return [found[url] for url in urls]


def fetch(url: str, settings: Settings, ask: Ask | None = None) -> Fetched:
    """Fetch one URL, in several attempts if need be.

    :param ask: sends one request; by default from this process.
    """
    started = time.monotonic()
    for attempt in range(settings.retries + 1):
        facts: dict[str, Any] = {}
        try:
            body = _attempt(url, settings, facts, ask or _ask)
            result = Fetched(url, OK, body=body, **facts)
            temporary = False
        except FetchProblem as problem:
            result = Fetched(url, problem.reason, str(problem), **facts)
            temporary = problem.temporary
        except ValueError as error:
            # What standard libraries make of texts that are no URL differs; none of it may end a fleet's run.
            text = f"it is not a URL that can be asked for ({type(error).__name__})"
            result = Fetched(url, REDIRECT if facts.get("final_url") else SCHEME, text, **facts)
            temporary = False
        result = result._replace(attempts=attempt + 1, seconds=round(time.monotonic() - started, 3))
        if not temporary or attempt == settings.retries:
            break
        time.sleep(settings.backoff * 2**attempt)
    return result


def _attempt(url: str, settings: Settings, facts: dict[str, Any], ask: Ask) -> bytes:
    """One attempt with its redirects; ``facts`` is filled on the way, so that failures have them too."""
    deadline = Deadline(settings.timeout)
    seen = []
    here = url
    while True:
        target = _target(here, settings)
        facts["via"] = target.via
        answer = ask(target, deadline, settings, facts)
        if answer.status not in _REDIRECTS:
            break
        seen.append(here)
        here = _next_url(here, answer, seen)
        facts["final_url"] = here
    if answer.status != 200:
        raise _refused_by_http(answer, target)
    facts["content_type"] = answer.headers.get("Content-Type")
    return _decoded(answer, settings.max_bytes, facts)


def _next_url(here: str, answer: Answer, seen: list[str]) -> str:
    location = answer.headers.get("Location")
    if not location:
        raise FetchProblem(REDIRECT, f"status {answer.status} without saying where to")
    try:
        following = urljoin(here, location)
        scheme = urlsplit(following).scheme.lower()
    except ValueError as error:
        raise FetchProblem(REDIRECT, f"it redirects to {shown(location)}, which is not a URL") from error
    if scheme != "http":
        raise FetchProblem(REDIRECT, f"it redirects to {shown(following)}, which is not plain HTTP")
    if following in seen or following == here:
        raise FetchProblem(REDIRECT, f"it redirects in a circle, to {shown(following)}")
    if len(seen) > MAX_REDIRECTS:
        raise FetchProblem(REDIRECT, f"it redirects more than {MAX_REDIRECTS} times")
    return following


def shown(text: str, limit: int = 120) -> str:
    """A text of a server for a message: printable, on one line, bounded."""
    return harmless(text, limit)


def _target(url: str, settings: Settings) -> Target:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 80
    except ValueError as error:
        raise FetchProblem(SCHEME, f"it is not a URL: {error}") from error
    if parts.scheme.lower() != "http":
        raise FetchProblem(SCHEME, "it is not plain HTTP")
    host = _host(parts.hostname or "")
    known = literal(host)
    if known is not None:
        # Also with a proxy, which would be asked for its own services.
        _refuse(objection(known, networks(settings.allow_networks)), host)
    bracketed = f"[{host}]" if ":" in host else host
    host_header = bracketed if port == 80 else f"{bracketed}:{port}"
    # What is not allowed in a request line is escaped; what is escaped already stays.
    path = quote(parts.path or "/", safe="/:@!$&'()*+,;=~%-._") + (
        "?" + quote(parts.query, safe="/?:@!$&'()*+,;=~%-._") if parts.query else ""
    )
    proxy, credentials = proxy_for(
        host, port, settings.proxy, settings.credentials, settings.no_proxy, settings.environment
    )
    if proxy is None:
        return Target(url, host, port, path, host_header, None, None)
    try:
        proxy_host, proxy_port = proxy_address(proxy)
    except ValueError as error:
        raise FetchProblem(PROXY, str(error)) from error
    via = f"[{proxy_host}]:{proxy_port}" if ":" in proxy_host else f"{proxy_host}:{proxy_port}"
    authorization = None
    if credentials:
        authorization = "Basic " + base64.b64encode(credentials.encode("utf-8")).decode("ascii")
    return Target(url, proxy_host, proxy_port, f"http://{host_header}{path}", host_header, via, authorization)


def _host(text: str) -> str:
    """The host as every program reads it, in ASCII.

    What one program decodes and another takes literally (``local%68ost``, letters that look like others) would be
    another host for who judges than for who asks.
    """
    if not text:
        raise FetchProblem(SCHEME, "it names no host")
    try:
        host = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not _HOST.match(host):
        raise FetchProblem(SCHEME, f"its host {shown(text)} is no name and no address")
    return host


def _ask(target: Target, deadline: Deadline, settings: Settings, facts: dict[str, Any]) -> Answer:
    """Send one request and read its answer."""
    where = f"the proxy {target.via}" if target.via else target.host
    try:
        sock = _connect(target, deadline, settings)
    except FetchProblem as problem:
        if target.via is None:
            raise
        raise FetchProblem(PROXY, f"{where}: {problem}", problem.temporary) from problem
    address = str(sock.getpeername()[0])
    facts["address"] = address
    headers = {
        "Host": target.host_header,
        "User-Agent": _USER_AGENT,
        "Accept": "application/pkix-crl, */*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if target.authorization:
        headers["Proxy-Authorization"] = target.authorization
    try:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _BoundedSocket(sock, deadline)  # type: ignore[assignment]
        connection.request("GET", target.request, headers=headers)
        response = connection.getresponse()
        facts["status"] = response.status
        body = b"" if response.status != 200 else _read(response, settings.max_bytes)
        return Answer(response.status, response.headers, body, address)
    except TimeoutError as error:
        raise FetchProblem(TIMEOUT, f"{where} took longer than {deadline.seconds:g} s", True) from error
    except http.client.InvalidURL as error:
        raise FetchProblem(SCHEME, "it is not a URL that can be asked for") from error
    except http.client.IncompleteRead as error:
        raise FetchProblem(INCOMPLETE, f"{where} ended the transfer early", True) from error
    except (http.client.HTTPException, ValueError) as error:
        what = "closed the connection without an answer" if isinstance(error, http.client.RemoteDisconnected) else ""
        text = what or f"does not speak HTTP ({type(error).__name__})"
        reason = REFUSED if what else HTTP_STATUS
        raise FetchProblem(PROXY if target.via else reason, f"{where} {text}", True) from error
    except OSError as error:
        reason = INCOMPLETE if facts.get("status") == 200 else REFUSED
        reason = PROXY if target.via and reason == REFUSED else reason
        raise FetchProblem(reason, f"{where}: {_why(error)}", True) from error
    finally:
        sock.close()


def _refuse(why: str, host: str) -> None:
    if why:
        where = "" if why.startswith(f"{host} ") else f"{shown(host)} is "
        raise FetchProblem(ADDRESS, f"{where}{why}; nothing is fetched from there")


def _connect(target: Target, deadline: Deadline, settings: Settings) -> socket.socket:
    """A connection to the first address that answers, IPv6 and IPv4, and that may be asked.

    The address that was looked at is the one that is connected to; the name is not resolved again. Which proxy is
    used says somebody who may, so its address may be any.
    """
    problem = FetchProblem(DNS, f"the name {target.host} has no address")
    allowed = networks(settings.allow_networks)
    found = _resolve(target.host, target.port, deadline)
    if target.via is None:
        objections = [objection(str(entry[4][0]), allowed) for entry in found]
        if all(objections):
            _refuse(next(iter(objections), ""), target.host)
        found = [entry for entry, why in zip(found, objections) if not why]
    for family, kind, protocol, _name, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            limit = min(settings.connect_timeout, deadline.left())
            sock.settimeout(limit)
            sock.connect(address)
            return sock
        except FetchProblem:
            sock.close()
            raise
        except TimeoutError:
            sock.close()
            text = f"no answer from {address[0]} port {target.port} within {limit:g} s"
            problem = FetchProblem(TIMEOUT, text, True)
        except OSError as error:
            sock.close()
            text = f"{address[0]} port {target.port}: {_why(error)}"
            reason = TIMEOUT if error.errno == errno.ETIMEDOUT else REFUSED
            problem = FetchProblem(reason, text, True)
    raise problem


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    """The addresses of a name. The resolver knows no deadline, so it works in a thread that may be left behind."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not found:
        text = f"the name {shown(host)} was not resolved within {deadline.seconds:g} s"
        raise FetchProblem(DNS, text, True)
    if isinstance(found[0], socket.gaierror):
        temporary = found[0].errno == socket.EAI_AGAIN
        text = f"the name {shown(host)} cannot be resolved: {found[0].strerror}"
        raise FetchProblem(DNS, text, temporary)
    if isinstance(found[0], Exception):
        raise FetchProblem(DNS, f"the name {shown(host)} cannot be resolved")
    return list(found[0])


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    announced = response.length
    if announced is not None and announced > max_bytes:
        text = f"{announced} bytes are announced, at most {max_bytes} are fetched"
        raise FetchProblem(TOO_LARGE, text)
    chunks = []
    size = 0
    while True:
        chunk = response.read(_CHUNK)
        if not chunk:
            break
        size += len(chunk)
        if size > max_bytes:
            raise FetchProblem(TOO_LARGE, f"it has more than {max_bytes} bytes")
        chunks.append(chunk)
    # http.client tells a short body only from a read without a size.
    if announced is not None and size < announced:
        text = f"the transfer ended after {size} of {announced} bytes"
        raise FetchProblem(INCOMPLETE, text, True)
    return b"".join(chunks)


def _decoded(answer: Answer, max_bytes: int, facts: dict[str, Any]) -> bytes:
    """The body without compression that was not asked for, and that a sensor may not undo."""
    body = answer.body
    encoding = (answer.headers.get("Content-Encoding") or "").strip().lower()
    if encoding not in ("", "identity"):
        facts["content_encoding"] = shown(encoding, 40)
    if encoding in ("gzip", "x-gzip", "deflate"):
        stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
        try:
            body = stream.decompress(body, max_bytes + 1)
        except zlib.error as error:
            raise FetchProblem(INCOMPLETE, f"its {encoding} compression is damaged") from error
        if len(body) > max_bytes:
            raise FetchProblem(TOO_LARGE, f"unpacked it has more than {max_bytes} bytes")
        if not stream.eof:
            raise FetchProblem(INCOMPLETE, f"its {encoding} compression ends early")
    if not body.strip():
        raise FetchProblem(EMPTY, "the answer is empty")
    return body


def _refused_by_http(answer: Answer, target: Target) -> FetchProblem:
    temporary = answer.status in _TEMPORARY
    phrase = http.client.responses.get(answer.status, "")
    text = f"status {answer.status} {phrase}".strip()
    if target.via is not None:
        # Proxies say so if an error page is their own.
        own = "X-Squid-Error" in answer.headers or "tinyproxy" in (answer.headers.get("Server") or "").lower()
        if answer.status == 407:
            return FetchProblem(PROXY, f"the proxy {target.via} wants a user name and password ({text})")
        if own or answer.status in (502, 504):
            return FetchProblem(PROXY, f"the proxy {target.via} refused or failed: {text}", temporary)
    return FetchProblem(HTTP_STATUS, text, temporary)


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
