# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Twins of sensors: an sshd behind which there is no Python, Apache with a self-signed certificate, and the command.

All twins share one sshd and one Apache; each has an address of loopback and a folder of its own. They live in a
mount namespace in which every Python of this machine is an empty file or folder.
"""

from __future__ import annotations

import contextlib
import glob
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache import MODULES
from ssh_host import MISSING as _NO_SSH
from ssh_host import SSH_ARGUMENTS, SSHD, running_sshd

COMMAND = Path(__file__).parent / "sensor_twin" / "cyberx-xsense-certificate-import"
MISSING = _NO_SSH or (None if Path("/usr/sbin/apache2").exists() else "needs apache2")

_APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
StartServers 1
SSLSessionCache none
"""
_HOST = """\
Listen {address}:{port}
<VirtualHost {address}:{port}>
  SSLEngine on
  SSLCertificateFile {home}/server.pem
</VirtualHost>
"""


@dataclass(frozen=True)
class Twin:
    """One sensor.

    :ivar home: its folder, with ``server.pem`` (key and certificates that Apache presents). :ivar temporary: what it
        has for ``/tmp``: everything that an upload copies appears there.
    """

    address: str
    ssh_port: int
    https_port: int
    home: Path
    private_key: Path

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    @property
    def variables(self) -> dict[str, Any]:
        """For the inventory."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.ssh_port,
            "ansible_user": "root",
            "ansible_connection": "ssh",
            "ansible_ssh_private_key_file": str(self.private_key),
            "ansible_ssh_args": SSH_ARGUMENTS,
            "live_check_port": self.https_port,
            "sensor_upload_dir": str(self.temporary),
        }

    def mood(self, word: str) -> None:
        (self.home / "mood").write_text(word)

    def left(self) -> list[str]:
        """What an upload has left on the sensor."""
        return sorted(os.listdir(self.temporary))


@contextlib.contextmanager
def sensor_twins(folder: Path, count: int) -> Iterator[list[Twin]]:
    """So many sensors, while the context lasts."""
    folder.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    addresses = [f"127.0.7.{number}" for number in range(1, count + 1)]
    ssh_port, https_port = _free_ports(2)
    (folder / "bin").mkdir()
    shutil.copy(COMMAND, folder / "bin")
    twins = [Twin(one, ssh_port, https_port, folder / f"twin-{one}", folder / "user") for one in addresses]
    settings = [
        *(f"ListenAddress {one}:{ssh_port}" for one in addresses),
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no",
        "PermitRootLogin prohibit-password\nPidFile none\nMaxStartups 100",
    ]
    pages = [_APACHE.format(folder=folder, modules=MODULES)]
    for twin in twins:
        twin.temporary.mkdir(parents=True)
        _self_signed(twin.home)
        path = f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings.append(f"Match LocalAddress {twin.address}\n  SetEnv TWIN_HOME={twin.home} PATH={path}")
        pages.append(_HOST.format(address=twin.address, port=https_port, home=twin.home))
    (folder / "sshd_config").write_text("\n".join([*settings, ""]))
    (folder / "apache.conf").write_text("".join(pages))
    (folder / "empty").write_text("")
    (folder / "nothing").mkdir()
    Path("/run/sshd").mkdir(exist_ok=True)
    with _apache(folder), _sshd(folder, twins[0]):
        yield twins


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _each in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _self_signed(home: Path) -> None:
    """What the installation has left."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ot-appliance", "-days", "30",
         "-keyout", home / "key", "-out", home / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    (home / "server.pem").write_bytes((home / "key").read_bytes() + (home / "crt").read_bytes())


@contextlib.contextmanager
def _apache(folder: Path) -> Iterator[None]:
    command = ["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-k"]
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    done = subprocess.run([*command, "start"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout
    handle = os.pidfd_open(_pid(folder / "apache.pid"))
    try:
        yield
    finally:
        subprocess.run([*command, "stop"], check=False, env=environment, capture_output=True)
        select.select([handle], [], [], 30)
        os.close(handle)


def _pid(path: Path) -> int:
    """Its process id, which it writes down a moment after it listens."""
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline, "Apache does not say its process id"
        time.sleep(0.02)
    return int(path.read_text())


@contextlib.contextmanager
def _sshd(folder: Path, first: Twin) -> Iterator[None]:
    found = {
        os.path.realpath(path) for place in os.environ["PATH"].split(":") for path in glob.glob(f"{place}/python*")
    }
    found.update(map(os.path.realpath, glob.glob("/usr/bin/python*") + glob.glob("/usr/local/bin/python*")))
    folders = {os.path.dirname(os.path.realpath(sys.executable)), str(Path(sys.executable).parent)}
    masks = [f"mount --bind {folder}/empty {path}" for path in sorted(found) if os.path.isfile(path)]
    masks += [f"mount --bind {folder}/nothing {path}" for path in sorted(folders - {"/usr/bin", "/usr/local/bin"})]
    script = " && ".join(["mount --make-rprivate /", *masks, f"exec {SSHD} -D -e -f {folder}/sshd_config"])
    with running_sshd(folder, script, first.ssh_port, first.address):
        yield
