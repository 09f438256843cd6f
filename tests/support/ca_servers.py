# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real CA servers on loopback, OpenBao and cfssl, and a proxy before them that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

BAO = Path(sys.executable).parent / "bao"
MISSING_CFSSL = None if shutil.which("cfssl") else "needs cfssl (apt: golang-cfssl)"
TOKEN = "root-token-of-the-test"
AUTH_KEY = "0123456789ABCDEF0123456789ABCDEF"


def free_ports(count: int = 1) -> int:
    """The first of so many ports in a row that nobody has."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for number in range(1, count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port


def _until(process: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path) -> None:
    """Wait until a server answers; one that ends is the test's failure."""
    for _attempt in range(600):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            if answers():
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(log.read_text())


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class Bao:
    """An OpenBao server.

    :ivar url: its address. :ivar ca_cert: the CA of its TLS certificate, if it speaks TLS.
    """

    url: str
    ca_cert: str | None = None
    mounts: int = 0

    def call(self, method: str, path: str, content: Any = None, token: str = TOKEN) -> Any:
        """One call that must succeed."""
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"X-Vault-Token": token},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                body = response.read()
        except HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from None
        return json.loads(body) if body else {}

    def engine(self, ttl: str = "87600h", **role: Any) -> str:
        """A new PKI engine with a root of its own and a role ``sensors``; its mount."""
        self.mounts += 1
        mount = f"pki{self.mounts}"
        self.call("POST", f"sys/mounts/{mount}", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
        self.call("POST", f"{mount}/root/generate/internal", {"common_name": f"Root of {mount}", "ttl": ttl})
        settings = {"allowed_domains": "plant.example", "allow_subdomains": True, "max_ttl": "43800h", **role}
        self.call("POST", f"{mount}/roles/sensors", settings)
        return mount

    def token(self, *rules: str, **more: Any) -> str:
        """A token whose policy is these rules alone."""
        self.mounts += 1
        name = f"policy{self.mounts}"
        self.call("POST", f"sys/policies/acl/{name}", {"policy": "\n".join(rules)})
        answer = self.call("POST", "auth/token/create", {"policies": [name], **more})
        return str(answer["auth"]["client_token"])

    def issued(self, mount: str) -> list[str]:
        """The serial numbers of what an engine has issued, its own root included."""
        return list(self.call("GET", f"{mount}/certs?list=true")["data"]["keys"])


def only(path: str, *capabilities: str) -> str:
    """One rule of a policy."""
    return f'path "{path}" {{ capabilities = {json.dumps(list(capabilities))} }}'


@contextlib.contextmanager
def bao(folder: Path, tls: bool = False) -> Iterator[Bao]:
    """A server in its development mode, in memory."""
    port = free_ports(2)  # it takes the next one for its cluster
    log = folder / "bao.log"
    certificates = folder / "bao-tls"
    certificates.mkdir()
    options = ["-dev-tls", f"-dev-tls-cert-dir={certificates}"] if tls else []
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(BAO), "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}",
             "-dev-no-store-token", *options],
            stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )  # fmt: skip
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    def answers() -> bool:
        if tls:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        try:
            with urllib.request.urlopen(f"{url}/v1/sys/health", timeout=5) as response:
                return bool(response.status == 200)
        except URLError:
            return False

    try:
        _until(process, answers, log)
        yield Bao(url, str(next(certificates.glob("*ca*.pem"), "")) if tls else None)
    finally:
        _stop(process)


@contextlib.contextmanager
def cfssl(folder: Path, certificate: bytes, key: bytes, auth: bool = True) -> Iterator[str]:
    """A cfssl server with a CA; its profile C(sensor) gives 30 days and allows names below plant.example alone."""
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "ca-key.pem").write_bytes(key)
    profile: dict[str, Any] = {
        "expiry": "720h",
        "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
        "name_whitelist": r"(plant\.example|^[0-9.]+)$",
    }
    default: dict[str, Any] = {"expiry": "8760h", "usages": ["signing", "server auth"]}
    config: dict[str, Any] = {"signing": {"default": default, "profiles": {"sensor": profile}}}
    if auth:
        profile["auth_key"] = default["auth_key"] = "key"
        config["auth_keys"] = {"key": {"type": "standard", "key": AUTH_KEY}}
    (folder / "cfssl.json").write_text(json.dumps(config))
    port = free_ports()
    log = folder / "cfssl.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["cfssl", "serve", "-address", "127.0.0.1", "-port", str(port), "-ca", "ca.pem", "-ca-key", "ca-key.pem",
             "-config", "cfssl.json"],
            cwd=folder, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def answers() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        _until(process, answers, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(process)


# What a proxy does with a request: passes it on (None), or answers itself: status, content type, body, further headers.
Told = tuple[int, str, bytes, dict[str, str]]
LOSE = (0, "", b"", {})  # pass it on, and close the connection instead of answering
DROP = (-1, "", b"", {})  # close the connection without passing it on


@dataclass
class Between:
    """A proxy before a server that keeps what was asked, and misbehaves as it is told.

    :ivar plan: called with method and path; says what to do.
    :ivar alter: called with path and the server's answer; what it returns is passed on.
    :ivar seen: every request: method and path.
    """

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    plan: Callable[[str, str], Told | None] = field(default=lambda _method, _path: None)
    alter: Callable[[str, bytes], bytes] = field(default=lambda _path, content: content)

    def count(self, part: str) -> int:
        """How often something was asked for."""
        return sum(part in path for _method, path in self.seen)


@contextlib.contextmanager
def between(target: str) -> Iterator[Between]:
    """A proxy before a server on loopback."""
    host = target.split("//", 1)[1]

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            return

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.seen.append((self.command, self.path))
            told = made.plan(self.command, self.path)
            if told is not None and told[0] > 0:
                self._answer(told[0], told[2], {"Content-Type": told[1], **told[3]})
                return
            if told is DROP:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            connection = http.client.HTTPConnection(host, timeout=30)
            headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            content = made.alter(self.path, response.read())
            connection.close()
            if told is LOSE:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._answer(response.status, content, {"Content-Type": response.headers.get("Content-Type") or ""})

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - names that the library asks for

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Between(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
