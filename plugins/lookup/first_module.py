# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup: which of some modules is installed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: first_module
author: ot_pki.defender_iot contributors (!UNKNOWN)
version_added: 1.0.0
short_description: Which of some modules is installed
description:
  - Returns the first of the named modules that the control node has, without running or loading it.
options:
  _terms:
    description: Full names of modules.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Whether hosts files of Windows can be edited
  ansible.builtin.debug:
    msg: "{{ lookup('ot_pki.defender_iot.first_module', 'ansible.windows.win_hosts', 'community.windows.win_hosts') }}"
"""

RETURN = r"""
_raw:
  description: The name of the first module that is installed; an empty text if none is.
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.loader import module_loader
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The name."""
        for term in terms:
            context = module_loader.find_plugin_with_context(str(term))
            # A name that leads elsewhere only counts if the module is there.
            if context.resolved and context.resolved_fqcn == str(term):
                return [str(term)]
        return [""]
