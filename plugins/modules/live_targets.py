#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: live_targets
short_description: Gather where the sensors' consoles are and what was staged for them
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads C(live_check_host), C(live_check_port), C(ansible_host), C(sensor_certificates_common_name) and the folders as each host sees
    them, with Ansible's usual precedence, once for the whole play.
  - The role C(live_check) gives the result to M(ot_pki.defender_iot.live_check).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  hosts:
    description: The sensors of this run. By default the hosts of the play.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Gather where the consoles are
  ot_pki.defender_iot.live_targets:
  register: consoles
  run_once: true
"""

RETURN = r"""
targets:
  description: Options for M(ot_pki.defender_iot.live_check).
  returned: success
  type: list
  elements: dict
failures:
  description: Sensors whose variables cannot be used, and why.
  returned: success
  type: dict
stage_dir:
  description: The stage directory.
  returned: success
  type: str
ledger_dir:
  description: The CA's ledger.
  returned: success
  type: str
"""
