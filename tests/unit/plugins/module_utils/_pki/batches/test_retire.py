# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving the fleet: what is revoked, what is removed, what stays."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches import retire
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.retire import RetireOutcome, Retiring
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.revoke import Revoking
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events, revocations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import fleet_state
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import text
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError

sys.path.insert(0, str(Path(__file__).parents[5] / "support"))
from report_kitchen import NOW, Kitchen

GONE, OTHER, HERE = "gone.plant.example", "other.plant.example", "here.plant.example"


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path / "pki")


def retiring(
    kitchen: Kitchen, present: Sequence[str] = (HERE,), embedded: bool = True, check: bool = False
) -> Retiring:
    revoking = Revoking(kitchen.ledger, [kitchen.issuing, kitchen.root], NOW, check) if embedded else None
    return Retiring(kitchen.stage, kitchen.ledger, frozenset(present), revoking, NOW, check_mode=check)


def run(kitchen: Kitchen, names: Sequence[str] | None = None, **more: Any) -> dict[str, RetireOutcome]:
    work = retiring(kitchen, **more)
    return {one.name: one for one in work.run(names if names is not None else work.orphaned())}


def files(kitchen: Kitchen, sensor: str) -> list[str]:
    """Whatever is left on disk below something of this name."""
    return [
        os.path.join(folder, name)
        for folder, folders, names in os.walk(kitchen.staged)
        for name in (*names, *folders)
        if sensor in os.path.join(folder, name)
    ]


def revocation(kitchen: Kitchen, certificate: Any) -> Any:
    return revocations.find(kitchen.ledger, certificate.serial_number)


def test_those_that_left_are_revoked_and_removed_and_the_record_stays(kitchen: Kitchen) -> None:
    first, second, here = kitchen.bundle(GONE), kitchen.bundle(GONE), kitchen.bundle(HERE)
    kitchen.request(OTHER)
    outcomes = run(kitchen)
    assert set(outcomes) == {GONE, OTHER}
    assert outcomes[GONE].action == retire.RETIRED
    assert set(outcomes[GONE].revoked) == {text.serial_text(one.serial_number) for one in (first, second)}
    assert (outcomes[GONE].removed, outcomes[OTHER].removed) == (("bundles",), ("waiting keys",))
    for certificate in (first, second):
        assert revocation(kitchen, certificate).reason == "cessationOfOperation"
    assert revocation(kitchen, here) is None
    assert files(kitchen, GONE) == files(kitchen, OTHER) == []
    assert files(kitchen, HERE)
    state = fleet_state(str(kitchen.staged), str(kitchen.ledger_dir))
    told = [event.event for event in state.histories[GONE]]
    assert told.count("issued") == told.count("revoked") == 2
    assert told[-1] == events.RETIRED
    assert state.problems == []


def test_a_second_time_there_is_nothing_to_do(kitchen: Kitchen) -> None:
    kitchen.bundle(GONE)
    run(kitchen)
    before = sorted(os.listdir(kitchen.ledger_dir / "events"))
    assert run(kitchen) == {}
    again = run(kitchen, [GONE])[GONE]
    assert (again.action, again.revoked, again.removed, again.errors) == (retire.KEPT, (), (), ())
    assert sorted(os.listdir(kitchen.ledger_dir / "events")) == before


def test_check_mode_says_the_same_and_does_nothing(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(GONE)
    kitchen.request(GONE)
    before = sorted(map(str, kitchen.folder.rglob("*")))
    planned = run(kitchen, check=True)[GONE]
    assert sorted(map(str, kitchen.folder.rglob("*"))) == before
    assert revocation(kitchen, certificate) is None
    done = run(kitchen)[GONE]
    assert (planned.action, planned.revoked, planned.removed) == (done.action, done.revoked, done.removed)
    assert done.removed == ("bundles", "waiting keys")


def test_certificates_of_other_issuers_are_named(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(GONE)
    outcome = run(kitchen, embedded=False)[GONE]
    assert outcome.revoked == ()
    assert text.serial_text(certificate.serial_number) in outcome.others[0]
    assert "CN=Plant Issuing CA" in outcome.others[0]
    assert files(kitchen, GONE) == []


def test_what_has_ended_or_was_revoked_needs_nothing(kitchen: Kitchen) -> None:
    kitchen.bundle(GONE, left=-5, age=600)
    revoked = kitchen.bundle(OTHER)
    kitchen.revoke(OTHER, revoked, "keyCompromise")
    outcomes = run(kitchen)
    assert [outcomes[name].revoked for name in (GONE, OTHER)] == [(), ()]
    assert revocation(kitchen, revoked).reason == "keyCompromise"
    assert files(kitchen, GONE) == files(kitchen, OTHER) == []


def test_a_bundle_that_another_sensor_took_over_is_not_revoked(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(GONE)
    contents = {kind: (kitchen.staged / GONE / f"{GONE}.{kind}").read_bytes() for kind in ("crt", "key", "pem")}
    kitchen.stage.reveal(HERE, kitchen.stage.add(HERE, "0A", GONE, contents, NOW).folder)
    assert run(kitchen)[GONE].revoked == ()
    assert revocation(kitchen, certificate) is None


def test_a_certificate_that_nobody_recorded_is_revoked_as_well(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(GONE, record=False)
    assert run(kitchen)[GONE].revoked == (text.serial_text(certificate.serial_number),)


def test_bundles_put_there_by_hand_and_damaged_ones_go(kitchen: Kitchen) -> None:
    (kitchen.staged / GONE).mkdir()
    (kitchen.staged / GONE / "some.key").write_text("key")
    kitchen.bundle(OTHER)
    os.unlink(kitchen.staged / OTHER / f"{OTHER}.crt")
    outcomes = run(kitchen)
    assert [outcomes[name].action for name in (GONE, OTHER)] == ["retired", "retired"]
    assert len(outcomes[OTHER].revoked) == 1, "the record knows the certificate"
    assert files(kitchen, GONE) == files(kitchen, OTHER) == []


def test_a_name_of_nobody_and_one_that_is_still_there(kitchen: Kitchen) -> None:
    kitchen.bundle(HERE)
    kitchen.bundle(GONE)
    outcomes = run(kitchen, [HERE, "gone.plant.exmaple"])
    assert outcomes["gone.plant.exmaple"].errors == (
        f"there is nothing of a sensor gone.plant.exmaple; did you mean {GONE}?",
    )
    assert outcomes[HERE].action == retire.RETIRED
    assert "still in the inventory" in outcomes[HERE].warnings[0]
    # What nothing publishes, nobody sees.
    assert "names no CRL" in outcomes[HERE].warnings[1]
    assert files(kitchen, GONE)


def test_a_damaged_record_is_told_and_the_others_are_done(kitchen: Kitchen) -> None:
    kitchen.bundle(GONE)
    lost = kitchen.bundle(HERE)
    bad = kitchen.ledger_dir / f"{text.serial_text(lost.serial_number)}.json"
    bad.write_text("no JSON")
    work = retiring(kitchen)
    assert [one.action for one in work.run([GONE])] == [retire.RETIRED]
    assert bad.name in work.problems[0]


def test_one_that_fails_does_not_keep_the_others(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen.bundle(GONE)
    kitchen.bundle(OTHER)
    forget = type(kitchen.stage).forget

    def broken(stage: Any, sensor: str) -> None:
        if sensor == GONE:
            raise FileError("it could not be removed: it may hold a key")
        forget(stage, sensor)

    monkeypatch.setattr(type(kitchen.stage), "forget", broken)
    outcomes = run(kitchen)
    assert (outcomes[GONE].action, outcomes[OTHER].action) == (retire.FAILED, retire.RETIRED)
    assert len(outcomes[GONE].revoked) == 1, "revoked first, so that a second run can go on"
    monkeypatch.setattr(type(kitchen.stage), "forget", forget)
    assert run(kitchen)[GONE].action == retire.RETIRED


def test_nothing_happens_without_a_confirmation() -> None:
    with pytest.raises(InputError, match="It would retire gone.plant.example; look at it with --check"):
        retire.check_confirmed([GONE], False, False)
    retire.check_confirmed([GONE], False, True)
    retire.check_confirmed([GONE], True, False)
    retire.check_confirmed([], False, False)


def test_a_returning_sensor_starts_anew(kitchen: Kitchen) -> None:
    kitchen.bundle(GONE)
    run(kitchen)
    kitchen.bundle(GONE, age=0)
    row = kitchen.gather([GONE]).sensors[0]
    assert (row.state, row.failed) == ("staged", False)
    assert "retired" in [event["event"] for event in row.history]


def test_what_was_hidden_and_not_removed_is_found_again(kitchen: Kitchen) -> None:
    """As a run leaves it that is killed between the two, or cannot remove a file."""
    kitchen.bundle(GONE)
    kitchen.bundle(HERE)
    retiring(kitchen).stage.hide(GONE)
    assert retiring(kitchen).orphaned() == [GONE]
    assert run(kitchen)[GONE].action == retire.RETIRED
    assert not files(kitchen, GONE)
    assert retiring(kitchen).orphaned() == []
