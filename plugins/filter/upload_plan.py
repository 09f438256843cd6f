# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: to whom certificates are uploaded, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._pki.delivery.rollout import plan_rollout
from ..module_utils._plain.errors import PkiError
from ..plugin_utils.controller_action import plain

DOCUMENTATION = r"""
name: upload_plan
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.1.0
short_description: To whom certificates are uploaded, and in which order
description:
  - From what the consoles present now, the sensors that M(ot_pki.defender_iot.sensor_upload) has something to do for.
  - One is first, then come parts, no part with sensors of two sites.
options:
  _input:
    description: The results of M(ot_pki.defender_iot.live_check).
    type: list
    elements: dict
    required: true
  targets:
    description: Its targets.
    type: list
    elements: dict
    required: true
  sensors:
    description: Sensors with C(name) and C(groups), as M(ot_pki.defender_iot.fleet_inputs) returns them.
    type: list
    elements: dict
    required: true
  fleet:
    description: The group that all sensors are in.
    type: str
    default: sensors
  at_once:
    description: How many sensors a part has at most, but for the first, which has one.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Who is next
  ansible.builtin.set_fact:
    plan: "{{ live.results | ot_pki.defender_iot.upload_plan(ot_pki.consoles.targets, ot_pki.sensors) }}"
"""

RETURN = r"""
_value:
  description: A dictionary with V(hosts), V(sizes) (of the parts), V(kept), V(failures) and V(lines).
  type: dict
"""


def upload_plan(
    results: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    sensors: Sequence[Mapping[str, Any]],
    fleet: str = "sensors",
    at_once: int = 10,
) -> dict[str, Any]:
    """To whom certificates are uploaded, and in which order."""
    if CRYPTOGRAPHY_PROBLEM:
        raise AnsibleFilterError(f"upload_plan: {CRYPTOGRAPHY_PROBLEM}")
    groups = {str(sensor["name"]): list(sensor.get("groups") or ()) for sensor in plain(sensors)}
    try:
        return plan_rollout(plain(results), plain(targets), groups, str(fleet), int(at_once)).to_dict()
    except PkiError as error:
        raise AnsibleFilterError(f"upload_plan: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"upload_plan": upload_plan}
