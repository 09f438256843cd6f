# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passphrases that are read are told to Ansible; ordinary words are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import host_variables, masking, secrets


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("correct horse battery staple", True),
        ("Pa55word", True),
        ("sensor", False),
        ("organization", False),
        ("20261124", False),
        ("a1b2", False),
        ("", False),
        (None, False),
    ],
)
def test_what_ansible_is_told(value: Any, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    monkeypatch.setattr(masking, "register_secret", registered.append)
    assert masking.hidden(value) == value
    assert registered == ([value] if told else [])


def test_each_of_a_list_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    monkeypatch.setattr(masking, "register_secret", registered.append)
    assert masking.hidden(["correct horse", "word"]) == ["correct horse", "word"]
    assert registered == ["correct horse"]


def test_every_way_of_reading_one_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    monkeypatch.setattr(masking, "register_secret", registered.append)
    action: Any = SimpleNamespace(_templar=SimpleNamespace(template=lambda value: value))
    task_vars = {"one": "a passphrase, the 1st", "two": "a passphrase, the 2nd"}
    secrets.with_secrets(action, task_vars, {"passphrase_variable": "one"})
    assert registered == ["a passphrase, the 1st"]
    found = {"three": "a passphrase, the 3rd"}
    sensors = [{"name": "sensor-1", "key_passphrase_variable": "three"}]
    reading: Any = SimpleNamespace(knows=lambda host: True, read=lambda host, names: (found, {}))
    host_variables.add_passphrases(reading, sensors, "key_passphrase")
    assert sensors == [{"name": "sensor-1", "key_passphrase": "a passphrase, the 3rd"}]
    assert registered.pop() == "a passphrase, the 3rd"
    variables: Any = SimpleNamespace(knows=lambda host: True, read=lambda host, names: (task_vars, {}))
    assert secrets.Secrets(variables, "sensor-1").value("two") == "a passphrase, the 2nd"
    assert registered == ["a passphrase, the 1st", "a passphrase, the 2nd"]
