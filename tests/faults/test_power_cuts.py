# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a work says is done outlives a power failure of that moment; what was cut off is healed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from power import SIZES, cut, make, missing, mounted
from suite import ASKED, KILL, NONE, Driver, Fault

# What hands something out, or says that something is so from now on.
DURABLE = ("issue", "reissue", "import", "answer", "revoke", "publish", "issuing", "retire", "convert-again")


@pytest.mark.parametrize("kind", SIZES)
def test_power_cuts(driver: Driver, tmp_path: Path, chance: random.Random, kind: str) -> None:
    problem = missing(kind)
    if problem:
        pytest.skip(problem)
    image = make(kind, tmp_path)
    works = DURABLE if ASKED else ("reissue", "revoke", "publish") if kind == "ext4" else ("answer", "convert-again")
    wrong: list[str] = []
    with mounted(image, tmp_path / "disk") as disk:
        for work in works:
            driver.prepare(work, disk / "site")
            calls = driver.do(work, disk / "site")["calls"]
            wrong += cut(driver, work, disk, image, NONE)
            for _again in range(max(ASKED // 10, 1) if ASKED else work in ("reissue", "answer")):
                wrong += cut(driver, work, disk, image, Fault(chance.randint(1, calls), KILL))
    assert not wrong, "\n".join(wrong)
