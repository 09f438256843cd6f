#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_inputs
short_description: Gather and check what the inventory says about every sensor
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads the variables C(sensor_certificates_*) and C(local_ca_*) as each host sees them, with Ansible's usual precedence,
    once for the whole play, and checks all of them before anything is made.
  - What concerns everybody (passphrase, CA, CRL URL, stage directory, hosts that disagree about these) fails the task.
    What concerns a sensor is returned in RV(refused).
  - Passphrases are checked and not returned.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  group:
    description: The group in which common names must be unique, whatever C(--limit) selects.
    type: str
    default: sensors
  hosts:
    description: The sensors of this run. By default the hosts of the play.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Check what the inventory says
  ot_pki.defender_iot.fleet_inputs:
  register: fleet
  run_once: true
"""

RETURN = r"""
sensors:
  description: The sensors that are described well, as options for M(ot_pki.defender_iot.cert_issue).
  type: list
  elements: dict
  returned: always
crl_vantages:
  description: From where the CRLs of a sensor are to be fetched (C(crl_access_vantage)), by sensor.
  type: dict
  returned: success
others:
  description: Name and common name of the group's sensors that are not in this run.
  type: list
  elements: dict
  returned: success
refused:
  description: The sensors that cannot be done, each with its name and errors.
  type: list
  elements: dict
  returned: always
"""
