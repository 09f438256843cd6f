# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A delivery takes as long as it may, says which file is to blame, and keeps little of what cannot be used."""

from __future__ import annotations

import base64
import os
import signal
import time
import tracemalloc
from pathlib import Path

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake import bounded, delivery, material
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.bounded import (
    LimitReached,
    at_most,
    run_bounded,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.inputs import InputFile
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.material import Material, take_apart
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.parallel import WorkerLost, process_map
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import limits
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_PLAIN = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def spin() -> str:
    """Work for 0.6 seconds of computing time."""
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass
    return "done"


def test_what_is_opened_is_counted_together() -> None:
    with at_most(0.9):
        assert run_bounded(spin) == "done"
        with at_most(100):
            assert run_bounded(spin) == "done"
            with pytest.raises(LimitReached, match=r"0\.9 seconds"):
                run_bounded(spin)
    assert run_bounded(lambda: "after") == "after"


def test_in_forked_workers_as_well() -> None:
    def work(_number: int) -> bool:
        try:
            return run_bounded(spin) == "done"
        except LimitReached:
            return False

    with at_most(1.5):
        done = list(process_map(work, range(8), 2))
    assert 2 <= sum(done) <= 4


def test_costly_blocks_of_one_file_share_its_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In BER, where the rounds are not seen before it is opened.
    pfx = pki.indefinite(pki.bomb(pki.pfx(tmp_path, pki.sensor(), "Pfx.1")), 1)
    text = b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + part + b"\n-----END CERTIFICATE-----\n"
        for part in [base64.encodebytes(pfx)] * 12
    )
    monkeypatch.setattr(bounded, "CPU_SECONDS", 1)
    monkeypatch.setattr(material, "MAX_SECONDS", 2.0)
    calls = []
    real = os.fork

    def counted() -> int:
        calls.append(1)
        return real()

    monkeypatch.setattr(os, "fork", counted)
    found = take_apart(InputFile("a.pem", text), ["Pfx.1"])
    assert 1 <= len(calls) <= 4
    assert {entry.id for entry in found.findings} == {"src.refused"}


def test_a_file_of_keys() -> None:
    key = pki.sensor().private()
    found = take_apart(InputFile("a.pem", key * 900), [])
    assert len(found.keys) == 1
    others = b"".join(pki.rsa_key(f"many-{number}").private_bytes(*_PLAIN) for number in range(3))
    assert len(take_apart(InputFile("a.pem", others), []).keys) == 3


def test_very_many_keys_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_KEYS", 2)
    others = b"".join(pki.rsa_key(f"many-{number}").private_bytes(*_PLAIN) for number in range(3))
    found = take_apart(InputFile("a.pem", others), [])
    assert len(found.keys) == 2
    assert "more than 2 private keys" in found.findings[-1].message


def test_damaged_blocks_leave_little_behind() -> None:
    text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 60_000
    tracemalloc.start()
    try:
        pool = Material()
        for number in range(8):
            pool.merge(take_apart(InputFile(f"{number}.pem", text), []))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(pool.findings) == 8 * (limits.MAX_FINDINGS + 1)
    assert kept < 2_000_000
    assert peak < 30_000_000


def die(item: int) -> int:
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 2


def test_a_killed_worker_is_told_by_its_item_and_the_others_are_done() -> None:
    results = list(process_map(die, range(40), 2, 3, lambda item, _reason: -item))
    assert results == [-7 if item == 7 else item * 2 for item in range(40)]


def test_without_a_way_to_say_so_the_call_fails_and_names_the_item() -> None:
    with pytest.raises(WorkerLost, match="item 8 of 40"):
        list(process_map(die, range(40), 2, 3))


def hang(item: int) -> int:
    if item == 5:
        signal.pause()
    return item


def test_a_worker_that_hangs_is_ended() -> None:
    results = list(process_map(hang, range(12), 2, 2, lambda item, reason: f"{item}: {reason}", 0.5))
    assert [entry for entry in results if isinstance(entry, int)] == [item for item in range(12) if item != 5]
    assert "hung" in str(results[5])


def test_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(delivery.PARALLEL_FROM + 4):
        (tmp_path / f"{number:02}.cer").write_bytes(pki.sensor(f"sensor-{number % 2}").der)
    real = delivery._take_apart

    def deadly(file: InputFile, **more: object) -> object:
        if file.label.endswith("03.cer"):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(file, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery, "_take_apart", deadly)
    monkeypatch.setattr(delivery, "usable_processors", lambda: 2)
    found = delivery.read_delivery([str(tmp_path)], [], [])
    assert [Path(entry.file or "").name for entry in found.unusable] == ["03.cer"]
    assert len(found.material.certificates) == 2
