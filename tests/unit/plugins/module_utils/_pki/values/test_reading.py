# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Telling what a file is from its content."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.bounded import run_bounded
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import reading
from hypothesis import given, settings
from hypothesis import strategies as st

# What is inside does not matter for these: a SEQUENCE with one INTEGER.
BODY = base64.encodebytes(b"\x30\x03\x02\x01\x05")


def block(label: str, body: bytes = BODY) -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), body, label.encode())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", reading.EMPTY),
        (b" \r\n\t", reading.EMPTY),
        (b"<!DOCTYPE html><html></html>", reading.HTML),
        (b"\n  <html lang='en'>", reading.HTML),
        (b"hello", reading.UNKNOWN),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", reading.JAVA_KEYSTORE),
        (BODY, reading.BARE_BASE64),
        (block("CERTIFICATE"), reading.CERTIFICATE),
        (block("X509 CERTIFICATE"), reading.CERTIFICATE),
        (block("NEW CERTIFICATE REQUEST"), reading.REQUEST),
        (block("X509 CRL"), reading.CRL),
        (block("PKCS7"), reading.PKCS7),
        (block("RSA PRIVATE KEY"), reading.PRIVATE_KEY),
        (block("ENCRYPTED PRIVATE KEY"), reading.ENCRYPTED_KEY),
        (block("OPENSSH PRIVATE KEY"), reading.OPENSSH_KEY),
        (block("PUBLIC KEY"), reading.PUBLIC_KEY),
        (block("SOMETHING ELSE"), reading.UNKNOWN),
    ],
)
def test_kind(data: bytes, kind: str) -> None:
    assert reading.read_content(data).kind == kind


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (block("CERTIFICATE"), None),
        (block("CERTIFICATE").decode().encode("utf-16"), "UTF-16"),
        (block("CERTIFICATE").decode().encode("utf-16-le"), "UTF-16"),
        (block("CERTIFICATE").decode().encode("utf-16-be"), "UTF-16"),
        (block("CERTIFICATE").decode().encode("utf-32"), "UTF-32"),
        (b"\xef\xbb\xbf" + block("CERTIFICATE"), "UTF-8 with a byte order mark"),
    ],
)
def test_text_encodings(data: bytes, encoding: str | None) -> None:
    content = reading.read_content(data)
    assert content.kind == reading.CERTIFICATE
    assert content.text_encoding == encoding
    assert content.blocks[0].der == b"\x30\x03\x02\x01\x05"


def test_blocks_in_any_order_with_text_between() -> None:
    data = (
        b"Bag Attributes\n x: y\n"
        + block("RSA PRIVATE KEY")
        + b"subject=/CN=x\n"
        + block("CERTIFICATE")
        + block("X509 CRL")
    )
    content = reading.read_content(data)
    assert [entry.kind for entry in content.blocks] == [reading.PRIVATE_KEY, reading.CERTIFICATE, reading.CRL]
    assert len(content.of_kind(reading.CERTIFICATE)) == 1


def test_a_pkcs7_under_a_certificate_label() -> None:
    pkcs7 = b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
    assert reading.read_content(block("CERTIFICATE", base64.encodebytes(pkcs7))).kind == reading.PKCS7


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "END line is missing"),
        (b"-----BEGIN CERTIFICATE-----\nMI!B\n-----END CERTIFICATE-----\n", "Base64"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "empty"),
    ],
)
def test_damaged_blocks_say_why(data: bytes, problem: str) -> None:
    (entry,) = reading.read_content(data).blocks
    assert entry.der is None
    assert problem in (entry.problem or "")


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_never_fails(data: bytes) -> None:
    assert reading.read_content(data).kind


@given(
    st.lists(
        st.sampled_from([b"-----BEGIN ", b"-----END ", b"-----", b"CERTIFICATE", b"\n", b"A", b"\x30\x82"]), max_size=40
    )
)
@settings(max_examples=300, deadline=None)
def test_never_fails_on_armour(parts: list[bytes]) -> None:
    assert reading.read_content(b"".join(parts)).kind


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN " * 200_000,
        b"-----BEGIN CERTIFICATE-----\n" * 80_000,
        b"-----BEGIN CERTIFICATE-----" + b"A" * 2_000_000,
        b"\x30" * 2_000_000,
        b"\x30\x80" * 1_000_000,
    ],
)
def test_time_is_linear(data: bytes) -> None:
    # Half a minute of work, where a tenth of a second is usual and what grows with the square takes hours.
    assert run_bounded(lambda: reading.read_content(data).kind, cpu_seconds=30)


@pytest.mark.parametrize(
    ("der", "length"),
    [
        (b"", None),
        (b"\x30\x03", 5),
        (b"\x30\x82\x01\x00", 260),
        (b"\x31\x03", None),
        (b"\x30\x85\x01\x01\x01\x01\x01", None),
    ],
)
def test_declared_length(der: bytes, length: int | None) -> None:
    assert reading.declared_length(der) == length
