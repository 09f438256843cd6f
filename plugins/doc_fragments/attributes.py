# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that every module of the collection shares."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes section; modules override what differs for them."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying anything.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
  action_group:
    description: Use C(group/ot_pki.defender_iot.defender_iot) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - ot_pki.defender_iot.defender_iot
"""

    # For what runs on the control node only, as an action plugin.
    CONTROLLER = r"""
options: {}
requirements:
  - cryptography >= 42 (for the Python that runs Ansible)
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: none
    details: Runs on the control node and never connects to a host.
"""

    # For modules that only roles and other modules use.
    INNER = r"""
options: {}
notes:
  - An inner step of this collection's roles and playbooks, and no interface. Options and results may change in any version; use the role
    or the playbook.
"""
