# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a value that somebody gave: which variable, what was given, what is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._plain.texts import harmless

# More digits than any number that is asked for here; int() itself refuses texts beyond some thousands.
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*\Z")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with what was given: variable, what was given, what is wanted."""

    variable: str
    wanted: str
    given: str | None = None

    def text(self, prefix: str = "") -> str:
        """The sentence for the user.

        :param prefix: how the caller's variables begin, ``sensor_certificates_`` for the role's.
        """
        given = "is missing" if self.given is None else f"is {self.given}"
        # A variable's name may be one that somebody made up, and what is wanted may name another sensor.
        return harmless(f"{prefix}{self.variable} {given}; wanted: {self.wanted}")


def shown(value: Any) -> str:
    """A given value as it may appear in a message: short, on one line; of a list or dictionary only what it is.

    For values of options that exist and are no secret. What else may be one: :func:`kind_of`.
    """
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return kind_of(value)
    try:
        text = repr(value)
    except ValueError:  # a number of so many digits that Python does not print it
        return "a number of several thousand digits"
    return text if len(text) <= 90 else text[:80] + f"… ({len(text)} characters)"


def kind_of(value: Any) -> str:
    """What a value is, without the value: it stands where it does not belong, so it may be a passphrase or a key."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "a text (not shown)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number (not shown)"
    if isinstance(value, Mapping):
        return "a dictionary (not shown)"
    return "a list (not shown)" if isinstance(value, (list, tuple, set, frozenset)) else f"a {type(value).__name__}"


def no_option(name: Any, options: str) -> Fault:
    """The fault of an option that does not exist, without its value: what was misspelt may be a passphrase."""
    return Fault(str(name), options, "no option")


def whole_number(value: Any) -> int | None:
    """An int, or a text that is one (templates often turn numbers into texts); else ``None``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _NUMBER.match(value):
        return int(value)
    return None
