# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a result says to people, made harmless in one place: it may quote file names, subjects and answers of others."""

from __future__ import annotations

from typing import Any

from ..module_utils._plain.texts import harmless, is_plain

# Of these, each text is one line for people. All else is data (names, paths, subjects), which programs compare.
_LINES = frozenset(
    (
        "lines", "problems", "warnings", "errors", "error", "notes", "reasons", "message", "hint", "failures",
        "remarks", "stdout_lines", "stderr_lines",
    )
)  # fmt: skip
# These may have several lines; what a host printed that should have returned a result is among them.
_TEXTS = frozenset(("msg", "module_stdout", "module_stderr", "stdout", "stderr", "exception"))


def harmless_result(result: Any) -> Any:
    """The result with every line for people made harmless, in place; what is harmless already stays the same object."""
    if isinstance(result, dict):
        for key, value in result.items():
            if key in _TEXTS and isinstance(value, str):
                if not is_plain(value):
                    result[key] = "\n".join(map(harmless, value.split("\n")))
            elif key in _LINES:
                result[key] = _line(value)
            elif isinstance(value, (dict, list)):
                harmless_result(value)
    elif isinstance(result, list):
        for value in result:
            if isinstance(value, (dict, list)):
                harmless_result(value)
    return result


def _line(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, list):
        return [_line(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _line(inner) for key, inner in value.items()}
    return value
