# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run's summary says: each thing once, in the right number, and nothing that is not so."""

from __future__ import annotations

from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.summary import (
    Run,
    recap_line,
    summarize,
)


def lines_of(most: int = 10, **steps: Any) -> tuple[str, ...]:
    whole: dict[str, Any] = {
        "inputs": {}, "local_ca": {}, "issued": {}, "staged": {}, "stage_dir": None, "check_mode": False, **steps,
    }  # fmt: skip
    return summarize(Run(**whole), most).lines


def refused(**errors: list[str]) -> dict[str, Any]:
    return {"refused": [{"name": name, "errors": texts} for name, texts in errors.items()]}


def test_an_error_of_many_is_one_line() -> None:
    lines = lines_of(inputs=refused(a=["bad country"], b=["bad country", "bad size"], c=["bad country"]))
    assert lines == ("3 sensors: 0 issued, 0 kept, 3 failed", "FAILED a, b, c: bad country", "FAILED b: bad size")
    assert lines_of(1, inputs=refused(a=["one"], b=["two"]))[-1] == "FAILED and 1 more sensor"
    assert lines_of(1, inputs=refused(a=["one"], b=["two"], c=["three"]))[-1] == "FAILED and 2 more sensors"


def test_who_left_is_one_line() -> None:
    lines = [line for line in lines_of(2, orphaned=["x", "y", "z"]) if "inventory any more" in line]
    assert len(lines) == 1
    assert "kept: x, y and 1 more;" in lines[0]
    assert "retire_sensors" in lines[0]
    assert not [line for line in lines_of() if "inventory any more" in line]


def test_the_recap_is_explained_where_it_misleads() -> None:
    assert "sensor-1 stands for all 12" in recap_line("sensor-1", 12)[0]
    assert recap_line("sensor-1", 1) == recap_line("", 12) == []
