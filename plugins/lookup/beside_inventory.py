# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup: a path beside the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: beside_inventory
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.0.0
short_description: A path beside the inventory
description:
  - Returns where the collection keeps what it makes, unless a variable says otherwise, in the folder
    C(defender_iot_pki) beside the inventory file.
  - If the inventory is itself a folder, that is beside this folder and not in it, since Ansible would read
    everything in it as inventory.
options:
  _terms:
    description: What is to be found there, for example V(local_ca).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show where bundles are staged by default
  ansible.builtin.debug:
    msg: "{{ lookup('ot_pki.defender_iot.beside_inventory', 'staged') }}"
"""

RETURN = r"""
_raw:
  description: An absolute path for each term; empty if the inventory is not a file or folder.
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

FOLDER = "defender_iot_pki"


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The paths."""
        variables = variables or {}
        inventory_dir = variables.get("inventory_dir")
        if not inventory_dir:
            return ["" for _term in terms]
        sources = [os.path.abspath(str(source)) for source in variables.get("ansible_inventory_sources") or []]
        # A source that is a folder is read whole, folders below it included.
        above = [source for source in sources if os.path.isdir(source) and _within(str(inventory_dir), source)]
        base = os.path.dirname(min(above, key=len)) if above else str(inventory_dir)
        for term in terms:
            if not isinstance(term, str) or os.path.isabs(term):
                raise AnsibleLookupError(f"beside_inventory: {term!r} is not a relative name")
        return [os.path.join(base, FOLDER, term) for term in terms]


def _within(path: str, folder: str) -> bool:
    return os.path.commonpath([os.path.abspath(path), folder]) == folder
