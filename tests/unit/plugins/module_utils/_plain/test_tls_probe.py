# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against real endpoints of every kind, good and bad."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import tls_probe
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.tls_probe import Endpoint, probe, probe_all

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "support"))
import tls_endpoints as tls

NAME = "sensor-1.plant.example"
PATIENCE = 15.0
SHORT = 1.0


@pytest.fixture(scope="module")
def root() -> tls.Identity:
    return tls.issue("Root", ca=True, key_number=9)


@pytest.fixture(scope="module")
def issuing(root: tls.Identity) -> tls.Identity:
    return tls.issue("Issuing", root, ca=True, key_number=8)


@pytest.fixture(scope="module")
def sensor(issuing: tls.Identity) -> tls.Identity:
    return tls.issue(NAME, issuing)


def test_presented_chain(sensor: tls.Identity, issuing: tls.Identity, tmp_path: Path) -> None:
    with tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor"))) as port:
        seen = probe(Endpoint("127.0.0.1", port, NAME), PATIENCE)
    assert seen.answer.reason == "ok"
    assert seen.answer.address == "127.0.0.1"
    assert seen.answer.version == "TLSv1.3"
    assert seen.answer.certificates[0] == sensor.der
    assert seen.without_name is not None
    assert seen.without_name.certificates[0] == sensor.der
    assert seen.answer.whole_chain
    assert seen.answer.certificates == (sensor.der, issuing.der)


@pytest.mark.parametrize(
    ("option", "version"), [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1"), ("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]
)
def test_every_version(sensor: tls.Identity, tmp_path: Path, option: str, version: str) -> None:
    with tls.openssl_server(sensor.write(tmp_path, "sensor"), option, "-cipher", "ALL:@SECLEVEL=0") as port:
        seen = probe(Endpoint("127.0.0.1", port), PATIENCE)
    assert (seen.answer.reason, seen.answer.version) == ("ok", version)
    assert seen.answer.certificates[0] == sensor.der
    assert seen.without_name is None


def test_weak_key_exchange(sensor: tls.Identity, tmp_path: Path) -> None:
    options = ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")
    with tls.openssl_server(sensor.write(tmp_path, "sensor"), *options) as port:
        assert probe(Endpoint("127.0.0.1", port), PATIENCE).answer.certificates[0] == sensor.der


def test_server_name_decides(sensor: tls.Identity, issuing: tls.Identity, tmp_path: Path) -> None:
    default = tls.issue("default.plant.example", issuing)
    handler = tls.tls_handler(default.write(tmp_path, "default"), {NAME: sensor.write(tmp_path, "sensor")})
    with tls.listening(handler) as port:
        seen = probe(Endpoint("127.0.0.1", port, NAME), PATIENCE)
        unnamed = probe(Endpoint("127.0.0.1", port), PATIENCE)
    assert seen.answer.certificates[0] == sensor.der
    assert seen.without_name is not None
    assert seen.without_name.certificates[0] == default.der
    assert unnamed.answer.certificates[0] == default.der


def test_server_that_refuses_the_name(sensor: tls.Identity, tmp_path: Path) -> None:
    pem = sensor.write(tmp_path, "sensor")
    options = ("-servername", "other.plant.example", "-servername_fatal", "-cert2", str(pem), "-key2", str(pem))
    with tls.openssl_server(pem, *options) as port:
        seen = probe(Endpoint("127.0.0.1", port, NAME), PATIENCE)
    assert seen.answer.reason == "handshake"
    assert "unrecognized name" in seen.answer.detail
    assert seen.without_name is not None
    assert seen.without_name.certificates[0] == sensor.der


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
@pytest.mark.parametrize("written", ["::1", "[::1]"])
def test_ipv6(sensor: tls.Identity, tmp_path: Path, written: str) -> None:
    try:
        with tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor")), "::1") as port:
            seen = probe(Endpoint(written, port, NAME), PATIENCE)
    except OSError:
        pytest.skip("there is no ::1 here")
    assert (seen.answer.reason, seen.answer.address) == ("ok", "::1")


def test_second_address_is_tried(sensor: tls.Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor")), "127.0.0.2") as port:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]
        monkeypatch.setattr(tls_probe.socket, "getaddrinfo", lambda *_args, **_more: [*found, *found])
        seen = probe(Endpoint("two.plant.example", port, NAME), PATIENCE)
    assert (seen.answer.reason, seen.answer.address) == ("ok", "127.0.0.2")
    assert seen.without_name is not None
    assert seen.without_name.address == "127.0.0.2"


@pytest.mark.parametrize(
    ("handler", "timeout", "reason", "words"),
    [
        (tls.say(b"SSH-2.0-OpenSSH_9.2\r\n", first=True), PATIENCE, "plain", "an SSH server answers there"),
        (tls.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), PATIENCE, "plain", "a web server without TLS"),
        (tls.say(b"<html>"), PATIENCE, "plain", "a web server without TLS"),
        (tls.say(b"220 mail.plant.example ESMTP\r\n", first=True), PATIENCE, "plain", "a mail or FTP server"),
        (tls.say(b"\x00\x01\x1b[2J"), PATIENCE, "plain", r"it begins with '\x00\x01\x1b[2J'"),
        (tls.answer_lines, SHORT, "plain", "a web server without TLS"),
        (tls.say(b"\x16\x03\x03\x00\x7a"), SHORT, "timeout", "began and did not end within 1 s"),
        (tls.say(b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\xff"), PATIENCE, "handshake", "the handshake failed"),
        (tls.say(b"\x15\x03\x01\x00\x02\x02\x28"), PATIENCE, "handshake", "alert handshake failure"),
        (tls.wait_for_end, SHORT, "timeout", "accepted, but no answer came within 1 s"),
        (tls.close_at_once, PATIENCE, "closed", "closed without an answer"),
        (tls.reset, PATIENCE, "reset", "accepted and then reset"),
    ],
    ids=[
        "ssh", "http", "html", "smtp", "binary", "http-waits", "stops", "damaged", "alert", "hangs", "closes", "resets",
    ],
)  # fmt: skip
def test_bad_endpoints(handler: Callable[[socket.socket], None], timeout: float, reason: str, words: str) -> None:
    with tls.listening(handler) as port:
        seen = probe(Endpoint("127.0.0.1", port, NAME), timeout)
    assert (seen.answer.reason, seen.answer.certificates) == (reason, ())
    assert words in seen.answer.detail


def test_slow_server_has_the_whole_time(sensor: tls.Identity, tmp_path: Path) -> None:
    """It answers after the moment at which somebody asks in plain text, and complains about that on its own."""
    handle = tls.tls_handler(sensor.write(tmp_path, "sensor"))

    asked = threading.Event()

    def slow(stream: socket.socket) -> None:
        if stream.recv(1, socket.MSG_PEEK) == b"H":
            stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port")
            asked.set()
            tls.wait_for_end(stream)
        asked.wait(PATIENCE)
        handle(stream)

    with tls.listening(slow) as port:
        seen = probe(Endpoint("127.0.0.1", port), 3)
    assert asked.is_set()
    assert seen.answer.certificates[0] == sensor.der


def test_silent_tls_server_is_not_taken_for_plain() -> None:
    def silent(stream: socket.socket) -> None:
        if stream.recv(4) == b"HEAD":
            stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port")
        tls.wait_for_end(stream)

    with tls.listening(silent) as port:
        assert probe(Endpoint("127.0.0.1", port), SHORT).answer.reason == "timeout"


def test_refused() -> None:
    seen = probe(Endpoint("127.0.0.1", tls.free_port(), NAME), PATIENCE)
    assert (seen.answer.reason, seen.answer.detail) == ("refused", "127.0.0.1 refused the connection")
    assert seen.without_name is None


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".example", "a\0b"])
def test_unresolvable(host: str) -> None:
    assert probe(Endpoint(host, 443), PATIENCE).answer.reason == "dns"


def test_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    release, over = threading.Event(), threading.Event()

    def hang(*_host: object, flags: int = 0, **_more: object) -> object:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        release.wait(PATIENCE)
        return over.set()

    monkeypatch.setattr(tls_probe.socket, "getaddrinfo", hang)
    seen = probe(Endpoint("slow.plant.example", 443), 0.3)
    assert not over.is_set(), "it waited for the resolver"
    release.set()
    assert (seen.answer.reason, seen.answer.detail) == ("dns", "slow.plant.example was not resolved within 0.3 s")


def test_unspeakable_server_name(sensor: tls.Identity, tmp_path: Path) -> None:
    with tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor"))) as port:
        seen = probe(Endpoint("127.0.0.1", port, ".bad"), PATIENCE)
    assert seen.answer.reason == "handshake"
    assert seen.without_name is not None
    assert seen.without_name.reason == "ok"


def test_hanging_ones_do_not_delay_the_others(sensor: tls.Identity, tmp_path: Path) -> None:
    together = threading.Barrier(10)

    def hang(stream: socket.socket) -> None:
        together.wait(PATIENCE)  # for all ten of them; one after the other they would never meet
        tls.wait_for_end(stream)

    with contextlib.ExitStack() as stack:
        good = stack.enter_context(tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor"))))
        bad = stack.enter_context(tls.listening(hang, "127.0.0.3"))
        endpoints = [
            Endpoint("127.0.0.3", bad) if number % 10 == 3 else Endpoint("127.0.0.1", good) for number in range(100)
        ]
        seen = probe_all(endpoints, 4, 64)
        assert not together.broken
    assert [each.answer.reason for each in seen] == ["timeout" if n % 10 == 3 else "ok" for n in range(100)]


def test_few_file_descriptors(sensor: tls.Identity, tmp_path: Path) -> None:
    """Each endpoint waits for its turn; none is taken for dead."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tls.openssl_server(sensor.write(tmp_path, "sensor")) as port:
        used = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 50
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(100, used + 40), hard))
        try:
            seen = probe_all([Endpoint("127.0.0.1", port)] * 120, PATIENCE, 120)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {each.answer.reason for each in seen} == {"ok"}


def test_nothing_to_do() -> None:
    assert probe_all([], 1, 10) == []


def test_results_travel(sensor: tls.Identity, tmp_path: Path) -> None:
    with tls.listening(tls.tls_handler(sensor.write(tmp_path, "sensor"))) as port:
        seen = probe_all([Endpoint("127.0.0.1", port, NAME), Endpoint("127.0.0.1", tls.free_port())], PATIENCE, 2)
    sent = json.loads(json.dumps(tls_probe.to_plain(seen)))
    assert tls_probe.from_plain(sent) == seen
    assert len(sent["certificates"]) <= 2


@pytest.mark.parametrize(
    "value",
    [{}, {"probes": [], "certificates": []}, {"probes": [{}], "certificates": {}}, {"probes": 1, "certificates": {}}],
)
def test_damaged_results(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not the result of a probe"):
        tls_probe.from_plain(value)
