# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Browsers without a window: one process for all pages, trust through its NSS database, and what it says of each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from apache import Served

# A page whose certificate is refused is told at once; this only ends a browser that hangs.
PATIENCE = 60


def trust_database(folder: Path, roots: Iterable[Path]) -> None:
    """Make an NSS database that trusts these roots for web servers, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"stdin": subprocess.DEVNULL, "timeout": 60, "capture_output": True}
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True, **quiet)  # type: ignore[call-overload]
    batch = folder / "batch"
    batch.write_text("".join(f"-A -n {root.stem} -t C,, -i {root}\n" for root in roots))
    subprocess.run(["certutil", "-d", f"sql:{folder}", "-B", "-i", str(batch)], check=True, **quiet)  # type: ignore[call-overload]


def _page(bundle: Served) -> str:
    return f"https://{bundle.host}:{bundle.port}/index.html"


class _Chromium:
    """The protocol of the developer tools, over two pipes: JSON, ended by a NUL."""

    def __init__(self, answers: IO[bytes], commands: IO[bytes]) -> None:
        self.answers, self.commands, self.number = answers, commands, 0

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        while True:
            answer = json.loads(self._one())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _one(self) -> bytes:
        data = b""
        while not data.endswith(b"\0"):
            octet = self.answers.read(1)
            assert octet, "Chromium ended"
            data += octet
        return data[:-1]


def chromium(bundles: Iterable[Served], roots: list[Path], folder: Path) -> dict[str, str]:
    """By slug, ``accepted`` or Chromium's error."""
    trust_database(folder / ".pki" / "nssdb", roots)
    command = [
        # The browser wants its ends as descriptors 3 and 4.
        "sh", "-c", 'exec 3<&0 4>&1 </dev/null >&2; exec "$@"', "sh",
        "chromium", "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * 127.0.0.1", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}",
        "about:blank",
    ]  # fmt: skip
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    environment.pop("XDG_DATA_HOME", None)
    with (
        open(folder / "chromium.log", "wb") as log,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            browser = _Chromium(process.stdout, process.stdin)
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            frame = browser.call("Page.getFrameTree", session)["frameTree"]["frame"]["id"]
            said = {}
            for bundle in bundles:
                # As for a source map: fetched as a page is, but nothing is drawn.
                url, options = _page(bundle), {"disableCache": True, "includeCredentials": False}
                found = browser.call("Network.loadNetworkResource", session, frameId=frame, url=url, options=options)
                said[bundle.slug] = found["resource"].get("netErrorName") or "accepted"
            browser.call("Browser.close")
            return said
        finally:
            _end(process)


class _Firefox:
    """Marionette: JSON over a socket, each message after its length and a colon."""

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rwb")
        self.number = 0
        self._one()

    def call(self, method: str, **parameters: Any) -> tuple[Any, Any]:
        """The error and the result, one of them None."""
        self.number += 1
        message = json.dumps([0, self.number, method, parameters]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        _kind, number, error, result = self._one()
        assert number == self.number
        return error, result

    def _one(self) -> Any:
        length = b""
        while (octet := self.stream.read(1)) != b":":
            assert octet, "Firefox ended"
            length += octet
        return json.loads(self.stream.read(int(length)))


def firefox(bundles: Iterable[Served], roots: list[Path], folder: Path) -> dict[str, str]:
    """By slug, ``accepted`` or Firefox's error."""
    bundles = list(bundles)
    profile = folder / "profile"
    trust_database(profile, roots)
    settings: dict[str, Any] = {
        "marionette.port": 0,
        "network.dns.localDomains": ",".join(sorted({bundle.host for bundle in bundles})),
        "security.remote_settings.intermediates.enabled": False,
        "security.OCSP.enabled": 0,
        "services.settings.server": "data:,",
        "app.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "browser.startup.homepage_override.mstone": "ignore",
        "datareporting.policy.dataSubmissionEnabled": False,
        "toolkit.telemetry.enabled": False,
        "dom.security.https_first": False,
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
    (profile / "user.js").write_text("".join(lines))
    environment = {**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1", "MOZ_CRASHREPORTER_DISABLE": "1"}
    log = folder / "firefox.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [
                "firefox-esr", "--headless", "--no-remote", "--marionette", "--remote-allow-system-access",
                "--profile", str(profile), "about:blank",
            ],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            port = 0
            for line in process.stdout:
                written.write(line)
                if b"Listening on port" in line:
                    port = int(line.split()[-1])
                    break
            assert port, log.read_text()
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                return _visit(_Firefox(connection), bundles)
        finally:
            _end(process)


# With the rights of the browser's own code, which sees why a page could not be loaded, and draws nothing.
_FETCH = """
const [url, done] = arguments;
const request = new XMLHttpRequest();
request.open("GET", url);
request.onload = () => done(request.status === 200 ? "accepted" : `status ${request.status}`);
request.onerror = () => done(request.channel.securityInfo?.errorCodeString || `error ${request.channel.status}`);
request.send();
"""


def _visit(browser: _Firefox, bundles: list[Served]) -> dict[str, str]:
    error, _session = browser.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
    assert error is None, error
    error, _nothing = browser.call("Marionette:SetContext", value="chrome")
    assert error is None, error
    said = {}
    for bundle in bundles:
        error, result = browser.call("WebDriver:ExecuteAsyncScript", script=_FETCH, args=[_page(bundle)])
        assert error is None, error
        said[bundle.slug] = result["value"]
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
