# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS clients of ten makers: what each says of every bundle that a server presents."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from apache import Served
from tls_browsers import chromium, firefox, trust_database

HERE = Path(__file__).resolve().parent / "tls_clients"
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Run:
    """What a client is given.

    :ivar roots: the trusted roots, one file for each.
    :ivar bundle: the same in one file.
    :ivar folder: a folder of the client's own.
    """

    served: list[Served]
    roots: list[Path]
    bundle: Path
    folder: Path


def _single(command: Callable[[Run, Served], list[str]], run: Run) -> dict[str, str]:
    """A client that is started for each bundle."""
    said = {}
    for served in run.served:
        done = subprocess.run(
            command(run, served), capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
            timeout=60, check=False, cwd=run.folder,
        )  # fmt: skip
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        telling = [line for line in words if "rror" in line or "Status" in line or line.startswith("curl")]
        said[served.slug] = ACCEPTED if done.returncode == 0 else (telling or words or ["refused"])[-1]
    return said


def _many(command: list[str], run: Run, **environment: str) -> dict[str, str]:
    """A program that reads all targets."""
    lines = "".join(f"{served.slug} {served.port} {served.host}\n" for served in run.served)
    done = subprocess.run(
        [*command], input=lines, capture_output=True, text=True, timeout=120, check=False, cwd=run.folder,
        env={**os.environ, **environment},
    )  # fmt: skip
    said = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    assert set(said) == {served.slug for served in run.served}, f"{command}: {done.stdout[-500:]}{done.stderr[-2000:]}"
    return said


def _curl(run: Run, served: Served) -> list[str]:
    where = f"{served.host}:{served.port}"
    return [
        "curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "--cacert", str(run.bundle),
        "--resolve", f"{where}:127.0.0.1", f"https://{where}/",
    ]  # fmt: skip


def _gnutls(run: Run, served: Served) -> list[str]:
    return [
        "gnutls-cli", "--x509cafile", str(run.bundle),
        "--sni-hostname", served.host, "--verify-hostname", served.host, "-p", str(served.port), "127.0.0.1",
    ]  # fmt: skip


def _nss(run: Run) -> dict[str, str]:
    trust_database(run.folder / "nss", run.roots)
    database = f"sql:{run.folder / 'nss'}"
    return _single(
        lambda _run, served: [
            "tstclnt", "-4", "-h", "127.0.0.1", "-p", str(served.port), "-a", served.host, "-d", database, "-Q",
            "-V", "tls1.2:",
        ],
        run,
    )  # fmt: skip


def _go(run: Run) -> dict[str, str]:
    # A folder without a module's file, and a cache of its own: nothing is asked of the network.
    shutil.copy(HERE / "verdicts.go", run.folder)
    settings = {"GOCACHE": str(run.folder / "cache"), "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(run.folder)}
    return _many(["go", "run", "verdicts.go", str(run.bundle)], run, **settings)


# By name: which programs it needs, and how it is asked.
CLIENTS: dict[str, tuple[tuple[str, ...], Callable[[Run], dict[str, str]]]] = {
    "curl": (("curl",), lambda run: _single(_curl, run)),
    "GnuTLS": (("gnutls-cli",), lambda run: _single(_gnutls, run)),
    "NSS": (("tstclnt", "certutil"), _nss),
    "Python": ((), lambda run: _many([sys.executable, str(HERE / "verdicts.py"), str(run.bundle)], run)),
    "Python strict": (
        (),
        lambda run: _many([sys.executable, str(HERE / "verdicts.py"), str(run.bundle), "strict"], run),
    ),
    "Java": (("java", "javac"), lambda run: _many(["java", str(HERE / "Verdicts.java"), str(run.bundle)], run)),
    "Node": (("node",), lambda run: _many(["node", str(HERE / "verdicts.js"), str(run.bundle)], run)),
    "Go": (("go",), _go),
    "Chromium": (("chromium", "certutil"), lambda run: chromium(run.served, run.roots, run.folder)),
    "Firefox": (("firefox-esr", "certutil"), lambda run: firefox(run.served, run.roots, run.folder)),
}


def ask_all(served: list[Served], roots: list[Path], folder: Path) -> dict[str, dict[str, str]]:
    """What every installed client says: by client and slug, ``accepted`` or words of refusal."""
    bundle = folder / "roots.pem"
    bundle.write_bytes(b"".join(root.read_bytes() for root in roots))

    def ask(name: str) -> dict[str, str]:
        own = folder / name.replace(" ", "-")
        own.mkdir()
        return CLIENTS[name][1](Run(served, roots, bundle, own))

    # The browsers take longest, so they begin.
    installed = [name for name in reversed(CLIENTS) if name not in missing()]
    with ThreadPoolExecutor(3) as threads:
        said = dict(zip(installed, threads.map(ask, installed), strict=True))
    return {name: said[name] for name in CLIENTS if name in said}


def missing() -> dict[str, list[str]]:
    """Clients that are not installed, and the programs they lack."""
    lacking = {
        name: [each for each in needed if shutil.which(each) is None] for name, (needed, _ask) in CLIENTS.items()
    }
    return {name: programs for name, programs in lacking.items() if programs}
