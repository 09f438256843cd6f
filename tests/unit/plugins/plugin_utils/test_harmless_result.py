# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says to people cannot move a cursor, write a line of its own, or turn text around."""

from __future__ import annotations

from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.harmless_result import harmless_result

EVIL = "a\x1b[2Kb\u202ec\nok: all is well"
TAME = "a\\x1b[2Kb\\u202ec\\x0aok: all is well"


def test_lines_for_people_are_made_harmless_wherever_they_stand() -> None:
    result = {
        "lines": [EVIL],
        "warnings": [EVIL],
        "errors": {"sensor-1": EVIL},
        "results": [
            {"name": "sensor-1", "errors": [EVIL], "findings": [{"id": "crt.parse", "message": EVIL, "hint": None}]}
        ],
    }
    harmless_result(result)
    assert result == {
        "lines": [TAME],
        "warnings": [TAME],
        "errors": {"sensor-1": TAME},
        "results": [
            {"name": "sensor-1", "errors": [TAME], "findings": [{"id": "crt.parse", "message": TAME, "hint": None}]}
        ],
    }


def test_a_message_may_have_lines_and_data_stays_as_it_is() -> None:
    result = {"msg": "one\ntwo \x1b[31m", "path": "/tmp/\x1b", "subject": EVIL, "names": [EVIL], "count": 3}
    harmless_result(result)
    assert result == {"msg": "one\ntwo \\x1b[31m", "path": "/tmp/\x1b", "subject": EVIL, "names": [EVIL], "count": 3}


def test_what_a_host_printed_instead_of_a_result_is_made_harmless() -> None:
    result = {"module_stdout": "one\ntwo \x1b]0;x\x07", "exception": "\x1b[2J", "stdout_lines": [EVIL], "rc": 1}
    harmless_result(result)
    assert result == {
        "module_stdout": "one\ntwo \\x1b]0;x\\x07", "exception": "\\x1b[2J", "stdout_lines": [TAME], "rc": 1,
    }  # fmt: skip
