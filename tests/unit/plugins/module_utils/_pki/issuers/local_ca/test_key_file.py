# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CA's key at rest: other tools open it, and guessing costs what is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca import key_file
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import keys
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts


@pytest.mark.parametrize("passphrase", ["correct horse battery", "mit Umläuten und € 4711"])
def test_openssl_and_we_open_it_and_it_costs_600_000_rounds(tmp_path: Path, passphrase: str) -> None:
    key = parts.new_key(2048)
    pem = key_file.encrypted_pem(key, passphrase, 600_000)
    (tmp_path / "ca.key").write_bytes(pem)
    opened = keys.load_private_key(pem, passphrase.encode())
    assert keys.public_key_id(opened.public_key()) == keys.public_key_id(key.public_key())
    (tmp_path / "pass").write_text(passphrase, encoding="utf-8")
    command = [
        "openssl",
        "pkey",
        "-in",
        tmp_path / "ca.key",
        "-passin",
        f"file:{tmp_path / 'pass'}",
        "-noout",
        "-check",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Key is valid" in done.stdout
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", tmp_path / "ca.key"], capture_output=True, text=True, check=True
    ).stdout
    assert f"INTEGER           :{600_000:06X}" in shown
    assert "hmacWithSHA256" in shown
    assert "aes-256-cbc" in shown


def test_keys_of_version_1_0_0_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "ROUNDS", 600_000)
    key = parts.new_key(2048)
    assert key_file.is_cheap_to_guess(parts.key_pem(key, "correct horse battery"))
    assert key_file.is_cheap_to_guess(key_file.encrypted_pem(key, "correct horse battery", 599_999))
    assert not key_file.is_cheap_to_guess(key_file.encrypted_pem(key, "correct horse battery", 600_000))
