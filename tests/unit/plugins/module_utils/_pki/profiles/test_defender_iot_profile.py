# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The profile of the sensors: what their documentation asks, to the letter."""

from __future__ import annotations

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles import base
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT


@pytest.mark.parametrize(
    ("passphrase", "position"),
    [
        ("", None),
        ("abcXYZ019!#%()+,-./:=?@[\\]^_{}~", None),
        ("two words", 4),
        ("a$b", 2),
        ("ä", 1),
        ("ok`", 3),
        ("a\nb", 2),
    ],
)
def test_forbidden_passphrase_position(passphrase: str, position: int | None) -> None:
    assert DEFENDER_IOT.forbidden_passphrase_position(passphrase) == position


@pytest.mark.parametrize("character", list(" \"$&'*;<>|`"))
def test_each_character_that_the_documents_leave_out(character: str) -> None:
    assert DEFENDER_IOT.forbidden_passphrase_position("ok" + character) == 3


def test_the_sample_certificate() -> None:
    assert DEFENDER_IOT.subject_order == ("C", "ST", "L", "O", "OU", "CN", "emailAddress")
    assert DEFENDER_IOT.required_fields == ("C", "O", "OU")
    assert DEFENDER_IOT.extension_order == ("2.5.29.14", "2.5.29.35", "2.5.29.19", "2.5.29.15", "2.5.29.37")
    assert DEFENDER_IOT.template.extensions[:5] == DEFENDER_IOT.extension_order
    assert DEFENDER_IOT.template.extended_key_usages == ("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1")


def test_files_and_keys() -> None:
    assert {kind.role: kind.extension for kind in DEFENDER_IOT.files} == {
        base.CERTIFICATE: ".crt",
        base.PRIVATE_KEY: ".key",
        base.CHAIN: ".pem",
    }
    assert [kind.role for kind in DEFENDER_IOT.files if not kind.required] == [base.CHAIN]
    assert (DEFENDER_IOT.key_type, DEFENDER_IOT.key_sizes) == ("rsa", (2048, 4096))
    assert DEFENDER_IOT.chain_order == base.ISSUING_CA_FIRST
    assert DEFENDER_IOT.import_command is not None
    assert DEFENDER_IOT.import_command.name == "cyberx-xsense-certificate-import"


def test_the_characters_in_words() -> None:
    assert DEFENDER_IOT.passphrase_wanted == "a-z A-Z 0-9 and ! # % ( ) + , - . / : = ? @ [ \\ ] ^ _ { } ~"
    assert DEFENDER_IOT.passphrase_wanted == DEFENDER_IOT.checks["key.passphrase-characters"].requirement
