# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs at the same time over one folder, and a run of somebody who may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from judge import Judge, Seen
from suite import Driver

BUSY = ("another run works on this sensor", "another run publishes this CRL", "is revoked already")


def judged(judge: Judge, outcomes: list[dict[str, object]], before: Seen) -> Seen:
    """Nobody crashed, who did not get a turn says so, and everything is whole."""
    for outcome in outcomes:
        texts = outcome["texts"]
        assert isinstance(texts, list)
        assert outcome["status"] in ("done", "failed"), texts
        assert all(any(busy in text for busy in BUSY) for text in texts), texts
    seen = judge.always(before)
    assert not judge.faults, judge.faults
    return seen


def test_four_first_runs_make_one_ca(driver: Driver, tmp_path: Path) -> None:
    site = tmp_path / "site"
    driver.prepare("issue", site)
    judge = Judge(site)
    outcomes = driver.together(["issue"] * 4, site)
    judged(judge, outcomes, Seen())
    assert not list((site / "pki").glob(".local_ca.new-*"))
    assert driver.do("keep", site, turn=5)["status"] == "done"
    seen = judge.always(Seen())
    judge.done("issue", Seen(), seen)
    judge.healed()
    assert not judge.faults, judge.faults
    # One of them issued each certificate; the others waited, kept, or said who was at work.
    records = [name for name in os.listdir(judge.ledger) if name.endswith(".json")]
    assert len(records) == len(seen.serials) == 2


def test_four_publishers(driver: Driver, tmp_path: Path) -> None:
    site = tmp_path / "site"
    driver.prepare("publish", site)
    judge = Judge(site)
    before = judge.always(Seen())
    outcomes = driver.together(["publish"] * 4, site)
    seen = judged(judge, outcomes, before)
    judge.done("publish", before, seen)
    assert not judge.faults, judge.faults
    # One was enough.
    assert seen.crl_numbers["sensors.crl"] == before.crl_numbers["sensors.crl"] + 1


def test_revoke_publish_and_deploy_together(driver: Driver, tmp_path: Path) -> None:
    site = tmp_path / "site"
    driver.prepare("retire", site)
    judge = Judge(site)
    before = judge.always(Seen())
    outcomes = driver.together(["publish", "revoke", "reissue", "revoke", "publish"], site)
    judged(judge, outcomes, before)
    assert driver.do("publish", site, turn=5)["status"] == "done"
    seen = judge.always(before)
    # Whatever came first: what one run said is revoked, the CRL says as well.
    revoked = [path.name.partition(".")[0] for path in judge.ledger.glob("*.revoked.json")]
    assert revoked
    assert judge.lists(revoked)
    assert not judge.faults, judge.faults
    assert set(seen.serials) == set(before.serials)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize("work", ["issue", "reissue", "revoke", "publish", "passphrase", "retire"])
def test_somebody_who_may_not(driver: Driver, tmp_path: Path, work: str) -> None:
    """Another user reads no key, changes nothing, and is told why."""
    site = tmp_path / "site"
    driver.prepare(work, site)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/") and "pytest" in str(folder):
            folder.chmod(0o755)
    judge = Judge(site)
    before = judge.always(Seen())
    outcome = driver.do(work, site, user=65534)
    assert outcome["status"] == "failed", outcome
    told = " ".join(outcome["texts"])
    assert "ermission" in told or "not writable for this user" in told, outcome
    seen = judge.always(before)
    assert not judge.faults, judge.faults
    assert seen == before
