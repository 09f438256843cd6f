# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: ask a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._pki.reporting.query import ask
from ..module_utils._plain.errors import PkiError
from ..module_utils._plain.files import read_file
from ..plugin_utils.controller_action import plain

DOCUMENTATION = r"""
name: fleet_query
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.1.0
short_description: Ask a report on a fleet's certificates
description:
  - Gives the value of a JMESPath expression over the data of C(fleet.json).
  - What is wrong with an expression is told with its place.
positional: expression
options:
  _input:
    description: The path of C(fleet.json), or its data.
    type: raw
    required: true
  expression:
    description: The JMESPath expression.
    type: str
    required: true
seealso:
  - module: ot_pki.defender_iot.fleet_report
"""

EXAMPLES = r"""
- name: Whose certificate ends within 30 days, and where?
  ansible.builtin.debug:
    msg: "{{ report | ot_pki.defender_iot.fleet_query('sensors[?days_left <= `30`].[site, name, not_after]') }}"
  vars:
    report: /srv/ot-pki/report/fleet.json
"""

RETURN = r"""
_value:
  description: The expression's value.
  type: raw
"""

_MAX_BYTES = 1024 * 1024 * 1024


def fleet_query(report: Any, expression: Any) -> Any:
    """The value of a JMESPath expression over a report, given as its path or its data."""
    given = plain(report)
    try:
        if isinstance(given, str):
            try:
                given = json.loads(read_file(given, _MAX_BYTES))
            except ValueError:
                raise AnsibleFilterError(f"fleet_query: {given} is no JSON; wanted: the path of fleet.json") from None
        if not isinstance(given, Mapping):
            kind = type(given).__name__
            raise AnsibleFilterError(f"fleet_query: the input is a {kind}; wanted: the path of fleet.json, or its data")
        return ask(given, plain(expression), "fleet_query")
    except PkiError as error:
        raise AnsibleFilterError(f"fleet_query: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"fleet_query": fleet_query}
