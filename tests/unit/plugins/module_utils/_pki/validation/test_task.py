# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task behind the module: options, lists, defaults, results, and what users read."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki import parallel
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine, task
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import (
    CertificateView,
    read_certificates,
    signed_by,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.der import (
    BIT_STRING,
    SEQUENCE,
    elements,
    encode,
    only,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError, PkiError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from validation_bakery import AT, SUBJECT, Kitchen

SECOND = {
    "issuer": "issuing",
    "ca": False,
    "subject": {**SUBJECT, "CN": "sensor-2.plant.example"},
    "sans": ["DNS:sensor-2.plant.example"],
}


def lay_out(folder: Path, kitchen: Kitchen, name: str = "leaf", passphrase: str | None = None) -> dict[str, Any]:
    """A bundle's files, and the object that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for extension, data in (
        ("crt", kitchen.content(name, "certificate")),
        ("key", kitchen.key_bytes(name, passphrase)),
        ("pem", kitchen.content(["issuing", "root"], "chain")),
    ):
        (folder / f"{name}.{extension}").write_bytes(data)
    (folder / f"{name}.key").chmod(0o600)
    return {
        "name": name,
        "certificate": str(folder / f"{name}.crt"),
        "private_key": str(folder / f"{name}.key"),
        "chain": str(folder / f"{name}.pem"),
    }


@pytest.fixture
def pair(tmp_path: Path) -> list[dict[str, Any]]:
    """Two fit bundles."""
    kitchen = Kitchen({"more": {"second": SECOND}})
    return [lay_out(tmp_path, kitchen), lay_out(tmp_path, kitchen, "second")]


def ids(findings: list[dict[str, Any]]) -> list[str]:
    return sorted(finding["id"] for finding in findings)


def test_one_certificate(pair: list[dict[str, Any]]) -> None:
    result = task.run({**pair[0], "at": AT})
    assert result["valid"] is True
    assert result["findings"] == []
    assert "failed" not in result
    assert "results" not in result
    assert result["msg"].startswith("leaf is fit")
    assert result["certificate"]["common_name"] == "sensor-1.plant.example"
    assert result["certificate"]["chain"] == ["Plant Issuing CA", "Plant Root CA"]
    json.dumps(result)


def test_a_list_keeps_its_order_and_names(pair: list[dict[str, Any]]) -> None:
    result = task.run({"certificates": pair[::-1], "at": AT})
    assert [entry["name"] for entry in result["results"]] == ["second", "leaf"]
    assert result["valid"] is True
    assert result["fleet_findings"] == []


def test_the_modules_own_options_are_the_defaults(pair: list[dict[str, Any]]) -> None:
    options = {"at": AT, "crl_validation": True, "expected_common_name": "sensor-1.plant.example"}
    own = {"crl_validation": False, "expected_common_name": "sensor-2.plant.example", "at": "2029-01-01"}
    result = task.run({"certificates": [pair[0], {**pair[1], **own}], **options})
    assert ids(result["results"][0]["findings"]) == ["crt.crl-url-missing"]
    assert ids(result["results"][1]["findings"]) == ["crt.expired"]


def test_unreadable_input_is_a_finding_and_the_others_are_judged(pair: list[dict[str, Any]], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    objects = [
        {**pair[0], "certificate": str(tmp_path / "missing.crt")},
        {**pair[0], "private_key": str(tmp_path)},
        {**pair[0], "chain": str(tmp_path / "pipe")},
        {**pair[0], "trusted_roots": [str(tmp_path / "no-root")], "crls": [str(tmp_path / "no.crl")]},
        pair[1],
    ]
    result = task.run({"certificates": objects, "at": AT, "fail_on": "never"})
    assert [ids(entry["findings"]) for entry in result["results"]] == [
        ["crt.parse"],
        ["key.parse"],
        ["chain.parse"],
        ["chain.parse", "crl.unusable"],
        [],
    ]
    assert result["valid"] is False
    assert "failed" not in result


def test_a_file_that_is_too_large(pair: list[dict[str, Any]], tmp_path: Path) -> None:
    large = tmp_path / "large.crt"
    with large.open("wb") as stream:
        stream.truncate(5 * 1024 * 1024)
    result = task.run({**pair[0], "certificate": str(large), "at": AT})
    assert ids(result["findings"]) == ["crt.parse"]
    assert "bytes" in result["findings"][0]["message"]


@pytest.mark.parametrize(
    ("fail_on", "at", "failed"),
    [
        ("error", AT, False),
        ("error", "2028-12-15", False),
        ("warning", "2028-12-15", True),
        ("error", "2029-01-01", True),
        ("never", "2029-01-01", False),
    ],
)
def test_fail_on(pair: list[dict[str, Any]], fail_on: str, at: str, failed: bool) -> None:
    result = task.run({**pair[0], "at": at, "fail_on": fail_on})
    assert result.get("failed", False) is failed
    assert result["valid"] is (at != "2029-01-01")


def test_waivers_and_severities_leave_a_trace(pair: list[dict[str, Any]]) -> None:
    result = task.run(
        {
            **pair[0],
            "at": "2028-12-15",
            "crl_validation": True,
            "ignore": ["crt.crl-url-missing"],
            "severities": {"crt.expires-soon": "error"},
        }
    )
    assert result["valid"] is False
    assert ids(result["waived"]) == ["crt.crl-url-missing"]
    (finding,) = result["findings"]
    assert (finding["severity"], finding["default_severity"]) == ("error", "warning")
    assert "1 finding waived" in result["msg"]


def test_the_message_names_fault_upload_error_and_hint(pair: list[dict[str, Any]]) -> None:
    result = task.run({"certificates": [{**pair[0], "at": "2029-01-01"}, pair[1]], "at": AT})
    verdict, *lines = result["msg"].splitlines()
    assert verdict == "1 of 2 certificates are fit: 1 error."
    assert "leaf: error crt.expired" in lines[0]
    assert "This SSL certificate has expired and isn't considered valid." in lines[0]
    assert "What to do: Have a new certificate issued." in lines[0]


def test_a_long_message_is_cut_but_the_findings_are_not(pair: list[dict[str, Any]]) -> None:
    objects = [{**pair[0], "name": f"sensor-{position}", "at": "2029-01-01"} for position in range(100)]
    result = task.run({"certificates": objects})
    assert len(result["msg"].splitlines()) < 70
    assert "more findings" in result["msg"]
    assert len(result["results"]) == 100


def test_certificates_close_to_expiry_are_sorted(pair: list[dict[str, Any]]) -> None:
    result = task.run({"certificates": [pair[0], {**pair[1], "at": "2028-12-29"}], "at": "2028-12-20"})
    assert [entry["name"] for entry in result["expiring"]] == ["leaf", "second"]
    assert result["expiring"][0]["days_left"] == 10
    assert set(result["expiring"][0]) == {"name", "common_name", "not_after", "days_left"}


def test_no_secret_comes_back(tmp_path: Path) -> None:
    entry = lay_out(tmp_path, Kitchen({}), passphrase="S3cret-phrase")
    for given in ("S3cret-phrase", "Wrong-S3cret", "S3cret with blanks"):
        result = task.run({**entry, "private_key_passphrase": given, "at": AT, "fail_on": "never"})
        assert "S3cret" not in json.dumps(result)
    assert "S3cret" not in repr(task.bundles_of({**entry, "private_key_passphrase": "S3cret"}))


def test_a_folder(tmp_path: Path) -> None:
    kitchen = Kitchen({"more": {"second": SECOND}})
    lay_out(tmp_path / "in" / "sensor-1", kitchen)
    lay_out(tmp_path / "in" / ".store", kitchen)
    lay_out(tmp_path / "in", kitchen, "second")
    result = task.run({"folder": str(tmp_path / "in"), "at": AT})
    assert [entry["name"] for entry in result["results"]] == ["second", "sensor-1"]
    assert result["valid"] is True
    assert result["results"][1]["certificate"]["common_name"] == "sensor-1.plant.example"


def test_a_folder_with_everything_that_people_leave_in_one(tmp_path: Path) -> None:
    """Read or named, nothing passed over in silence."""
    kitchen = Kitchen({"more": {"second": SECOND}})
    lay_out(tmp_path, kitchen)
    second, key = kitchen.content("second", "certificate"), kitchen.key_bytes("second")
    for name, data in {
        "leaf.pfx": kitchen.content({"of": "leaf", "form": "p12"}, "certificate"),  # beside what was made of it
        "mailed.p7b": kitchen.content({"of": "second", "form": "p7b"}, "certificate"),
        "mailed.pem": second,
        "box.p12": kitchen.content({"of": "second", "form": "p12"}, "certificate"),
        "cas.pem": kitchen.content(["issuing", "root"], "chain"),
        "asked.csr": kitchen.request({"key": "second"}),
        "waiting.key": key,
        "notes.txt": b"call the CA",
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "waiting.key").chmod(0o600)
    result = task.run({"folder": str(tmp_path), "at": AT})
    found = {entry["name"]: ids(entry["findings"]) for entry in result["results"]}
    assert found == {
        "leaf": [],
        "mailed": ["file.extension", "key.not-given"],
        "box": ["crt.parse"],
        "asked": ["crt.not-given"],
        "waiting": ["crt.not-given"],
    }
    assert [os.path.basename(text.split(" was not judged: ")[0]) for text in result["passed_over"]] == [
        "cas.pem",
        "leaf.pfx",
        "mailed.p7b",
    ]
    assert "a PKCS#7 file" in result["msg"]


def test_one_request_is_never_simply_fit(tmp_path: Path) -> None:
    (tmp_path / "a.csr").write_bytes(Kitchen({}).request({"key": "leaf"}))
    assert (
        task.run({"csr": str(tmp_path / "a.csr"), "at": AT})["msg"]
        .splitlines()[0]
        .endswith("is fit as far as it goes: 1 note.")
    )


def test_names_and_passphrases_of_an_inventory(tmp_path: Path) -> None:
    kitchen = Kitchen({"more": {"second": SECOND}})
    lay_out(tmp_path / "lab", kitchen, "leaf", "S3cret-1")  # by the host's name, as a stage folder has it
    lay_out(tmp_path, kitchen, "second")
    (tmp_path / "second.crt").rename(tmp_path / "sensor-2.plant.example.crt")  # by the common name
    (tmp_path / "second.key").rename(tmp_path / "sensor-2.plant.example.key")
    sensors = {
        "lab": {"common_name": "sensor-1.plant.example", "key_passphrase": "S3cret-1"},
        "two": {"common_name": "sensor-2.plant.example"},
    }
    result = task.run({"folder": str(tmp_path), "at": AT}, sensors=sensors)
    assert result["valid"] is True, result["findings"]
    sensors["lab"]["common_name"] = "other.plant.example"
    assert ids(task.run({"folder": str(tmp_path), "at": AT}, sensors=sensors)["findings"]) == ["subject.cn-mismatch"]
    assert "key.passphrase" in ids(task.run({"folder": str(tmp_path), "at": AT})["findings"])


def test_a_folder_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds nothing to judge; wanted"):
        task.run({"folder": str(tmp_path)})
    archive = tmp_path / "delivery.zip"
    archive.write_bytes(b"PK")
    with pytest.raises(InputError, match="delivery.zip was not judged: an archive; unpack it"):
        task.run({"folder": str(tmp_path)})
    with pytest.raises(InputError, match="delivery.zip is a file; wanted: the folder that holds it"):
        task.run({"folder": str(archive)})
    with pytest.raises(FileError):
        task.run({"folder": str(tmp_path / "missing")})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, ["certificate is not set"]),
        ({"certificates": [{}]}, ["certificates[0]", "certificate"]),
        ({"certificates": ["x.crt"]}, ["certificates[0]", "dictionary"]),
        ({"certificates": [{"certificat": "x.crt"}]}, ["certificates[0]", "certificat"]),
        ({"certificate": "x", "at": "tomorrow"}, ["at", "tomorrow", "ISO 8601"]),
        ({"certificates": [{"certificate": "x", "at": "2027-13-01"}]}, ["certificates[0].at"]),
        ({"certificate": "x", "min_days_left": -1}, ["min_days_left", "-1"]),
        ({"certificate": "x", "min_days_left": 1_000_000_000}, ["min_days_left", "1000000000", "36500"]),
        ({"certificates": [{"certificate": "x", "min_days_left": 10**40}]}, ["certificates[0].min_days_left"]),
        ({"certificate": "x", "at": "0001-01-01T00:00:00+10:00"}, ["at", "0001-01-01", "years 1 and 9999"]),
        ({"certificate": "x", "at": "9999-12-31T23:59:59-00:01"}, ["at", "9999-12-31", "years 1 and 9999"]),
        ({"certificate": "x", "at": "10000-01-01"}, ["at", "10000-01-01"]),
        ({"certificate": "x", "at": "0000-01-01T00:00:00Z"}, ["at", "0000-01-01"]),
        ({"certificate": "x", "ignore": ["crt.expird"]}, ["crt.expird", "did you mean crt.expired"]),
        ({"certificate": "x", "severities": {"crt.expired": "fatal"}}, ["crt.expired", "fatal"]),
        ({"certificate": "x", "profile": "defender"}, ["defender_iot"]),
        ({"certificate": "x", "profile": "/no/such/profile.yml"}, ["/no/such/profile.yml"]),
    ],
)
def test_options_that_cannot_be_used(params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PkiError) as caught:
        task.run(params)
    for word in words:
        assert word in str(caught.value)


def test_an_empty_list_is_an_empty_fleet() -> None:
    result = task.run({"certificates": []})
    assert result["valid"] is True
    assert result["results"] == []


@pytest.mark.parametrize(
    "text",
    [
        "2027-06-01",
        "2027-06-01T00:00:00",
        "2027-06-01T00:00:00Z",
        "2027-06-01T02:00:00+02:00",
        "2027-05-31 19:00-05:00",
    ],
)
def test_moments(text: str) -> None:
    assert task.parse_moment(text, "at").isoformat() == "2027-06-01T00:00:00+00:00"


def test_pem_texts_in_place_of_paths() -> None:
    kitchen = Kitchen({})
    texts = {
        "certificate": kitchen.content("leaf", "certificate").decode(),
        "private_key": kitchen.key_bytes("leaf").decode(),
        "chain": kitchen.content(["issuing", "root"], "chain").decode(),
    }
    assert task.run({**texts, "at": AT})["findings"] == []


def test_files_are_read_by_whoever_judges(pair: list[dict[str, Any]]) -> None:
    """Options are looked at before anything is judged; a bundle's own files only when its turn has come."""
    bundles, is_list = task.bundles_of({"certificates": pair})
    assert is_list
    assert len(bundles) == 2
    os.unlink(pair[1]["certificate"])
    assert bundles[0].certificate.problem is None
    assert "cannot be read" in str(bundles[1].certificate.problem)
    with pytest.raises(IndexError):
        bundles[2]
    with pytest.raises(InputError):
        task.bundles_of({"certificates": [*pair, {"certificate": pair[0]["certificate"], "min_days_left": -1}]})


def test_the_collector_runs_as_before_after_a_batch(
    pair: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    plain = engine.validate_bundle
    monkeypatch.setattr(engine, "validate_bundle", lambda *given: (seen.append(gc.isenabled()), plain(*given))[1])
    task.run({"certificates": pair, "at": AT})
    assert seen == [False, False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), parallel.without_collector(), parallel.without_collector():
        raise ZeroDivisionError
    assert gc.isenabled()


@pytest.mark.parametrize(("inner", "fits"), [("2a864886f70d01010b", True), ("2a864886f70d01010c", False)])
def test_a_signature_whose_algorithm_is_stated_twice(inner: str, fits: bool) -> None:
    """Nobody signed the outer statement; what it says has to be what was signed (RFC 5280, section 4.1.1.2)."""
    kitchen, sha256 = Kitchen({}), bytes.fromhex("2a864886f70d01010b")
    leaf = read_certificates(kitchen.content("leaf", "certificate"), "leaf").views[0]
    issuer = read_certificates(kitchen.content("issuing", "certificate"), "issuing").views[0]
    body, algorithm, _value = elements(only(leaf.der, SEQUENCE).content)
    tbs = body.whole.replace(sha256, bytes.fromhex(inner), 1)
    signature = kitchen.key("issuing").sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    made = encode(SEQUENCE, tbs, algorithm.whole, encode(BIT_STRING, b"\0" + signature))
    assert signed_by(CertificateView.from_der(made, ""), issuer) is fits
