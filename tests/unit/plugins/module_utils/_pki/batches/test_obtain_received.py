# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Received files are sorted out to sensors by common name and key, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import (
    Batch,
    Obtaining,
    SensorOutcome,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import Issuers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.received import ReceivedFiles, make
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import locks
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.bundles import read_bundle
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import LOCKS, StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError


def cn(number: int) -> str:
    return f"sensor-{number}.plant.example"


class Report:
    """What a run over received files came to."""

    def __init__(self, outcomes: Sequence[SensorOutcome], issuer: ReceivedFiles) -> None:
        self.outcomes = outcomes
        self.delivery = issuer._sorted.delivery if issuer._sorted else None
        self.leftovers = issuer._sorted.leftovers if issuer._sorted else []
        self.unusable = self.delivery.unusable if self.delivery else ()
        self.passed_over = self.delivery.passed_over if self.delivery else ()
        self.problems = issuer.problems
        self.lines = issuer.lines


class Site:
    """A site with an inbox and a stage directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        (folder / "cas.pem").write_bytes(pki.chain())
        self.store = StageFolder(str(folder / "staged"))
        self.ledger = Ledger(str(folder / "ledger"))

    def receive(self, name: str, data: bytes) -> None:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def bring(
        self,
        *sensors: dict[str, Any],
        others: Sequence[dict[str, Any]] = (),
        check_mode: bool = False,
        cas: bool = True,
        **options: Any,
    ) -> Report:
        ca_files = (str(self.folder / "cas.pem"),) if cas else ()
        settings = {"src": (str(self.inbox),), "ca_files": ca_files, "trust_any": True, **options}
        run = Run(moments.now(), check_mode, received=settings)
        issuer = make("received", {}, run)
        tools = Tools(run.moment, FleetState(self.store, self.ledger), check_mode=check_mode)
        batch = Batch(issuer_names=("local_ca", "received"), prefix="sensor_certificates_", lock_timeout=0.0)
        obtaining = Obtaining(self.store, self.ledger, Issuers({"received": issuer}), tools, batch)
        return Report(obtaining.run([{**sensor, "issuer": "received"} for sensor in sensors], others), issuer)

    def show(self, report: Report) -> None:
        """What staging would do."""
        for outcome in report.outcomes:
            if outcome.files is not None and not outcome.visible:
                self.store.reveal(outcome.name, outcome.files.folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def sensor(name: str, common_name: str, passphrase: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "common_name": common_name, "received_passphrase": passphrase, **more}


def wanted(number: int, **more: Any) -> dict[str, Any]:
    return sensor(cn(number), cn(number), **more)


def actions(report: Report) -> dict[str, str]:
    return {outcome.name: outcome.action for outcome in report.outcomes}


def errors(report: Report) -> str:
    return "\n".join(text for outcome in report.outcomes for text in outcome.errors)


def test_files_find_their_sensors(site: Site, tmp_path: Path) -> None:
    one, two, three = pki.sensor(cn(1)), pki.sensor(cn(2)), pki.sensor(cn(3))
    site.receive("a.pfx", pki.pfx(tmp_path, one, "Pfx.1", "-legacy"))
    site.receive("deep/er/b.cer", two.der)
    site.receive("elsewhere.key", two.private("Key.2"))
    site.receive("batch.zip", pki.archive({"3.p7b": pki.p7b(tmp_path, three, pki.issuing()), "3.key": three.private()}))
    sensors = [wanted(1, key_passphrase="New.1"), wanted(2, passphrase="Key.2"), wanted(3), wanted(4)]
    report = site.bring(*sensors, passphrases=("Pfx.1",))
    assert actions(report) == {cn(1): "issued", cn(2): "issued", cn(3): "issued", cn(4): "pending"}
    assert not report.leftovers
    assert not report.unusable
    for outcome, issued in zip(report.outcomes, (one, two, three)):
        assert outcome.files is not None
        bundle = read_bundle(outcome.files.folder)
        assert bundle.crt == issued.crt
        assert bundle.pem == pki.chain()
        assert Path(outcome.files.key).stat().st_mode & 0o777 == 0o600
        assert Path(outcome.files.key).name == f"{outcome.name}.key"
    assert b"ENCRYPTED" in Path(report.outcomes[0].files.key).read_bytes()  # type: ignore[union-attr]
    assert Path(report.outcomes[1].files.key).read_bytes() == two.private()  # type: ignore[union-attr]
    assert site.store.sensors() == [], "nothing is visible before it is validated"
    again = site.bring(*sensors, passphrases=("Pfx.1",))
    assert set(actions(again).values()) == {"kept", "pending"}
    assert again.outcomes[0].files == report.outcomes[0].files


def test_check_mode_writes_nothing_and_tells_what_staging_would_say(site: Site) -> None:
    expired = pki.issue(cn(2), pki.issuing(), days=(-300, -2))
    site.receive("1", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private())
    site.receive("2", expired.crt + expired.private())
    report = site.bring(wanted(1), wanted(2), check_mode=True)
    assert actions(report) == {cn(1): "issued", cn(2): "failed"}
    assert "crt.expired" in errors(report)
    assert not (site.folder / "staged").exists()


@pytest.mark.parametrize(
    ("number", "files", "words"),
    [
        (1, lambda: {"a.crt": pki.sensor(cn(1)).crt}, "the private key of"),
        (1, lambda: {"a.crt": pki.sensor(cn(1)).crt, "a.key": pki.sensor(cn(2)).private()}, "the private key of"),
    ],
)
def test_what_is_incomplete_or_ambiguous_fails_its_sensor(number: int, files: Any, words: str, site: Site) -> None:
    for name, data in files().items():
        site.receive(name, data)
    site.receive("good", pki.sensor(cn(3)).crt + pki.sensor(cn(3)).private())
    report = site.bring(wanted(number), wanted(3))
    assert actions(report) == {cn(number): "failed", cn(3): "issued"}
    assert words in errors(report)


def test_a_chain_is_completed_from_ca_files_or_its_lack_is_said(site: Site) -> None:
    site.receive("a", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private() + pki.issuing().crt)
    report = site.bring(wanted(1), cas=False)
    assert "CN=Contoso Root" in errors(report)
    assert "add the CA's certificate to the CA files" in errors(report)
    assert actions(site.bring(wanted(1))) == {cn(1): "issued"}


def test_an_expired_one_is_set_aside_and_that_is_said(site: Site) -> None:
    site.receive("a", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private())
    site.receive("old", pki.issue(cn(1), pki.issuing(), days=(-300, -2)).crt)
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "issued"}
    assert "set aside, it expired on" in report.outcomes[0].notes[0]


def test_what_is_no_sensors_is_listed(site: Site) -> None:
    site.receive("stray.crt", pki.sensor("other.example").crt)
    site.receive("lost.key", pki.issue("lost", None).private())
    site.receive("two.crt", pki.sensor(cn(2)).crt)
    site.receive("portal.cer", b"<html>")
    site.receive("locked.pfx", pki.pfx(site.folder, pki.sensor(cn(1)), "Unknown"))
    site.receive("letter.txt", b"Dear colleagues")
    report = site.bring(wanted(1), others=[sensor("two", cn(2))])
    assert actions(report) == {cn(1): "pending"}
    reasons = {Path(entry.source).name: entry.reason for entry in report.leftovers}
    assert reasons == {
        "stray.crt": "no sensor of the inventory has the common name other.example",
        "lost.key": "no certificate among the files belongs to it",
        "two.crt": "it belongs to two, which is not part of this run",
    }
    assert {Path(entry.file or "").name for entry in report.unusable} == {"portal.cer", "locked.pfx"}
    assert [Path(entry.file or "").name for entry in report.passed_over] == ["letter.txt"]


def test_case_of_names_does_not_matter(site: Site) -> None:
    issued = pki.sensor("SENSOR-9.Plant.Example")
    site.receive("a", issued.crt + issued.private())
    report = site.bring(sensor("nine", "sensor-9.plant.example"))
    assert actions(report) == {"nine": "issued"}


def test_a_second_common_name_is_no_path(site: Site) -> None:
    issued = pki.issue(cn(1), pki.issuing(), more_names=("../../../outside",))
    site.receive("a", issued.crt + issued.private())
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "issued"}
    assert not list(site.folder.rglob("outside*"))
    assert Path(report.outcomes[0].files.crt).name == f"{cn(1)}.crt"  # type: ignore[union-attr]


def test_inputs_that_cannot_be_used_fail_their_sensor_only(site: Site) -> None:
    for number in (1, 2, 3, 4):
        site.receive(f"{number}", pki.sensor(cn(number)).crt + pki.sensor(cn(number)).private())
    report = site.bring(
        wanted(1),
        wanted(2, key_passphrase="has a blank"),
        sensor("..", cn(3)),
        sensor("x", cn(4)),
        sensor("y", cn(4).upper()),
    )
    assert actions(report) == {cn(1): "issued", cn(2): "failed", "..": "failed", "x": "failed", "y": "failed"}
    text = errors(report)
    assert "sensor_certificates_key_passphrase is not accepted by the sensors: character 4" in text
    assert "y has the same" in text
    assert "has a blank" not in text


def test_own_passphrases_of_a_large_fleet_are_tried_on_files_with_the_sensors_name(site: Site) -> None:
    sensors = [wanted(number, passphrase=f"Own.{number}") for number in range(1, 31)]
    site.receive(f"{cn(10)}.pfx", pki.pfx(site.folder, pki.sensor(cn(10)), "Own.10"))
    site.receive(f"{cn(1)}/a.pfx", pki.pfx(site.folder, pki.sensor(cn(1)), "Own.1"))
    site.receive("nameless.pfx", pki.pfx(site.folder, pki.sensor(cn(2)), "Own.2"))
    report = site.bring(*sensors)
    done = {name for name, action in actions(report).items() if action == "issued"}
    assert done == {cn(1), cn(10)}
    assert [Path(entry.file or "").name for entry in report.unusable] == ["nameless.pfx"]


def test_a_sensor_that_another_run_works_on(site: Site) -> None:
    site.receive("a", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private())
    site.store.prepare()
    (site.folder / "held").write_text("")
    import multiprocessing

    context = multiprocessing.get_context("fork")
    holding, done = context.Event(), context.Event()

    def other_run() -> None:
        with locks.hold(str(site.folder / "staged" / LOCKS), [cn(1)], 5):
            holding.set()
            done.wait(30)

    process = context.Process(target=other_run)
    process.start()
    try:
        assert holding.wait(30)
        report = site.bring(wanted(1))
    finally:
        done.set()
        process.join(30)
    assert "another run works on this sensor" in errors(report)
    assert actions(site.bring(wanted(1))) == {cn(1): "issued"}


def test_a_ca_file_that_cannot_be_used_concerns_everybody(site: Site) -> None:
    (site.folder / "cas.pem").write_bytes(b"<html>")
    report = site.bring(wanted(1), wanted(2))
    assert actions(report) == {cn(1): "failed", cn(2): "failed"}
    assert all("cas.pem: it is an HTML page" in outcome.errors[0] for outcome in report.outcomes)


def test_the_newest_valid_certificate_wins_and_what_was_passed_over_is_said(site: Site) -> None:
    last_year = pki.issue(cn(1), pki.issuing(), days=(-400, 30))
    this_year = pki.sensor(cn(1))
    site.receive("2025/a", last_year.crt + last_year.private())
    site.receive("2026/a", this_year.crt + this_year.private())
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "issued"}
    assert Path(report.outcomes[0].files.crt).read_bytes() == this_year.crt  # type: ignore[union-attr]
    assert any("a newer one is there" in note and "2025" in note for note in report.outcomes[0].notes)


def test_an_empty_inbox_takes_nothing_away_and_the_end_is_still_watched(site: Site) -> None:
    issued = pki.issue(cn(1), pki.issuing(), days=(-300, 20))
    site.receive("a", issued.crt + issued.private())
    site.show(site.bring(wanted(1)))
    (site.inbox / "a").unlink()
    outcome = site.bring(wanted(1)).outcomes[0]
    assert outcome.action == "pending"
    assert outcome.files is not None
    assert outcome.reasons[0].startswith("due: since")
    assert outcome.reasons[-1] == "no files were received for it"


def test_whoever_is_not_trusted_replaces_nothing(site: Site) -> None:
    genuine = pki.sensor(cn(1))
    site.receive("a", genuine.crt + genuine.private())
    roots = (str(site.folder / "cas.pem"),)
    site.show(site.bring(wanted(1), trusted_roots=roots, trust_any=False))
    other = pki.issue("Other Root", None, ca=True)
    forged = pki.issue(cn(1), other)
    site.receive("b", forged.crt + forged.private() + other.crt)
    report = site.bring(wanted(1), trusted_roots=roots, trust_any=False)
    assert actions(report) == {cn(1): "kept"}
    (site.inbox / "a").unlink()
    report = site.bring(wanted(1), trusted_roots=roots, trust_any=False)
    assert actions(report) == {cn(1): "failed"}
    assert "import_certificates_trusted_roots" in errors(report)
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "failed"}
    assert "another root" in errors(report)
    assert actions(site.bring(wanted(1, reissue=True))) == {cn(1): "issued"}


def test_trust_is_said_in_so_many_words(site: Site) -> None:
    with pytest.raises(InputError, match="import_certificates_trusted_roots is empty.*import_certificates_trust_any"):
        site.bring(wanted(1), trust_any=False)
    with pytest.raises(InputError, match="import_certificates_src is empty"):
        site.bring(wanted(1), src=())


def test_what_cannot_be_used_is_the_runs_matter_and_no_innocent_sensors(site: Site) -> None:
    issued = pki.sensor(cn(1))
    site.receive("a", issued.crt + issued.private())
    site.receive("broken.cer", b"<html>")
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "issued"}
    assert "the run's failure, no sensor's: 1 received file cannot be used: " in report.problems[0]


def test_an_inbox_that_was_emptied_fails_nobody(site: Site) -> None:
    issued = pki.sensor(cn(1))
    site.receive("a", issued.crt + issued.private())
    site.show(site.bring(wanted(1)))
    (site.inbox / "a").unlink()
    report = site.bring(wanted(1), wanted(2))
    assert actions(report) == {cn(1): "kept", cn(2): "pending"}
    assert report.problems == ()
    assert any("the folder holds no files" in line for line in report.lines)
    # A path that does not exist is a mistake in the inventory.
    assert "cannot be read" in site.bring(wanted(1), src=(str(site.inbox / "nowhere"),)).problems[0]


def test_odd_files_fail_nobody_else(site: Site) -> None:
    for position, der in enumerate(odd.everything().values()):
        site.receive(f"odd-{position}.cer", der)
    one = pki.sensor(cn(2))
    site.receive("fit.crt", one.crt + one.private())
    report = site.bring(wanted(1), wanted(2))
    assert actions(report)[cn(2)] == "issued"
    assert "error inside" not in errors(report)
