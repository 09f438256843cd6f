# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apache, the web server of the sensors, on loopback: one virtual host, with a port of its own, for each bundle."""

from __future__ import annotations

import os
import re
import select
import shlex
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path("/usr/lib/apache2/modules")
SETTINGS = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/pages
LoadModule mpm_worker_module {modules}/mod_mpm_worker.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
StartServers 1
SSLPassPhraseDialog exec:{folder}/passphrase
SSLSessionCache none
"""
HOST = """\
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
  ServerName {slug}
  SSLEngine on
  SSLCertificateFile {folder}/{slug}.crt
  SSLCertificateKeyFile {folder}/{slug}.key
  SSLCertificateChainFile {folder}/{slug}.pem
</VirtualHost>
"""


@dataclass(frozen=True)
class Served:
    """A bundle as Apache serves it.

    :ivar slug: what tells it from the others, in letters of host names.
    :ivar host: the name by which clients ask for it.
    """

    slug: str
    host: str
    port: int
    certificate: bytes
    key: bytes
    chain: bytes
    passphrase: str | None = None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held at once, so no two are the same."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _each in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def apache(folder: Path, bundles: Iterable[Served]) -> Iterator[dict[str, str]]:
    """Serve what Apache takes, while the context lasts.

    :returns: by slug, the words with which Apache refused to start with a bundle.
    """
    folder.mkdir()
    (folder / "pages").mkdir()
    (folder / "pages" / "index.html").write_text("<title>console</title>")
    left = {bundle.slug: bundle for bundle in bundles}
    for bundle in left.values():
        for ending, content in (("crt", bundle.certificate), ("key", bundle.key), ("pem", bundle.chain)):
            (folder / f"{bundle.slug}.{ending}").write_bytes(content)
    _passphrases(folder, left.values())
    refused: dict[str, str] = {}
    try:
        while left:
            log = _start(folder, left.values())
            if log is None:
                break
            # It ends at the first that it cannot use, and names that.
            slug, words = _culprit(log)
            assert slug in left, log
            refused[slug] = words
            del left[slug]
        yield refused
    finally:
        _stop(folder)


def _passphrases(folder: Path, bundles: Iterable[Served]) -> None:
    """The program that Apache asks; its first argument is ``name:port``."""
    lines = ["#!/bin/sh", 'case "$1" in']
    lines += [f"  {each.slug}:*) echo {shlex.quote(each.passphrase)} ;;" for each in bundles if each.passphrase]
    script = folder / "passphrase"
    script.write_text("\n".join([*lines, "esac", ""]))
    script.chmod(0o700)


def _start(folder: Path, bundles: Iterable[Served]) -> str | None:
    """None if it runs, otherwise what it wrote."""
    hosts = [HOST.format(folder=folder, slug=each.slug, port=each.port) for each in bundles]
    (folder / "apache.conf").write_text(SETTINGS.format(folder=folder, modules=MODULES) + "".join(hosts))
    (folder / "error.log").write_text("")
    # The command returns when the sockets are open, and what it left behind knows the way from there.
    done = subprocess.run(
        ["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-k", "start"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )  # fmt: skip
    return None if done.returncode == 0 else done.stdout + done.stderr + (folder / "error.log").read_text()


def _culprit(log: str) -> tuple[str, str]:
    found = re.search(r"(?:certificate|Certificate and private key|key) ([a-z0-9-]+):\d+", log)
    errors = re.findall(r"SSL Library Error: error:\w+:[^:]*:[^:]*:([^(\n]+)", log)
    return (found[1] if found else "?"), (errors or [found[0] if found else "?"])[0].strip()


def _stop(folder: Path) -> None:
    """End it, by its own process id, and wait until it has."""
    if not (folder / "apache.pid").exists():
        return
    pid = int((folder / "apache.pid").read_text())
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        subprocess.run(["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-k", "stop"], check=False, timeout=30)
        select.select([handle], [], [], 30)
    finally:
        os.close(handle)
