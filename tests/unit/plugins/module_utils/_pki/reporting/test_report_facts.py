# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of a fleet, from its state alone."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.due import Renewal
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.facts import Fleet, SensorRow
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.figures import following
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments, text
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from report_kitchen import DAY, NOW, URL, Kitchen

ONE, TWO, THREE, FOUR, FIVE = (f"sensor-{number}.plant.example" for number in range(1, 6))


def row(fleet: Fleet, name: str) -> SensorRow:
    return {one.name: one for one in fleet.sensors}[name]


def ids(one: SensorRow) -> set[str]:
    return {str(finding["id"]) for finding in one.findings}


def test_every_state_is_told_apart_and_the_states_add_up(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE)
    kitchen.bundle(FOUR)
    kitchen.request(TWO)
    fleet = kitchen.gather([ONE, TWO, THREE])
    assert {one.name: one.state for one in fleet.sensors} == {
        ONE: "staged",
        TWO: "pending",
        THREE: "missing",
        FOUR: "orphaned",
    }
    counts = fleet.summary
    assert counts["sensors"] == 4 == sum(counts[state] for state in ("staged", "pending", "missing", "orphaned"))
    assert row(fleet, TWO).request == {
        "since": moments.iso(NOW),
        "issuer": "corp",
        "public_key_sha256": row(fleet, TWO).request["public_key_sha256"],
    }
    assert fleet.verdict == "attention"


def test_a_request_for_a_renewal_leaves_the_sensor_staged(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE)
    kitchen.request(ONE)
    one = row(kitchen.gather([ONE]), ONE)
    assert (one.state, one.request is not None) == ("staged", True)


def test_what_a_certificate_says_and_who_issued_it(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE, left=700, age=30, issuer="corp")
    one = row(kitchen.gather([ONE]), ONE)
    assert one.issuer == "corp", "the record of the certificate decides, not today's inventory"
    assert one.serial == text.serial_text(certificate.serial_number)
    assert one.fingerprint == parts.fingerprint(certificate)
    assert (one.days_left, one.key_bits, one.sans) == (700, 2048, (ONE,))
    assert one.chain == ("Plant Issuing CA", "Plant Root CA")
    assert one.chain_not_after == moments.iso(kitchen.issuing.not_valid_after_utc)
    assert one.findings == ()
    assert (one.site, one.groups) == ("site_a", ("sensors", "site_a"))


@pytest.mark.parametrize(
    ("left", "before", "spread", "due", "expired"),
    [(700, None, 0, False, False), (59, None, 0, True, False), (59, 30, 0, False, False), (-1, None, 0, True, True)],
)
def test_due_and_expired(
    kitchen: Kitchen, left: int, before: int | None, spread: int, due: bool, expired: bool
) -> None:
    kitchen.bundle(ONE, left=left, age=600)
    fleet = kitchen.gather([Wanted(ONE, ONE, renewal=Renewal(before, spread, ONE))])
    one = row(fleet, ONE)
    assert (one.due, one.expired) == (due, expired)
    assert (fleet.summary["due"], fleet.summary["expired"]) == (int(due), int(expired))
    assert fleet.summary["next_due"] == one.due_on
    assert ("crt.expired" in ids(one)) == expired
    assert fleet.summary["failed"] == int(expired)


def test_nothing_is_due_where_the_issuing_ca_ends_as_well(tmp_path: Path) -> None:
    kitchen = Kitchen(tmp_path / "pki", ca_days=20)
    kitchen.bundle(ONE, left=20, age=600)
    kitchen.bundle(TWO, left=40, age=600)
    fleet = kitchen.gather([ONE, TWO])
    assert (row(fleet, ONE).due, row(fleet, TWO).due) == (False, False)
    issuing = {ca.common_name: ca for ca in fleet.authorities}["Plant Issuing CA"]
    assert (issuing.sensors, issuing.ends_first) == (2, 1)


def test_an_upload_is_needed_until_the_console_was_seen_with_it(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE, age=10)
    before = row(kitchen.gather([ONE]), ONE)
    assert (before.upload.needed, before.upload.since) == (True, moments.iso(NOW - 10 * DAY))
    assert before.live == {"state": None, "seen": None, "fingerprint": None, "confirmed": None}
    kitchen.seen(ONE, None, NOW - 9 * DAY, "unreachable")
    assert row(kitchen.gather([ONE]), ONE).upload.needed, "a console that does not answer proves nothing"
    kitchen.seen(ONE, certificate, NOW - 8 * DAY, "matches")
    after = row(kitchen.gather([ONE]), ONE)
    assert (after.upload.needed, after.upload.since) == (False, None)
    assert (after.live["state"], after.live["confirmed"]) == ("matches", moments.iso(NOW - 8 * DAY))
    kitchen.seen(ONE, None, NOW - 7 * DAY, "unreachable")
    away = row(kitchen.gather([ONE]), ONE)
    assert (away.upload.needed, away.live["state"]) == (False, "unreachable")


def test_an_upload_is_needed_again_once_another_certificate_was_seen(kitchen: Kitchen) -> None:
    certificate, other = kitchen.bundle(ONE, age=10), kitchen.root
    kitchen.seen(ONE, certificate, NOW - 8 * DAY, "matches")
    kitchen.seen(ONE, other, NOW - 6 * DAY, "self-signed")
    kitchen.seen(ONE, other, NOW - 5 * DAY, "self-signed")
    one = row(kitchen.gather([ONE]), ONE)
    assert (one.upload.needed, one.upload.since) == (True, moments.iso(NOW - 6 * DAY))
    assert one.live["state"] == "self-signed"


def test_a_new_bundle_needs_its_own_upload(kitchen: Kitchen) -> None:
    first = kitchen.bundle(ONE, age=10)
    kitchen.seen(ONE, first, NOW - 8 * DAY, "matches")
    kitchen.bundle(ONE, age=2)
    one = row(kitchen.gather([ONE]), ONE)
    assert (one.upload.needed, one.upload.since) == (True, moments.iso(NOW - 2 * DAY))
    assert (one.live["state"], one.live["confirmed"]) == ("other", None), "it matched then, and does not match this one"


def test_a_bundle_that_was_only_issued_waits_since_then(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE, staged_event=False)
    one = row(kitchen.gather([ONE]), ONE)
    assert one.upload.needed
    assert one.upload.since == one.history[-1]["time"]
    kitchen.bundle(TWO, record=False)
    assert row(kitchen.gather([ONE, TWO]), TWO).upload.since is None


def test_the_sheet_says_what_to_enter(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE, crl_url=URL)
    kitchen.bundle(TWO, passphrase="Secret-1234")
    kitchen.bundle(THREE, left=-1, age=600)
    fleet = kitchen.gather([ONE, TWO, THREE])
    one, two, three = (row(fleet, name).upload for name in (ONE, TWO, THREE))
    assert [entry["kind"] for entry in one.files] == ["key", "crt", "pem"]
    for entry in one.files:
        path = Path(entry["path"])
        assert path == kitchen.staged / ONE / f"{ONE}.{entry['kind']}"
        assert path.exists()
    assert (one.passphrase, one.crl_check, one.validation) == (False, True, "Mandatory")
    assert (two.passphrase, two.crl_check) == (True, False)
    assert two.validation == "Mandatory", "a key that nobody can open here is no fault of the certificate"
    assert three.validation == "None"
    assert "crt.expired" in str(three.why)
    assert one.certificate_name == f"{ONE}-{moments.iso(NOW - 30 * DAY)[:10]}"


def test_what_the_crl_says(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE, crl_url=URL)
    kitchen.bundle(TWO)
    assert row(kitchen.gather([ONE, TWO]), ONE).crl == {"state": "unknown", "seen": None, "url": URL}
    kitchen.publish()
    fleet = kitchen.gather([ONE, TWO])
    assert (row(fleet, ONE).crl["state"], row(fleet, TWO).crl["state"]) == ("current", "none")
    assert [(crl.state, crl.number) for crl in fleet.crls] == [("current", 7)]
    kitchen.publish(days=30, age=25)
    assert row(kitchen.gather([ONE]), ONE).crl["state"] == "due"
    kitchen.publish(days=30, age=40)
    stale = kitchen.gather([ONE])
    assert (row(stale, ONE).crl["state"], stale.verdict) == ("expired", "bad")
    kitchen.publish(revoked=[certificate])
    assert row(kitchen.gather([ONE]), ONE).crl["state"] == "revoked"


def test_a_revoked_certificate_is_an_error(kitchen: Kitchen) -> None:
    kitchen.revoke(ONE, kitchen.bundle(ONE))
    one = row(kitchen.gather([ONE]), ONE)
    assert "crl.revoked" in ids(one)
    assert one.failed
    assert one.history[0]["event"] == "revoked"


def test_two_sensors_with_one_key_are_told(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE, own_key=5)
    kitchen.bundle(TWO, own_key=5)
    fleet = kitchen.gather([ONE, TWO])
    assert all("fleet.duplicate-key" in ids(one) for one in fleet.sensors)


def test_the_history_is_newest_first_and_in_the_order_of_a_life(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE, age=0)
    kitchen.seen(ONE, certificate, NOW + DAY, "matches")
    kitchen.happened(events.RETIRED, ONE, certificate, NOW + 2 * DAY, "left the inventory")
    told = [entry["event"] for entry in row(kitchen.gather([ONE]), ONE).history]
    assert told in (["retired", "seen", "staged", "issued"], ["retired", "seen", "issued", "staged"])
    times = [entry["time"] for entry in row(kitchen.gather([ONE]), ONE).history]
    assert times == sorted(times, reverse=True)


def test_what_changed_since_a_day(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE, age=30)
    for days in (20, 13, 6):
        kitchen.seen(ONE, certificate, NOW - days * DAY, "matches")
    kitchen.seen(ONE, None, NOW - 3 * DAY, "unreachable")
    fleet = kitchen.gather([ONE], since=NOW - 15 * DAY)
    assert fleet.changes is not None
    # The record of the certificate says by itself when it was made: now.
    told = [(entry["event"], entry["reason"]) for entry in fleet.changes if entry["event"] != "issued"]
    assert told == [("seen", "unreachable")], "a look that saw the same again is no change"
    assert kitchen.gather([ONE]).changes is None


def test_the_months_ahead_have_no_gap_and_count_what_is_overdue(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE, left=700)
    kitchen.bundle(TWO, left=-5, age=600)
    months = kitchen.gather([ONE, TWO]).calendar
    names = [str(month["month"]) for month in months]
    assert names[0] == NOW.strftime("%Y-%m")
    assert names == sorted(set(names))
    assert all(after == following(before) for before, after in itertools.pairwise(names))
    assert (months[0]["due"], months[0]["ends"]) == (1, 1)
    assert sum(month["ends"] for month in months) == 2
    assert sum(month["due"] for month in months) == 2


def test_self_signed_for_a_test_is_what_was_asked_for(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE, issuer="self_signed")
    one = row(kitchen.gather([ONE]), ONE)
    assert one.upload.validation == "None"


# Half damaged state: the report says what is missing, and still comes.


def test_damaged_bundles_are_told_and_the_others_come(kitchen: Kitchen) -> None:
    for name in (ONE, TWO, THREE, FOUR, FIVE):
        kitchen.bundle(name)
    (kitchen.staged / ONE / f"{ONE}.crt").write_bytes(b"\x00\xff no certificate \x1b[31m")
    os.unlink(kitchen.staged / TWO / f"{TWO}.pem")
    shutil.rmtree((kitchen.staged / THREE).resolve())
    os.unlink(kitchen.staged / FOUR)
    (kitchen.staged / FOUR).write_text("a file")
    fleet = kitchen.gather([ONE, TWO, THREE, FOUR, FIVE])
    assert "crt.parse" in ids(row(fleet, ONE))
    for name in (TWO, THREE, FOUR):
        assert "stage.unreadable" in ids(row(fleet, name)), name
        assert row(fleet, name).state == "missing"
    assert row(fleet, FIVE).findings == ()
    assert fleet.summary["failed"] == 4
    assert "\x1b" not in str(fleet.to_dict())


def test_a_key_that_this_account_cannot_read_hides_nothing_else(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE)
    key = (kitchen.staged / ONE).resolve() / f"{ONE}.key"
    key.unlink()
    key.mkdir()
    one = row(kitchen.gather([ONE]), ONE)
    assert one.fingerprint == parts.fingerprint(certificate)
    assert one.upload.passphrase is None
    assert (one.state, one.failed) == ("staged", False)


def test_records_that_cannot_be_read_are_told(kitchen: Kitchen) -> None:
    kitchen.bundle(ONE)
    certificate = kitchen.bundle(TWO)
    kitchen.seen(TWO, certificate, NOW, "matches")
    bad = kitchen.ledger_dir / f"{text.serial_text(certificate.serial_number)}.json"
    bad.write_text("no JSON")
    (kitchen.ledger_dir / "0A.json").write_text("")
    (kitchen.ledger_dir / "0B.revoked.json").write_text("{}")
    (kitchen.ledger_dir / "events" / "20260101T000000Z-seen-0123456789abcdef.json").write_text('["\x1b[2J"]')
    (kitchen.crl_dir).mkdir()
    (kitchen.crl_dir / "broken.crl").write_bytes(b"\x30\x82")
    (kitchen.ca_dir / "root.crt").write_text("no certificate")
    fleet = kitchen.gather([ONE, TWO])
    told = "\n".join(fleet.problems)
    for name in (bad.name, "0A.json", "0B.revoked.json", "20260101T000000Z-seen", "broken.crl", "root.crt"):
        assert name in told, name
    assert fleet.verdict == "bad"
    assert not row(fleet, TWO).upload.needed
    assert [crl.state for crl in fleet.crls] == ["unreadable"]


def test_a_record_that_was_lost_or_altered_is_told(kitchen: Kitchen) -> None:
    certificates = {name: kitchen.bundle(name) for name in (ONE, TWO, THREE, FOUR, FIVE)}
    ledger = Path(kitchen.ledger.folder)
    records = {
        name: ledger / f"{text.serial_text(certificate.serial_number)}.json"
        for name, certificate in certificates.items()
    }
    assert kitchen.gather(list(records)).problems == ()
    records[ONE].unlink()
    for name, key, value in (
        (TWO, "sensor", "sensor-77"),
        (THREE, "not_after", "2035-01-01T00:00:00Z"),
        (FOUR, "issuer_key", "ab" * 20),
    ):
        content = json.loads(records[name].read_text())
        records[name].write_text(json.dumps({**content, key: value}))
    told = "\n".join(kitchen.gather(list(records)).problems)
    assert f"no readable record of what is staged for {ONE}, {THREE}, {FOUR}: restore it" in told
    assert f"never had it: {TWO} (recorded for sensor-77)" in told
    assert f"{records[THREE]} was altered" in told
    assert f"{records[FOUR]} was altered" in told
    shutil.rmtree(ledger)
    (told,) = kitchen.gather(list(records)).problems
    assert f"what is staged for {ONE}, {TWO}, {THREE} and 2 more: restore it from the backup" in told


def test_a_renamed_sensor_has_its_former_names_record(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle(ONE)
    (Path(kitchen.stage.stage_dir) / ONE).rename(Path(kitchen.stage.stage_dir) / TWO)
    assert certificate is not None
    assert kitchen.gather([TWO]).problems == ()


def test_folders_that_are_missing_or_no_folders(tmp_path: Path, kitchen: Kitchen) -> None:
    shutil.rmtree(kitchen.folder)
    fleet = kitchen.gather([ONE])
    assert (row(fleet, ONE).state, fleet.problems) == ("missing", ())
    kitchen.folder.mkdir()
    for path in (kitchen.staged, kitchen.ledger_dir, kitchen.crl_dir, kitchen.ca_dir):
        path.write_text("a file")
    fleet = kitchen.gather([ONE])
    assert row(fleet, ONE).state == "missing"
    told = "\n".join(fleet.problems)
    for path in (kitchen.staged, kitchen.ledger_dir, kitchen.crl_dir):
        assert str(path) in told, path


def test_half_of_a_state_is_told(kitchen: Kitchen) -> None:
    """Where one folder speaks of the other, the other one is missing; one lost bundle is its sensor's finding."""
    for name in (ONE, TWO, THREE):
        kitchen.bundle(name)
    kitchen.happened(events.RETIRED, THREE, None, NOW, "gone")
    os.unlink(kitchen.staged / TWO)
    os.unlink(kitchen.staged / THREE)
    fleet = kitchen.gather([ONE, TWO, THREE])
    assert [ids(row(fleet, name)) for name in (ONE, TWO, THREE)] == [set(), {"stage.gone"}, set()]
    assert moments.iso(NOW - 30 * DAY) in row(fleet, TWO).findings[0]["message"]
    assert fleet.problems == ()
    ledger = kitchen.ledger_dir.rename(kitchen.folder / "elsewhere")
    (told,) = kitchen.gather([ONE]).problems
    assert f"no readable record of what is staged for {ONE}" in told
    ledger.rename(kitchen.ledger_dir)
    shutil.rmtree(kitchen.staged)
    (told,) = kitchen.gather([ONE]).problems
    assert f"the stage directory {kitchen.staged} does not exist" in told


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("whole", "time", "yesterday"),
        ("whole", "time", None),
        ("whole", "actor", 5),
        ("sensors", "fingerprint", 7),
        ("sensors", "serial", ["x"]),
        ("sensors", "reason", {"a": 1}),
        ("sensors", "sensor", None),
        ("sensors", "details", "x"),
    ],
)
def test_an_event_of_the_wrong_kind_is_told_and_decides_nothing(
    kitchen: Kitchen, where: str, key: str, value: object
) -> None:
    certificate = kitchen.bundle(ONE)
    kitchen.seen(ONE, certificate, NOW, "matches")
    (path,) = (kitchen.ledger_dir / "events").glob("*-seen-*.json")
    content = json.loads(path.read_text())
    (content if where == "whole" else content["sensors"][0])[key] = value
    path.write_text(json.dumps(content))
    fleet = kitchen.gather([ONE])
    assert row(fleet, ONE).upload.needed
    assert fleet.problems == (f"{path} is damaged; restore it from the backup",)


def test_names_that_somebody_put_there_by_hand(kitchen: Kitchen) -> None:
    (kitchen.staged / "a\nb\x1b]0;x\x07\u202e").mkdir()
    os.mkdir(os.path.join(os.fsencode(kitchen.staged), b"\xff\xfe"))
    fleet = kitchen.gather([])
    assert fleet.summary["orphaned"] == 2
    for one in fleet.sensors:
        assert one.name.isprintable(), ascii(one.name)
        one.name.encode("utf-8")
