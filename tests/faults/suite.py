# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trials: a work with a fault, a look at what is there, the work again without a fault, and another look."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge import NEW, OLD, Judge, Seen

HERE = Path(__file__).parent
# How many trials there are of each kind of work; without it there are a few, the same every time.
ASKED = int(os.environ.get("OT_PKI_FAULTS") or 0)
KILL = 0
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE)
WORKS = (
    "issue", "keep", "reissue", "import", "request", "answer", "convert", "convert-again", "revoke", "publish",
    "passphrase", "issuing", "retire", "report", "trust", "hosts",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """The n-th file call fails (with C(error) 0: the process is killed there), and, if it lasts, all later ones."""

    number: int
    error: int
    lasting: bool = False

    def __str__(self) -> str:
        what = errno.errorcode[self.error] if self.error else "killed"
        return f"call {self.number}: {what}{' from then on' if self.lasting else ''}"

    def order(self) -> list[int]:
        return [self.number, self.error, int(self.lasting)]


NONE = Fault(0, KILL)


class Driver:
    """The process that does the work, see driver.py."""

    def __init__(self, collections: Path, shim: Path | None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(collections)}
        if shim is not None:
            environment["LD_PRELOAD"] = str(shim)
        self._process = subprocess.Popen(
            [sys.executable, HERE / "driver.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the driver ended with {self._process.wait()}"
        return dict(json.loads(answer))

    def prepare(self, work: str, folder: Path) -> None:
        self.order(prepare=work, folder=str(folder))

    def do(self, work: str, folder: Path, fault: Fault | None = None, turn: int = 0, user: int = 0) -> dict[str, Any]:
        return self.order(do=work, folder=str(folder), fault=(fault or NONE).order(), turn=turn, user=user)

    def together(self, works: list[str], folder: Path) -> list[dict[str, Any]]:
        """Several works at the same time, each in a process of its own."""
        return list(self.order(together=works, folder=str(folder), fault=NONE.order())["outcomes"])

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def choose(calls: int, count: int, chance: random.Random) -> list[Fault]:
    """Some of the faults of a work: kills and failing calls of every kind, all over it."""
    found = []
    for position in range(count):
        # Over the whole of the work in even steps, so that few trials still meet its beginning, middle and end.
        number = 1 + int((position + chance.random()) * calls / count)
        error = KILL if position % 3 == 0 else chance.choice(ERRORS)
        found.append(Fault(min(number, calls), error, bool(error) and chance.random() < 0.5))
    return found


def trial(driver: Driver, work: str, folder: Path, fault: Fault) -> list[str]:
    """One trial.

    :returns: what was wrong.
    """
    driver.prepare(work, folder)
    judge = Judge(folder)
    before = judge.always(Seen())
    outcome = driver.do(work, folder, fault)
    judge.check(outcome["status"] != "crashed", "\n".join(outcome["texts"]))
    if fault.error:
        judge.check(outcome["status"] != "killed", f"ended by signal {outcome.get('signal')}")
    if outcome["status"] == "failed":
        texts = outcome["texts"]
        judge.check(texts and all(text.strip() and "\n" not in text for text in texts), f"unclear: {texts}")
    now = judge.always(before)
    if outcome["status"] == "done":
        judge.done(work, before, now)
    if work == "keep":
        judge.check(now.serials == before.serials, "a bundle that was whole was replaced")
    if work == "convert-again" and outcome["status"] == "failed":
        judge.check(judge.pairs_fit(("1", "2")), "a conversion that failed left a mixed pair")
    if work == "passphrase":
        judge.check(all(judge.opened_by(OLD)) or all(judge.opened_by(NEW)), "the CA's keys have different passphrases")
    faults = judge.faults
    judge.faults = []
    for left in folder.glob("pki/.local_ca.new-*"):
        os.utime(left, (0, 0))  # a run of much later, which need not think of one that is still at work
    again = driver.do(work, folder, turn=1)
    if work == "passphrase" and all(judge.opened_by(NEW)):
        again["status"] = "done"
    judge.check(again["status"] == "done", f"the next run: {again['status']}: {again['texts']}")
    after = judge.always(now)
    judge.healed()
    if again["status"] == "done":
        judge.done(work, before, after)
    faults += [f"afterwards: {text}" for text in judge.faults]
    told = f"{outcome['status']} {outcome.get('first') or ''} {outcome['texts']}"
    return [f"{work}, {fault} ({told}): {text}" for text in faults]
