# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching from servers that are broken or hostile: always an answer, always in time, always bounded."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import fetching
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.addresses import networks, objection
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.fetching import Fetched, Settings, fetch
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.fetching_proxy import (
    proxy_address,
    proxy_for,
    split_credentials,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

STRICT = Settings(timeout=10, connect_timeout=10, retries=0, backoff=0.0, max_bytes=4096)
# The servers of these tests are where nothing is fetched from otherwise.
QUICK = STRICT._replace(allow_networks=("127.0.0.0/8", "::1"))
# For what must run into its deadline.
SHORT = QUICK._replace(timeout=0.6, connect_timeout=0.4)
Handler = Callable[[socket.socket, bytes], None]


class Server:
    """Accepts connections, reads the request's head, and lets the test's handler answer."""

    def __init__(self, handler: Handler, address: str = "127.0.0.1") -> None:
        self.handler = handler
        self.requests: list[bytes] = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.bind((address, 0))
        self.socket.listen(20)
        self.port = self.socket.getsockname()[1]
        self.host = f"[{address}]" if ":" in address else address
        self.done = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/x.crl") -> str:
        return f"http://{self.host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(4096)
                if not data:
                    return
                head += data
            self.requests.append(head)
            self.handler(connection, head)

    def close(self) -> None:
        self.done.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(handler: Handler | bytes, address: str = "127.0.0.1") -> Server:
        if isinstance(handler, bytes):
            content = handler
            servers.append(Server(lambda connection, _head: connection.sendall(content), address))
        else:
            servers.append(Server(handler, address))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answer(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_success_tells_what_came_and_how(serve: Callable[..., Server]) -> None:
    server = serve(answer(b"content", "200 OK", "Content-Type: application/pkix-crl"))
    found = fetch(server.url("/a b.crl?x=%20y"), QUICK)
    assert (found.reason, found.body, found.status, found.address) == ("ok", b"content", 200, "127.0.0.1")
    assert found.content_type == "application/pkix-crl"
    assert found.attempts == 1
    request = server.requests[0].decode()
    assert request.startswith("GET /a%20b.crl?x=%20y HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in request


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (answer(b"", "404 Not Found"), "http-status", "status 404 Not Found"),
        (answer(b"", "500 Oops"), "http-status", "status 500"),
        (answer(b""), "empty", "empty"),
        (answer(b" \r\n"), "empty", "empty"),
        (answer(b"x" * 5000), "too-large", "5000 bytes are announced"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "too-large", "more than 4096 bytes"),
        (answer(b"half", length=1000), "incomplete", "4 of 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab", "incomplete", "ended the transfer early"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "http-status", "does not speak HTTP"),
        (b"", "refused", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "http-status", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, "http-status", "does not speak HTTP"),
        (answer(b"", "302 Found", "Location: https://crl.example/x"), "redirect", "https://crl.example/x, which is not plain"),
        (answer(b"", "302 Found"), "redirect", "without saying where to"),
        (answer(b"", "302 Found", "Location: /x.crl"), "redirect", "in a circle"),
        (answer(b"", "304 Not Modified"), "http-status", "status 304"),
    ],
)  # fmt: skip
def test_what_broken_servers_say(serve: Callable[..., Server], content: bytes, reason: str, message: str) -> None:
    found = fetch(serve(content).url(), QUICK)
    assert found.reason == reason
    assert message in found.message
    assert found.body is None


def test_redirects_are_followed_and_limited(serve: Callable[..., Server]) -> None:
    def count(connection: socket.socket, head: bytes) -> None:
        number = int(head.split()[1].rpartition(b"/")[2])
        left = answer(b"here") if number == 3 else answer(b"", "301 Moved", f"Location: /{number + 1}")
        connection.sendall(left)

    server = serve(count)
    found = fetch(server.url("/0"), QUICK)
    assert (found.reason, found.body, found.final_url) == ("ok", b"here", server.url("/3"))
    assert "more than 5 times" in fetch(server.url("/4"), QUICK).message
    assert len(server.requests) == 4 + fetching.MAX_REDIRECTS + 1


def _drip(server: list[Server], start: bytes, piece: bytes) -> Handler:
    def handler(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(start)
        while not server[0].done.wait(0.05):
            connection.sendall(piece)

    return handler


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b""),  # never answers
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),  # headers drip
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),  # the body drips
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_slow_drip_ends_in_time(serve: Callable[..., Server], start: bytes, piece: bytes) -> None:
    holder: list[Server] = []
    holder.append(serve(_drip(holder, start, piece)))
    # The server never ends by itself, so that this returns is the proof.
    found = fetch(holder[0].url(), SHORT)
    assert found.reason == "timeout", found


def test_an_endless_body_is_cut(serve: Callable[..., Server]) -> None:
    def endless(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1000)

    assert fetch(serve(endless).url(), QUICK).reason == "too-large"


def test_a_gzip_bomb_is_bounded_and_honest_compression_is_undone(serve: Callable[..., Server]) -> None:
    bomb = gzip.compress(b"\0" * 2_000_000)
    assert len(bomb) < QUICK.max_bytes
    found = fetch(serve(answer(bomb, "200 OK", "Content-Encoding: gzip")).url(), QUICK)
    assert (found.reason, found.message) == ("too-large", "unpacked it has more than 4096 bytes")
    server = serve(answer(gzip.compress(b"content"), "200 OK", "Content-Encoding: gzip"))
    found = fetch(server.url(), QUICK)
    assert (found.reason, found.body, found.content_encoding) == ("ok", b"content", "gzip")
    assert b"Accept-Encoding: identity\r\n" in server.requests[0]
    cut = answer(gzip.compress(b"content")[:-4], "200 OK", "Content-Encoding: gzip")
    assert fetch(serve(cut).url(), QUICK).reason == "incomplete"


def test_a_reset_is_told(serve: Callable[..., Server]) -> None:
    def reset(connection: socket.socket, _head: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    found = fetch(serve(reset).url(), QUICK)
    assert found.reason == "refused"


def test_a_closed_port_and_an_unknown_name() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = fetch(f"http://127.0.0.1:{port}/", QUICK)
    assert (found.reason, found.message) == ("refused", f"127.0.0.1 port {port}: Connection refused")
    assert fetch("http://nowhere.invalid/", QUICK).reason == "dns"


def test_name_resolution_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    release, over = threading.Event(), threading.Event()

    def hang(*_args: object, **_kwargs: object) -> None:
        release.wait(60)
        over.set()

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    found = fetch("http://slow.example/", SHORT)
    assert not over.is_set(), "it waited for the resolver"
    release.set()
    assert found.reason == "dns"


def test_a_port_that_swallows_everything_times_out() -> None:
    # A listener whose backlog is full answers no further handshake.
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _index in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        found = fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", SHORT)
    assert found.reason == "timeout"


@pytest.mark.parametrize(
    "url", ["https://crl.example/x", "ldap:///CN=x", "ftp://x/", "file:///etc/passwd", "x", "http://"]
)
def test_only_plain_http(url: str) -> None:
    assert fetch(url, QUICK).reason == "scheme"


def test_nothing_is_smuggled_into_the_request(serve: Callable[..., Server]) -> None:
    server = serve(answer(b"content"))
    fetch(server.url("/x HTTP/1.1\r\nEvil: yes\r\n\r\n"), QUICK)
    for request in server.requests:
        assert b"\r\nEvil" not in request


def test_retries_come_with_growing_pauses(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", pauses.append)
    answers = [answer(b"", "503 Later"), answer(b"", "503 Later"), answer(b"content")]
    server = serve(lambda connection, _head: connection.sendall(answers.pop(0)))
    found = fetch(server.url(), QUICK._replace(retries=3, backoff=0.5))
    assert (found.reason, found.attempts, pauses) == ("ok", 3, [0.5, 1.0])
    server = serve(answer(b"", "404 Not Found"))
    assert fetch(server.url(), QUICK._replace(retries=3)).attempts == 1, "what is permanent is not tried again"


def test_each_url_is_fetched_once_and_several_at_a_time(serve: Callable[..., Server]) -> None:
    together = threading.Barrier(3, timeout=5)

    def handler(connection: socket.socket, _head: bytes) -> None:
        together.wait()
        connection.sendall(answer(b"content"))

    server = serve(handler)
    urls = [server.url(f"/{index % 3}") for index in range(9)]
    found = fetching.fetch_all(urls, QUICK)
    assert [entry.url for entry in found] == urls
    assert {entry.reason for entry in found} == {"ok"}
    assert len(server.requests) == 3


def test_ipv6(serve: Callable[..., Server]) -> None:
    try:
        server = serve(answer(b"content"), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6 on its loopback")
    found = fetch(server.url(), QUICK)
    assert (found.reason, found.address) == ("ok", "::1")
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


def test_an_address_that_fails_is_followed_by_the_next(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer(b"content"))
    real = socket.getaddrinfo

    def two(host: str, port: int, **kwargs: object) -> list[object]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", 0))
            closed = probe.getsockname()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", closed), *real("127.0.0.1", port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    found = fetch(f"http://crl.example:{server.port}/", QUICK)
    assert (found.reason, found.address) == ("ok", "127.0.0.1")


def test_a_proxy_gets_the_whole_url_and_its_credentials(serve: Callable[..., Server]) -> None:
    proxy = serve(answer(b"content"))
    settings = QUICK._replace(proxy=f"http://127.0.0.1:{proxy.port}", credentials="ot:p@ss")
    found = fetch("http://crl.example/x.crl", settings)
    assert (found.reason, found.via) == ("ok", f"127.0.0.1:{proxy.port}")
    request = proxy.requests[0].decode()
    assert request.startswith("GET http://crl.example/x.crl HTTP/1.1\r\n")
    assert "Host: crl.example\r\n" in request
    assert "Proxy-Authorization: Basic b3Q6cEBzcw==\r\n" in request
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    "content",
    [
        answer(b"", "407 Proxy Authentication Required"),
        answer(b"", "403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0"),
        answer(b"", "403 Filtered", "Server: tinyproxy/1.11.1"),
        answer(b"", "502 Bad Gateway"),
        b"",
    ],
)
def test_what_the_proxy_refuses_is_not_blamed_on_the_server(serve: Callable[..., Server], content: bytes) -> None:
    proxy = serve(content)
    found = fetch("http://crl.example/", QUICK._replace(proxy=f"http://127.0.0.1:{proxy.port}"))
    assert found.reason == "proxy", found
    assert f"127.0.0.1:{proxy.port}" in found.message


def test_a_status_of_the_server_behind_the_proxy_stays_its_own(serve: Callable[..., Server]) -> None:
    proxy = serve(answer(b"", "404 Not Found", "Server: nginx"))
    assert fetch("http://crl.example/", QUICK._replace(proxy=f"127.0.0.1:{proxy.port}")).reason == "http-status"


def test_a_proxy_that_is_not_there() -> None:
    found = fetch("http://crl.example/", QUICK._replace(proxy="http://127.0.0.1:1"))
    assert (found.reason, "the proxy 127.0.0.1:1" in found.message) == ("proxy", True)


def test_the_environments_proxy_counts_only_if_none_is_given() -> None:
    environment = {"http_proxy": "http://u:p@env:3128", "HTTP_PROXY": "http://upper:1", "no_proxy": ".plant.example"}
    assert proxy_for("crl.example", 80, None, None, None, environment) == ("http://env:3128", "u:p")
    assert proxy_for("crl.plant.example", 80, None, None, None, environment) == (None, None)
    assert proxy_for("crl.example", 80, "", None, None, environment) == (None, None)
    given = proxy_for("crl.plant.example", 80, "http://given:1", "a:b", None, environment)
    assert given == ("http://given:1", "a:b"), "the environment's exceptions belong to its own proxy"
    assert proxy_for("crl.example", 8080, "http://given:1", None, "crl.example:8080", {}) == (None, None)
    assert proxy_for("crl.example", 80, "http://given:1", None, "*", {}) == (None, None)
    assert proxy_for("crl.example", 80, None, None, None, {}) == (None, None)


def test_credentials_leave_the_url() -> None:
    assert split_credentials("http://u:p%40w@host:3128/") == ("http://host:3128/", "u:p@w")
    assert split_credentials("host:3128") == ("host:3128", None)
    assert proxy_address("http://[::1]:3128") == ("::1", 3128)
    assert proxy_address("proxy") == ("proxy", 80)
    for bad in ("https://proxy:1", "socks5://proxy:1", "http://", "http://h:99999"):
        with pytest.raises(ValueError, match="wanted: http://HOST:PORT"):
            proxy_address(bad)


@pytest.mark.parametrize(
    "proxy", ["http://u:secret/1@host:3128", "u:secret/1@host:3128", "http://u:sec/re/t@host:3128/"]
)
def test_a_password_may_have_a_bare_slash(proxy: str) -> None:
    url, credentials = split_credentials(proxy)
    assert credentials in ("u:secret/1", "u:sec/re/t")
    assert proxy_address(url) == ("host", 3128)


@pytest.mark.parametrize("proxy", ["http://u:secret", "http://u:secret:host", "http://[secret", "socks5://u:secret"])
def test_what_is_no_proxy_is_not_quoted(proxy: str) -> None:
    url, _credentials = split_credentials(proxy)
    with pytest.raises(ValueError, match="wanted: http://HOST:PORT") as refused:
        proxy_address(url)
    assert "secret" not in str(refused.value)


def test_results_travel_as_data(serve: Callable[..., Server]) -> None:
    found = fetch(serve(answer(b"content" * 100)).url(), QUICK)
    data = json.loads(json.dumps(found.to_dict()))
    assert Fetched.from_dict(data, 4096) == found
    with pytest.raises(ValueError, match="larger"):
        Fetched.from_dict(data, 100)


def test_it_needs_nothing_but_the_standard_library(tmp_path: object) -> None:
    """As on a jump host: the module's files alone, without site packages."""
    folder = os.path.dirname(fetching.__file__)
    code = (
        "import sys, types; package = types.ModuleType('p'); package.__path__ = [sys.argv[1]]; sys.modules['p'] = package;"
        "from p import fetching; print(fetching.fetch('http://127.0.0.1:1/', fetching.Settings(retries=0, allow_networks=('127.0.0.0/8',))).reason)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"


# --- Where nothing is fetched from -----------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.8.9.10", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "localhost", "LOCALHOST.", "x.localhost",
        "169.254.169.254", "169.254.0.1", "[fe80::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1:7f00:0:100::]", "[64:ff9b:1:0:a9:fea9:fe00:0]", "[::ffff:0:7f00:1]", "[fd00::5efe:7f00:1]",
        "[fd00:42::42]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255", "[ff02::1]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
def test_loopback_link_and_metadata_are_not_asked(host: str, proxy: str | None) -> None:
    found = fetch(f"http://{host}:9/x", STRICT._replace(proxy=proxy, environment={}))
    assert found.reason == "address", found
    assert "nothing is fetched from there" in found.message


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("local%68ost", "scheme"), ("127.0.0.1%2e", "scheme"), ("%31%32%37.0.0.1", "scheme"), ("169.254.169%2e254", "scheme"),
        ("\u24dbocalhost", "address"), ("\uff11\uff12\uff17.0.0.1", "address"), ("127\u30020\u30020\u30021", "address"),
        ("a b", "scheme"), ("a\\b", "scheme"), ("a;b", "scheme"), ("{127.0.0.1,x}", "scheme"), ("crl.plant\u202e.example", "scheme"),
    ],
)  # fmt: skip
def test_a_host_that_programs_read_in_different_ways_is_asked_by_none(
    host: str, reason: str, proxy: str | None
) -> None:
    assert fetch(f"http://{host}:9/x", STRICT._replace(proxy=proxy, environment={})).reason == reason


@pytest.mark.parametrize("host", ["10.0.0.1", "172.16.3.4", "192.168.1.1", "[fd12:3456::1]", "192.0.2.1", "100.64.0.1"])
def test_private_networks_are_what_plants_are_made_of(host: str) -> None:
    assert objection(host.strip("[]")) == ""


def test_what_a_name_is_resolved_to_counts_and_is_what_is_connected_to(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time gains nothing: there is no second time."""
    server = serve(answer(b"content"))
    asked: list[str] = []

    def resolve(host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        # From the second time on: this host itself.
        return [(*entry, ("192.0.2.7", port))] if len(asked) == 1 else [(*entry, ("127.0.0.1", port))]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", resolve)
    short = STRICT._replace(connect_timeout=0.2)
    url = f"http://crl.example:{server.port}/"
    assert "192.0.2.7" in fetch(url, short).message
    assert asked == ["crl.example"]
    found = fetch(url, short)
    assert (found.reason, found.address) == ("address", None)
    assert "127.0.0.1 is this host itself" in found.message
    assert server.requests == []
    # Of several addresses those that may be asked are.
    allowed = fetch(url, QUICK)
    assert (allowed.reason, allowed.address) == ("ok", "127.0.0.1")


def test_a_redirect_leads_nowhere_else_either(serve: Callable[..., Server]) -> None:
    inner = serve(answer(b"the inside"), "127.0.0.2")
    outer = serve(answer(b"", "302 Found", f"Location: {inner.url()}"))
    settings = STRICT._replace(allow_networks=("127.0.0.1",))
    found = fetch(outer.url(), settings)
    assert (found.reason, found.body) == ("address", None)
    assert inner.requests == []
    assert fetch(outer.url(), QUICK).body == b"the inside"


@pytest.mark.parametrize(
    "location", ["http://[::", "http://[::1", "http://x:99999999/", "http://a:b:c/", "http://\x00/"]
)
def test_a_redirect_that_is_no_url_is_one_clear_reason(location: str, serve: Callable[..., Server]) -> None:
    found = fetch(serve(answer(b"", "302 Found", f"Location: {location}")).url(), QUICK)
    assert found.reason in ("redirect", "scheme", "dns"), found
    assert found.message


@given(st.text(max_size=60), st.sampled_from(["http://", "http://[", "http://x:", "HTTP:", "http://u@", ""]))
@examples(max_examples=300, deadline=None)
def test_no_text_is_an_exception(text: str, begin: str) -> None:
    found = fetch(begin + text, STRICT._replace(proxy="http://127.0.0.1:1"))
    assert found.reason in ("scheme", "proxy", "address", "dns", "refused"), found


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"allow_networks has '10\.0\.0\.0/99'; wanted: an address or a network"):
        networks(["10.0.0.0/99"])


GOOD = {"url": "http://x/", "reason": "ok", "body": "eJwDAAAAAAE=", "status": 200}


@pytest.mark.parametrize(
    "damaged",
    [
        None, [], "text", {}, {"url": "http://x/"}, {**GOOD, "reason": "fine"}, {**GOOD, "reason": None},
        {**GOOD, "body": "%%%"}, {**GOOD, "body": "AAAA"}, {**GOOD, "body": 7}, {**GOOD, "status": "200"},
        {**GOOD, "message": {}}, {**GOOD, "seconds": "long"}, {**GOOD, "attempts": []}, {**GOOD, "body": "\ud800"},
    ],
)  # fmt: skip
def test_a_damaged_answer_of_another_host_is_one_kind_of_error(damaged: Any) -> None:
    with pytest.raises(ValueError):
        Fetched.from_dict(damaged, 1000)
    assert Fetched.from_dict(GOOD, 1000).body == b""
