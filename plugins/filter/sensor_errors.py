# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: who failed in a batch, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: sensor_errors
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.0.0
short_description: Who failed in a batch, and why
description:
  - Collects the errors of each sensor from the results of this collection's batch modules.
options:
  _input:
    description: Results of M(ot_pki.defender_iot.fleet_inputs), M(ot_pki.defender_iot.cert_issue),
      M(ot_pki.defender_iot.cert_stage) or M(ot_pki.defender_iot.live_check), or dictionaries whose C(failures) are
      texts by name.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail if any sensor failed
  ansible.builtin.assert:
    that: "[issued, staged] | ot_pki.defender_iot.sensor_errors | length == 0"
"""

RETURN = r"""
_value:
  description: The errors of each sensor that failed, as one text, by its name.
  type: dict
"""


def sensor_errors(batches: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The errors of each sensor that failed, as one text, by its name."""
    errors: dict[str, list[str]] = {}
    for batch in batches:
        failures = batch.get("failures")
        if failures is not None:
            for name, text in failures.items():
                if text:
                    errors.setdefault(name, []).append(text)
            continue
        for result in [*(batch.get("refused") or []), *(batch.get("results") or [])]:
            if result["errors"]:
                errors.setdefault(result["name"], []).extend(result["errors"])
    return {name: "; ".join(dict.fromkeys(texts)) for name, texts in errors.items()}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"sensor_errors": sensor_errors}
