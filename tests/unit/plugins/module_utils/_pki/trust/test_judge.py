# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only authorities in date travel to workstations, and never a key."""

from __future__ import annotations

from pathlib import Path

import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.folder import write_folder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.judge import (
    Judged,
    judge,
    parse_fingerprints,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import parse_entries
from authorities import Made, make
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

ROOT = make("OT Root")


def judged(*paths: str, present: bool = True, expected: frozenset[str] = frozenset()) -> list[Judged]:
    return judge(paths, parts.now(), present, expected)


def test_a_root_passes_and_says_what_it_is(tmp_path: Path) -> None:
    (one,) = judged(ROOT.file(tmp_path, "root.crt"))
    assert (one.label, one.fingerprint, one.self_signed) == ("OT Root", ROOT.fingerprint, True)
    assert one.name == f"ot_pki_OT_Root_{ROOT.fingerprint[:16]}"
    assert len(one.thumbprint) == 40


def test_der_passes_and_text_around_pem_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "a.cer").write_bytes(ROOT.certificate.public_bytes(serialization.Encoding.DER))
    (tmp_path / "b.pem").write_bytes(b"Bag Attributes\n secret words\n" + ROOT.pem)
    ones = judged(str(tmp_path / "a.cer"), str(tmp_path / "b.pem"))
    assert len(ones) == 1, "the same certificate counts once"
    assert "secret" not in judged(str(tmp_path / "b.pem"))[0].pem


def test_an_intermediate_is_told_from_a_root(tmp_path: Path) -> None:
    middle = make("OT Issuing", issuer=ROOT, key=1)
    assert [one.self_signed for one in judged(middle.file(tmp_path, "i.crt"), ROOT.file(tmp_path, "r.crt"))] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (make("sensor", ca=False), "is not a CA certificate: its basicConstraints say CA:FALSE"),
        (make("old style", ca=None), "is not a CA certificate: it has no basicConstraints"),
        (make("no signer", key_usage=False), "keyUsage does not allow keyCertSign"),
        (make("expired", days=(-30, -1)), "expired on"),
        (make("future", days=(1, 30)), "is not valid before"),
    ],
)
def test_what_is_no_authority_in_date_is_refused(tmp_path: Path, made: Made, message: str) -> None:
    path = made.file(tmp_path, "x.crt")
    with pytest.raises(InputError, match=message):
        judged(path)
    assert judged(path, present=False), "for removal anything will do"


def test_a_private_key_never_travels(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(ROOT.pem + ROOT.key_pem)
    for present in (True, False):
        with pytest.raises(InputError, match="holds a private key"):
            judged(str(tmp_path / "both.pem"), present=present)


def test_containers_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.pfx").write_bytes(
        pkcs12.serialize_key_and_certificates(b"x", ROOT.key, ROOT.certificate, None, serialization.NoEncryption())
    )
    (tmp_path / "b.p7b").write_bytes(pkcs7.serialize_certificates([ROOT.certificate], serialization.Encoding.DER))
    for name, kind in (("a.pfx", "PKCS#12"), ("b.p7b", "PKCS#7")):
        with pytest.raises(InputError, match=rf"{kind}.*cert_convert"):
            judged(str(tmp_path / name))


def test_one_bad_certificate_stops_all_and_every_reason_is_told(tmp_path: Path) -> None:
    leaf = make("leaf", ca=False).file(tmp_path, "leaf.crt")
    with pytest.raises(InputError) as caught:
        judged(ROOT.file(tmp_path, "root.crt"), leaf, str(tmp_path / "missing.crt"))
    assert "CA:FALSE" in str(caught.value)
    assert "missing.crt" in str(caught.value)


def test_expected_fingerprints_in_any_spelling(tmp_path: Path) -> None:
    path = ROOT.file(tmp_path, "root.crt")
    colons = ":".join(ROOT.fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    assert judged(path, expected=parse_fingerprints([f"SHA256 Fingerprint={colons}"]))
    with pytest.raises(InputError, match="not among the fingerprints expected"):
        judged(path, expected=parse_fingerprints(["0" * 64]))
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        parse_fingerprints(["ab:cd"])


def test_the_folder_for_workstations(tmp_path: Path) -> None:
    folder = tmp_path / "workstations"
    ones = judged(ROOT.file(tmp_path, "root.crt"))
    entries = parse_entries([{"ip": "192.0.2.1", "names": ["sensor-1.plant.example"]}], True, [])
    assert write_folder(str(folder), ones, entries, check_mode=True)
    assert not folder.exists()
    names = write_folder(str(folder), ones, entries, check_mode=False)
    assert names == sorted(["hosts.txt", "index.html", f"{ones[0].name}.cer"])
    assert write_folder(str(folder), ones, entries, check_mode=False) == []
    assert (folder / f"{ones[0].name}.cer").read_bytes() == ROOT.certificate.public_bytes(serialization.Encoding.DER)
    assert (folder / "hosts.txt").read_bytes() == b"192.0.2.1\tsensor-1.plant.example\r\n"
    page = (folder / "index.html").read_text()
    for text in (
        ones[0].fingerprint.upper(),
        ones[0].thumbprint,
        "certutil -addstore -f Root",
        "sensor-1.plant.example",
    ):
        assert text in page
    other = judged(make("<b>New & Co</b>", key=1).file(tmp_path, "new.crt"))
    assert f"{ones[0].name}.cer" in write_folder(str(folder), other, entries, check_mode=False)
    assert sorted(path.suffix for path in folder.iterdir()) == [".cer", ".html", ".txt"]
    assert "<b>New" not in (folder / "index.html").read_text()


@pytest.mark.parametrize("name", odd.everything())
def test_an_odd_certificate_is_refused_by_name_and_nothing_else_fails(name: str, tmp_path: Path) -> None:
    (tmp_path / "odd.crt").write_bytes(odd.pem(odd.everything()[name]))
    with pytest.raises(InputError) as caught:
        judged(
            str(tmp_path / "odd.crt"), ROOT.file(tmp_path, "root.crt"), make("old", ca=None).file(tmp_path, "old.crt")
        )
    assert "odd.crt" in str(caught.value)
    assert "old.crt" in str(caught.value)
