# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a work says is done outlives a power failure of that moment; what was cut off is healed."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest
from power import SIZES, cut, make, missing, mounted, snapshot
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


def test_each_cut_is_looked_at_by_itself(tmp_path: Path) -> None:
    """Also while somebody else's mount namespace still holds the copy of the cut before."""
    problem = missing("ext4")
    if problem:
        pytest.skip(problem)
    image = make("ext4", tmp_path)
    with contextlib.ExitStack() as others, mounted(image, tmp_path / "disk") as disk:
        for text in ("first", "second"):
            (disk / "said").write_text(text)
            subprocess.run(["sync", "-f", disk], check=True)
            with snapshot(image) as copy, mounted(copy, tmp_path / "after") as after:
                command = ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo; exec cat"]
                other = others.enter_context(
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                )
                assert other.stdout is not None
                assert other.stdout.readline() == "\n"
                assert (after / "said").read_text() == text
