# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of its own, reached over SSH on loopback: its hosts file is not the control node's."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
SSH_ARGUMENTS = "-o ControlMaster=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
# What a test that uses this must be skipped for, or None.
MISSING = (
    "needs root" if os.geteuid() else None if SSHD and shutil.which("unshare") else "needs sshd (apt: openssh-server)"
)


@contextlib.contextmanager
def ssh_host(
    folder: Path,
    hosts_file: str,
    python: str,
    *,
    prepare: str = "true",
    user: str | None = None,
    keys: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Start sshd in a mount namespace in which /etc/hosts has this content; gives the host's inventory variables.

    :param prepare: shell commands that run in the namespace before, for example mounts.
    :param user: who logs in, if it is not the current user.
    :param keys: the file of authorized keys, if ``prepare`` puts the user's key elsewhere.
    """
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "hosts").write_text(hosts_file)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {keys or folder / 'user.pub'}\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    script = (
        f"mount --make-rprivate / && mount --bind {folder}/hosts /etc/hosts && {{ {prepare}; }} "
        f"&& exec {SSHD} -D -e -f {folder}/sshd_config"
    )
    with running_sshd(folder, script, port):
        yield {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_user": user or getpass.getuser(),
            "ansible_connection": "ssh",
            "ansible_ssh_private_key_file": str(folder / "user"),
            "ansible_ssh_args": SSH_ARGUMENTS,
            "ansible_python_interpreter": python,
        }


@contextlib.contextmanager
def running_sshd(folder: Path, script: str, port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """A shell script in a mount namespace of its own that ends in sshd; once that answers, and until the context ends.

    :param folder: gets its log.
    """
    with (
        open(folder / "sshd.log", "wb") as log,
        subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        ) as sshd,
    ):
        try:
            _wait_for(port, sshd, folder / "sshd.log", host)
            yield
        finally:
            sshd.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, host: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
    raise AssertionError(f"sshd does not answer: {log.read_text()}")
