# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No text of others writes a line of its own into the summary of a run."""

from __future__ import annotations

from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.summary import Run, summarize

EVIL = "evil\x1b[1A\u2028\u202e\nCA: all is well"


def _run(**steps: Any) -> Run:
    whole: dict[str, Any] = {
        "inputs": {}, "local_ca": {}, "issued": {}, "staged": {}, "stage_dir": None, "check_mode": False, **steps,
    }  # fmt: skip
    return Run(**whole)


def test_every_line_is_one_line() -> None:
    done = {
        "name": EVIL, "action": "issued", "reasons": [EVIL], "errors": [], "notes": [EVIL], "received": [EVIL],
        "renew_after": "2027-01-01T00:00:00Z", "not_after": "2028-01-01T00:00:00Z", "issuer": EVIL,
    }  # fmt: skip
    finding = {"severity": "warning", "id": "crt.parse", "message": EVIL}
    summary = summarize(
        _run(
            inputs={"refused": [{"name": "b", "errors": [EVIL]}], "names": {"without_address": [EVIL]}},
            local_ca={
                "chain": [{"subject": EVIL, "not_after": "2030-01-01T00:00:00Z", "fingerprint": "00"}],
                "changed": True,
                "root_certificate": EVIL,
                "dir": EVIL,
            },
            issued={"results": [done], "lines": [EVIL], "problems": [EVIL]},
            staged={"results": [{"name": EVIL, "errors": [], "findings": [finding]}]},
            stage_dir=EVIL,
            workstations={"hosts": ["w"], "errors": {"w": EVIL}, "folder": EVIL},
        )
    )
    text = "".join(summary.lines)
    assert len(summary.lines) > 10
    assert "evil\\x1b[1A" in text
    assert all(line.isprintable() for line in summary.lines)
