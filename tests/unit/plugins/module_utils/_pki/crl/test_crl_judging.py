# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of CRLs that were fetched, reason by reason."""

from __future__ import annotations

import base64
import datetime
import shutil
import subprocess
from pathlib import Path

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl import judging, verdicts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.judging import Case, Judge, read_case
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.verdicts import CertificateVerdict, Verdict
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import serialization, x509
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.limits import MAX_URLS
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import fetching
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.fetching import Fetched
from crl_kitchen import AT, DAY, PEM, URL, Kitchen, scope

SERIAL = 0x1234
OTHER = "http://crl2.plant.example/issuing.crl"


def judge(case: Case, *found: Fetched) -> CertificateVerdict:
    return Judge({entry.url: entry for entry in found}, AT).judge(case)


def got(body: bytes, url: str = URL, **facts: object) -> Fetched:
    return Fetched(url, fetching.OK, body=body, status=200, address="192.0.2.1", seconds=0.1, **facts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def case(kitchen: Kitchen) -> Case:
    return read_case("sensor-1", kitchen.leaf("sensor-1", serial=SERIAL), [kitchen.chain])


def only(verdict: CertificateVerdict) -> Verdict:
    assert len(verdict.verdicts) == 1
    return verdict.verdicts[0]


def test_success_reports_too(kitchen: Kitchen, case: Case) -> None:
    body = kitchen.crl([7, 8, 9], number=300)
    verdict = judge(case, got(body))
    assert (verdict.reachable, verdict.revoked, verdict.errors(), verdict.remarks()) == (True, False, [], [])
    data = only(verdict).to_dict()
    assert data == {
        "url": URL, "subject": "sensor-1", "usable": True, "reason": "ok", "message": data["message"], "hint": None,
        "upload_error": None, "warnings": [], "revoked_at": None, "revocation_reason": None, "status": 200,
        "address": "192.0.2.1", "via": None, "final_url": None, "seconds": 0.1, "attempts": 1, "bytes": len(body),
        "encoding": "der", "content_type": None, "this_update": "2027-05-31T00:00:00Z",
        "next_update": "2027-06-08T00:00:00Z", "number": 300, "entries": 3,
    }  # fmt: skip
    assert f"{len(body)} bytes, 3 entries" in data["message"]


def crl_for(kitchen: Kitchen, what: str) -> bytes:
    """The CRLs of the table below."""
    delta = (x509.DeltaCRLIndicator(3), True)
    made = {
        "html": b"<!DOCTYPE html><html>Please sign in</html>",
        "cut": kitchen.crl()[:-20],
        "certificate": Path(kitchen.leaf()).read_bytes(),
        "other issuer": kitchen.crl(issuer="Another CA", key=kitchen.other_key),
        "other key": kitchen.crl(key=kitchen.other_key),
        "altered": kitchen.crl()[:-1] + b"\0",
        "future": kitchen.crl(start=AT + DAY, end=AT + 2 * DAY),
        "expired": kitchen.crl(start=AT - 9 * DAY, end=AT - DAY),
        "expired, lists it": kitchen.crl([SERIAL], start=AT - 9 * DAY, end=AT - DAY),
        "CAs only": kitchen.crl([], scope(only_contains_ca_certs=True)),
        "other point": kitchen.crl([], scope(full_name=[x509.UniformResourceIdentifier("http://x/y")])),
        "unknown critical": kitchen.crl(
            [], (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)
        ),
        "delta": kitchen.crl([], delta),
        "revoked": kitchen.crl([SERIAL], reason=x509.ReasonFlags.key_compromise),
        "lifted": kitchen.crl([SERIAL], delta, reason=x509.ReasonFlags.remove_from_crl),
    }
    return made[what]


@pytest.mark.parametrize(
    ("what", "reason", "usable", "message"),
    [
        ("html", "not-a-crl", False, "an HTML page"),
        ("cut", "not-a-crl", False, "cut off"),
        ("certificate", "not-a-crl", False, "an X.509 certificate, not a CRL"),
        ("other issuer", "issuer", False, "the CRL is by CN=Another CA, the certificate sensor-1 by CN=Issuing CA"),
        ("other key", "signature", False, "was not signed by CN=Issuing CA"),
        ("altered", "signature", False, "or was altered"),
        ("future", "not-yet-valid", False, "not in force before 2027-06-02"),
        ("expired", "expired", False, "expired on 2027-05-31"),
        ("expired, lists it", "expired", False, "it lists sensor-1 as revoked"),
        ("CAs only", "scope", False, "it only holds CA certificates"),
        ("other point", "scope", False, "another distribution point"),
        ("unknown critical", "scope", False, "unknown critical extensions: 1.2.3"),
        ("delta", "delta-without-base", False, "without its base"),
        ("lifted", "delta-without-base", False, "without its base"),
        ("revoked", "revoked", True, "revoked on 2027-05-30T00:00:00Z, reason keyCompromise"),
    ],
)
def test_reasons(kitchen: Kitchen, case: Case, what: str, reason: str, usable: bool, message: str) -> None:
    verdict = judge(case, got(crl_for(kitchen, what)))
    found = only(verdict)
    assert (found.reason, found.usable) == (reason, usable), found
    assert message in found.message
    assert verdict.reachable is usable
    assert verdict.revoked is (reason == "revoked")
    assert len(verdict.errors()) == 1
    data = found.to_dict()
    assert data["hint"]
    assert data["upload_error"] in verdict.errors()[0]


@pytest.mark.parametrize(
    "reason", ["dns", "refused", "timeout", "proxy", "http-status", "redirect", "empty", "too-large"]
)
def test_what_kept_it_from_being_fetched_stays_the_reason(case: Case, reason: str) -> None:
    found = only(judge(case, Fetched(URL, reason, "words", status=404)))
    assert (found.reason, found.message, dict(found.facts)["status"]) == (reason, "words", 404)
    assert found.to_dict()["upload_error"].startswith(
        "The CRL (Certificate Revocation List) location is not reachable."
    )


def test_half_a_transfer_is_no_crl(case: Case) -> None:
    assert only(judge(case, Fetched(URL, fetching.INCOMPLETE, "words"))).reason == "not-a-crl"


def test_revocation_says_when_and_why(kitchen: Kitchen, case: Case) -> None:
    data = only(judge(case, got(crl_for(kitchen, "revoked")))).to_dict()
    assert (data["revoked_at"], data["revocation_reason"]) == ("2027-05-30T00:00:00Z", "keyCompromise")
    assert data["upload_error"].startswith("This certificate has been revoked by the CRL")
    data = only(judge(case, got(kitchen.crl([SERIAL])))).to_dict()
    assert data["revocation_reason"] == "unspecified"


def test_pem_is_usable_with_a_warning(kitchen: Kitchen, case: Case) -> None:
    verdict = judge(case, got(kitchen.crl(encoding=PEM)))
    assert (verdict.reachable, only(verdict).to_dict()["encoding"]) == (True, "pem")
    assert "it is PEM" in verdict.remarks()[0]


def test_one_of_several_urls_suffices(kitchen: Kitchen) -> None:
    case = read_case("s", kitchen.leaf("s", URL, OTHER, "ldap:///CN=x", "https://x/"), [kitchen.chain])
    assert case.wanted_urls() == [URL, OTHER]
    verdict = judge(case, Fetched(URL, "timeout", "slow"), got(kitchen.crl(), OTHER))
    assert [one.reason for one in verdict.verdicts] == ["timeout", "ok", "scheme", "scheme"]
    assert (verdict.reachable, verdict.errors()) == (True, [])
    assert [text.split(":", 1)[0] for text in verdict.remarks()] == ["http", "ldap", "https"]
    verdict = judge(case, Fetched(URL, "timeout", "slow"), Fetched(OTHER, "dns", "unknown"))
    assert (verdict.reachable, len(verdict.errors())) == (False, 4)


def test_a_delta_with_its_base_at_another_url(kitchen: Kitchen) -> None:
    case = read_case("s", kitchen.leaf("s", URL, OTHER, serial=77), [kitchen.chain])
    delta = (x509.DeltaCRLIndicator(3), True)
    base = got(kitchen.crl([], number=4), URL)
    verdict = judge(case, base, got(kitchen.crl([77], delta, number=6), OTHER))
    assert [one.reason for one in verdict.verdicts] == ["ok", "revoked"]
    verdict = judge(case, base, got(kitchen.crl([], delta, number=6), OTHER))
    assert [one.reason for one in verdict.verdicts] == ["ok", "ok"]


def test_no_url_is_an_error_only_if_one_is_wanted(kitchen: Kitchen) -> None:
    made = kitchen.certificate("plain", "Issuing CA", kitchen.other_key, kitchen.key)
    path = kitchen.write("plain.crt", made.public_bytes(PEM))
    verdict = judge(read_case("plain", path, [kitchen.chain]))
    assert (only(verdict).reason, verdict.reachable, verdict.without_url) == ("no-url", False, True)
    assert verdict.errors() == []
    assert "no-url" in verdict.errors(url_wanted=True)[0]


def test_the_cas_above_are_checked_too(kitchen: Kitchen) -> None:
    root_url = "http://crl.plant.example/root.crl"
    issuing = kitchen.certificate(
        "Issuing CA", "Root CA", kitchen.key, kitchen.root_key, ca=True, urls=[root_url], serial=99
    )
    chain = kitchen.write("chain2.pem", issuing.public_bytes(PEM) + kitchen.root.public_bytes(PEM))
    case = read_case("s", kitchen.leaf("s"), [chain])
    assert case.wanted_urls() == [URL, root_url]
    good = got(kitchen.crl())
    verdict = judge(case, good, got(kitchen.crl(issuer="Root CA", key=kitchen.root_key), root_url))
    assert [(one.subject, one.reason) for one in verdict.verdicts] == [("s", "ok"), ("Issuing CA", "ok")]
    verdict = judge(case, good, Fetched(root_url, "refused", "closed"))
    assert (verdict.reachable, len(verdict.errors())) == (False, 1)
    verdict = judge(case, good, got(kitchen.crl([99], issuer="Root CA", key=kitchen.root_key), root_url))
    assert (verdict.reachable, verdict.revoked) == (True, True)


def test_without_issuers_a_warning_says_what_was_not_checked(kitchen: Kitchen) -> None:
    case = read_case("s", kitchen.leaf("s"), [])
    verdict = judge(case, got(kitchen.crl(key=kitchen.other_key)))
    assert verdict.reachable
    assert "signature was not checked" in verdict.remarks()[0]
    assert judge(case, got(kitchen.crl(issuer="Another CA"))).verdicts[0].reason == "issuer"


def test_urls_alone(kitchen: Kitchen) -> None:
    case = read_case("urls", None, [kitchen.chain], [URL])
    assert case.wanted_urls() == [URL]
    assert only(judge(case, got(kitchen.crl()))).reason == "ok"
    for what, reason in (
        ("other issuer", "issuer"), ("other key", "signature"), ("expired", "expired"), ("future", "not-yet-valid"),
        ("delta", "delta-without-base"), ("html", "not-a-crl"),
    ):  # fmt: skip
        assert only(judge(case, got(crl_for(kitchen, what)))).reason == reason, what


def test_given_urls_stand_in_for_the_certificates_own(kitchen: Kitchen) -> None:
    case = read_case("s", kitchen.leaf("s", serial=55), [kitchen.chain], [OTHER])
    assert case.wanted_urls() == [OTHER]
    assert only(judge(case, got(kitchen.crl([55]), OTHER))).reason == "revoked"


@pytest.mark.parametrize("name", ["missing.crt", "kitchen.key"])
def test_unreadable_input_is_that_objects_error(kitchen: Kitchen, name: str) -> None:
    kitchen.write("kitchen.key", b"no certificate")
    path = str(kitchen.folder / name)
    for case in (read_case("s", path, [kitchen.chain]), read_case("s", kitchen.leaf(), [path])):
        verdict = judge(case)
        assert (verdict.reachable, verdict.revoked) == (False, False)
        assert name in verdict.errors()[0]


def test_every_reason_of_the_contract_has_its_advice() -> None:
    assert set(verdicts.REASONS) == {
        "ok", "no-url", "scheme", "dns", "refused", "timeout", "proxy", "http-status", "redirect", "empty", "not-a-crl",
        "too-large", "address", "issuer", "signature", "not-yet-valid", "expired", "scope", "delta-without-base", "revoked",
    }  # fmt: skip


def test_a_large_crl_is_read_and_checked_once(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    body = kitchen.crl([*range(1000, 3000)], number=9)
    cases = [
        read_case(f"s{index}", kitchen.leaf(f"s{index}", serial=990 + index), [kitchen.chain]) for index in range(30)
    ]
    judging = Judge({URL: got(body)}, AT)
    first = judging.judge(cases[0])
    crl = judging._crl_at(URL).crls[0]
    monkeypatch.setattr(crl, "_verify", asked.append)
    found = [judging.judge(case).revoked for case in cases]
    assert first.reachable
    assert found == [index >= 10 for index in range(30)]
    assert not asked


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_crl_made_by_openssl(kitchen: Kitchen, tmp_path: Path) -> None:
    leaf = kitchen.leaf("by-openssl", serial=0xABCD)
    key = tmp_path / "ca.key"

    key.write_bytes(parts.key_pem(kitchen.key, None))
    (tmp_path / "ca.crt").write_bytes(kitchen.issuing.public_bytes(PEM))
    (tmp_path / "index.txt").write_text(
        "R\t290101000000Z\t270520000000Z,keyCompromise\tABCD\tunknown\t/CN=by-openssl\n"
    )
    (tmp_path / "number").write_text("0A\n")
    (tmp_path / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={tmp_path}/index.txt\ncrlnumber={tmp_path}/number\ndefault_md=sha256\n"
        f"certificate={tmp_path}/ca.crt\nprivate_key={key}\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n"
    )
    command = [
        "openssl",
        "ca",
        "-config",
        str(tmp_path / "ca.cnf"),
        "-gencrl",
        "-crldays",
        "30",
        "-out",
        str(tmp_path / "c"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    case = read_case("s", leaf, [kitchen.chain])
    body = (tmp_path / "c").read_bytes()
    verdict = Judge({URL: got(body)}, datetime.datetime.now(datetime.timezone.utc)).judge(case)
    assert (only(verdict).reason, only(verdict).revocation_reason) == ("revoked", "keyCompromise")
    assert only(verdict).to_dict()["number"] == 10


@pytest.mark.skipif(shutil.which("certtool") is None, reason="needs GnuTLS certtool (apt: gnutls-bin)")
def test_a_crl_made_by_certtool(kitchen: Kitchen, tmp_path: Path) -> None:

    (tmp_path / "ca.key").write_bytes(parts.key_pem(kitchen.key, None))
    (tmp_path / "ca.crt").write_bytes(kitchen.issuing.public_bytes(PEM))
    (tmp_path / "template").write_text("crl_next_update = 43\ncrl_number = 5\n")
    leaf = kitchen.leaf("by-certtool", serial=0xBEEF)
    done = subprocess.run(
        ["certtool", "--generate-crl", "--load-ca-privkey", "ca.key", "--load-ca-certificate", "ca.crt", "--template",
         "template", "--load-certificate", leaf, "--outfile", "crl", "--outder"],
        check=False, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    verdict = Judge({URL: got((tmp_path / "crl").read_bytes())}, datetime.datetime.now(datetime.timezone.utc)).judge(
        read_case("s", leaf, [kitchen.chain])
    )
    assert only(verdict).reason == "revoked", only(verdict)


@pytest.mark.skipif(shutil.which("cfssl") is None, reason="needs cfssl (apt: golang-cfssl)")
def test_a_crl_made_by_cfssl(kitchen: Kitchen, tmp_path: Path) -> None:

    key = kitchen.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (tmp_path / "ca.key").write_bytes(key)
    (tmp_path / "ca.crt").write_bytes(parts.pem(kitchen.issuing))
    leaf = kitchen.leaf("by-cfssl", serial=0xCAFE)
    (tmp_path / "serials").write_text(f"{0xCAFE}\n")
    done = subprocess.run(
        ["cfssl", "gencrl", "serials", "ca.crt", "ca.key"], check=False, capture_output=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    body = done.stdout  # Base64 of DER: not what a web server may serve, but what cfssl prints
    verdict = Judge({URL: got(base64.b64decode(body))}, datetime.datetime.now(datetime.timezone.utc)).judge(
        read_case("s", leaf, [kitchen.chain])
    )
    assert only(verdict).reason == "revoked", only(verdict)


def test_one_certificate_does_not_keep_a_run_busy_for_hours(kitchen: Kitchen) -> None:
    urls = [f"http://crl.example/{number}.crl" for number in range(judging.MAX_URLS + 3)]
    case = read_case("sensor-1", kitchen.leaf("sensor-1", *urls), [])
    assert case.wanted_urls() == urls[: judging.MAX_URLS]
    verdict = Judge({}, AT).judge(case)
    assert len(verdict.verdicts) == judging.MAX_URLS
    assert any("names 19 CRL URLs; the first 16 were fetched, 3 were not" in text for text in verdict.remarks())
    # What somebody has asked for is fetched.
    assert len(read_case("urls", None, [], urls).wanted_urls()) == len(urls)


def test_a_negative_serial_number_ends_nothing(kitchen: Kitchen) -> None:
    negative = odd.rewritten(odd.usual(), bytes.fromhex("02021234"), bytes.fromhex("0202f234"))
    path = kitchen.write("negative.crt", negative)
    verdict = judge(read_case("sensor-1", path, [path], [URL]), got(kitchen.crl([7, 8, 9])))
    assert only(verdict).reason == "issuer"
    crl = kitchen.crl([0x1234], key=pki.rsa_key("odd"))
    with_name = replaced_issuer(crl, odd.subject())
    verdict = judge(read_case("sensor-1", path, [path], [URL]), got(with_name))
    assert (only(verdict).reason, verdict.problem) == ("ok", None)


def replaced_issuer(crl: bytes, name: x509.Name) -> bytes:
    """A CRL by another name, signed with the key of the odd certificates."""
    read = x509.load_der_x509_crl(crl)
    tbs = pki.replaced(read.tbs_certlist_bytes, read.issuer.public_bytes(), name.public_bytes())
    return odd.signed(tbs)


@pytest.mark.parametrize("name", odd.everything())
def test_an_odd_certificate_ends_nothing(kitchen: Kitchen, name: str) -> None:
    path = kitchen.write("odd.crt", odd.everything()[name])
    fit = read_case("sensor-1", kitchen.leaf("sensor-1", serial=SERIAL), [kitchen.chain, path])
    for verdict in (judge(read_case("odd", path, [kitchen.chain], [URL]), got(kitchen.crl([7]))),):
        assert verdict.problem is None or "error inside" not in verdict.problem
    assert only(judge(fit, got(kitchen.crl([7])))).reason == "ok"


def test_of_very_many_urls_the_first_are_fetched(kitchen: Kitchen) -> None:
    urls = [f"http://crl.plant.example/{number}.crl" for number in range(3000)]
    case = read_case("many", kitchen.leaf("many", *urls), [kitchen.chain])
    assert case.wanted_urls() == urls[:MAX_URLS]
    verdict = judge(case)
    assert len(verdict.verdicts) == MAX_URLS
    assert "names 3000 CRL URLs" in verdict.notes[-1]
