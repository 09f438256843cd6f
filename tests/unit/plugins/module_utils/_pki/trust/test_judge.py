# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only authorities in date travel to workstations, and never a key."""

from __future__ import annotations

import datetime
import re
import subprocess
from pathlib import Path
from typing import Any

import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import as_workstations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.folder import write_folder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.judge import (
    Judged,
    judge,
    judge_helpers,
    parse_fingerprints,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import parse_entries
from authorities import Made, make
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

ROOT = make("OT Root")


def judged(*paths: str, present: bool = True, expected: frozenset[str] = frozenset()) -> list[Judged]:
    return judge(paths, moments.now(), present, expected)


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
    page = as_workstations.render(ones, entries, ["other.plant.example", "no name"], "the <desk>")
    assert write_folder(str(folder), ones, entries, page, check_mode=True)
    assert not folder.exists()
    names = write_folder(str(folder), ones, entries, page, check_mode=False)
    assert names == sorted(["hosts.txt", "index.html", f"{ones[0].name}.cer"])
    assert write_folder(str(folder), ones, entries, page, check_mode=False) == []
    assert (folder / f"{ones[0].name}.cer").read_bytes() == ROOT.certificate.public_bytes(serialization.Encoding.DER)
    assert (folder / "hosts.txt").read_bytes() == b"192.0.2.1\tsensor-1.plant.example\r\n"
    shown = (folder / "index.html").read_text()
    for text in (
        " ".join(re.findall("....", ones[0].fingerprint)),  # to compare by telephone
        f'data-sha256="{ones[0].fingerprint}"',
        " ".join(re.findall("....", ones[0].thumbprint.lower())),
        "certutil -addstore -f Root",
        f"certutil -delstore Root {ones[0].thumbprint.lower()}",
        "update-ca-certificates",
        f'<a href="{ones[0].name}.cer" download>',
        '<a href="hosts.txt">',
        '<a href="https://sensor-1.plant.example/">',
        '<a href="https://other.plant.example/">',
        "Ask the &lt;desk&gt;.",
        "this line",
    ):
        assert text in shown, text
    assert ones[0].fingerprint.upper() not in shown
    assert ones[0].thumbprint not in shown
    assert "no name" not in shown
    assert "hosts.txt" not in as_workstations.render(ones, [], [], "").decode()
    other = judged(make("<b>New & Co</b>", key=1).file(tmp_path, "new.crt"))
    again = as_workstations.render(other, entries, [], "")
    assert f"{ones[0].name}.cer" in write_folder(str(folder), other, entries, again, check_mode=False)
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


def built(
    *extensions: tuple[x509.ExtensionType, bool],
    key: Any = None,
    signer: Any = None,
    issuer: str = "Odd Root",
    constraints: bool = True,
) -> bytes:
    """A CA certificate with oddities, by default self-signed and fine."""
    own = key or ROOT.key
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Odd Root")]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
    )
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer or own, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def unknown(oid: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")


def by_openssl(folder: Path, *options: str) -> bytes:
    """A self-signed CA certificate by openssl, for what cryptography does not make."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-keyout",
        str(folder / "k"),
        "-out",
        str(folder / "c"),
        "-days",
        "9",
    ]
    # Not the machine's own settings.
    (folder / "config").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    command += [
        "-config",
        str(folder / "config"),
        "-subj",
        "/CN=Odd Root",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        *options,
    ]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    return (folder / "c").read_bytes()


def key_file(folder: Path) -> str:
    (folder / "ca.key").write_bytes(ROOT.key_pem)
    return str(folder / "ca.key")


SERVER, CLIENT = x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH
ANY = x509.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
P192, P384 = ec.generate_private_key(ec.SECP192R1()), ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda folder: by_openssl(folder, "-newkey", "rsa:1024"), "RSA key of 1024 bits, which is too small"),
        (lambda folder: by_openssl(folder, "-newkey", "rsa:2047"), "RSA key of 2047 bits"),
        (lambda folder: by_openssl(folder, "-newkey", "rsa:2048", "-md5"), "is signed with MD5"),
        (lambda _folder: built(key=ec.derive_private_key(1, ec.SECP256R1())), "has a key that can be broken"),
        (lambda _folder: built(key=P192), "on the curve secp192r1, which is too small"),
        (
            lambda folder: by_openssl(
                folder, "-newkey", "rsa:2048", "-sha1", "-CA", ROOT.file(folder, "ca"), "-CAkey", key_file(folder)
            ),
            "is signed with SHA1, which can be forged",
        ),
        (lambda _folder: built(signer=P384), "says that it is a root, but its own key has not signed it"),
        (lambda _folder: built((unknown("1.2.3.4.5"), True)), r"unknown critical extensions: 1\.2\.3\.4\.5"),
        (lambda _folder: built((x509.ExtendedKeyUsage([CLIENT]), False)), "does not allow TLS servers"),
    ],
)
def test_what_nobody_should_trust_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.crt"
    path.write_bytes(content(tmp_path))
    with pytest.raises(InputError, match=message):
        judged(str(path))
    assert judged(str(path), present=False), "for removal anything will do"


@pytest.mark.parametrize(
    "content",
    [
        lambda folder: by_openssl(folder, "-newkey", "rsa:2048", "-sha1"),
        lambda _folder: built(key=P384),
        lambda _folder: built(signer=P384, issuer="Another"),
        lambda _folder: built((unknown("1.2.3.4.5"), False)),
        lambda _folder: built((x509.ExtendedKeyUsage([CLIENT, SERVER]), True)),
        lambda _folder: built((x509.ExtendedKeyUsage([ANY]), False)),
    ],
)
def test_what_may_be_trusted_is_not_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.crt"
    path.write_bytes(content(tmp_path))
    assert judged(str(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-addreject", "serverAuth"], "not to be trusted for servers"),
        (["-addreject", "anyExtendedKeyUsage"], "not to be trusted for servers"),
        (["-addtrust", "emailProtection"], "trusted for other uses only"),
        (["-addtrust", "serverAuth", "-addreject", "serverAuth"], "not to be trusted for servers"),
        (["-addtrust", "serverAuth"], None),
        (["-addreject", "emailProtection"], None),
        (["-setalias", "words"], None),
    ],
)
def test_settings_of_openssl_are_honoured(options: list[str], message: str | None, tmp_path: Path) -> None:
    source, path = ROOT.file(tmp_path, "root.crt"), tmp_path / "x.crt"
    command = ["openssl", "x509", "-in", source, "-out", str(path), "-trustout", *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    if message is None:
        assert judged(str(path))[0].fingerprint == ROOT.fingerprint
    else:
        with pytest.raises(InputError, match=message):
            judged(str(path))


def test_fingerprints_hold_for_the_issuing_ca_too(tmp_path: Path) -> None:
    root, expected = judged(ROOT.file(tmp_path, "root.crt")), frozenset({ROOT.fingerprint})
    ours = make("OT Issuing", issuer=ROOT, key=1).file(tmp_path, "issuing.crt")
    other = make("OT Issuing", issuer=make("OT Root", key=2), key=1)
    theirs = other.file(tmp_path, "swapped.crt")
    moment = moments.now()
    assert judge_helpers([ours], root, moment, True, expected)
    with pytest.raises(InputError, match="neither among the fingerprints expected nor issued by what is"):
        judge_helpers([theirs], root, moment, True, expected)
    assert judge_helpers([theirs], root, moment, True, expected | {other.fingerprint})
    assert judge_helpers([theirs], root, moment, True), "nobody has named fingerprints"
    assert judge_helpers([theirs], root, moment, False, expected), "for removal anything will do"
