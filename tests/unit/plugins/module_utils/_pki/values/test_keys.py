# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading private keys in every form, and telling sound ones from others."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import keys
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import KeyReadError, PassphraseError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@functools.lru_cache(maxsize=1)
def sample_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def written(encoding: Encoding, form: PrivateFormat, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return sample_key().private_bytes(encoding, form, encryption)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, b"right one"])
def test_reads_every_form(encoding: Encoding, form: PrivateFormat, passphrase: bytes | None) -> None:
    if passphrase and encoding is Encoding.DER and form is PrivateFormat.TraditionalOpenSSL:
        pytest.skip("there is no such format: traditional DER cannot be encrypted")
    key = keys.load_private_key(written(encoding, form, passphrase), passphrase)
    assert keys.public_key_id(key.public_key()) == keys.public_key_id(sample_key().public_key())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert keys.public_numbers_fit(key)


def test_passphrase_for_an_open_key_is_accepted() -> None:
    assert keys.load_private_key(written(Encoding.PEM, PrivateFormat.PKCS8), b"not needed")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("given_one", [None, b"", b"s3cret-wrong"])
def test_wrong_or_missing_passphrase_is_told_without_echo(form: PrivateFormat, given_one: bytes | None) -> None:
    with pytest.raises(PassphraseError) as caught:
        keys.load_private_key(written(Encoding.PEM, form, b"right one"), given_one)
    assert "s3cret" not in str(caught.value)
    assert "right" not in str(caught.value)


def test_a_wrong_passphrase_is_one_even_where_the_padding_is_sound_by_chance() -> None:
    data = written(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, b"right one")
    for number in range(2000):
        with pytest.raises(PassphraseError):
            keys.load_private_key(data, f"wrong {number}".encode())


@pytest.mark.parametrize("disguise", ["crlf", "utf-16", "bom", "indented", "after text", "old mac"])
def test_reads_what_windows_and_mail_make_of_it(disguise: str) -> None:
    text = written(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, b"right one").decode()
    data = {
        "crlf": text.replace("\n", "\r\n").encode(),
        "old mac": text.replace("\n", "\r").encode(),
        "utf-16": text.encode("utf-16"),
        "bom": text.encode("utf-8-sig"),
        "indented": "".join(f"    {line}\n" for line in text.splitlines()).encode(),
        "after text": b"Bag Attributes\n  friendlyName: x\nKey Attributes: <No Attributes>\n" + text.encode(),
    }[disguise]
    assert keys.load_private_key(data, b"right one")


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_noise_is_never_a_traceback(noise: bytes) -> None:
    with pytest.raises(KeyReadError):
        keys.load_private_key(noise)


@given(position=st.integers(0, 1600), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_damage_is_never_a_traceback(position: int, value: int) -> None:
    data = bytearray(written(Encoding.PEM, PrivateFormat.PKCS8))
    data[position % len(data)] = value
    with contextlib.suppress(KeyReadError):
        key = keys.load_private_key(bytes(data))
        if isinstance(key, rsa.RSAPrivateKey):
            keys.public_numbers_fit(key)


def test_message_of_a_damaged_key_holds_nothing_of_it() -> None:
    text = written(Encoding.PEM, PrivateFormat.PKCS8).decode()
    lines = text.splitlines()
    lines[5] = ":" + lines[5][1:]
    with pytest.raises(KeyReadError) as caught:
        keys.load_private_key("\n".join(lines).encode())
    for line in lines[1:-1]:
        assert line[1:20] not in str(caught.value)


def damaged(**changes: int) -> rsa.RSAPrivateKey:
    numbers = sample_key().private_numbers()
    public = numbers.public_numbers
    values = {
        "p": numbers.p,
        "q": numbers.q,
        "d": numbers.d,
        "dmp1": numbers.dmp1,
        "dmq1": numbers.dmq1,
        "iqmp": numbers.iqmp,
    }
    values.update(changes)
    return rsa.RSAPrivateNumbers(**values, public_numbers=public).private_key(unsafe_skip_rsa_key_validation=True)


def test_numbers_that_do_not_fit() -> None:
    numbers = sample_key().private_numbers()
    assert not keys.public_numbers_fit(damaged(d=numbers.d + 2))
    assert not keys.public_numbers_fit(damaged(dmp1=numbers.dmp1 + 2))
    assert not keys.public_numbers_fit(damaged(iqmp=numbers.iqmp - 2))


def test_full_check() -> None:
    assert keys.full_check(sample_key()) == []
    assert keys.full_check(ec.generate_private_key(ec.SECP256R1())) == []
    assert keys.full_check(damaged(iqmp=sample_key().private_numbers().iqmp - 2)) == [
        "its numbers do not fit each other"
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["pkcs8", "-topk8", "-v2", "camellia-128-cbc"],
        ["pkcs8", "-topk8", "-v2", "aria-256-cbc"],
        ["rsa", "-traditional", "-camellia128"],
        ["rsa", "-traditional", "-aria128"],
    ],
    ids=lambda options: options[-1],
)
def test_an_encryption_that_is_not_supported_is_not_a_wrong_passphrase(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.key").write_bytes(written(Encoding.PEM, PrivateFormat.PKCS8))
    made = pki.openssl(*options, "-in", tmp_path / "a.key", "-passout", "pass:Right.1")
    with pytest.raises(KeyReadError) as caught:
        keys.load_private_key(made, b"Right.1")
    assert not isinstance(caught.value, PassphraseError)
    assert "not supported" in str(caught.value)
    with pytest.raises(PassphraseError, match="no passphrase is given"):
        keys.load_private_key(made)
