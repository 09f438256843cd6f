# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No peer blinds the check of a fleet by what it presents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.judge import Judge
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.known import Known
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.task import run
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import tls_probe
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.tls_probe import Handshake, Probe

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "support"))
import corporate_pki as pki
import odd_certificates as odd


def probe(*certificates: bytes) -> Probe:
    return Probe(Handshake(tls_probe.OK, certificates=certificates, version="TLSv1.3", whole_chain=True))


def check(folder: Path, *probes: Probe) -> list[dict[str, Any]]:
    fit = pki.sensor()
    (folder / "fit.crt").write_bytes(fit.crt)
    targets = [
        {"host": f"192.0.2.{number}", "name": odd.NAME, "certificate": str(folder / "fit.crt")}
        for number in range(len(probes))
    ]
    params = {"targets": targets, "timeout": 1.0, "parallel": 2, "min_days_left": 30, "wait": 0, "fail_on": "never"}
    outcome = run(
        params, lambda parsed: Known(parsed, FleetState(None, None)), lambda *_given: list(probes), moments.now()
    )
    json.dumps(outcome)
    return list(outcome["results"])


def test_each_target_is_judged(tmp_path: Path) -> None:
    odd_ones = list(odd.everything().values())
    damaged = [b"", b"\x30\x82", b"\xff" * 40]
    probes = [probe(der) for der in [*odd_ones, *damaged]]
    probes += [probe(pki.sensor().der, odd_ones[0], *damaged), probe(pki.sensor().der, pki.issuing().der)]
    results = check(tmp_path, *probes)
    assert [result["state"] for result in results[-2:]] == ["matches", "matches"]
    for result in results[: len(odd_ones)]:
        assert result["fingerprint"], result["message"]
        assert "error inside" not in result["message"]
    for result in results[len(odd_ones) : -2]:
        assert (result["state"], result["reason"]) == ("other", "unreadable")


def test_an_unexpected_error_is_one_targets_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presented = Judge._presented

    def fail(self: Judge, target: Any, answer: Handshake, result: Any) -> None:
        if target.host.endswith(".0"):
            raise KeyError("s3cret")
        presented(self, target, answer, result)

    monkeypatch.setattr(Judge, "_presented", fail)
    first, second = check(tmp_path, probe(pki.sensor().der), probe(pki.sensor().der))
    assert second["state"] == "matches"
    assert "KeyError" in first["message"]
    assert "s3cret" not in json.dumps(first)
