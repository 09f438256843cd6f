# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup: a path beside the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: beside_inventory
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.0.0
short_description: A path in the folder that holds what the collection keeps
description:
  - Returns a path in the folder C(ot_pki_dir), by default C(defender_iot_pki) beside the inventory file.
  - If the inventory is itself a folder, that is beside this folder and not in it, since Ansible would read
    everything in it as inventory.
  - Fails if nobody has set C(ot_pki_dir) and the default lies where AWX, Automation Controller or ansible-runner
    delete it after the job.
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

from ..plugin_utils.pki_folder import VARIABLE, Refused, beside, refusal, short_lived


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The paths."""
        variables = variables or {}
        for term in terms:
            if not isinstance(term, str) or os.path.isabs(term):
                raise AnsibleLookupError(f"beside_inventory: {term!r} is not a relative name")
        base = self._base(variables)
        return [os.path.join(base, term) if base else "" for term in terms]

    def _base(self, variables: dict[str, Any]) -> str:
        named = self._templar.template(variables.get(VARIABLE)) if variables.get(VARIABLE) else None
        if named:
            path = os.path.expanduser(str(named))
            if not os.path.isabs(path):
                raise Refused(f"{VARIABLE} is {path!r}; wanted: an absolute path")
            return path
        inventory_dir = variables.get("inventory_dir")
        if not inventory_dir:
            return ""
        base = beside(str(inventory_dir), [str(source) for source in variables.get("ansible_inventory_sources") or []])
        why = short_lived(base, os.environ)
        if why:
            raise Refused(refusal(base, why))
        return base
