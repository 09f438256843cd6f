# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Received files are sorted out to sensors by common name and key, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.import_received import (
    ImportOptions,
    ImportReport,
    import_batch,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.delivery import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import locks
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.store import LOCKS, Store
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import PkiError


def cn(number: int) -> str:
    return f"sensor-{number}.plant.example"


class Site:
    """A site with an inbox and a stage directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        (folder / "cas.pem").write_bytes(pki.chain())
        self.store = Store(str(folder / "staged"))

    def receive(self, name: str, data: bytes) -> None:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def bring(
        self,
        *sensors: Wanted,
        others: tuple[Wanted, ...] = (),
        check_mode: bool = False,
        cas: bool = True,
        **options: Any,
    ) -> ImportReport:
        ca_files = (str(self.folder / "cas.pem"),) if cas else ()
        settings = ImportOptions(paths=(str(self.inbox),), ca_files=ca_files, **{"lock_timeout": 0.0, **options})
        return import_batch(sensors, others, self.store, settings, check_mode)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def wanted(number: int, **more: Any) -> Wanted:
    return Wanted(cn(number), cn(number), **more)


def actions(report: ImportReport) -> dict[str, str]:
    return {outcome.name: outcome.action for outcome in report.outcomes}


def errors(report: ImportReport) -> str:
    return "\n".join(text for outcome in report.outcomes for text in outcome.errors)


def test_files_find_their_sensors(site: Site, tmp_path: Path) -> None:
    one, two, three = pki.sensor(cn(1)), pki.sensor(cn(2)), pki.sensor(cn(3))
    site.receive("a.pfx", pki.pfx(tmp_path, one, "Pfx.1", "-legacy"))
    site.receive("deep/er/b.cer", two.der)
    site.receive("elsewhere.key", two.private("Key.2"))
    site.receive("batch.zip", pki.archive({"3.p7b": pki.p7b(tmp_path, three, pki.issuing()), "3.key": three.private()}))
    sensors = [wanted(1, key_passphrase="New.1"), wanted(2, passphrase="Key.2"), wanted(3), wanted(4)]
    report = site.bring(*sensors, passphrases=("Pfx.1",))
    assert actions(report) == {cn(1): "imported", cn(2): "imported", cn(3): "imported", cn(4): "nothing"}
    assert not report.leftovers
    assert not report.unusable
    for outcome, issued in zip(report.outcomes, (one, two, three)):
        assert outcome.files is not None
        assert outcome.files.read("crt") == issued.crt
        assert outcome.files.read("pem") == pki.chain()
        assert Path(outcome.files.key).stat().st_mode & 0o777 == 0o600
        assert Path(outcome.files.key).name == f"{outcome.name}.key"
    assert b"ENCRYPTED" in report.outcomes[0].files.read("key")  # type: ignore[union-attr]
    assert report.outcomes[1].files.read("key") == two.private()  # type: ignore[union-attr]
    assert site.store.sensors() == [], "nothing is visible before it is validated"
    again = site.bring(*sensors, passphrases=("Pfx.1",))
    assert set(actions(again).values()) == {"kept", "nothing"}
    assert again.outcomes[0].files == report.outcomes[0].files


def test_check_mode_writes_nothing_and_tells_what_staging_would_say(site: Site) -> None:
    expired = pki.issue(cn(2), pki.issuing(), days=(-300, -2))
    site.receive("1", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private())
    site.receive("2", expired.crt + expired.private())
    report = site.bring(wanted(1), wanted(2), check_mode=True)
    assert actions(report) == {cn(1): "imported", cn(2): "failed"}
    assert "crt.expired" in errors(report)
    assert not (site.folder / "staged").exists()


@pytest.mark.parametrize(
    ("number", "files", "words"),
    [
        (1, lambda: {"a.crt": pki.sensor(cn(1)).crt}, "the private key of"),
        (1, lambda: {"a.crt": pki.sensor(cn(1)).crt, "a.key": pki.sensor(cn(2)).private()}, "the private key of"),
        (
            1,
            lambda: {
                "a": pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private(),
                "b": pki.issue(cn(1), pki.issuing()).crt,
            },
            "2 different certificates have the common name",
        ),
    ],
)
def test_what_is_incomplete_or_ambiguous_fails_its_sensor(number: int, files: Any, words: str, site: Site) -> None:
    for name, data in files().items():
        site.receive(name, data)
    site.receive("good", pki.sensor(cn(3)).crt + pki.sensor(cn(3)).private())
    report = site.bring(wanted(number), wanted(3))
    assert actions(report) == {cn(number): "failed", cn(3): "imported"}
    assert words in errors(report)


def test_a_chain_is_completed_from_ca_files_or_its_lack_is_said(site: Site) -> None:
    site.receive("a", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private() + pki.issuing().crt)
    report = site.bring(wanted(1), cas=False)
    assert "CN=Contoso Root" in errors(report)
    assert "add the CA's certificate to the CA files" in errors(report)
    assert actions(site.bring(wanted(1))) == {cn(1): "imported"}


def test_an_expired_one_is_set_aside_and_that_is_said(site: Site) -> None:
    site.receive("a", pki.sensor(cn(1)).crt + pki.sensor(cn(1)).private())
    site.receive("old", pki.issue(cn(1), pki.issuing(), days=(-300, -2)).crt)
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "imported"}
    assert "set aside, it expired on" in report.outcomes[0].notes[0]


def test_what_is_no_sensors_is_listed(site: Site) -> None:
    site.receive("stray.crt", pki.sensor("other.example").crt)
    site.receive("lost.key", pki.issue("lost", None).private())
    site.receive("two.crt", pki.sensor(cn(2)).crt)
    site.receive("portal.cer", b"<html>")
    site.receive("locked.pfx", pki.pfx(site.folder, pki.sensor(cn(1)), "Unknown"))
    site.receive("letter.txt", b"Dear colleagues")
    report = site.bring(wanted(1), others=(Wanted("two", cn(2)),))
    assert actions(report) == {cn(1): "nothing"}
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
    report = site.bring(Wanted("nine", "sensor-9.plant.example"))
    assert actions(report) == {"nine": "imported"}


def test_a_second_common_name_is_no_path(site: Site) -> None:
    issued = pki.issue(cn(1), pki.issuing(), more_names=("../../../outside",))
    site.receive("a", issued.crt + issued.private())
    report = site.bring(wanted(1))
    assert actions(report) == {cn(1): "imported"}
    assert not list(site.folder.rglob("outside*"))
    assert Path(report.outcomes[0].files.crt).name == f"{cn(1)}.crt"  # type: ignore[union-attr]


def test_inputs_that_cannot_be_used_fail_their_sensor_only(site: Site) -> None:
    for number in (1, 2, 3, 4):
        site.receive(f"{number}", pki.sensor(cn(number)).crt + pki.sensor(cn(number)).private())
    report = site.bring(
        wanted(1),
        wanted(2, key_passphrase="has a blank"),
        Wanted("..", cn(3)),
        Wanted("x", cn(4)),
        Wanted("y", cn(4).upper()),
    )
    assert actions(report) == {cn(1): "imported", cn(2): "failed", "..": "failed", "x": "failed", "y": "failed"}
    text = errors(report)
    assert "character 4 of sensor_certificates_key_passphrase" in text
    assert "y has the same" in text
    assert "has a blank" not in text


def test_own_passphrases_of_a_large_fleet_are_tried_on_files_with_the_sensors_name(site: Site) -> None:
    sensors = [wanted(number, passphrase=f"Own.{number}") for number in range(1, 31)]
    site.receive(f"{cn(10)}.pfx", pki.pfx(site.folder, pki.sensor(cn(10)), "Own.10"))
    site.receive(f"{cn(1)}/a.pfx", pki.pfx(site.folder, pki.sensor(cn(1)), "Own.1"))
    site.receive("nameless.pfx", pki.pfx(site.folder, pki.sensor(cn(2)), "Own.2"))
    report = site.bring(*sensors)
    done = {name for name, action in actions(report).items() if action == "imported"}
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
    assert actions(site.bring(wanted(1))) == {cn(1): "imported"}


def test_a_ca_file_that_cannot_be_used_concerns_everybody(site: Site) -> None:
    (site.folder / "cas.pem").write_bytes(b"<html>")
    with pytest.raises(PkiError, match=r"cas\.pem: it is an HTML page"):
        site.bring(wanted(1))


def test_odd_files_fail_nobody_else(site: Site) -> None:
    for position, der in enumerate(odd.everything().values()):
        site.receive(f"odd-{position}.cer", der)
    one = pki.sensor(cn(2))
    site.receive("fit.crt", one.crt + one.private())
    report = site.bring(wanted(1), wanted(2))
    assert actions(report)[cn(2)] == "imported"
    assert "error inside" not in errors(report)
