# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a certificate that an endpoint presents."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.known import Known
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.matching import match_name
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.targets import ascii_name, parse_targets
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.task import run
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import CertificateView
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.tls_probe import Endpoint, Handshake, Probe

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "support"))
import tls_endpoints as tls

NAME = "sensor-1.plant.example"
ROOT = tls.issue("Root", ca=True, key_number=9)
ISSUING = tls.issue("Issuing", ROOT, ca=True, key_number=8)
STAGED = tls.issue(NAME, ISSUING)
FOREIGN_CA = tls.issue("Proxy CA", ca=True, key_number=7)
FORGED_CA = tls.Identity(tls.issue("Issuing", FOREIGN_CA, ca=True, key_number=7).certificate, tls.key(7))


def seen(*identities: tls.Identity, version: str = "TLSv1.3", whole: bool = True) -> Handshake:
    return Handshake("ok", "", "192.0.2.1", version, tuple(each.der for each in identities), whole)


class Checker:
    """Runs the task with a probe that returns what the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: StageFolder | None = None
        self.ledger: Ledger | None = None
        self.asked: list[Endpoint] = []

    def staged(self, identity: tls.Identity = STAGED, label: str = "staged", chain: bool = True) -> dict[str, str]:
        crt, pem = identity.stage(self.folder, label)
        return {"certificate": crt, **({"chain": pem} if chain else {})}

    def run(self, targets: Sequence[Any], probes: Sequence[Probe], **options: Any) -> dict[str, Any]:
        def fetch(endpoints: Sequence[Endpoint], _timeout: float, _parallel: int) -> Sequence[Probe]:
            self.asked = list(endpoints)
            return probes

        params = {
            "targets": targets,
            "timeout": 1.0,
            "parallel": 2,
            "min_days_left": 30,
            "wait": 0,
            "fail_on": "error",
            **options,
        }
        outcome = run(params, lambda parsed: Known(parsed, FleetState(self.store, self.ledger)), fetch, tls.NOW)
        json.dumps(outcome)
        return outcome

    def one(self, answer: Handshake, without: Handshake | None = None, **target: Any) -> dict[str, Any]:
        described = {"host": "192.0.2.1", "name": NAME, **self.staged(), **target}
        result = self.run([described], [Probe(answer, without)], fail_on="never")["results"][0]
        return dict(result)


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    return Checker(tmp_path)


def test_matches(checker: Checker) -> None:
    result = checker.one(seen(STAGED, ISSUING), seen(STAGED, ISSUING))
    assert result["state"] == "matches"
    assert result["reason"] == "as-given"
    assert result["common_name"] == NAME
    assert result["name_matches"] is True
    assert result["not_after"] == STAGED.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert result["days_left"] == 365
    assert result["fingerprint"] == result["expected_fingerprint"] == STAGED.fingerprint
    assert result["chain_sent"] == "complete"
    assert result["chain"] == ["O=Contoso, CN=Issuing"]
    assert result["without_sni"] == "same"
    assert result["message"] == "presents the certificate that was given"
    assert (result["errors"], result["warnings"]) == ([], [])


CASES = {
    "installation": (
        tls.issue("ot-appliance", key_number=3),
        "self-signed",
        "installation",
        "a self-signed certificate (CN=ot-appliance), likely still the one of its installation; upload the one that",
        False,
    ),
    "earlier": (
        tls.issue(NAME, ISSUING, since=tls.NOW - 700 * tls.DAY, until=tls.NOW + 40 * tls.DAY, key_number=3),
        "other",
        "earlier",
        "still presents an earlier certificate of this sensor (until ",
        True,
    ),
    "later": (
        tls.issue(NAME, ISSUING, since=tls.NOW - tls.DAY / 2, key_number=3),
        "other",
        "later",
        "presents a later certificate of this sensor",
        True,
    ),
    "other-sensor": (
        tls.issue("sensor-2.plant.example", ISSUING, key_number=3),
        "other",
        "other-sensor",
        "presents a certificate of CN=sensor-2.plant.example from the same CA: it was uploaded to the wrong sensor",
        False,
    ),
    "same-key": (tls.issue(NAME, FOREIGN_CA), "other", "same-key", "another certificate for the same key", True),
    "intercepted": (
        tls.issue(NAME, FOREIGN_CA, key_number=3),
        "other",
        "intercepted",
        "a certificate for this name from another CA (Proxy CA): something on the way opens TLS connections",
        True,
    ),
    "forged": (
        tls.issue(NAME, FORGED_CA, key_number=3),
        "other",
        "intercepted",
        "from another CA (Issuing), and it only claims to be of the same CA: something on the way",
        True,
    ),
    "foreign": (
        tls.issue("printer.plant.example", FOREIGN_CA, key_number=3),
        "other",
        "foreign",
        "presents a certificate of CN=printer.plant.example, issued by Proxy CA: another device or service answers",
        False,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_other_certificates(checker: Checker, case: str) -> None:
    identity, state, reason, words, name_matches = CASES[case]
    result = checker.one(seen(identity))
    assert (result["state"], result["reason"]) == (state, reason)
    assert words in result["message"]
    assert result["errors"][0] in result["message"]
    assert result["name_matches"] is name_matches
    assert result["fingerprint"] == identity.fingerprint


def test_without_the_chain_the_key_identifier_tells(checker: Checker) -> None:
    """A forged name is then found only by the authority key identifier."""
    target = {"host": "192.0.2.1", "name": NAME, **checker.staged(chain=False)}
    probes = [Probe(seen(CASES["forged"][0])), Probe(seen(CASES["earlier"][0]))]
    results = checker.run([target, target], probes)["results"]
    assert [result["reason"] for result in results] == ["intercepted", "earlier"]


def test_nothing_to_compare_with(checker: Checker) -> None:
    result = checker.one(seen(STAGED), certificate=None, chain=None)
    assert (result["state"], result["reason"], result["errors"]) == ("other", "not-compared", [])
    assert "none was given to compare with" in result["message"]
    assert checker.run([{"host": NAME}], [Probe(seen(STAGED))])["results"][0]["name_matches"]


@pytest.mark.parametrize("held", ["no such file", "key", "empty", "folder"])
def test_unreadable_expectation(checker: Checker, tmp_path: Path, held: str) -> None:
    path = tmp_path / "given"
    if held == "folder":
        path.mkdir()
    elif held == "key":
        path.write_bytes(STAGED.write(tmp_path, "s").read_bytes().split(b"-----BEGIN CERT", 1)[0])
    elif held == "empty":
        path.touch()
    result = checker.one(seen(STAGED), certificate=str(path), chain=None)
    assert (result["state"], result["name_matches"]) == ("other", True)
    assert str(path) in result["errors"][0]
    assert "PRIVATE KEY-----" not in result["message"]


def test_staged_folder_is_enough(checker: Checker, tmp_path: Path) -> None:
    folder = tmp_path / "staged" / "sensor-1"
    folder.mkdir(parents=True)
    STAGED.stage(folder, NAME)
    (folder / f"{NAME}.key").touch()
    result = checker.one(seen(STAGED, ISSUING), certificate=str(folder), chain=None)
    assert (result["state"], result["chain_sent"]) == ("matches", "complete")


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("dns", "unreachable"),
        ("refused", "unreachable"),
        ("timeout", "unreachable"),
        ("network", "unreachable"),
        ("reset", "unreachable"),
        ("closed", "unreachable"),
        ("plain", "not-tls"),
        ("handshake", "not-tls"),
    ],
)
def test_no_certificate(checker: Checker, reason: str, state: str) -> None:
    result = checker.one(Handshake(reason, "because"))
    assert (result["state"], result["reason"], result["message"]) == (state, reason, "because")
    assert result["common_name"] is result["name_matches"] is result["not_after"] is result["fingerprint"] is None


def test_dates(checker: Checker) -> None:
    expired = tls.issue(NAME, ISSUING, since=tls.NOW - 9 * tls.DAY, until=tls.NOW - tls.DAY)
    future = tls.issue(NAME, ISSUING, since=tls.NOW + tls.DAY)
    soon = tls.issue(NAME, ISSUING, until=tls.NOW + 12 * tls.DAY)
    for identity, field, words in (
        (expired, "errors", "it expired on "),
        (future, "errors", "it is not valid before "),
        (soon, "warnings", "it expires in 12 days"),
    ):
        result = checker.one(seen(identity), **checker.staged(identity, "dated"))
        assert result["state"] == "matches"
        assert any(words in text for text in result[field])
        assert words in result["message"]


@pytest.mark.parametrize(
    ("sent", "given", "verdict", "missing"),
    [
        ((STAGED, ISSUING), True, "complete", None),
        ((STAGED, ISSUING, ROOT), True, "complete", None),
        ((STAGED, ROOT, ISSUING), True, "complete", None),
        ((STAGED,), True, "none", "Issuing is missing"),
        ((STAGED, FOREIGN_CA), True, "incomplete", "Issuing is missing"),
        ((STAGED, ISSUING), False, "complete", None),
        ((STAGED,), False, "unknown", None),
        ((STAGED, FOREIGN_CA), False, "incomplete", "Issuing is missing"),
        ((tls.issue(NAME, ROOT),), True, "complete", None),
        ((tls.issue(NAME),), True, "complete", None),
    ],
)  # fmt: skip
def test_chain(
    checker: Checker, sent: tuple[tls.Identity, ...], given: bool, verdict: str, missing: str | None
) -> None:
    expected = tls.Identity(sent[0].certificate, sent[0].private_key, (ISSUING.certificate, ROOT.certificate))
    result = checker.one(seen(*sent), **{"chain": None, **checker.staged(expected, "chained", chain=given)})
    assert result["chain_sent"] == verdict
    assert any(missing in text for text in result["warnings"]) if missing else result["warnings"] == []


def test_old_vantage_cannot_tell_the_chain(checker: Checker) -> None:
    result = checker.one(seen(STAGED, whole=False))
    assert (result["chain_sent"], result["chain"], result["warnings"]) == ("unknown", None, [])


def test_without_server_name(checker: Checker) -> None:
    differs = checker.one(seen(STAGED), seen(CASES["foreign"][0]))
    assert (differs["state"], differs["without_sni"]) == ("matches", "differs")
    assert any("CN=printer.plant.example" in text for text in differs["warnings"])
    only = checker.one(Handshake("handshake", "unrecognized name"), seen(STAGED))
    assert (only["state"], only["without_sni"]) == ("matches", "only")
    assert any("unrecognized name" in text for text in only["warnings"])
    none = checker.one(seen(STAGED), Handshake("reset", "it was reset"))
    assert (none["state"], none["without_sni"]) == ("matches", "reset")
    assert any("it was reset" in text for text in none["warnings"])
    neither = checker.one(Handshake("handshake", "no"), Handshake("handshake", "no"))
    assert (neither["state"], neither["warnings"]) == ("not-tls", [])


def test_old_protocol(checker: Checker) -> None:
    assert any("TLSv1.1 at best" in text for text in checker.one(seen(STAGED, version="TLSv1.1"))["warnings"])


def test_damaged_certificate(checker: Checker) -> None:
    result = checker.one(Handshake("ok", "", "192.0.2.1", "TLSv1.2", (b"\x30\x03abc",), True))
    assert (result["state"], result["reason"]) == ("other", "unreadable")


def fill_store(folder: Path, sensor: str, *identities: tls.Identity) -> StageFolder:
    store = StageFolder(str(folder))
    store.prepare()
    for number, identity in enumerate(identities):
        pem = b"".join(each.public_bytes(tls.serialization.Encoding.PEM) for each in identity.chain)
        crt = identity.certificate.public_bytes(tls.serialization.Encoding.PEM)
        contents = {"crt": crt, "key": b"", "pem": pem}
        files = store.add(sensor, str(number), "cn.plant.example", contents, tls.NOW + number * tls.DAY)
        store.reveal(sensor, files.folder)
    return store


def test_store_knows_earlier_ones_and_other_sensors(checker: Checker, tmp_path: Path) -> None:
    """By fingerprint, so it does not matter who issued them."""
    earlier = tls.issue("old-name.plant.example", FOREIGN_CA, since=tls.NOW - 50 * tls.DAY, key_number=3)
    self_made = tls.issue("sensor-2.plant.example", key_number=3)
    checker.store = fill_store(tmp_path / "stage", "sensor-1", earlier, STAGED)
    fill_store(tmp_path / "stage", "sensor-2", self_made)
    result = checker.one(seen(earlier), sensor="sensor-1")
    assert (result["reason"], result["state"]) == ("earlier", "other")
    result = checker.one(seen(earlier), sensor="sensor-9")
    assert result["reason"] == "other-sensor"
    assert "the certificate of sensor-1" in result["message"]
    result = checker.one(seen(self_made), sensor="sensor-1")
    assert (result["state"], result["reason"]) == ("self-signed", "other-sensor")
    assert "was made for sensor-2" in result["message"]


def test_labels_do_not_make_another_sensor(checker: Checker, tmp_path: Path) -> None:
    """The inventory calls it otherwise than the one who wrote the target did."""
    checker.store = fill_store(tmp_path / "stage", "hamburg-1", CASES["earlier"][0], STAGED)
    assert checker.one(seen(CASES["earlier"][0]))["reason"] == "earlier"


def test_other_targets_tell_whose_it_is(checker: Checker) -> None:
    second = tls.issue("sensor-2.plant.example", FOREIGN_CA, key_number=3)
    targets = [
        {"host": "192.0.2.1", "name": NAME, **checker.staged()},
        {"host": "192.0.2.2", "name": "sensor-2.plant.example", **checker.staged(second, "second")},
    ]
    outcome = checker.run(targets, [Probe(seen(second)), Probe(seen(STAGED))])
    assert [result["reason"] for result in outcome["results"]] == ["other-sensor", "other-sensor"]
    assert "the certificate of sensor-2.plant.example" in outcome["results"][0]["message"]


def test_ledger(checker: Checker, tmp_path: Path) -> None:
    checker.ledger = Ledger(str(tmp_path / "ledger"))
    checker.ledger.prepare()
    old = tls.issue(NAME, FOREIGN_CA, since=tls.NOW - 50 * tls.DAY, key_number=3)
    record = checker.ledger.record(NAME, old.certificate)
    result = checker.one(seen(old))
    assert (result["reason"], result["errors"][1:]) == ("earlier", [])
    Path(record.replace(".json", ".revoked.json")).write_text("{}")
    assert "it has been revoked" in checker.one(seen(old))["errors"]
    # Another CA may have given the same serial number to something else.
    content = json.loads(Path(record).read_text())
    Path(record).write_text(json.dumps({**content, "fingerprint": STAGED.fingerprint}))
    assert checker.one(seen(old))["reason"] == "intercepted"
    assert checker.one(seen(old))["errors"][1:] == []
    Path(record).write_text("damaged")
    assert checker.one(seen(old))["reason"] == "intercepted"


def test_store_is_not_read_if_all_is_well(checker: Checker) -> None:
    reads = []

    class Watched(StageFolder):
        def sensors(self) -> list[str]:
            reads.append(self.folder)
            return []

    checker.store = Watched("/nonexistent")
    assert checker.one(seen(STAGED))["state"] == "matches"
    assert reads == []
    checker.one(seen(CASES["earlier"][0]))
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("sans", "common_name", "name", "matches", "note"),
    [
        (None, NAME, NAME, True, None),
        (None, NAME, NAME.upper() + ".", True, None),
        (None, NAME, "sensor-2.plant.example", False, None),
        ((), NAME, NAME, True, "no subject alternative name"),
        ((), NAME, "sensor-2.plant.example", False, None),
        (["console.plant.example"], NAME, NAME, False, "browsers look at the subject alternative names only"),
        (["console.plant.example"], NAME, "console.plant.example", True, "its common name is sensor-1.plant.example"),
        (["192.0.2.7", NAME], NAME, "192.0.2.7", True, None),
        (["192.0.2.7"], NAME, "192.0.2.8", False, None),
        (["2001:db8::7"], NAME, "2001:DB8:0::7", True, None),
        (["*.plant.example"], "*.plant.example", NAME, True, None),
        (["*.plant.example"], "*.plant.example", "a.b.plant.example", False, None),
        (["*.plant.example"], "*.plant.example", "plant.example", False, None),
        (["*.example"], "*.example", "plant.example", False, None),
        ((), "192.0.2.7", "192.0.2.7", True, "no subject alternative name"),
        (["xn--bcher-kva.example"], "xn--bcher-kva.example", "bücher.example", True, None),
    ],
)  # fmt: skip
def test_names(sans: Sequence[str] | None, common_name: str, name: str, matches: bool, note: str | None) -> None:
    view = CertificateView(tls.issue(common_name, ISSUING, sans=sans).certificate, "test")
    verdict = match_name(view, name)
    assert verdict.matches is matches
    assert note in (verdict.note or "") if note else verdict.note is None


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Sensor-1.Plant.Example", "sensor-1.plant.example"),
        ("ot_1.plant.example", "ot_1.plant.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a..b", None),
        ("x" * 64 + ".example", None),
        ("ü" * 70 + ".example", None),
        ("a b.example", None),
        ("", None),
    ],
)
def test_server_names(name: str, sent: str | None) -> None:
    assert ascii_name(name) == sent


def test_what_is_asked(checker: Checker) -> None:
    checker.run(
        [
            {"host": "192.0.2.1", **checker.staged()},
            {"host": "192.0.2.1"},
            {"host": " sensor-1 ", "port": "8443"},
            {"host": "[2001:db8::1]", "name": f"{NAME}."},
        ],
        [Probe(seen(STAGED))] * 4,
        fail_on="never",
    )
    assert checker.asked == [
        Endpoint("192.0.2.1", 443, NAME),
        Endpoint("192.0.2.1", 443, None),
        Endpoint("sensor-1", 8443, "sensor-1"),
        Endpoint("[2001:db8::1]", 443, NAME),
    ]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({}, "targets[0].host is None"),
        ({"host": "a b"}, "targets[0].host is 'a b'"),
        ({"host": "a", "port": 0}, "targets[0].port is 0"),
        ({"host": "a", "port": "https"}, "targets[0].port is 'https'"),
        ({"host": "a", "port": 70000}, "targets[0].port is 70000"),
        ({"host": "a", "name": "not a name"}, "targets[0].name is 'not a name'"),
    ],
)
def test_one_bad_target_spares_the_others(checker: Checker, target: dict[str, Any], words: str) -> None:
    good = {"host": "192.0.2.1", "name": NAME, **checker.staged()}
    outcome = checker.run([target, good], [Probe(seen(STAGED))])
    assert [result["reason"] for result in outcome["results"]] == ["input", "as-given"]
    assert words in outcome["results"][0]["message"]


@pytest.mark.parametrize("raw", ["192.0.2.1", {"host": "a", "hostname": "b"}, None])
def test_misspelt_target(raw: Any) -> None:
    with pytest.raises(InputError, match=r"targets\[0\]"):
        parse_targets([raw])


@pytest.mark.parametrize("option", [{"timeout": 0}, {"timeout": -1}, {"parallel": 0}, {"min_days_left": -1}])
def test_misused_options(checker: Checker, option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        checker.run([], [], **option)


def test_fail_on(checker: Checker) -> None:
    target = {"host": "192.0.2.1", "name": NAME, "sensor": "one", **checker.staged()}
    warned, wrong = Probe(seen(STAGED)), Probe(seen(CASES["foreign"][0]))
    for probe, level, fails in (
        (warned, "error", False),
        (warned, "warning", True),
        (warned, "never", False),
        (wrong, "error", True),
        (wrong, "warning", True),
        (wrong, "never", False),
    ):
        outcome = checker.run([target], [probe], fail_on=level)
        assert outcome.get("failed", False) is fails
        assert bool(outcome["failures"]) is (probe is wrong)
        assert ("one: presents" in outcome["msg"]) is fails
        assert outcome["changed"] is False


def test_summary(checker: Checker) -> None:
    targets = [{"host": "192.0.2.1", "name": NAME, "sensor": f"s{n}", **checker.staged()} for n in range(14)]
    probes = [
        Probe(seen(STAGED, ISSUING)),
        Probe(seen(CASES["installation"][0])),
        *[Probe(Handshake("timeout", "x"))] * 12,
    ]
    outcome = checker.run(targets, probes, fail_on="never")
    assert outcome["lines"] == [
        "1 of 14 targets present the certificate that was given",
        "  1 still has the self-signed certificate of its installation: s1",
        "  12 do not answer in time: s2, s3, s4, s5, s6, s7, s8, s9, s10, s11 and 2 more",
        "  1 presents a certificate that is not made out for its name: s1",
    ]
    assert outcome["counts"] == {"matches": 1, "self-signed": 1, "other": 0, "unreachable": 12, "not-tls": 0}
    assert sum(outcome["counts"].values()) == len(outcome["results"])


def test_unreadable_stage_directory_is_no_obstacle(checker: Checker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checker.store = StageFolder(os.fspath(tmp_path / "file"))
    assert checker.one(seen(CASES["foreign"][0]))["reason"] == "foreign"
