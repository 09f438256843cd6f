# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server and a proxy as they stand in plants (nginx, tinyproxy), and a network segment with a host of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
NGINX, TINYPROXY, SSHD, IP = (shutil.which(name, path=_PATH) for name in ("nginx", "tinyproxy", "sshd", "ip"))
MISSING_WEB = None if NGINX else "needs nginx (apt: nginx-light)"
MISSING_PROXY = None if TINYPROXY else "needs tinyproxy (apt: tinyproxy)"
MISSING_SEGMENT = (
    "needs root" if os.geteuid() else None if SSHD and IP else "needs sshd and ip (apt: openssh-server iproute2)"
)


def free_port(address: str) -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path, address: str, port: int) -> Iterator[None]:
    log = folder / "log"
    with (
        open(log, "wb") as stream,
        subprocess.Popen(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            deadline = time.monotonic() + 20
            while True:
                with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
                    break
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def nginx(folder: Path, root: Path, address: str, port: int | None = None, extra: str = "") -> Iterator[str]:
    """Serve a folder; gives the base URL.

    :param extra: further directives of the server block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port(address)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; user {getpass.getuser()};\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;\n"
        f"fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n"
        f"server {{ listen {address}:{port}; root {root}; types {{ application/pkix-crl crl; }} {extra} }} }}\n"
    )
    assert NGINX is not None
    with _running([NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], folder, address, port):
        yield f"http://{address}:{port}"


@contextlib.contextmanager
def tinyproxy(folder: Path, address: str, user: str | None = None, password: str | None = None) -> Iterator[str]:
    """A proxy, with authentication if a user is given; gives HOST:PORT."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(address)
    login = f"BasicAuth {user} {password}\n" if user else ""
    (folder / "tinyproxy.conf").write_text(
        f'Port {port}\nListen {address}\nTimeout 20\nLogFile "{folder}/proxy.log"\nMaxClients 20\n{login}'
    )
    assert TINYPROXY is not None
    with _running([TINYPROXY, "-d", "-c", str(folder / "tinyproxy.conf")], folder, address, port):
        yield f"{address}:{port}"


@contextlib.contextmanager
def segment(folder: Path, python: str, number: int) -> Iterator[tuple[dict[str, Any], str, str]]:
    """A network segment with one host in it, reached over SSH.

    From there the control node's end of the cable answers; packets to one more address vanish, as behind a firewall
    that drops them.

    :returns: the host's inventory variables, the control node's address there, the address that never answers.
    """
    assert IP is not None
    assert SSHD is not None
    name, cable = f"otpki{os.getpid()}", f"otp{os.getpid() % 100000}{number}"
    here, there, dropped = (f"10.213.{number}.{last}" for last in (1, 2, 9))
    folder.mkdir(parents=True, exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "sshd_config").write_text(
        f"ListenAddress {there}:2222\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\n"
        "UsePAM no\nPermitRootLogin prohibit-password\nPidFile none\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)

    def ip(*arguments: str, inside: bool = False) -> None:
        command = [IP, *(("-n", name) if inside else ()), *arguments]
        subprocess.run(command, check=True, capture_output=True)  # type: ignore[arg-type]

    ip("netns", "add", name)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{here}/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("addr", "add", f"{there}/24", "dev", "eth0", inside=True)
        for device in ("lo", "eth0"):
            ip("link", "set", device, "up", inside=True)
        ip("neigh", "add", dropped, "lladdr", "02:00:00:00:00:09", "dev", "eth0", "nud", "permanent", inside=True)
        with _running(
            [IP, "netns", "exec", name, SSHD, "-D", "-e", "-f", f"{folder}/sshd_config"], folder, there, 2222
        ):
            variables = {
                "ansible_host": there,
                "ansible_port": 2222,
                "ansible_user": getpass.getuser(),
                "ansible_connection": "ssh",
                "ansible_ssh_private_key_file": str(folder / "user"),
                "ansible_ssh_common_args": "-o ControlMaster=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
                "ansible_python_interpreter": python,
            }
            yield variables, here, dropped
    finally:
        subprocess.run([IP, "netns", "del", name], check=False, capture_output=True)
