# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dictionary or list where neither belongs: what is in it may be a secret that stands one line too far to the right.

Ansible takes it for a text, and every message about that text would show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..module_utils._pki.values.faults import kind_of

_SINGLE = {
    "str": "a text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
# What Ansible says of a value that cannot be converted ends with the value.
_CONVERSION = re.compile(r"(unable to convert to (?:int|float|bool)\b).*", re.DOTALL)


def misplaced(spec: Mapping[str, Mapping[str, Any]], given: Any, where: str = "") -> str | None:
    """What is wrong with the shape of options, without a value; None: nothing.

    :param where: the option whose own options these are, with a dot after it.
    """
    for name, rules in spec.items():
        value = given.get(name) if isinstance(given, Mapping) else None
        if value is None:
            continue
        kind, place = rules.get("type", "str"), f"{where}{name}"
        elements = [value]
        if kind == "list":
            kind, elements = rules.get("elements", "raw"), value if isinstance(value, (list, tuple)) else []
        for number, element in enumerate(elements):
            at = f"{place}[{number}]" if rules.get("elements") else place
            if kind in _SINGLE and isinstance(element, (Mapping, list, tuple, set)):
                return f"{at} is {kind_of(element)}; wanted: {_SINGLE[kind]}"
            if kind == "dict" and not isinstance(element, (Mapping, str)):
                return f"{at} is {kind_of(element)}; wanted: a dictionary"
            problem = misplaced(rules.get("options") or {}, element, f"{at}.")
            if problem is not None:
                return problem
    return None


def without_value(message: str) -> str:
    """Ansible's message about an option, without the value that it ends with."""
    return _CONVERSION.sub(r"\1", message)
