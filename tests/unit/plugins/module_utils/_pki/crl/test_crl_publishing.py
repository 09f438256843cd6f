# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoking, and publishing what was revoked: numbers that only grow, nothing un-revoked, judged by OpenSSL."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.revoke import Revoking, serial_candidates
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl import publishing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.publishing import (
    Lifetimes,
    Publisher,
    file_name,
    sources,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import hashes, rsa, x509
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.opened import (
    Authority,
    open_authority,
    public_certificates,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import revocations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.text import serial_text
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import Folder

PASSPHRASE = "correct horse battery staple"
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
URL = "http://crl.plant.example/pki/sensors.crl"
ROOT_URL = "http://crl.plant.example/pki/top.crl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "ca"
    write_authority(str(folder), AuthoritySettings(PASSPHRASE, key_size=2048, root_crl_url=ROOT_URL), NOW - DAY)
    return folder


class Place:
    """A CA of its own for each test, a ledger, and a folder to publish to."""

    def __init__(self, folder: Path, made: Path) -> None:
        self.ca = folder / "ca"
        shutil.copytree(made, self.ca)
        self.ledger = Ledger(str(folder / "ca_ledger"))
        self.ledger.prepare()
        self.folder = folder / "pub"
        self.key = parts.new_key(2048)

    @property
    def authority(self) -> Authority:
        return open_authority(str(self.ca), PASSPHRASE, NOW, datetime.timedelta(0))

    def issue(self, sensor: str, days: int = 700) -> x509.Certificate:
        authority = self.authority
        certificate = (
            x509.CertificateBuilder()
            .subject_name(parts.build_name([("CN", sensor)]))
            .issuer_name(authority.certificate.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + days * DAY)
            .sign(authority.key, hashes.SHA256())
        )
        self.ledger.record(sensor, certificate)
        return certificate

    def revoke(
        self, *requests: dict[str, Any], at: datetime.datetime = NOW, check: bool = False
    ) -> list[dict[str, Any]]:
        revoking = Revoking(self.ledger, public_certificates(str(self.ca)), at, check)
        return [outcome.to_dict() for outcome in revoking.run(requests)]

    def publisher(self, at: datetime.datetime = NOW, **options: Any) -> Publisher:
        lifetimes = options.pop("lifetimes", Lifetimes(30, 365, 14))
        every = tuple(sources(self.authority, URL, lifetimes))
        return Publisher(str(self.folder), self.ledger, lifetimes, at, every, **options)

    def publish(self, at: datetime.datetime = NOW, **options: Any) -> list[dict[str, Any]]:
        return [outcome.to_dict() for outcome in self.publisher(at, **options).publish()]

    def crl(self, name: str = "sensors.crl") -> x509.CertificateRevocationList:
        return x509.load_der_x509_crl((self.folder / name).read_bytes())

    def serials(self) -> set[int]:
        return {entry.serial_number for entry in self.crl()}


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Place:
    return Place(tmp_path, made)


def actions(results: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(result["action"], result["number"]) for result in results]


def test_a_crl_for_each_ca_named_after_its_url(place: Place) -> None:
    assert actions(place.publish()) == [("published", 1), ("published", 1)]
    assert sorted(os.listdir(place.folder)) == ["sensors.crl", "sensors.crl.pem", "top.crl", "top.crl.pem"]
    for name, certificate in (("sensors.crl", place.authority.certificate), ("top.crl", place.authority.root)):
        crl = place.crl(name)
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert crl.is_signature_valid(key)
        assert crl.issuer == certificate.subject
        identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert identifier.key_identifier == parts.subject_key_identifier(key)
        pem = (place.folder / f"{name}.pem").read_bytes()
        assert x509.load_pem_x509_crl(pem) == crl
        assert (place.folder / name).stat().st_mode & 0o777 == 0o644
    assert place.crl().next_update_utc == NOW + 30 * DAY
    assert place.crl("top.crl").next_update_utc == NOW + 365 * DAY
    assert place.crl().last_update_utc == NOW - datetime.timedelta(minutes=10)


def test_nothing_changes_until_something_is_due(place: Place) -> None:
    place.publish()
    before = {path: path.read_bytes() for path in place.folder.iterdir()}
    assert actions(place.publish(NOW + DAY)) == [("kept", 1), ("kept", 1)]
    assert {path: path.read_bytes() for path in place.folder.iterdir()} == before
    results = place.publish(NOW + 17 * DAY)
    assert actions(results) == [("published", 2), ("kept", 1)]
    assert results[0]["reasons"] == ["close to its nextUpdate, 2026-07-01T00:00:00Z"]
    assert "expired on" in place.publish(NOW + 60 * DAY)[0]["reasons"][0]


def test_the_remainder_below_which_it_is_renewed_is_at_most_half_its_life() -> None:
    lifetimes = Lifetimes(7, 365, 14)
    assert lifetimes.renewal(NOW, NOW + 7 * DAY) == NOW + 3.5 * DAY
    assert lifetimes.renewal(NOW, NOW + 100 * DAY) == NOW + 86 * DAY


def test_a_shorter_life_that_is_asked_for_counts_at_once(place: Place) -> None:
    place.publish()
    results = place.publish(lifetimes=Lifetimes(7, 365, 3))
    assert actions(results)[0] == ("published", 2)
    assert results[0]["next_update"] == "2026-06-08T00:00:00Z"
    assert actions(place.publish(lifetimes=Lifetimes(7, 365, 3)))[0] == ("kept", 2)


def test_revoked_by_sensor_serial_and_file(place: Place, tmp_path: Path) -> None:
    certificates = [place.issue(f"sensor-{index}") for index in range(4)]
    path = tmp_path / "c.cer"
    path.write_bytes(certificates[2].public_bytes(parts.serialization.Encoding.DER))
    requests: list[dict[str, Any]] = [
        {"sensor": "sensor-0", "reason": "keyCompromise"},
        {"serial": serial_text(certificates[1].serial_number).lower(), "reason": "cessation_of_operation"},
        {"certificate": str(path), "revoked_at": "2026-05-30T12:00:00+02:00"},
    ]
    check = place.revoke(*requests, check=True)
    assert [result["action"] for result in check] == ["revoked"] * 3
    assert not [name for name in os.listdir(place.ledger.folder) if "revoked" in name]
    results = place.revoke(*requests)
    assert [result["action"] for result in results] == ["revoked"] * 3
    assert [result["action"] for result in place.revoke(*requests)] == ["kept"] * 3
    listed = place.publish()
    assert listed[0]["entries"] == 3
    assert place.serials() == {certificate.serial_number for certificate in certificates[:3]}
    entry = place.crl().get_revoked_certificate_by_serial_number(certificates[0].serial_number)
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    entry = place.crl().get_revoked_certificate_by_serial_number(certificates[2].serial_number)
    assert entry is not None
    assert entry.revocation_date_utc == datetime.datetime(2026, 5, 30, 10, tzinfo=datetime.timezone.utc)
    assert not list(entry.extensions), "RFC 5280: no reason code rather than unspecified"


def test_every_certificate_of_a_sensor_that_is_still_valid(place: Place) -> None:
    kept = [place.issue("sensor-1"), place.issue("sensor-1")]
    place.issue("sensor-1", days=0)
    place.issue("sensor-10")
    results = place.revoke({"sensor": "sensor-1"}, at=NOW + DAY)
    assert {entry["serial"] for entry in results[0]["certificates"]} == {serial_text(one.serial_number) for one in kept}


def test_a_record_is_never_changed(place: Place) -> None:
    place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1", "reason": "keyCompromise"})
    results = place.revoke({"sensor": "sensor-1", "reason": "superseded"}, at=NOW + DAY)
    assert results[0]["action"] == "kept"
    assert results[0]["certificates"][0]["reason"] == "keyCompromise"
    assert "that record stays" in results[0]["warnings"][0]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "exactly one of serial, certificate, sensor"),
        ({"sensor": "a", "serial": "1"}, "serial and sensor are given"),
        ({"sensor": "nobody"}, "has no certificate of the sensor nobody"),
        ({"serial": "ABCDEF"}, "has no certificate with the serial number ABCDEF"),
        ({"serial": "xyz"}, "hexadecimal digits in quotes"),
        ({"serial": 1.5}, "hexadecimal digits in quotes"),
        ({"certificate": "/nowhere"}, "/nowhere cannot be read"),
        ({"sensor": "sensor-1", "reason": "stolen"}, "wanted: one of unspecified, keyCompromise"),
        ({"sensor": "sensor-1", "reason": "removeFromCRL"}, "wanted: one of"),
        ({"sensor": "sensor-1", "revoked_at": "2030-01-01"}, "in the future"),
        ({"sensor": "sensor-1", "revoked_at": "yesterday"}, "ISO 8601"),
    ],
)
def test_what_cannot_be_revoked_keeps_no_other_from_it(place: Place, request_: dict[str, Any], message: str) -> None:
    place.issue("sensor-1")
    place.issue("sensor-2")
    results = place.revoke(request_, {"sensor": "sensor-2"})
    assert [result["action"] for result in results] == ["failed", "revoked"]
    assert message in results[0]["errors"][0]


def test_a_stranger_s_certificate_and_the_root_are_refused(place: Place, tmp_path: Path) -> None:
    name = parts.build_name([("CN", "stranger")])
    stranger = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(place.key.public_key())
        .serial_number(5).not_valid_before(NOW).not_valid_after(NOW + DAY).sign(place.key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "s.crt").write_bytes(parts.pem(stranger))
    results = place.revoke({"certificate": str(tmp_path / "s.crt")}, {"certificate": str(place.ca / "root.crt")})
    assert "not by this CA" in results[0]["errors"][0]
    assert "a root cannot be revoked" in results[1]["errors"][0]


def test_serials_as_people_write_them() -> None:
    assert serial_candidates("0x0a:BC") == [0xABC]
    assert serial_candidates("serial=0ABC") == [0xABC]
    assert serial_candidates(1234) == [0x1234, 1234]
    with pytest.raises(InputError):
        serial_candidates(True)


def test_a_revoked_issuing_ca_is_on_the_root_s_crl(place: Place) -> None:
    issuing = place.authority.certificate
    place.revoke({"serial": serial_text(issuing.serial_number), "reason": "cACompromise"})
    place.publish()
    assert {entry.serial_number for entry in place.crl("top.crl")} == {issuing.serial_number}
    assert place.serials() == set()


def test_entries_go_after_a_crl_has_shown_them_past_their_end(place: Place) -> None:
    short, long = place.issue("short", days=5), place.issue("long")
    place.publish()
    place.revoke({"sensor": "short"}, {"sensor": "long"})
    assert place.publish()[0]["entries"] == 2
    late = NOW + 20 * DAY
    assert actions(place.publish(late))[0] == ("published", 3)
    assert place.serials() == {short.serial_number, long.serial_number}, "shown once after its end"
    later = NOW + 40 * DAY
    place.publish(later)
    assert place.serials() == {long.serial_number}
    assert actions(place.publish(later))[0][0] == "kept"


def test_nothing_is_unrevoked_by_a_lost_ledger(place: Place) -> None:
    certificate = place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1", "reason": "keyCompromise"})
    place.publish()
    shutil.rmtree(place.ledger.folder)
    place.ledger.prepare()
    results = place.publish(NOW + 20 * DAY)
    assert results[0]["number"] == 2, "never below what is published"
    assert "they stay revoked" in results[0]["warnings"][0]
    entry = place.crl().get_revoked_certificate_by_serial_number(certificate.serial_number)
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise


def test_an_earlier_ca_s_revocations_stay_out(place: Place, tmp_path: Path, made: Path) -> None:
    place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1"})
    shutil.rmtree(place.ca)
    write_authority(str(place.ca), AuthoritySettings(PASSPHRASE, key_size=2048), NOW - DAY)
    results = place.publish()
    assert results[0]["entries"] == 0
    outcome = place.revoke({"sensor": "sensor-1"})[0]
    assert outcome["action"] == "failed"
    assert "no certificate of sensor-1 that this CA issued" in outcome["errors"][0]


@pytest.mark.parametrize("content", ["{}", "", "\x00" * 300])
def test_a_damaged_record_revokes_all_the_same_and_is_told(place: Place, content: str) -> None:
    certificate = place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1"})
    record = next(Path(place.ledger.folder).glob("*.revoked.json"))
    record.write_text(content)
    results = place.publish()
    assert results[0]["action"] == "published"
    assert place.serials() == {certificate.serial_number}
    assert any(f"{record} is damaged" in warning for warning in results[0]["warnings"])
    with pytest.raises(FileError, match="damaged"):
        revocations.find(place.ledger, int(record.name.split(".")[0], 16))


@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_a_damaged_crl_is_replaced(place: Place, content: bytes) -> None:
    place.publish()
    (place.folder / "sensors.crl").write_bytes(content)
    results = place.publish()
    assert actions(results)[0] == ("published", 2)
    assert results[0]["reasons"][0].startswith("unreadable")


def test_the_pem_follows_after_a_run_that_was_killed_between_the_two(place: Place) -> None:
    place.publish()
    (place.folder / "sensors.crl.pem").write_text("older")
    assert place.publish()[0]["action"] == "published"
    assert x509.load_pem_x509_crl((place.folder / "sensors.crl.pem").read_bytes()) == place.crl()
    assert actions(place.publish())[0] == ("kept", 1)


def test_check_mode_writes_nothing(place: Place) -> None:
    assert actions(place.publish(check_mode=True)) == [("published", None), ("published", None)]
    assert not place.folder.exists()
    assert os.listdir(place.ledger.folder) == []


def test_a_root_whose_key_is_offline_keeps_its_crl_while_that_is_fresh(place: Place) -> None:
    results = place.publish()
    (place.ca / "root.key").unlink()
    assert actions(place.publish(NOW + DAY)) == [("kept", 1), ("kept", 1)]
    results = place.publish(NOW + 355 * DAY)
    assert actions(results) == [("published", 2), ("kept", 1)]
    assert "the root's key is offline" in results[1]["warnings"][0]
    assert "good until 2027-06-01" in results[1]["warnings"][0]
    results = place.publish(NOW + 366 * DAY)
    assert results[1]["action"] == "failed"
    assert "Bring root.key back" in results[1]["errors"][0]


def test_an_offline_root_that_nobody_looks_for_only_warns(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    write_authority(str(folder), AuthoritySettings(PASSPHRASE, key_size=2048), NOW - DAY)
    place = Place(tmp_path, folder)
    (place.ca / "root.key").unlink()
    results = place.publish()
    assert [result["action"] for result in results] == ["published", "kept"]
    assert results[1]["warnings"]
    place.revoke({"certificate": str(place.ca / "issuing.crt")})
    assert place.publish()[1]["action"] == "failed", "a revoked issuing CA must be told"


def test_one_tier(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    write_authority(str(folder), AuthoritySettings(PASSPHRASE, key_size=2048, tiers=1), NOW - DAY)
    place = Place(tmp_path, folder)
    results = place.publish()
    assert [(result["ca"], result["path"]) for result in results] == [("root", str(place.folder / "sensors.crl"))]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (None, "issuing.crl"),
        ("http://h/a/b%20c.crl", "b c.crl"),
        ("http://h/", "issuing.crl"),
        ("http://h", "issuing.crl"),
        ("http://h/..", "issuing.crl"),
        ("http://h/%2e%2e%2fx", "x"),
        ("http://h/.hidden", "issuing.crl"),
        ("http://h/x.pem", "issuing.crl"),
        ("http://h/x?y=z", "x"),
    ],
)
def test_names_of_files(url: str | None, name: str) -> None:
    assert file_name(url, "issuing") == name


def _publish_in_child(place: Place, days: int, queue: Any) -> None:
    queue.put(actions(place.publish(NOW + days * DAY, lifetimes=Lifetimes(30, 365, 30)))[0])


def test_numbers_only_grow_with_parallel_runs(place: Place) -> None:
    for index in range(6):
        place.issue(f"sensor-{index}")
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    # Every run finds the CRL due, since each is for a later day.
    children = [context.Process(target=_publish_in_child, args=(place, 20 * (index + 1), queue)) for index in range(6)]
    for child in children:
        child.start()
    published = [queue.get(timeout=60) for _child in children]
    for child in children:
        child.join()
    numbers = [number for action, number in published if action == "published"]
    assert len(numbers) == len(set(numbers))
    assert publishing.crl_number(place.crl()) == max(numbers)


def test_the_number_of_a_run_that_was_killed_is_not_used_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.publish()

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "make_crl", killed)
    with pytest.raises(KeyboardInterrupt):
        place.publish(NOW + 20 * DAY)
    monkeypatch.undo()
    assert publishing.crl_number(place.crl()) == 1
    assert actions(place.publish(NOW + 20 * DAY))[0] == ("published", 3)


def test_a_full_disk_leaves_the_crl_that_was_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.publish()
    before = (place.folder / "sensors.crl").read_bytes()

    def full(_folder: Folder, name: str, *_more: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device", name)

    monkeypatch.setattr(Folder, "replace", full)
    results = place.publish(NOW + 20 * DAY)
    assert results[0]["action"] == "failed"
    assert "could not be written: No space left on device" in results[0]["errors"][0]
    assert (place.folder / "sensors.crl").read_bytes() == before


def test_another_run_that_does_not_end_is_named(place: Place) -> None:
    place.publish()
    context = multiprocessing.get_context("fork")
    ready, leave = context.Event(), context.Event()

    def holder() -> None:
        mark = revocations.key_mark(place.authority.certificate)
        with publishing.locks.hold(f"{place.ledger.folder}/crl", [f"crl {mark}"], 5):
            ready.set()
            leave.wait(30)

    child = context.Process(target=holder)
    child.start()
    assert ready.wait(30)
    try:
        results = place.publish(NOW + 20 * DAY, lock_timeout=0.0)
    finally:
        leave.set()
        child.join()
    assert [result["action"] for result in results] == ["failed", "kept"]
    assert "another run publishes this CRL" in results[0]["errors"][0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_judges_what_we_publish(place: Place, tmp_path: Path) -> None:
    good, bad = place.issue("good"), place.issue("bad")
    place.revoke({"sensor": "bad", "reason": "keyCompromise"})
    place.publish()
    text = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", place.folder / "sensors.crl", "-noout", "-text", "-CAfile", place.ca / "issuing.crt"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "verify OK" in text.stderr
    assert "Key Compromise" in text.stdout
    crls = tmp_path / "crls.pem"
    crls.write_bytes(b"".join(path.read_bytes() for path in sorted(place.folder.glob("*.pem"))))

    def verify(certificate: x509.Certificate) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "leaf.pem"
        path.write_bytes(parts.pem(certificate))
        return subprocess.run(
            ["openssl", "verify", "-crl_check_all", "-attime", str(int(NOW.timestamp())), "-CAfile",
             place.ca / "root.crt", "-untrusted", place.ca / "issuing.crt", "-CRLfile", crls, path],
            check=False, capture_output=True, text=True,
        )  # fmt: skip

    assert verify(bad).returncode != 0
    assert "certificate revoked" in verify(bad).stderr
    judged = verify(good)
    assert judged.returncode == 0, judged.stderr


def test_records_hold_what_an_auditor_asks(place: Place) -> None:
    certificate = place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1", "reason": "privilegeWithdrawn"})
    content = json.loads(
        Path(place.ledger.folder, serial_text(certificate.serial_number) + ".revoked.json").read_text()
    )
    assert content["reason"] == "privilegeWithdrawn"
    assert content["revoked"] == "2026-06-01T00:00:00Z"
    assert content["fingerprint"] == parts.fingerprint(certificate)
    assert content["recorded_by"]


def test_of_two_runs_that_revoke_at_once_the_first_record_stands(place: Place) -> None:
    certificate = place.issue("sensor-1")
    mark = revocations.key_mark(place.authority.certificate)
    end = certificate.not_valid_after_utc
    first, second = (
        revocations.RevocationRecord(certificate.serial_number, NOW, reason, mark, end, "sensor-1")
        for reason in ("keyCompromise", "superseded")
    )
    assert revocations.record(place.ledger, certificate, first) == first
    assert revocations.record(place.ledger, certificate, second) == first


def issue_with_url(place: Place, sensor: str, url: str) -> x509.Certificate:
    authority = place.authority
    certificate = (
        x509.CertificateBuilder()
        .subject_name(parts.build_name([("CN", sensor)]))
        .issuer_name(authority.certificate.subject)
        .public_key(place.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 300 * DAY)
        .add_extension(
            x509.AuthorityKeyIdentifier(bytes.fromhex(revocations.key_mark(authority.certificate)), None, None), False
        )
        .add_extension(parts.distribution_point(url), False)
        .sign(authority.key, hashes.SHA256())
    )
    place.ledger.record(sensor, certificate)
    return certificate


def test_a_url_that_valid_certificates_name_is_kept_fresh_after_a_change(place: Place) -> None:
    issue_with_url(place, "sensor-1", URL)
    place.publish()
    lifetimes = Lifetimes(30, 365, 14)
    new_url = "http://crl.plant.example:8080/pki/renamed.crl"

    def publish(at: datetime.datetime) -> list[dict[str, Any]]:
        every = tuple(sources(place.authority, new_url, lifetimes))
        return [
            outcome.to_dict() for outcome in Publisher(str(place.folder), place.ledger, lifetimes, at, every).publish()
        ]

    later = NOW + 20 * DAY
    results = publish(later)
    assert [Path(result["path"]).name for result in results] == ["renamed.crl", "sensors.crl", "top.crl"]
    assert place.crl("sensors.crl") == place.crl("renamed.crl")
    assert "is kept fresh as well, since it is named by 1 certificate" in results[1]["warnings"][0]
    assert [result["changed"] for result in publish(later)] == [False, False, False]
    # After the last such certificate has ended the old name is left alone.
    results = publish(NOW + 301 * DAY)
    assert [Path(result["path"]).name for result in results] == ["renamed.crl", "top.crl"]


def test_a_url_that_was_taken_away_is_published_until_its_last_certificate_has_ended(place: Place) -> None:
    issue_with_url(place, "sensor-1", URL)
    issue_with_url(place, "sensor-2", "http://crl.plant.example/elsewhere/other.crl")
    place.publish()
    place.issue("sensor-3")
    lifetimes = Lifetimes(30, 365, 14)

    def publish(at: datetime.datetime) -> list[dict[str, Any]]:
        every = tuple(sources(place.authority, None, lifetimes))
        publisher = Publisher(str(place.folder), place.ledger, lifetimes, at, every, named_only=True)
        return [outcome.to_dict() for outcome in publisher.publish()]

    later = NOW + 20 * DAY
    results = publish(later)
    assert [Path(result["path"]).name for result in results] == ["other.crl", "sensors.crl", "top.crl"]
    assert place.crl("sensors.crl") == place.crl("other.crl")
    assert place.crl("sensors.crl").next_update_utc == later + 30 * DAY
    # Certificates that name no CRL do not count.
    assert all("named by 1 certificate" in result["warnings"][0] for result in results[:2])
    assert not (place.folder / "issuing.crl").exists()
    # Somebody else's file under the name that is used where no URL is wanted is no matter here.
    (place.folder / "issuing.crl").write_bytes((place.folder / "top.crl").read_bytes())
    assert [result["changed"] for result in publish(later)] == [False, False, False]
    # Gone from the folder, and named all the same.
    for name in ("other.crl", "sensors.crl"):
        (place.folder / name).unlink()
    assert [Path(result["path"]).name for result in publish(later)] == ["other.crl", "sensors.crl", "top.crl"]
    assert place.crl("sensors.crl") == place.crl("other.crl")
    assert [Path(result["path"]).name for result in publish(NOW + 301 * DAY)] == ["top.crl"]


def test_another_ca_s_crl_is_not_overwritten_under_a_former_name(place: Place, tmp_path: Path) -> None:
    issue_with_url(place, "sensor-1", URL)
    place.publish()
    other = Place(tmp_path / "other", place.ca)
    shutil.rmtree(other.ca)
    write_authority(str(other.ca), AuthoritySettings(PASSPHRASE, key_size=2048), NOW - DAY)
    other.ledger, other.folder = place.ledger, place.folder
    issue_with_url(other, "sensor-1", URL)
    before = (place.folder / "sensors.crl").read_bytes()
    every = tuple(sources(other.authority, "http://crl.plant.example/new.crl", Lifetimes(30, 365, 14)))
    publisher = Publisher(str(place.folder), place.ledger, Lifetimes(30, 365, 14), NOW, every)
    results = [outcome.to_dict() for outcome in publisher.publish()]
    refused = next(result for result in results if Path(result["path"]).name == "sensors.crl")
    assert refused["action"] == "failed"
    assert "is the CRL of another CA" in refused["errors"][0]
    assert (place.folder / "sensors.crl").read_bytes() == before


def test_another_ca_s_crl_is_not_overwritten_while_its_certificates_are_in_use(place: Place) -> None:
    issue_with_url(place, "sensor-1", URL)
    place.publish()
    before = (place.folder / "sensors.crl").read_bytes()
    shutil.rmtree(place.ca)
    write_authority(str(place.ca), AuthoritySettings(PASSPHRASE, key_size=2048), NOW - DAY)
    results = place.publish()
    assert results[0]["action"] == "failed"
    assert "1 certificate can be in use until" in results[0]["errors"][0]
    assert "set local_ca_crl_url to another URL" in results[0]["errors"][0]
    # The root's is another file, and no part of it.
    assert results[1]["action"] == "published"
    assert (place.folder / "sensors.crl").read_bytes() == before


def test_an_older_crl_that_was_put_back_is_replaced(place: Place) -> None:
    place.publish()
    old = (place.folder / "sensors.crl").read_bytes()
    certificate = place.issue("sensor-1")
    place.revoke({"sensor": "sensor-1"})
    place.publish()
    (place.folder / "sensors.crl").write_bytes(old)
    results = place.publish()
    assert results[0]["number"] == 3
    assert "an older CRL was put back" in results[0]["reasons"][0]
    assert place.serials() == {certificate.serial_number}


def test_a_damaged_crl_of_this_ca_is_no_other_cas(place: Place) -> None:
    """It names this CA's key and is not signed by it: nobody misses it, and the next one takes its place."""
    certificate = place.issue("a")
    place.publish()
    path = place.folder / "sensors.crl"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    place.revoke({"sensor": "a"})
    assert [result["action"] for result in place.publish()] == ["published", "kept"]
    assert place.serials() == {certificate.serial_number}


def test_a_crl_with_an_unknown_signature_algorithm_ends_no_publication(place: Place) -> None:
    place.issue("a")
    place.publish()
    path = place.folder / "sensors.crl"
    data = path.read_bytes()
    sha256 = bytes.fromhex("06092a864886f70d01010b")
    assert data.count(sha256) == 2
    path.write_bytes(data.replace(sha256, bytes.fromhex("06092a864886f70d01017b")))
    (place.folder / "older.crl").write_bytes(path.read_bytes())
    assert [result["action"] for result in place.publish()] == ["published", "kept"]


def test_a_damaged_record_does_not_keep_a_sensors_other_certificates_from_being_revoked(place: Place) -> None:
    first, second = place.issue("a"), place.issue("a")
    record = Path(place.ledger.folder) / f"{serial_text(first.serial_number)}.json"
    record.write_bytes(record.read_bytes()[:-40])
    (result,) = place.revoke({"sensor": "a"})
    assert result["action"] == "revoked"
    assert [entry["serial"] for entry in result["certificates"]] == [serial_text(second.serial_number)]
    assert "is damaged" in result["warnings"][0]
    assert "it is not revoked" in result["warnings"][0]


def test_a_name_that_is_no_number_of_a_crl_is_none(place: Place) -> None:
    """Otherwise every later number would be longer than a CRL, or a file's name, can hold."""
    place.publish()
    for folder in (Path(place.ledger.folder) / "crl").iterdir():
        if folder.is_dir():
            (folder / ("9" * 255)).touch()
    place.issue("a")
    place.revoke({"sensor": "a"})
    assert actions(place.publish())[0] == ("published", 2)


def test_a_clock_that_went_back_publishes_nothing(place: Place) -> None:
    """Such a CRL would have ended before it was published."""
    place.publish()
    certificate = place.issue("sensor-1")
    place.revoke({"serial": serial_text(certificate.serial_number)})
    first, _root = place.publish(NOW - 2 * DAY)
    assert first["action"] == "failed"
    assert "the clock of this machine says 2026-05-30T00:00:00Z, and the published CRL" in first["errors"][0]
    assert place.serials() == set()
    assert actions(place.publish(NOW + DAY))[0] == ("published", 2)
    assert place.serials() == {certificate.serial_number}
