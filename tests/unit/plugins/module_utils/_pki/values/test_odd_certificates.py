# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate's view never raises: what is odd is read and said, what cannot be read is a problem of that field."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import (
    UnreadableError,
    explain,
    guard,
    x509,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import (
    CertificateView,
    read_certificates,
    signed_by,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.failures import alone
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError, PkiError

PanicException = type("PanicException", (BaseException,), {})


@pytest.mark.parametrize("name", odd.READABLE)
def test_what_tls_software_reads_is_read(name: str, tmp_path: Path) -> None:
    der = odd.READABLE[name]
    view = CertificateView.from_der(der, "x")
    assert view.problems == []
    assert view.common_names == [odd.NAME]
    assert view.der == der
    assert view.fingerprint == hashlib.sha256(der).hexdigest()
    assert signed_by(view, view)
    (tmp_path / "c.der").write_bytes(der)
    openssl = ["openssl", "x509", "-inform", "DER", "-in", str(tmp_path / "c.der"), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(openssl, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.strip().rpartition("=")[2].replace(":", "").lower() == view.fingerprint
    if "DNS" not in name and "2.5.29.17" in view.extensions:
        assert view.alternative_names(x509.DNSName) == [odd.NAME]


@pytest.mark.parametrize("name", [name for name in odd.READABLE if "TLS feature" not in name])
def test_and_what_is_odd_is_said(name: str) -> None:
    view = CertificateView.from_der(odd.READABLE[name], "x")
    # Older versions of the library take some of these without a word.
    assert view.oddities or view.exact


@pytest.mark.parametrize(("name", "text"), [("T61 in Latin-1", "Köln"), ("printable in UTF-8", "Köln")])
def test_letters_outside_ascii_are_kept(name: str, text: str) -> None:
    view = CertificateView.from_der(odd.READABLE[name], "x")
    assert [attribute.value for attribute in view.subject][2] == text


@pytest.mark.parametrize("name", odd.PARTLY)
def test_one_part_that_cannot_be_read_does_not_hide_the_others(name: str) -> None:
    view = CertificateView.from_der(odd.PARTLY[name], "x")
    assert view.problems
    assert view.common_names == [odd.NAME]
    if "OU" not in name and "criticality" not in name:
        assert "2.5.29.17" in view.extensions
    assert signed_by(view, view)


@pytest.mark.parametrize("name", odd.KEYS)
def test_an_odd_key_ends_nothing(name: str) -> None:
    view = CertificateView.from_der(odd.KEYS[name], "x")
    assert view.common_names == [odd.NAME]
    assert not signed_by(view, view)


def test_values_that_mean_nothing_are_not_taken() -> None:
    constraints = CertificateView.from_der(odd.READABLE["both"], "x").value(odd.BASIC_CONSTRAINTS)
    assert (constraints.ca, constraints.path_length) == (False, None)
    usage = CertificateView.from_der(odd.READABLE["decipherOnly without keyAgreement"], "x").value(odd.KEY_USAGE)
    assert usage.digital_signature
    assert not usage.key_agreement
    usage = CertificateView.from_der(odd.READABLE["encipherOnly without keyAgreement"], "x").value(odd.KEY_USAGE)
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)


def test_an_altered_copy_is_not_signed() -> None:
    for name in ("printable &", "explicit CA:FALSE"):
        der = odd.READABLE[name]
        view = CertificateView.from_der(der[:-1] + bytes([der[-1] ^ 1]), "x")
        assert not signed_by(view, view)


def test_a_signature_whose_bits_are_not_all_used_is_none() -> None:
    # For the library unused bits are zeroes, and nothing more: so one whose last bit is a zero.
    der = next(der for number in range(99) if not (der := odd.extended(("1.2.3.4", bytes([number]))))[-1] & 1)
    place = der.rindex(b"\x03\x82\x01\x01\x00") + 4
    for unused in (0, 1):
        view = CertificateView.from_der(der[:place] + bytes([unused]) + der[place + 1 :], "x")
        assert signed_by(view, view) == (unused == 0)


def test_a_key_that_is_odd_is_the_same_key() -> None:
    usual = CertificateView.from_der(odd.usual(), "x")
    for name in ("modulus that seems negative", "modulus with an octet too many", "data after the key's end"):
        assert CertificateView.from_der(odd.READABLE[name], "x").spki == usual.spki


def test_a_critical_extension_that_cannot_be_read_is_a_problem() -> None:
    view = CertificateView.from_der(odd.extended((odd.AIA, b"\x30\x01"), critical=True), "x")
    assert len(view.problems) == 1
    assert "authorityInfoAccess" in view.problems[0]
    assert not view.extensions_known


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x00", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00"])
def test_what_is_no_certificate_is_an_error_of_ours(der: bytes) -> None:
    with pytest.raises(UnreadableError):
        CertificateView.from_der(der, "x")


def test_others_in_a_file_are_read() -> None:
    data = b"".join(odd.pem(der) for der in odd.everything().values())
    found = read_certificates(data, "x")
    assert len(found.views) == len(odd.everything())


RAISED: list[Any] = [
    ValueError("a"), TypeError("a"), OverflowError("a"), KeyError(99), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a"),
    x509.InvalidVersion("5 is not a valid X509 version", 5), x509.UnsupportedGeneralNameType("x400Address"),
    x509.DuplicateExtension("twice", x509.ObjectIdentifier("1.2.3")), PanicException("index out of range"),
]  # fmt: skip


@pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)
def test_the_guard_makes_one_kind_of_error(raised: BaseException) -> None:
    with pytest.raises(UnreadableError) as caught, guard("its field"):
        raise raised
    assert str(caught.value).startswith("its field cannot be read: ")
    assert caught.value.__cause__ is None
    assert explain(raised)


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(1), MemoryError(), InputError("ours")])
def test_the_guard_lets_pass_what_is_not_about_the_input(raised: BaseException) -> None:
    with pytest.raises(type(raised)), guard():
        raise raised


def test_the_guard_repeats_nothing_of_a_secret() -> None:
    with pytest.raises(UnreadableError) as caught, guard("the key", secret=True):
        raise ValueError("s3cret")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("raised", [KeyError("s3cret"), PanicException("s3cret")])
def test_an_unexpected_error_is_its_items_failure(raised: BaseException) -> None:
    def work() -> None:
        raise raised

    said = alone(work, str)
    assert said is not None
    assert type(raised).__name__ in said
    assert "s3cret" not in said


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), MemoryError(), SystemExit(0)])
def test_an_interrupt_is_nobodys_failure(raised: BaseException) -> None:
    def work() -> None:
        raise raised

    with pytest.raises(type(raised)):
        alone(work, str)


def test_our_errors_are_values_errors_too() -> None:
    assert issubclass(UnreadableError, PkiError)
    assert issubclass(UnreadableError, ValueError)
