# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what all parts of an upload come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._pki.delivery.outcome import totals
from ..plugin_utils.controller_action import plain

DOCUMENTATION = r"""
name: upload_totals
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.1.0
short_description: What all parts of an upload come to
description:
  - One line for people, and who was left alone because a part before failed.
options:
  _input:
    description: What P(ot_pki.defender_iot.upload_plan#filter) gave.
    type: dict
    required: true
  records:
    description: Results of M(ot_pki.defender_iot.upload_record), one or more for each part.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what became of all
  ansible.builtin.debug:
    msg: "{{ plan | ot_pki.defender_iot.upload_totals(records) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def upload_totals(plan: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """What all parts of an upload come to."""
    return totals(plain(plan), plain(list(records)))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"upload_totals": upload_totals}
