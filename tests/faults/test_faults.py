# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any file call, and every kind of file call that fails: what is shown stays whole, and the next run heals."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from suite import ASKED, NONE, WORKS, Driver, choose, trial

FEW = 3


@pytest.mark.parametrize("work", WORKS)
def test_killed_or_failing(driver: Driver, tmp_path: Path, chance: random.Random, work: str) -> None:
    site = tmp_path / "site"
    driver.prepare(work, site)
    outcome = driver.do(work, site, NONE)
    assert outcome["status"] == "done", outcome
    assert outcome["calls"] > 5, "the library that counts is not preloaded"
    wrong: list[str] = []
    for fault in choose(outcome["calls"], ASKED or FEW, chance):
        wrong += trial(driver, work, site, fault)
    assert not wrong, "\n".join(wrong)
