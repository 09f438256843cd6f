# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C: the run ends soon, says what it did, and the next one goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fleet import Fleet, names

# Far more than the few seconds that it takes, and far less than what is interrupted would.
SOON = 30


def interrupted(ansible: Any, fleet: Fleet, when: Callable[[], Any]) -> tuple[int, str]:
    """The status and output of a run that gets a terminal's Ctrl-C."""
    process = subprocess.Popen(
        ansible.command("deploy_certs", fleet.inventory),
        env=ansible.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not when():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "what was waited for never came"
            threading.Event().wait(0.02)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=SOON)[0]
    finally:
        if process.poll() is None:
            process.kill()
    assert "Traceback" not in output, output
    return process.returncode, output


def test_while_certificates_are_issued(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(24), sensor_certificates_key_size=4096)
    store, ledger = fleet.stage / ".store", fleet.pki / "local_ca_ledger"
    code, output = interrupted(ansible, fleet, lambda: ledger.is_dir() and len(list(ledger.glob("*.json"))) >= 2)
    assert code == 99, output
    assert "Interrupted in ot_pki.defender_iot.cert_issue: " in output
    assert " of 24 certificates obtained; what was completed is kept, and the next run goes on from there" in output
    assert fleet.staged() == []
    assert not list(store.glob("*/.*")), "nothing half done is left"
    made = sorted(path.parent.name for path in store.glob("*/*"))
    assert 0 < len(made) < 24
    # Of those that were made, none is made again.
    done = ansible.playbook("deploy_certs", fleet.inventory, "--limit", ",".join(made))
    assert done.code == 0, done.output
    assert f": 0 issued, {len(made)} kept, 0 failed" in done.output
    assert fleet.staged() == made
    for sensor in fleet.staged():
        fleet.verify(sensor)


def test_while_a_crl_is_fetched(ansible: Any, tmp_path: Path) -> None:
    """From a server that takes the connection and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        fleet = Fleet(
            tmp_path / "fleet",
            names(2),
            local_ca_crl_url=f"http://127.0.0.1:{port}/ca.crl",
            crl_access_timeout=600,
            crl_access_allow_networks=["127.0.0.0/8"],
        )
        taken: list[socket.socket] = []

        def asked() -> bool:
            try:
                taken.append(server.accept()[0])
            except BlockingIOError:
                return False
            return True

        code, output = interrupted(ansible, fleet, asked)
        for connection in taken:
            connection.close()
    assert code == 99, output
    assert "Interrupted in ot_pki.defender_iot.crl_reachable" in output
    assert fleet.staged() == sorted(fleet.sensors)
