# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the wrong place may be a secret, and is not told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.misplaced import misplaced, without_value

SPEC: dict[str, dict[str, Any]] = {
    "name": {},
    "file": {"type": "path"},
    "days": {"type": "int"},
    "state": {"type": "str", "choices": ["a", "b"]},
    "names": {"type": "list", "elements": "str"},
    "anything": {"type": "raw"},
    "more": {"type": "dict"},
    "entries": {"type": "list", "elements": "dict", "options": {"ip": {"type": "str"}, "names": {"type": "list"}}},
    "target": {"type": "dict", "options": {"host": {"type": "str"}}},
}
SECRET = "Secret.1"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"name": {"passphrase": SECRET}}, "name is a dictionary"),
        ({"file": [SECRET]}, "file is a list"),
        ({"days": {"x": SECRET}}, "days is a dictionary"),
        ({"state": [SECRET]}, "state is a list"),
        ({"names": ["a", {"x": SECRET}]}, "names[1] is a dictionary"),
        ({"names": [[SECRET]]}, "names[0] is a list"),
        ({"more": [SECRET]}, "more is a list"),
        ({"more": 12345678}, "more is a number"),
        ({"entries": [{"ip": "x"}, [SECRET]]}, "entries[1] is a list"),
        ({"entries": [{"ip": {"x": SECRET}}]}, "entries[0].ip is a dictionary"),
        ({"target": {"host": [SECRET]}}, "target.host is a list"),
    ],
)
def test_where_it_stands_is_told_and_nothing_of_it(given: dict[str, Any], place: str) -> None:
    problem = misplaced(SPEC, given)
    assert problem is not None
    assert problem.startswith(f"{place} (not shown); wanted: ")
    assert SECRET not in problem
    assert "12345678" not in problem


@pytest.mark.parametrize(
    "given",
    [
        {},
        {
            "name": "x",
            "file": "/x",
            "days": "7",
            "state": "a",
            "names": ["a"],
            "anything": {"x": [1]},
            "more": {"x": [1]},
        },
        {"name": 7, "file": None, "names": "a,b", "entries": [{"ip": "x", "names": ["a"]}], "target": "host=x"},
        {"unknown": {"x": 1}},
    ],
)
def test_what_ansible_can_make_something_of_is_left_to_it(given: dict[str, Any]) -> None:
    assert misplaced(SPEC, given) is None


def test_a_conversion_that_failed_is_told_without_the_value() -> None:
    said = f"argument 'days' is of type str and we were unable to convert to int: \"{SECRET}\" cannot\nbe {SECRET}"
    assert without_value(said) == "argument 'days' is of type str and we were unable to convert to int"
    assert without_value("missing required arguments: name") == "missing required arguments: name"
