# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests go out once, answers come in in any form, and only the key and the requirements decide."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers import outbox as outbox_module
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events, revocations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import Folder
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from issuing_site import (
    DAY,
    SUBJECT,
    Site,
    actions,
    answer,
    answer_all,
    cn,
    requests_of,
    template_extension,
    told,
    wanted,
)


@pytest.fixture
def corp(site: Site) -> Site:
    (site.folder / "root.pem").write_bytes(pki.root().crt)
    site.described["corp"] = {"kind": "request_folder", "trusted_roots": [str(site.folder / "root.pem")]}
    return site


def sensor(number: int, **more: Any) -> dict[str, Any]:
    return wanted(number, "corp", **more)


def happened(site: Site, kind: str) -> list[str]:
    return [event.sensor for event in FleetState(site.stage, site.ledger).events(kind)]


# --- Out ---------------------------------------------------------------------------------------------


def test_the_first_run_lays_requests_out(corp: Site) -> None:
    outcomes = corp.run(sensor(1, sans=["192.0.2.1"], key_passphrase="Secret.1"), sensor(2))
    assert actions(outcomes) == {cn(1): "pending", cn(2): "pending"}
    assert all(outcome.changed and outcome.since for outcome in outcomes)
    csr = x509.load_pem_x509_csr(requests_of(corp)[cn(1)])
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == f"CN={cn(1)},OU=OT,O=Contoso,C=US"
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [cn(1)]
    assert [str(entry) for entry in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    rows = corp.rows()
    assert [row["sensor"] for row in rows] == [cn(1), cn(2)]
    spki = csr.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    assert rows[0] == {
        "sensor": cn(1),
        "common_name": cn(1),
        "file": f"{cn(1)}.csr",
        "public_key_sha256": digest.finalize().hex(),
        "requested": outcomes[0].since,
        "template": "",
    }
    key = corp.waiting(cn(1))[0] / "private.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    assert serialization.load_pem_private_key(key.read_bytes(), b"Secret.1").public_key() == csr.public_key()
    assert happened(corp, events.REQUESTED) == [cn(1), cn(2)]
    assert not (corp.outbox() / "submit.cmd").exists()


def test_a_request_that_could_not_be_shown_is_shown_by_the_next_run(
    corp: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(outbox_module.Outbox, "show", _no_space)
        outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert corp.rows() == [], "what is listed was shown"
    corp.run(sensor(1))
    assert set(requests_of(corp)) == {cn(1)}
    assert [row["sensor"] for row in corp.rows()] == [cn(1)]
    # Who takes the file away has it, and is not given it again.
    (corp.outbox() / f"{cn(1)}.csr").unlink()
    corp.run(sensor(1))
    assert requests_of(corp) == {}
    assert [row["sensor"] for row in corp.rows()] == [cn(1)]


def test_a_waiting_key_that_cannot_be_read_for_a_moment_stays_listed(
    corp: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    corp.run(sensor(1), sensor(2))
    rows, original, seen = corp.rows(), Folder.listdir, set[str]()

    def listdir(self: Folder) -> list[str]:
        """Works once for each folder: when the run looks at what waits, not when it tidies up."""
        if self.path in seen and self.path.endswith((cn(1), cn(2))):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        seen.add(self.path)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "listdir", listdir)
        outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "pending", cn(2): "pending"}
    assert corp.rows() == rows
    assert list(requests_of(corp)) == [cn(1), cn(2)]


def test_a_list_that_cannot_be_read_for_a_moment_puts_nothing_back(corp: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    corp.run(sensor(1))
    rows, original = corp.rows(), Folder.open_file
    (corp.outbox() / f"{cn(1)}.csr").unlink()  # somebody submits it

    def open_file(self: Folder, name: str, *arguments: Any) -> int:
        if name == outbox_module.CSV:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(self, name, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "open_file", open_file)
        corp.run(sensor(1))
    assert any("requests.csv cannot be read" in text for text in corp.issuers.by_name["corp"].problems)
    assert requests_of(corp) == {}
    assert corp.rows() == rows


def test_killed_while_a_key_that_is_answered_is_removed(corp: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    corp.run(sensor(1))
    answer_all(corp)
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rmtree", _only_the_key)
        with pytest.raises(KeyboardInterrupt):
            corp.run(sensor(1))
    assert corp.waiting(cn(1))
    corp.run(sensor(1))
    assert not corp.waiting(cn(1))
    assert actions(corp.run(sensor(1))) == {cn(1): "kept"}


def _only_the_key(folder: Folder, name: str, **_options: Any) -> None:
    os.unlink(os.path.join(folder.path, name, "private.key"))
    raise KeyboardInterrupt


def _no_space(*_arguments: Any) -> None:
    raise FileError("outbox cannot be written: No space left on device")


def test_a_sensor_is_asked_for_once(corp: Site) -> None:
    corp.run(sensor(1))
    before = corp.snapshot()
    # What is not part of a request does not make another one.
    outcomes = corp.run(sensor(1, validity_days=365, renew_before_days=10))
    assert actions(outcomes) == {cn(1): "pending"}
    assert not outcomes[0].changed
    assert corp.snapshot() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": {**SUBJECT, "organization": "Fabrikam"}}, "another subject is wanted"),
        ({"sans": ["192.0.2.9"]}, "another SAN is wanted"),
        ({"key_size": 4096}, "another key size is wanted"),
        ({"key_passphrase": "Other.1"}, "another passphrase"),
    ],
)
def test_what_changes_the_request_makes_another_and_withdraws_the_first(
    corp: Site, changes: dict[str, Any], words: str
) -> None:
    corp.run(sensor(1, key_passphrase="First.1"), sensor(2))
    first = requests_of(corp)
    outcomes = corp.run(sensor(1, **{"key_passphrase": "First.1", **changes}), sensor(2))
    assert actions(outcomes) == {cn(1): "pending", cn(2): "pending"}
    assert "withdrawn" in told(outcomes)
    assert words in told(outcomes)
    second = requests_of(corp)
    assert second[cn(1)] != first[cn(1)]
    assert second[cn(2)] == first[cn(2)]
    assert len(corp.waiting(cn(1))) == 1
    assert len(corp.rows()) == 2
    assert happened(corp, events.WITHDRAWN) == [cn(1)]
    # An answer to the withdrawn request is none to the new one.
    (corp.inbox() / "late.cer").write_bytes(answer(first[cn(1)]).crt + pki.chain())
    outcomes = corp.run(sensor(1, **{"key_passphrase": "First.1", **changes}), sensor(2))
    assert actions(outcomes)[cn(1)] == "pending"
    assert "for another key than the request's" in told(outcomes)


def test_a_change_that_is_taken_back_withdraws_the_request_and_keeps_the_bundle(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp)
    corp.run(sensor(1))
    other = sensor(1, sans=["192.0.2.9"])
    assert actions(corp.run(other)) == {cn(1): "pending"}
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "kept"}, told(outcomes)
    assert requests_of(corp) == {}
    assert corp.rows() == []
    assert corp.waiting(cn(1)) == []
    assert happened(corp, events.WITHDRAWN) == [cn(1)]
    assert not corp.run(sensor(1))[0].changed


def test_another_issuer_withdraws_the_request(corp: Site) -> None:
    corp.local_ca()
    corp.run(sensor(1), sensor(2))
    outcomes = corp.run(wanted(1, "local_ca"), sensor(2))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "pending"}
    assert list(requests_of(corp)) == [cn(2)]
    assert [row["sensor"] for row in corp.rows()] == [cn(2)]
    assert corp.waiting(cn(1)) == []
    assert happened(corp, events.WITHDRAWN) == [cn(1)]


def test_a_request_that_people_took_away_is_not_put_back(corp: Site) -> None:
    corp.run(sensor(1), sensor(2))
    taken = requests_of(corp)[cn(1)]
    (corp.outbox() / f"{cn(1)}.csr").unlink()
    corp.run(sensor(1), sensor(2))
    assert list(requests_of(corp)) == [cn(2)]
    (corp.inbox() / "a.cer").write_bytes(answer(taken).crt + pki.chain())
    assert actions(corp.run(sensor(1), sensor(2)))[cn(1)] == "issued"


def test_a_run_that_ended_before_its_requests_were_shown_shows_them_later(corp: Site, tmp_path: Path) -> None:
    corp.run(sensor(1))
    key = corp.waiting(cn(1))
    shutil.rmtree(corp.outbox())
    corp.run(sensor(1))
    assert list(requests_of(corp)) == [cn(1)]
    assert corp.waiting(cn(1)) == key
    assert [row["sensor"] for row in corp.rows()] == [cn(1)]


def test_an_outbox_that_cannot_be_written_fails_new_requests_and_no_answers(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp)
    shutil.rmtree(corp.outbox())
    corp.outbox().write_text("a file where the folder belongs")
    outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "failed"}
    assert outcomes[1].errors[0].startswith("sensor_certificates_issuers.corp.outbox: ")
    assert "cannot be written" in outcomes[1].errors[0]
    assert corp.waiting(cn(2)) == []


def test_an_outbox_that_cannot_be_locked_matters_to_nobody_who_writes_nothing(corp: Site) -> None:
    corp.run(sensor(1))
    (corp.outbox() / ".lock").unlink(missing_ok=True)
    (corp.outbox() / ".lock").mkdir()
    assert actions(corp.run(sensor(1))) == {cn(1): "pending"}
    assert corp.issuers.by_name["corp"].problems == ()


def test_sensors_of_another_run_stay_in_the_lists(corp: Site) -> None:
    corp.run(sensor(1), sensor(2), sensor(3))
    (corp.inbox() / "2.cer").write_bytes(answer(requests_of(corp)[cn(2)]).crt + pki.chain())
    outcomes = corp.run(sensor(2), others=[{"name": cn(1)}, {"name": cn(3)}])
    assert actions(outcomes) == {cn(2): "issued"}
    assert [row["sensor"] for row in corp.rows()] == [cn(1), cn(3)]
    assert list(requests_of(corp)) == [cn(1), cn(3)]


# --- AD CS -------------------------------------------------------------------------------------------


def test_submit_cmd_is_for_ad_cs(corp: Site) -> None:
    corp.described["corp"]["template"] = "OTSensor"
    corp.run(sensor(1), sensor(2))
    data = (corp.outbox() / "submit.cmd").read_bytes()
    lines = data.decode().split("\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert 'set "TEMPLATE=OTSensor"' in lines
    assert f'set "NAME={cn(1)}"' in lines
    text = data.decode()
    assert 'certreq -submit -attrib "CertificateTemplate:%TEMPLATE%" "%NAME%.csr" "%TO%"' in text
    assert 'certreq -retrieve %ID% "%TO%"' in text
    assert corp.rows()[0]["template"] == "OTSensor"
    answer_all(corp)
    corp.run(sensor(1), sensor(2))
    assert cn(1) not in (corp.outbox() / "submit.cmd").read_text()


@pytest.mark.parametrize("name", ["a%PATH%b", "a&calc", "a^b", "a!b!", "a'b", "Ä und ß", "a (x)", "a;b,c=d"])
def test_no_name_is_anything_else_than_text_in_submit_cmd(name: str) -> None:
    row = outbox_module.Row(name, name, "0" * 64, "2026-01-01T00:00:00Z", "T")
    line = next(
        line for line in outbox_module.submit_script([row], "T").decode().split("\r\n") if line.startswith('set "NAME=')
    )
    inner = line.removeprefix('set "NAME=').removesuffix('"')
    # Between quotation marks the percent sign alone means something to cmd.exe, and is doubled.
    assert inner.replace("%%", "") == name.replace("%", "")
    assert inner.count("%") == 2 * name.count("%")
    assert '"' not in inner


def test_a_name_that_windows_cannot_have_is_left_to_people() -> None:
    row = outbox_module.Row('a"b', "c", "0" * 64, "2026-01-01T00:00:00Z", "T")
    text = outbox_module.submit_script([row], "T").decode()
    assert 'a"b' not in text
    assert "by hand" in text


# --- In ----------------------------------------------------------------------------------------------


def der(folder: Path, issued: pki.Issued) -> bytes:
    return issued.der


def pem_with_text(folder: Path, issued: pki.Issued) -> bytes:
    return pki.openssl("x509", "-text", data=issued.crt) + b"\r\nKind regards\r\n" + pki.chain()


def p7b_der(folder: Path, issued: pki.Issued) -> bytes:
    return pki.p7b(folder, issued, pki.issuing(), form="DER")


def p7b_pem(folder: Path, issued: pki.Issued) -> bytes:
    return pki.p7b(folder, pki.root(), pki.issuing(), issued)


def p7b_indefinite(folder: Path, issued: pki.Issued) -> bytes:
    return pki.indefinite(pki.p7b(folder, issued, pki.issuing(), form="DER"), 3)


def pfx_without_key(folder: Path, issued: pki.Issued) -> bytes:
    (folder / "all.pem").write_bytes(issued.crt + pki.chain())
    return pki.openssl("pkcs12", "-export", "-nokeys", "-in", folder / "all.pem", "-passout", "pass:Answer.1")


def zipped(folder: Path, issued: pki.Issued) -> bytes:
    return pki.archive({"deep/answer.cer": issued.der, "issuing.crt": pki.issuing().der})


@pytest.mark.parametrize("form", [der, pem_with_text, p7b_der, p7b_pem, p7b_indefinite, pfx_without_key, zipped])
@pytest.mark.parametrize("name", ["answer", "Zertifikat (3).txt", "sub/0001.cer"])
def test_any_form_and_any_name_will_do(corp: Site, tmp_path: Path, form: Any, name: str) -> None:
    corp.described["corp"]["passphrase"] = "Answer.1"
    corp.run(sensor(1))
    path = corp.inbox() / name
    path.parent.mkdir(exist_ok=True)
    if form is der:
        (corp.inbox() / "issuing.p7b").write_bytes(pki.p7b(tmp_path, pki.issuing()))
    issued = answer(requests_of(corp)[cn(1)])
    path.write_bytes(form(tmp_path, issued))
    content = path.read_bytes()
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert corp.staged[0].action == "staged"
    bundle = corp.stage.read_visible(cn(1))
    assert bundle is not None
    assert bundle.crt == issued.crt
    assert bundle.pem == pki.chain(), "up to and with the root, which trusted_roots holds"
    assert str(path) in outcomes[0].received[0]
    # The answer stays where it is, and is no matter any more.
    assert path.read_bytes() == content
    assert requests_of(corp) == {}
    assert not corp.run(sensor(1))[0].changed


def test_pki_department_with_openssl(corp: Site, tmp_path: Path) -> None:
    """C(openssl ca), as a PKI department uses it: its own policy, its own extensions, its own order of fields."""
    corp.run(sensor(1), sensor(2))
    (tmp_path / "ca.pem").write_bytes(pki.issuing().crt)
    (tmp_path / "ca.key").write_bytes(pki.issuing().private())
    (tmp_path / "index.txt").touch()
    (tmp_path / "serial").write_text("1000\n")
    (tmp_path / "ca.cnf").write_text(
        f"""
[ca]
default_ca = one
[one]
dir = {tmp_path}
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 200
policy = policy
x509_extensions = server
copy_extensions = none
unique_subject = no
[policy]
commonName = supplied
organizationName = supplied
organizationalUnitName = supplied
countryName = supplied
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
keyUsage = critical, keyEncipherment
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
1.3.6.1.4.1.311.20.2 = ASN1:BMPSTRING:WebServer
"""
    )
    for name in requests_of(corp):
        pki.openssl(
            "ca", "-batch", "-config", tmp_path / "ca.cnf", "-in", corp.outbox() / f"{name}.csr",
            "-out", corp.inbox() / f"{name}.pem",
        )  # fmt: skip
    shutil.copy(tmp_path / "ca.pem", corp.inbox())
    outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "issued"}, told(outcomes)
    altered = {field: (asked, given) for field, asked, given in outcomes[0].altered}
    assert altered["subject order"] == ("C, O, OU, CN", "CN, O, OU, C")
    assert altered["SAN"] == (f"DNS:{cn(1)}", "none")
    assert altered["extendedKeyUsage"] == ("clientAuth, serverAuth", "serverAuth")
    assert altered["keyUsage"][1] == "keyEncipherment"
    assert altered["validity"][0] == "730 days"
    assert altered["extension certificate template name (Microsoft)"] == ("none", "added")
    # What was changed and accepted is not asked for again.
    for _run in range(2):
        again = corp.run(sensor(1), sensor(2))
        assert actions(again) == {cn(1): "kept", cn(2): "kept"}, told(again)
        assert not any(outcome.changed for outcome in again)
    # Another wish is.
    assert actions(corp.run(sensor(1, sans=["192.0.2.7"]), sensor(2)))[cn(1)] == "pending"


def test_added_extensions_are_told(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp, more=(template_extension(),))
    outcomes = corp.run(sensor(1))
    assert ("extension certificate template (Microsoft)", "none", "added") in outcomes[0].altered
    assert outcomes[0].to_dict()["altered"][0].keys() == {"field", "asked", "given"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"drop": ("OU",)}, ("subject.missing-field", "at the CA:", "Supply in the request")),
        ({"ca": True}, ("crt.ca-true", "at the CA:")),
        ({"subject": pki.name("other.plant.example")}, ("subject.cn-mismatch",)),
        ({"days": (-300, -2)}, ("crt.expired",)),
        ({"extensions": ("ExtendedKeyUsage",), "more": (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")]),)},
         ("crt.extended-key-usage", "at the CA:")),
        ({"issuer": pki.stranger()}, ("chain.", "trusted_roots")),
    ],
)  # fmt: skip
def test_what_the_requirements_forbid_is_refused_with_the_reason(
    corp: Site, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    corp.run(sensor(1), sensor(2))
    requests = requests_of(corp)
    bad = answer(requests[cn(1)], **changes)
    (corp.inbox() / "bad.cer").write_bytes(bad.crt + pki.chain() + pki.stranger().crt)
    (corp.inbox() / "good.cer").write_bytes(answer(requests[cn(2)]).crt)
    outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "failed", cn(2): "issued"}, told(outcomes)
    for word in (*words, "bad.cer"):
        assert word in told(outcomes)
    # The request stands: a better answer to it is taken, and the one before it is told.
    assert requests_of(corp).keys() == {cn(1)}
    (corp.inbox() / "better.cer").write_bytes(answer(requests[cn(1)]).crt)
    outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "kept"}, told(outcomes)
    assert "2 answers" in told(outcomes)
    assert corp.certificate(cn(1)) != bad.certificate


def test_an_answer_that_is_signed_with_sha1_is_refused(corp: Site, tmp_path: Path) -> None:
    corp.run(sensor(1))
    (tmp_path / "ca.pem").write_bytes(pki.issuing().crt)
    (tmp_path / "ca.key").write_bytes(pki.issuing().private())
    pki.openssl(
        "x509", "-req", "-in", corp.outbox() / f"{cn(1)}.csr", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
        "-sha1", "-copy_extensions", "copyall", "-days", "300", "-out", corp.inbox() / "weak.cer",
    )  # fmt: skip
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "crt.signature-algorithm" in told(outcomes)
    assert "let the CA sign with SHA-256 or better" in told(outcomes)


def test_of_two_good_answers_the_one_that_lasts_longer_is_taken(corp: Site) -> None:
    corp.run(sensor(1))
    csr = requests_of(corp)[cn(1)]
    longer = answer(csr, days=(-1, 600))
    (corp.inbox() / "1.cer").write_bytes(answer(csr, days=(-1, 300)).crt + pki.chain())
    (corp.inbox() / "2.cer").write_bytes(longer.crt)
    outcomes = corp.run(sensor(1))
    assert corp.certificate(cn(1)) == longer.certificate
    assert "2 answers" in told(outcomes)
    assert "1.cer is not" in told(outcomes)


def test_a_revoked_answer_is_refused(corp: Site) -> None:
    corp.run(sensor(1))
    issued = answer(requests_of(corp)[cn(1)])
    corp.ledger.prepare()
    corp.ledger.record(cn(1), issued.certificate, event="received", issuer="corp")
    record = revocations.RevocationRecord(
        serial=issued.certificate.serial_number,
        reason="keyCompromise",
        revoked=moments.now(),
        issuer_key=revocations.key_mark(pki.issuing().certificate),
        not_after=issued.certificate.not_valid_after_utc,
    )
    revocations.record(corp.ledger, issued.certificate, record)
    (corp.inbox() / "1.cer").write_bytes(issued.crt + pki.chain())
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}, told(outcomes)
    assert "it was revoked: keyCompromise" in told(outcomes)


def test_a_certificate_for_another_key_is_no_answer_and_is_told(corp: Site) -> None:
    corp.run(sensor(1))
    (corp.inbox() / "other.cer").write_bytes(pki.sensor(cn(1)).crt + pki.chain())
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "pending"}
    assert "for another key than the request's" in told(outcomes)


def test_last_years_answers_are_no_matter(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp, days=(-300, 30))
    assert actions(corp.run(sensor(1))) == {cn(1): "issued"}
    # It is due, so it is asked for; last year's answer lies there still.
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "pending"}
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "pending"}
    assert outcomes[0].notes == ()
    assert outcomes[0].files is not None, "what is staged stays"


def test_a_cas_certificate_alone_is_no_answer(corp: Site) -> None:
    corp.run(sensor(1))
    (corp.inbox() / "ca.cer").write_bytes(pki.chain())
    assert actions(corp.run(sensor(1))) == {cn(1): "pending"}


def test_a_file_that_is_being_written_waits_for_the_next_run(corp: Site) -> None:
    corp.run(sensor(1))
    whole = answer(requests_of(corp)[cn(1)]).crt + pki.chain()
    path = corp.inbox() / "answer.cer"
    path.write_bytes(whole[:700])
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "pending"}
    lines = corp.issuers.by_name["corp"].lines
    assert len(lines) == 1
    assert "answer.cer" in lines[0]
    assert "still being written" in lines[0]
    assert not corp.issuers.by_name["corp"].problems
    path.write_bytes(whole)
    assert actions(corp.run(sensor(1))) == {cn(1): "issued"}


def test_ten_thousand_unrelated_files_do_not_matter(corp: Site) -> None:
    corp.run(sensor(1))
    issued = answer(requests_of(corp)[cn(1)])
    other = pki.sensor("someone.else.example").der
    for number in range(10_000):
        (corp.inbox() / f"{number:05}.{'cer' if number % 2 else 'eml'}").write_bytes(
            other if number % 2 else b"Dear colleague, %d" % number
        )
    (corp.inbox() / "05000b.cer").write_bytes(issued.crt + pki.chain())
    outcomes = corp.run(sensor(1), workers=2)
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert corp.issuers.by_name["corp"].lines == ()


def test_many_broken_files_are_counted(corp: Site) -> None:
    corp.run(sensor(1))
    for number in range(50):
        (corp.inbox() / f"{number}.cer").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    corp.run(sensor(1))
    lines = corp.issuers.by_name["corp"].lines
    assert len(lines) == 11
    assert "40 more files" in lines[-1]


def test_a_name_of_a_file_steers_no_terminal(corp: Site) -> None:
    corp.run(sensor(1))
    (corp.inbox() / "a\x1b[31m.cer").write_bytes(answer(requests_of(corp)[cn(1)], drop=("O",)).crt + pki.chain())
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "\x1b" not in told(outcomes)


def test_an_inbox_that_cannot_be_read_fails_those_that_wait(corp: Site) -> None:
    corp.run(sensor(1))
    corp.inbox().rmdir()
    (corp.pki_dir / "inbox" / "corp").write_text("a file")
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "cannot be read" in told(outcomes)


# --- While it waits ----------------------------------------------------------------------------------


def test_nothing_is_renewed_while_a_request_is_pending_and_the_bundle_stays(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp, days=(-30, 300))
    corp.run(sensor(1))
    staged = corp.certificate(cn(1))
    later = moments.now() + 280 * DAY
    first = corp.run(sensor(1), moment=later)
    assert actions(first) == {cn(1): "pending"}
    asked = requests_of(corp)
    for days in (281, 290, 400):
        outcomes = corp.run(sensor(1), moment=moments.now() + days * DAY)
        assert actions(outcomes) == {cn(1): "pending"}
        assert not outcomes[0].changed
    assert requests_of(corp) == asked
    assert corp.certificate(cn(1)) == staged


def test_a_waiting_key_without_passphrase_is_encrypted_when_the_sensor_got_one(corp: Site) -> None:
    corp.run(sensor(1))
    answer_all(corp)
    assert actions(corp.run(sensor(1, key_passphrase="Late.1"))) == {cn(1): "issued"}
    bundle = corp.stage.read_visible(cn(1))
    assert bundle is not None
    assert b"ENCRYPTED" in bundle.key


def test_an_answer_that_was_stored_and_not_tidied_up_is_not_stored_again(corp: Site, monkeypatch: Any) -> None:
    corp.run(sensor(1))
    answer_all(corp)
    waiting = corp.waiting(cn(1))[0]
    keep = corp.folder / "kept"
    shutil.copytree(waiting, keep)
    corp.run(sensor(1))
    # As if the run had been killed right after the bundle was shown.
    waiting.parent.mkdir(exist_ok=True)
    shutil.copytree(keep, waiting)
    outcomes = corp.run(sensor(1))
    assert actions(outcomes) == {cn(1): "kept"}, told(outcomes)
    assert corp.waiting(cn(1)) == []


def test_the_limit_of_changes_counts_what_is_under_way(corp: Site) -> None:
    sensors = [sensor(number) for number in range(1, 6)]
    corp.run(*sensors)
    answer_all(corp)
    corp.run(*sensors)
    changed = [sensor(number, sans=["192.0.2.1"]) for number in range(1, 6)]
    outcomes = corp.run(*changed, max_changes=2)
    assert [outcome.action for outcome in outcomes] == ["pending", "pending", "kept", "kept", "kept"]
    outcomes = corp.run(*changed, max_changes=2)
    assert [outcome.action for outcome in outcomes] == ["pending", "pending", "kept", "kept", "kept"]
    answer_all(corp)
    outcomes = corp.run(*changed, max_changes=2)
    assert [outcome.action for outcome in outcomes] == ["issued", "issued", "kept", "kept", "kept"]
    assert "waits: 2 sensors" in outcomes[2].reasons[0]
    outcomes = corp.run(*changed, max_changes=2)
    assert [outcome.action for outcome in outcomes] == ["kept", "kept", "pending", "pending", "kept"]


def test_due_dates_are_spread_and_a_short_life_is_not_due_on_every_run(corp: Site) -> None:
    sensors = [sensor(number, renew_before_days=60, renew_spread_days=40) for number in range(1, 4)]
    corp.run(*sensors)
    answer_all(corp, days=(0, 30))
    corp.run(*sensors)
    outcomes = corp.run(*sensors, moment=moments.now() + DAY)
    assert set(actions(outcomes).values()) == {"kept"}, told(outcomes)
    assert len({outcome.to_dict()["renew_after"] for outcome in outcomes}) > 1


# --- Settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"outbocks": "/x"}, ("sensor_certificates_issuers.corp.outbocks", "did you mean outbox?")),
        ({"trusted_root": "/x"}, ("did you mean trusted_roots?",)),
        ({"trusted_roots": ["/nowhere.pem"]}, ("sensor_certificates_issuers.corp.trusted_roots", "/nowhere.pem")),
        ({"template": 'a" & calc "'}, ("sensor_certificates_issuers.corp.template",)),
        ({"inbox": 7}, ("sensor_certificates_issuers.corp.inbox", "7")),
    ],
)
def test_a_wrong_setting_is_named(site: Site, settings: dict[str, Any], words: tuple[str, ...]) -> None:
    site.described["corp"] = {"kind": "request_folder", **settings}
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    for word in words:
        assert word in told(outcomes)


def test_a_named_inbox_that_is_not_there_is_told_and_not_made(site: Site) -> None:
    site.described["corp"] = {"kind": "request_folder", "inbox": str(site.folder / "share" / "answers")}
    site.run(sensor(1))
    assert actions(site.run(sensor(1))) == {cn(1): "pending"}
    (line,) = site.issuers.by_name["corp"].lines
    assert "there is no folder" in line
    assert not (site.folder / "share").exists()


def test_the_inbox_that_nobody_named_is_made(site: Site) -> None:
    site.described["corp"] = {"kind": "request_folder"}
    site.run(sensor(1))
    assert (site.pki_dir / "inbox" / "corp").is_dir()
    site.run(sensor(1))
    assert site.issuers.by_name["corp"].lines == ()


def test_without_trusted_roots_the_answers_own_root_counts(site: Site) -> None:
    site.described["corp"] = {"kind": "request_folder"}
    site.run(sensor(1))
    answer_all(site)
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    bundle = site.stage.read_visible(cn(1))
    assert bundle is not None
    assert bundle.pem == pki.chain()


def test_a_killed_run_leaves_no_request_without_its_key(corp: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever can be seen in the outbox has its key on the disk."""
    seen: list[bool] = []
    original = outbox_module.Outbox.show

    def show(self: Any, requests: Any) -> None:
        for row, _csr in requests:
            seen.append(any(path.name == row.public_key_sha256[:16] for path in corp.waiting(row.sensor)))
        original(self, requests)

    monkeypatch.setattr(outbox_module.Outbox, "show", show)
    corp.run(*[sensor(number) for number in range(1, 4)])
    assert seen == [True] * 3


def test_no_name_is_a_formula_in_the_list(tmp_path: Path) -> None:
    listed = outbox_module.Outbox(str(tmp_path), "outbox")
    name = "=HYPERLINK(1);-x"
    (tmp_path / f"{name}.csr").touch()
    listed.update([outbox_module.Row(name, "@SUM(1)", "ab" * 32, "2026-01-01T00:00:00Z")])
    text = (tmp_path / "requests.csv").read_text()
    assert "'=HYPERLINK(1);'-x,'@SUM(1),'=HYPERLINK(1);'-x.csr," in text
    assert {row.sensor: row.public_key_sha256 for row in listed.listed().values()} == {name: "ab" * 32}


@pytest.mark.parametrize("key_id", ['"&calc&rem ' + "0" * 53, "AB" * 32, "", 7, None])
def test_what_stands_in_submit_cmd_is_a_key_id_or_damaged(corp: Site, key_id: Any) -> None:
    """Who may write where keys wait does not thereby run programs where requests are submitted."""
    corp.run(sensor(1))
    about = corp.waiting(cn(1))[0] / "request.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "public_key_sha256": key_id}))
    assert "request.json is damaged" in told(corp.run(sensor(1)))


def test_requests_are_read_by_openssl(corp: Site) -> None:
    corp.run(sensor(1))
    done = subprocess.run(
        ["openssl", "req", "-in", corp.outbox() / f"{cn(1)}.csr", "-verify", "-noout"],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert os.listdir(corp.outbox()).count(f"{cn(1)}.csr") == 1


@pytest.mark.parametrize("damaged", ["request.json", "private.key"])
def test_a_damaged_waiting_key_is_its_own_sensors_matter(corp: Site, damaged: str) -> None:
    corp.run(sensor(1), sensor(2))
    answer_all(corp)
    (corp.waiting(cn(1))[0] / damaged).write_bytes(b"{")
    outcomes = corp.run(sensor(1), sensor(2))
    assert actions(outcomes)[cn(2)] == "issued", told(outcomes)
    if damaged == "request.json":
        assert actions(outcomes)[cn(1)] == "failed"
        assert "request.json is damaged" in told(outcomes)
    else:
        # Its certificate would be of no use: a new key, and a new request.
        assert actions(outcomes)[cn(1)] == "pending"
        assert "its key is damaged" in told(outcomes)
