# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS endpoints on loopback addresses, good and bad, with certificates made by cryptography itself."""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


@functools.cache
def key(number: int) -> rsa.RSAPrivateKey:
    """An RSA key; the same for the same number, since making one takes time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def name(common_name: str) -> x509.Name:
    """A distinguished name."""
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, and what is above it."""

    certificate: x509.Certificate
    private_key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def write(self, folder: Path, label: str, send_chain: bool = True) -> Path:
        """One PEM file for a server: key, certificate and (unless the server forgets it) the chain without its root."""
        path = folder / f"{label}.server.pem"
        sent = [self.certificate, *(each for each in self.chain if send_chain and each.subject != each.issuer)]
        text = self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(text + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in sent))
        return path

    def stage(self, folder: Path, label: str) -> tuple[str, str]:
        """The .crt and the .pem as people have them."""
        crt, pem = folder / f"{label}.crt", folder / f"{label}.pem"
        crt.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        pem.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in self.chain))
        return str(crt), str(pem)


def issue(
    common_name: str,
    issuer: Identity | None = None,
    *,
    ca: bool = False,
    sans: Sequence[str] | None = None,
    since: datetime.datetime = NOW - DAY,
    until: datetime.datetime = NOW + 365 * DAY,
    key_number: int = 0,
) -> Identity:
    """A certificate; self-signed without an issuer. The SAN repeats the common name unless ``sans`` says otherwise."""
    private_key = key(key_number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer.certificate.subject if issuer else name(common_name))
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
    )
    signing = issuer.private_key if issuer else private_key
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = builder.add_extension(identifier, critical=False)
    if not ca and sans != ():
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(san) for san in sans or [common_name]]), critical=False
        )
    chain = (issuer.certificate, *issuer.chain) if issuer else ()
    return Identity(builder.sign(signing, hashes.SHA256()), private_key, chain)


def _general(text: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(text))
    return x509.DNSName(text)


@contextlib.contextmanager
def listening(handle: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """A TCP server with a thread for each connection; gives its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, 0))
        server.listen(512)

        def serve_one(stream: socket.socket) -> None:
            with stream, contextlib.suppress(OSError):
                handle(stream)

        def serve() -> None:
            while True:
                try:
                    stream, _address = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve_one, args=(stream,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept


def tls_handler(default: Path, by_name: Mapping[str, Path] | None = None) -> Callable[[socket.socket], None]:
    """TLS as Python's ssl speaks it; ``by_name`` are the certificates for those who ask with SNI."""
    contexts = {}
    for asked, path in {"": default, **(by_name or {})}.items():
        contexts[asked] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[asked].load_cert_chain(path)

    def choose(session: Any, asked: str | None, _context: ssl.SSLContext) -> None:
        if asked in contexts:
            session.context = contexts[asked]

    contexts[""].sni_callback = choose

    def handle(stream: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), contexts[""].wrap_socket(stream, server_side=True) as session:
            session.recv(1)

    return handle


def wait_for_end(stream: socket.socket) -> None:
    """Say nothing until the other side leaves."""
    while stream.recv(4096):
        pass


def say(data: bytes, first: bool = False) -> Callable[[socket.socket], None]:
    """Answer with these bytes; ``first``: without waiting for a question."""

    def handle(stream: socket.socket) -> None:
        if not first:
            stream.recv(4096)
        stream.sendall(data)
        wait_for_end(stream)

    return handle


def answer_lines(stream: socket.socket) -> None:
    """A server that waits for the end of an HTTP request, and so for ever if it gets something else."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = stream.recv(4096)
        if not chunk:
            return
        received += chunk
    stream.sendall(b"HTTP/1.0 200 OK\r\n\r\n")


def close_at_once(stream: socket.socket) -> None:
    """Leave without a word, but not before the question is there, so that it is no reset."""
    stream.recv(4096)


def reset(stream: socket.socket) -> None:
    """Leave rudely."""
    stream.recv(4096)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def openssl_server(pem: Path, *options: str) -> Iterator[int]:
    """``openssl s_server``; gives its port when it answers."""
    if not shutil.which("openssl"):
        raise FileNotFoundError("openssl")
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-cert_chain", str(pem)]
    with subprocess.Popen(
        [*command, "-key", str(pem), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            said = b""
            for line in process.stdout:
                said += line
                if line.startswith(b"ACCEPT"):
                    break
            else:
                raise AssertionError(f"openssl s_server ended: {said.decode(errors='replace')}")
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield port
        finally:
            process.kill()
