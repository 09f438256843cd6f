# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what the checks from all vantages come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._pki.crl.access import AUTO, gather
from ..plugin_utils.controller_action import plain

DOCUMENTATION = r"""
name: crl_access
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.0.0
short_description: What the checks of CRLs from all vantages come to
description:
  - Brings together what M(ot_pki.defender_iot.crl_reachable) returned for each vantage of
    M(ot_pki.defender_iot.fleet_inputs).
options:
  _input:
    description: The results of the loop over the vantages.
    type: list
    elements: dict
    required: true
  vantages:
    description: The vantages that M(ot_pki.defender_iot.fleet_inputs) returned, in the same order.
    type: list
    elements: dict
    required: true
  fail_on:
    description:
      - V(auto) fails sensors by what is seen from a vantage that somebody named, V(error) also by what the control node
        sees, V(never) fails nobody.
    type: str
    choices: [auto, error, never]
    default: auto
"""

EXAMPLES = r"""
- name: Say what was seen
  ansible.builtin.debug:
    msg: "{{ (checks.results | ot_pki.defender_iot.crl_access(fleet.vantages)).lines }}"
"""

RETURN = r"""
_value:
  description: A dictionary with V(results) (name and errors of each sensor), V(lines), V(reachable) and V(revoked).
  type: dict
"""


def crl_access(
    checks: Sequence[Mapping[str, Any]], vantages: Sequence[Mapping[str, Any]], fail_on: str = AUTO
) -> dict[str, Any]:
    """What the checks come to."""
    return gather(plain(checks), plain(vantages), fail_on)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"crl_access": crl_access}
