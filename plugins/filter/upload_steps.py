# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: the steps of each upload, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..plugin_utils.controller_action import plain

DOCUMENTATION = r"""
name: upload_steps
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.1.0
short_description: The steps of each upload, brought together
description:
  - What M(ot_pki.defender_iot.upload_record) wants, from lists of what was done and seen for several sensors.
options:
  _input:
    description: Results of M(ot_pki.defender_iot.sensor_upload), step V(import).
    type: list
    elements: dict
    required: true
  seen:
    description: What M(ot_pki.defender_iot.live_check) saw after it.
    type: list
    elements: dict
    default: []
  seconds:
    description: Results of step V(earlier).
    type: list
    elements: dict
    default: []
  again:
    description: What was seen after that.
    type: list
    elements: dict
    default: []
  cleaned:
    description: Results of step V(clean).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Bring them together
  ansible.builtin.set_fact:
    uploads: "{{ [imported] | ot_pki.defender_iot.upload_steps(live.results) }}"
"""

RETURN = r"""
_value:
  description: For each sensor C(first), C(seen), C(second), C(again) and C(cleaned), empty if there was none.
  type: list
  elements: dict
"""

Results = Sequence[dict[str, Any]]


def upload_steps(
    firsts: Results, seen: Results = (), seconds: Results = (), again: Results = (), cleaned: Results = ()
) -> list[dict[str, Any]]:
    """The steps of each upload."""
    steps = {
        "seen": {one["sensor"]: one for one in plain(seen)},
        "second": {one["name"]: one for one in plain(seconds)},
        "again": {one["sensor"]: one for one in plain(again)},
        "cleaned": {one["name"]: one for one in plain(cleaned)},
    }
    return [
        {"first": first, **{step: found.get(first["name"]) for step, found in steps.items()}} for first in plain(firsts)
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"upload_steps": upload_steps}
