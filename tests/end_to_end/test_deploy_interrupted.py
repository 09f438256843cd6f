# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed, out of space, at the same time: what people see is always whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

sys.path.insert(0, str(Path(__file__).parent))
from fleet import SUBJECT, Fleet, names, run

FIRST = "sensor-1.plant.example"


def _may_unshare() -> bool:
    done = subprocess.run(["unshare", "--pid", "--mount", "--fork", "true"], capture_output=True, check=False)
    return done.returncode == 0


needs_namespaces = pytest.mark.skipif(
    not shutil.which("unshare") or not _may_unshare(), reason="needs root, or the right to make namespaces"
)


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the condition never came true"
        threading.Event().wait(0.01)


@pytest.fixture
def start(ansible: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start runs in the background; whatever still runs at the end is killed by its process id."""
    started: list[subprocess.Popen[str]] = []

    def begin(fleet: Fleet, *options: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*before, *ansible.command("deploy_certs", fleet.inventory, *options)],
            env=ansible.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def read_whole(folder: Path) -> None:
    """Open a sensor's folder once and read from it, as a person or a script would."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files = {name.rsplit(".", 1)[1]: name for name in os.listdir(descriptor)}
        assert sorted(files) == ["crt", "key", "pem"]
        content = {}
        for kind, name in files.items():
            with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=descriptor)) as stream:
                content[kind] = stream.read()
    finally:
        os.close(descriptor)
    certificate = x509.load_pem_x509_certificate(content["crt"])
    key = serialization.load_pem_private_key(content["key"], None, unsafe_skip_rsa_key_validation=True)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificates(content["pem"])[0])


@needs_namespaces
def test_killed_at_any_moment(ansible: Any, tmp_path: Path, start: Any) -> None:
    fleet = Fleet(tmp_path / "fleet", names(24))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    ledger = fleet.pki / "local_ca_ledger"
    store = fleet.stage / ".store"
    for attempt, organization in enumerate(("A", "B", "C", "D")):
        fleet.set(sensor_certificates_subject={**SUBJECT, "organization": organization})
        issued = len(list(ledger.iterdir()))
        process = start(fleet, before=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
        # Early, in the middle and late in the batch, and while bundles are being shown.
        goal = issued + (1, 12, 23, 24)[attempt]
        wait_for(lambda goal=goal: len(list(ledger.iterdir())) >= goal, process)
        process.kill()
        process.wait()
        assert fleet.staged() == sorted(fleet.sensors)
        for sensor in fleet.staged():
            read_whole(fleet.stage / sensor)
        for folder in store.glob("*/[!.]*"):
            read_whole(folder)
    done = ansible.playbook("deploy_certs", fleet.inventory)
    assert done.code == 0, done.output
    # What the last killed run completed is used and not issued a second time.
    assert "24 issued" not in done.output
    for sensor in fleet.staged():
        fleet.verify(sensor)
        assert "O = D" in run("openssl", "x509", "-in", fleet.file(sensor, "crt"), "-noout", "-subject")
    assert not list(store.glob("*/.*")), "remains of killed runs may hold keys"
    # Every certificate that is in use is in the ledger.
    for sensor in fleet.staged():
        serial = run("openssl", "x509", "-in", fleet.file(sensor, "crt"), "-noout", "-serial").strip().partition("=")[2]
        assert (ledger / f"{serial}.json").is_file()
    assert ansible.playbook("deploy_certs", fleet.inventory).changed == 0


@needs_namespaces
def test_full_disk(ansible: Any, tmp_path: Path) -> None:
    """On a file system that is too small: some sensors may fail, and what is shown is whole."""
    disk = tmp_path / "disk"
    disk.mkdir()
    fleet = Fleet(tmp_path / "fleet", names(40), sensor_certificates_stage_dir=str(disk / "staged"))
    script = (
        f"mount -t tmpfs -o size=320k,nr_inodes=400 none {disk} && "
        f"{' '.join(ansible.command('deploy_certs', fleet.inventory))}; echo code=$?; "
        f"cp -a {disk}/. {tmp_path}/copy"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=ansible.environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert "code=2" in done.stdout, done.stdout + done.stderr
    assert "No space left on device" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    copied = tmp_path / "copy" / "staged"
    shown = [path for path in copied.iterdir() if not path.name.startswith(".")]
    assert 0 < len(shown) < 40
    for folder in shown:
        read_whole(folder)
    assert not list(copied.glob(".store/*/.*"))


def test_four_runs_over_the_same_sensors(ansible: Any, tmp_path: Path, start: Any) -> None:
    fleet = Fleet(tmp_path / "fleet", names(12))
    runs = [start(fleet) for _number in range(4)]
    outputs = [process.communicate(timeout=240)[0] for process in runs]
    assert [process.returncode for process in runs] == [0] * 4, outputs
    assert fleet.staged() == sorted(fleet.sensors)
    for sensor in fleet.sensors:
        fleet.verify(sensor)
    # One issued each certificate, the others used it.
    assert len(list((fleet.pki / "local_ca_ledger").glob("*.json"))) == 12


def test_a_run_that_hangs_is_named(ansible: Any, tmp_path: Path, start: Any) -> None:
    fleet = Fleet(tmp_path / "fleet", names(40), sensor_certificates_lock_timeout=1)
    first = start(fleet)
    notes = fleet.stage / ".locks"
    wait_for(lambda: list(notes.glob("*.json")) and list((fleet.pki / "local_ca_ledger").glob("*.json")), first)
    worker = int(next(notes.glob("*.json")).stem.rsplit("-", 1)[1])
    os.kill(worker, signal.SIGSTOP)
    try:
        second = ansible.playbook("deploy_certs", fleet.inventory, "--limit", FIRST)
        assert second.failed == {FIRST}
        assert f"another run works on this sensor: process {first.pid} on " in second.output
    finally:
        os.kill(worker, signal.SIGCONT)
    output = first.communicate(timeout=120)[0]
    assert first.returncode == 0, output


def test_two_runs_over_different_sensors(ansible: Any, tmp_path: Path, start: Any) -> None:
    fleet = Fleet(tmp_path / "fleet", names(10))
    halves = [start(fleet, "--limit", ",".join(list(fleet.sensors)[half::2])) for half in (0, 1)]
    for process in halves:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
    assert fleet.staged() == sorted(fleet.sensors)
    for sensor in fleet.sensors:
        fleet.verify(sensor)
