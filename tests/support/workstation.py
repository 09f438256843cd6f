# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian workstation of its own: what is written to /etc, /var, /usr/local and the homes is seen by nobody else."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssh_host import MISSING as NO_SSH
from ssh_host import ssh_host

MISSING = NO_SSH or (None if shutil.which("update-ca-certificates") else "needs ca-certificates")
OWN = ("etc", "usr/local", "var", "root", "home")


@contextlib.contextmanager
def workstation(folder: Path, python: str, user: str | None = None, prepare: str = "true") -> Iterator[dict[str, Any]]:
    """Start one; gives its inventory variables.

    :param user: a user who is made there and may become root by sudo, in place of root.
    :param prepare: further shell commands in its namespace.
    """
    folder.mkdir(parents=True)
    layers = folder / "layers"
    layers.mkdir()
    steps = ["umount /etc/hosts", f"mount -t tmpfs none {layers}"]
    for own in OWN:
        upper, work = layers / own / "upper", layers / own / "work"
        steps.append(f"mkdir -p {upper} {work}")
        steps.append(f"mount -t overlay none -o lowerdir=/{own},upperdir={upper},workdir={work} /{own}")
    steps.append(f"cp {folder}/user.pub /etc/workstation_keys && chmod 0644 /etc/workstation_keys")
    steps.append("printf '127.0.0.1\\tlocalhost\\n' > /etc/hosts")
    if user:
        steps.append(f"useradd -m -s /bin/bash {user} && passwd -d {user} >/dev/null")
        steps.append(f"mkdir -p /etc/sudoers.d && echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}")
    steps.append(prepare)
    with ssh_host(folder, "", python, prepare=" && ".join(steps), user=user, keys="/etc/workstation_keys") as variables:
        # One connection for a module in place of four.
        yield {**variables, "ansible_pipelining": True}


def on(host: dict[str, Any], command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a shell command there, as its people would."""
    options = [
        *host["ansible_ssh_args"].split(),
        "-o",
        "LogLevel=ERROR",
        "-i",
        host["ansible_ssh_private_key_file"],
    ]
    target = f"{host['ansible_user']}@{host['ansible_host']}"
    return subprocess.run(
        ["ssh", *options, "-p", str(host["ansible_port"]), target, command],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
