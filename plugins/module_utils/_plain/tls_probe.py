# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an endpoint presents when somebody opens a TLS connection to it; with the standard library alone.

Nothing is judged here and no certificate is believed: whatever the other side offers, from TLS 1.0 on and
with the weakest cipher suites, is taken, since the question is what is there and not whether it is good.

The handshake runs in memory (``ssl.MemoryBIO``), so the bytes that really arrived are known. That tells an
SSH banner from a damaged handshake without reading OpenSSL's error texts, which differ between versions.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import hashlib
import queue
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

OK = "ok"
DNS = "dns"
REFUSED = "refused"
TIMEOUT = "timeout"
NETWORK = "network"
RESET = "reset"
CLOSED = "closed"
PLAIN = "plain"
HANDSHAKE = "handshake"

# No sensible chain is larger; this keeps a chatty endpoint from filling the memory.
_MAX_HANDSHAKE_BYTES = 1024 * 1024
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT has a name since Python 3.12 only
_TimedOut = socket.timeout  # it is TimeoutError since Python 3.10 only
_PLAIN_REQUEST = b"HEAD / HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Endpoint:
    """Where to connect to.

    :ivar host: name or IP address.
    :ivar server_name: what to ask for with SNI (RFC 6066, section 3), or None for none.
    """

    host: str
    port: int
    server_name: str | None = None


@dataclass(frozen=True)
class Handshake:
    """How one attempt ended.

    :ivar reason: ``ok``, or what prevented it, one of this file's constants.
    :ivar detail: the same in words.
    :ivar address: the IP address that was reached.
    :ivar version: the protocol that was agreed on, for example ``TLSv1.3``.
    :ivar certificates: what was presented (DER), the endpoint's own first.
    :ivar whole_chain: whether ``certificates`` is all that was sent; older Pythons show the first only.
    """

    reason: str
    detail: str = ""
    address: str = ""
    version: str = ""
    certificates: tuple[bytes, ...] = ()
    whole_chain: bool = False


@dataclass(frozen=True)
class Probe:
    """What an endpoint presents to those who ask for its name, and to those who do not.

    :ivar answer: with SNI if the endpoint has a server name, otherwise without.
    :ivar without_name: without SNI, if ``answer`` is with it and the endpoint was reached.
    """

    answer: Handshake
    without_name: Handshake | None = None


class _Failed(Exception):
    """An attempt ended without a certificate."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def lenient_context() -> ssl.SSLContext:
    """A client that accepts every protocol and cipher suite this OpenSSL still knows, and any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, never trusted
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    # Appliances of before 2010 do not know secure renegotiation (RFC 5746).
    context.options |= _LEGACY_SERVER_CONNECT
    for ciphers in ("ALL:!aNULL:@SECLEVEL=0", "ALL:!aNULL"):  # LibreSSL has no security levels
        with contextlib.suppress(ssl.SSLError):
            context.set_ciphers(ciphers)
            break
    return context


def probe_all(
    endpoints: Sequence[Endpoint],
    timeout: float,
    parallel: int,
    progress: Callable[[str, int, int], None] = lambda _what, _made, _of: None,
) -> list[Probe]:
    """Look at many endpoints, in their order.

    :param timeout: seconds for one endpoint: resolving its name, connecting and all handshakes together.
    :param parallel: how many endpoints at once. As many as that can hang without delaying the others.
    :param progress: called with what was done, to how many, and of how many.
    """
    if not endpoints:
        return []
    context = lenient_context()
    with ThreadPoolExecutor(max_workers=max(1, min(parallel, len(endpoints), _affordable()))) as pool:
        found = []
        for one in pool.map(lambda endpoint: probe(endpoint, timeout, context), endpoints):
            found.append(one)
            progress("consoles looked at", len(found), len(endpoints))
        return found


def _affordable() -> int:
    """How many endpoints at once this process has file descriptors for; without one, a good endpoint looks dead."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10000 if soft == resource.RLIM_INFINITY else (soft - 64) // 3


def probe(endpoint: Endpoint, timeout: float, context: ssl.SSLContext | None = None) -> Probe:
    """Look at one endpoint; never fails.

    :param timeout: seconds for everything together.
    """
    context = context or lenient_context()
    deadline = time.monotonic() + timeout
    try:
        addresses = _resolve(endpoint, deadline, timeout)
    except _Failed as failed:
        return Probe(Handshake(failed.reason, failed.detail))
    answer = _attempt(context, addresses, endpoint.server_name, deadline, timeout)
    if endpoint.server_name is None or answer.reason not in (OK, HANDSHAKE, RESET, CLOSED):
        return Probe(answer)
    reached = [address for address in addresses if address[1][0] == answer.address]
    return Probe(answer, _attempt(context, reached or addresses, None, deadline, timeout))


_Address = Any  # (family, socket address); a plain alias, since Python 3.8 evaluates aliases


def _resolve(endpoint: Endpoint, deadline: float, timeout: float) -> list[_Address]:
    """The endpoint's addresses.

    The system's resolver has timeouts of its own and cannot be interrupted, hence a thread that may be left behind.
    """
    host = endpoint.host
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask(flags: int = 0) -> None:
        try:
            answers.put(socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM, flags=flags))
        except (OSError, UnicodeError, ValueError, OverflowError) as error:
            answers.put(error)

    ask(socket.AI_NUMERICHOST)  # an address needs no resolver
    answer = answers.get()
    if isinstance(answer, OSError):
        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=max(0.001, deadline - time.monotonic()))
        except queue.Empty:
            raise _Failed(DNS, f"{host} was not resolved within {timeout:g} s") from None
    if isinstance(answer, OSError):
        raise _Failed(DNS, f"{host} cannot be resolved: {answer.strerror or answer}")
    if isinstance(answer, Exception):
        raise _Failed(DNS, f"{host!r} is no name that can be resolved")
    addresses: list[_Address] = []
    for family, _type, _protocol, _canonical, address in answer:
        if (family, address) not in addresses:
            addresses.append((family, address))
    return addresses


def _attempt(
    context: ssl.SSLContext, addresses: list[_Address], server_name: str | None, deadline: float, timeout: float
) -> Handshake:
    address = ""
    try:
        stream, address = _connect(addresses, deadline, timeout)
        with stream:
            return _Conversation(context, stream, server_name, deadline, timeout).run(address)
    except _Failed as failed:
        return Handshake(failed.reason, failed.detail, address)
    except ValueError:  # UnicodeError among them: a name that cannot be asked for
        return Handshake(HANDSHAKE, f"{server_name!r} cannot be asked for with SNI", address)


def _connect(addresses: list[_Address], deadline: float, timeout: float) -> tuple[socket.socket, str]:
    """The first address that answers; those left each get an equal share of the time left."""
    failures: list[_Failed] = []
    for position, (family, address) in enumerate(addresses):
        share = (deadline - time.monotonic()) / (len(addresses) - position)
        try:
            return _open(family, address, max(0.001, share)), str(address[0])
        except OSError as error:
            failures.append(_connect_failure(error, str(address[0]), timeout))
    if len(failures) == 1:
        raise failures[0]
    raise _Failed(failures[0].reason, "; ".join(failure.detail for failure in failures))


def _open(family: int, address: Any, timeout: float) -> socket.socket:
    stream = socket.socket(family, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        stream.connect(address)
    except OSError:
        stream.close()
        raise
    return stream


def _connect_failure(error: OSError, address: str, timeout: float) -> _Failed:
    if isinstance(error, _TimedOut) or error.errno == errno.ETIMEDOUT:
        return _Failed(TIMEOUT, f"{address} did not answer within {timeout:g} s")
    if isinstance(error, ConnectionRefusedError):
        return _Failed(REFUSED, f"{address} refused the connection")
    if isinstance(error, ConnectionResetError):
        return _Failed(RESET, f"{address} reset the connection")
    return _Failed(NETWORK, f"{address} cannot be reached: {error.strerror or error}")


class _Conversation:
    """One handshake over a connected socket."""

    def __init__(
        self, context: ssl.SSLContext, stream: socket.socket, server_name: str | None, deadline: float, timeout: float
    ) -> None:
        self._stream = stream
        self._deadline = deadline
        self._timeout = timeout
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._received = 0
        self._plain: socket.socket | None = None

    def run(self, address: str) -> Handshake:
        """Shake hands.

        :raises _Failed: it came to nothing.
        """
        try:
            while not self._step():
                self._feed(self._receive())
            handshake = Handshake(
                OK,
                address=address,
                version=self._session.version() or "",
                certificates=self._certificates(),
                whole_chain=_sent_chain(self._session) is not None,
            )
            self._leave()
        except ConnectionResetError:
            raise _Failed(RESET, "the connection was accepted and then reset") from None
        except BrokenPipeError:
            raise _Failed(CLOSED, "the connection was accepted and then closed without an answer") from None
        except _TimedOut:
            raise self._too_late() from None
        except OSError as error:
            raise _Failed(NETWORK, f"the connection broke: {error.strerror or error}") from None
        finally:
            if self._plain is not None:
                self._plain.close()
        if not handshake.certificates:
            raise _Failed(HANDSHAKE, "TLS was agreed on without a certificate")
        return handshake

    def _step(self) -> bool:
        """Go on with the handshake as far as the received bytes lead; whether it is complete."""
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return False
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                self._send()  # our alert; the other side may be gone
            words = (error.reason or str(error)).lower().replace("_", " ")
            raise _Failed(HANDSHAKE, f"it speaks TLS, but the handshake failed ({words})") from None
        self._send()
        return True

    def _send(self) -> None:
        data = self._outgoing.read()
        if data:
            self._stream.settimeout(self._left())
            self._stream.sendall(data)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _TimedOut
        return left

    def _receive(self) -> bytes:
        if self._received == 0 and self._plain is None:
            # Some servers that speak another protocol in lines wait for a line's end, and so for ever: after
            # half of the time somebody asks in plain text, on a second connection that disturbs nothing.
            self._stream.settimeout(self._left() / 2)
            try:
                return self._stream.recv(65536)
            except _TimedOut:
                self._ask_in_plain_text()
        self._stream.settimeout(self._left())
        return self._stream.recv(65536)

    def _feed(self, data: bytes) -> None:
        if not data:
            if self._received:
                raise _Failed(CLOSED, "the connection was closed in the middle of the TLS handshake")
            raise _Failed(CLOSED, "the connection was accepted and then closed without an answer")
        if self._received == 0 and not looks_like_tls(data):
            raise _Failed(PLAIN, identify(data))
        self._received += len(data)
        if self._received > _MAX_HANDSHAKE_BYTES:
            raise _Failed(HANDSHAKE, f"the TLS handshake did not end within {_MAX_HANDSHAKE_BYTES} bytes")
        self._incoming.write(data)

    def _ask_in_plain_text(self) -> None:
        with contextlib.suppress(OSError):
            self._plain = _open(self._stream.family, self._stream.getpeername(), self._left() / 2)
            self._plain.sendall(_PLAIN_REQUEST)

    def _too_late(self) -> _Failed:
        if self._received:
            return _Failed(TIMEOUT, f"the TLS handshake began and did not end within {self._timeout:g} s")
        data = b""
        if self._plain is not None:
            with contextlib.suppress(OSError):
                self._plain.setblocking(False)
                data = self._plain.recv(512)
        # A slow TLS server complains about plain text with an alert, or says so in a web page of its own.
        if data and not looks_like_tls(data) and b"HTTPS" not in data:
            return _Failed(PLAIN, identify(data))
        return _Failed(TIMEOUT, f"the connection was accepted, but no answer came within {self._timeout:g} s")

    def _certificates(self) -> tuple[bytes, ...]:
        chain = _sent_chain(self._session)
        if chain is not None:
            return chain
        own = self._session.getpeercert(binary_form=True)
        return (own,) if own else ()

    def _leave(self) -> None:
        """Say goodbye, so that the other side logs no error; what it answers does not matter."""
        with contextlib.suppress(OSError):
            with contextlib.suppress(ssl.SSLError):
                self._session.unwrap()
            self._send()
            self._stream.shutdown(socket.SHUT_WR)


def _sent_chain(session: ssl.SSLObject) -> tuple[bytes, ...] | None:
    """All certificates that the other side sent (DER), or None if this Python cannot tell.

    Public since Python 3.13; 3.10 to 3.12 have the same on the object beneath.
    """
    public = getattr(session, "get_unverified_chain", None)
    if public is not None:
        return tuple(bytes(certificate) for certificate in public())
    inner = getattr(getattr(session, "_sslobj", None), "get_unverified_chain", None)
    if inner is None:
        return None
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner() or ())


def looks_like_tls(data: bytes) -> bool:
    """Whether bytes begin a TLS record (RFC 8446, section 5.1): a content type, then major version 3."""
    return data[0] in (0x14, 0x15, 0x16, 0x17) and (len(data) < 2 or data[1] == 3)


def identify(data: bytes) -> str:
    """What speaks there, in words, from the first bytes that it sent."""
    for start, words in (
        (b"SSH-", "an SSH server answers there"),
        (b"HTTP/", "a web server without TLS (plain HTTP) answers there"),
        (b"<", "a web server without TLS (plain HTTP) answers there"),
        (b"RFB ", "a VNC server answers there"),
        (b"220", "a mail or FTP server answers there"),
        (b"\x03\x00", "a remote desktop server (RDP) answers there"),
        (b"\xff", "a telnet server answers there"),
    ):
        if data.startswith(start):
            return words
    return f"something that is not TLS answers there; it begins with {ascii(data[:24])[1:]}"


def to_plain(probes: Sequence[Probe]) -> dict[str, Any]:
    """Results as a module returns them (JSON). A certificate that many endpoints send travels once."""
    certificates: dict[str, str] = {}

    def handshake(value: Handshake | None) -> dict[str, Any] | None:
        if value is None:
            return None
        prints = []
        for der in value.certificates:
            prints.append(hashlib.sha256(der).hexdigest())
            if prints[-1] not in certificates:
                certificates[prints[-1]] = base64.b64encode(der).decode("ascii")
        return {
            "reason": value.reason,
            "detail": value.detail,
            "address": value.address,
            "version": value.version,
            "certificates": prints,
            "whole_chain": value.whole_chain,
        }

    rows = [{"answer": handshake(each.answer), "without_name": handshake(each.without_name)} for each in probes]
    return {"probes": rows, "certificates": certificates}


def from_plain(value: Mapping[str, Any]) -> list[Probe]:
    """The reverse of :func:`to_plain`.

    :raises ValueError: it is not what :func:`to_plain` returns.
    """
    try:
        certificates = {key: base64.b64decode(text) for key, text in value["certificates"].items()}

        def handshake(row: Mapping[str, Any]) -> Handshake:
            made = Handshake(
                str(row["reason"]),
                str(row["detail"]),
                str(row["address"]),
                str(row["version"]),
                tuple(certificates[key] for key in row["certificates"]),
                bool(row["whole_chain"]),
            )
            if made.reason == OK and not made.certificates:
                raise ValueError("not the result of a probe (a handshake without a certificate)")
            return made

        return [
            Probe(handshake(row["answer"]), handshake(row["without_name"]) if row["without_name"] else None)
            for row in value["probes"]
        ]
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"not the result of a probe ({type(error).__name__}: {error})") from error
