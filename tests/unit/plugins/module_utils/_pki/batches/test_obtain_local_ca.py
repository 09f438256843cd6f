# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep, obtain or wait, for a fleet with the embedded CA: what changes, what must not, and who fails alone."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca import issuer as local_ca
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles import base
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import Folder
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).parent))
from house import Site, actions, sensor


def test_a_second_run_keeps_and_writes_nothing(site: Site) -> None:
    first = site.run(sensor("a"), sensor("b"))
    assert actions(first) == {"a": "issued", "b": "issued"}
    before = {path: path.stat().st_mtime_ns for path in site.folder.rglob("*") if path.is_file()}
    again = site.run(sensor("a"), sensor("b"))
    assert actions(again) == {"a": "kept", "b": "kept"}
    assert not any(outcome.changed for outcome in again.values())
    assert {path: path.stat().st_mtime_ns for path in site.folder.rglob("*") if path.is_file()} == before


def test_what_happened_is_on_record(site: Site) -> None:
    outcome = site.run(sensor("a"))["a"]
    assert outcome.view is not None
    history = site.state.histories["a"]
    assert [event.event for event in history] == ["issued", "staged"]
    assert {event.fingerprint for event in history} == {outcome.view.fingerprint}
    assert history[0].reason == "missing"
    assert history[0].issuer == "local_ca"
    assert history[0].actor


def test_a_renamed_host_takes_its_bundle_over(site: Site) -> None:
    first = site.run(sensor("old"), sensor("other"))["old"]
    renamed = sensor("new") | {"common_name": "old.plant.example"}
    planned = site.obtain(renamed, sensor("other"), check_mode=True)
    assert actions(planned) == {"new": "kept", "other": "kept"}
    assert planned["new"].changed
    second = site.run(renamed, sensor("other"))
    assert actions(second) == {"new": "kept", "other": "kept"}
    assert second["new"].view.fingerprint == first.view.fingerprint  # type: ignore[union-attr]
    assert "old" in second["new"].reasons[0]
    assert site.stage_folder.sensors() == ["new", "other"]
    assert len(site.ledger.index().records) == 2, "nothing was issued and thrown away"
    assert [event.event for event in site.state.histories["old"]][-1] == "retired"
    assert actions(site.run(renamed, sensor("other"))) == {"new": "kept", "other": "kept"}


def test_a_host_that_gets_its_former_name_back_takes_its_bundle_back(site: Site) -> None:
    first, away = sensor("old"), sensor("new") | {"common_name": "old.plant.example"}
    site.run(first)
    site.run(away)
    back = site.obtain(first, check_mode=True)["old"]
    assert back.reasons == ("renamed: takes over the bundle of new, which left the inventory",)
    assert actions(site.run(first)) == {"old": "kept"}
    assert site.stage_folder.sensors() == ["old"]
    assert len(site.ledger.index().records) == 1


def test_a_renamed_host_whose_certificate_is_due_gets_a_new_one_once(site: Site) -> None:
    site.run(sensor("old"))
    renamed = sensor("new", key_size=4096) | {"common_name": "old.plant.example"}
    assert actions(site.run(renamed)) == {"new": "issued"}
    assert actions(site.run(renamed)) == {"new": "kept"}
    assert site.stage_folder.sensors() == ["new"]


def test_a_common_name_that_is_still_somebody_elses_is_told_before_anything_is_made(site: Site) -> None:
    site.run(sensor("a"), sensor("b"))
    wish = sensor("a") | {"common_name": "b.plant.example"}
    other = {"name": "b", "common_name": "moved.plant.example"}
    outcome = site.obtain(wish, others=[other])["a"]
    assert outcome.action == "failed"
    assert "still that of the bundle staged for b" in outcome.errors[0]
    assert len(site.ledger.index().records) == 2
    both = site.obtain(wish, sensor("b") | {"common_name": "moved.plant.example"})
    assert actions(both) == {"a": "issued", "b": "issued"}


@pytest.mark.parametrize("kind", ["crt", "key", "pem"])
@pytest.mark.parametrize("code", [5, 13, 116])
def test_unreadable_is_not_missing(site: Site, monkeypatch: pytest.MonkeyPatch, kind: str, code: int) -> None:
    site.run(sensor("a"), sensor("b"))
    open_file = Folder.open_file

    def failing(self: Folder, name: str, *args: Any) -> int:
        if name == f"a.plant.example.{kind}":
            raise OSError(code, os.strerror(code), name)
        return open_file(self, name, *args)

    monkeypatch.setattr(Folder, "open_file", failing)
    outcomes = site.obtain(sensor("a"), sensor("b"))
    assert actions(outcomes) == {"a": "failed", "b": "kept"}
    assert os.strerror(code) in outcomes["a"].errors[0]
    monkeypatch.undo()
    assert actions(site.obtain(sensor("a"), sensor("b"))) == {"a": "kept", "b": "kept"}


def test_a_damaged_bundle_is_replaced_and_a_key_of_an_unknown_kind_ends_nothing(site: Site) -> None:
    outcomes = site.run(sensor("a"), sensor("b"))
    Path(outcomes["a"].files.crt).write_bytes(b"rubbish")  # type: ignore[union-attr]
    again = site.obtain(sensor("a"), sensor("b"))
    assert actions(again) == {"a": "issued", "b": "kept"}
    assert again["a"].reasons[0].startswith("unreadable: the staged .crt")


def test_an_error_that_nobody_foresaw_is_that_sensors(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = local_ca.LocalCa.foreign

    def odd(self: Any, existing: Any) -> list[str]:
        if existing.view.common_names == ["a.plant.example"]:
            raise KeyError("the passphrase is s3cret")
        return foreign(self, existing)

    site.run(sensor("a"), sensor("b"))
    monkeypatch.setattr(local_ca.LocalCa, "foreign", odd)
    outcomes = site.obtain(sensor("a"), sensor("b"))
    assert actions(outcomes) == {"a": "failed", "b": "kept"}
    assert "KeyError" in outcomes["a"].errors[0]
    assert "s3cret" not in outcomes["a"].errors[0]


def test_reissue_makes_a_new_key_whatever_there_is(site: Site) -> None:
    first = site.run(sensor("a"))["a"]
    second = site.run(sensor("a", reissue=True))["a"]
    assert second.action == "issued"
    assert second.reasons == ("asked for anew (sensor_certificates_reissue)",)
    assert Path(second.files.key).read_bytes() != Path(first.files.key).read_bytes()  # type: ignore[union-attr]
    reasons = [event.reason for event in site.state.histories["a"] if event.event == "issued"]
    assert sorted(reasons) == ["asked for anew (sensor_certificates_reissue)", "missing"]
    assert actions(site.run(sensor("a"))) == {"a": "kept"}


def test_so_many_at_a_time_in_the_order_of_the_inventory(site: Site) -> None:
    names = ["c", "a", "b"]
    site.run(*(sensor(name) for name in names))
    wishes = [sensor(name, sans=["192.0.2.1"]) for name in names]
    outcomes = site.run(*wishes, max_changes=2)
    assert actions(outcomes) == {"c": "issued", "a": "issued", "b": "kept"}
    assert outcomes["b"].reasons[0].startswith("waits: 2 sensors are changed in one run")
    assert actions(site.run(*wishes, max_changes=2)) == {"c": "kept", "a": "kept", "b": "issued"}
    # Who has nothing is not made to wait.
    assert actions(site.run(*wishes, sensor("d"), max_changes=0))["d"] == "issued"


def test_due_dates_are_spread_by_the_names(site: Site) -> None:
    names = [f"s{number}" for number in range(8)]
    wishes = [sensor(name, validity_days=400, renew_before_days=30, renew_spread_days=60) for name in names]
    site.run(*wishes)
    soon = site.obtain(*wishes, check_mode=True)
    assert set(actions(soon).values()) == {"kept"}
    dates = {outcome.to_dict()["renew_after"][:10] for outcome in soon.values()}
    assert len(dates) > 4
    later = moments.now() + datetime.timedelta(days=400 - 30 - 30)
    due = site.obtain(*wishes, check_mode=True, moment=later)
    assert set(actions(due).values()) == {"kept", "issued"}


def test_check_mode_writes_nothing(site: Site) -> None:
    assert actions(site.obtain(sensor("a"), check_mode=True)) == {"a": "issued"}
    assert list(site.folder.iterdir()) == []


def test_self_signed_is_for_tests_only(site: Site) -> None:
    outcomes = site.obtain(sensor("a", issuer="self_signed"), sensor("b"))
    assert actions(outcomes) == {"a": "failed", "b": "issued"}
    assert "sensor_certificates_environment: test" in outcomes["a"].errors[0]
    wishes = sensor("a", issuer="self_signed", environment="test"), sensor("b")
    assert actions(site.run(*wishes)) == {"a": "issued", "b": "kept"}
    assert actions(site.run(*wishes)) == {"a": "kept", "b": "kept"}
    assert site.state.histories["a"][0].issuer == "self_signed"


def test_one_issuer_that_cannot_be_used_leaves_the_others_alone(site: Site) -> None:
    outcomes = site.obtain(sensor("a", issuer="received"), sensor("b"), sensor("c", issuer="reveiced"))
    assert actions(outcomes) == {"a": "failed", "b": "issued", "c": "failed"}
    assert "import_certificates_src is empty" in outcomes["a"].errors[0]
    assert "did you mean received?" in outcomes["c"].errors[0]


def test_a_killed_run_is_continued(site: Site) -> None:
    site.obtain(sensor("a"))  # completed in the store, and never shown
    assert site.stage_folder.sensors() == []
    outcomes = site.run(sensor("a"))
    assert actions(outcomes) == {"a": "kept"}
    assert site.stage_folder.sensors() == ["a"]
    assert len(site.ledger.index().records) == 1


def test_events_of_one_run_are_one_file(site: Site) -> None:
    site.run(*(sensor(f"s{number}") for number in range(5)))
    folder = Path(site.ledger.folder, events.FOLDER)
    assert len(list(folder.iterdir())) == 1
    assert len(site.state.events(events.STAGED)) == 5


RELAY = base.Profile(
    name="relay",
    appliance="relay",
    checks=DEFENDER_IOT.checks,
    subject=(
        base.SubjectField("common_name", "CN", 64, required=True),
        base.SubjectField("organization", "O", 64, required=True),
        base.SubjectField("country", "C", 2),
    ),
    extension_order=("2.5.29.15", "2.5.29.19", "2.5.29.37"),
    template=base.Template(
        extensions=("2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17", "2.5.29.35", "2.5.29.14"),
        key_usages=("digitalSignature",),
        extended_key_usages=("1.3.6.1.5.5.7.3.1",),
        critical=frozenset({"2.5.29.15"}),
    ),
    signature_algorithms=DEFENDER_IOT.signature_algorithms,
    key_type=base.EC,
    key_sizes=(256, 384),
    min_key_bits=256,
    allowed_key_bits=(256, 384),
    passphrase_characters=frozenset("0123456789"),
    passphrase_wanted="digits",
    files=(
        base.FileKind(base.CERTIFICATE, ".cer", ("der",)),
        base.FileKind(base.PRIVATE_KEY, ".pk8", ("der", "pem")),
        base.FileKind(base.CHAIN, ".p7", ("pem",), required=False),
    ),
    chain_order=base.ROOT_FIRST,
)


@pytest.mark.parametrize("passphrase", [None, "4711"])
def test_a_second_appliance_is_issued_and_staged_by_its_own_profile(
    tmp_path: Path, ca: Path, passphrase: str | None
) -> None:
    site = Site(tmp_path, ca, RELAY)
    wish = sensor("r", subject={"country": "US", "organization": "Contoso"}, key_passphrase=passphrase)
    outcome = site.run(wish)["r"]
    folder = Path(site.stage_folder.visible("r"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "r.plant.example.cer", "r.plant.example.p7", "r.plant.example.pk8",
    ]  # fmt: skip
    certificate = x509.load_der_x509_certificate((folder / "r.plant.example.cer").read_bytes())
    assert certificate.subject.rfc4514_string() == "C=US,O=Contoso,CN=r.plant.example", "CN, O, C from the left"
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert [extension.oid.dotted_string for extension in certificate.extensions] == list(RELAY.template.extensions)
    key = serialization.load_der_private_key(
        (folder / "r.plant.example.pk8").read_bytes(), passphrase.encode() if passphrase else None
    )
    assert key.public_key() == certificate.public_key()
    assert outcome.action == "issued"
    assert actions(site.run(wish)) == {"r": "kept"}
    refused = site.obtain(wish | {"subject": {"country": "US", "organization": "x", "email": "a@b.example"}})["r"]
    assert "one of the known fields organization, country" in refused.errors[0]
