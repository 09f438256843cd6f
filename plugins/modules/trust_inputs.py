#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust_inputs
short_description: Find out which authorities workstations are to trust
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads and judges the CA certificates once for a run, before any host is contacted. By default they are those of the embedded CA.
  - Used by the role P(ot_pki.defender_iot.trust_store#role).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  group:
    description: The inventory group of the sensors. The first of them says where the embedded CA and the stage directory are.
    type: str
    default: sensors
  certificates:
    description: Paths of CA certificates. If empty, the root of the embedded CA, and its issuing CA for Windows.
    type: list
    elements: str
    default: []
  fingerprints:
    description: SHA-256 fingerprints that are expected, or are to be removed, as in M(ot_pki.defender_iot.ca_trust).
    type: list
    elements: str
    default: []
  state:
    description: What the certificates are for, as in M(ot_pki.defender_iot.ca_trust).
    type: str
    choices: [present, absent]
    default: present
  folder:
    description: The folder for workstations. If empty, C(workstations) beside the stage directory.
    type: str
    default: ""
seealso:
  - module: ot_pki.defender_iot.ca_trust
"""

EXAMPLES = r"""
- name: Which authorities are to be trusted
  ot_pki.defender_iot.trust_inputs:
  register: inputs
  run_once: true
"""

RETURN = r"""
certificates:
  description: The paths for M(ot_pki.defender_iot.ca_trust). Empty in check mode if the CA is yet to be made.
  type: list
  elements: str
  returned: success
authorities:
  description:
    - The certificates themselves, with V(source), V(subject), V(label), V(name), V(fingerprint), V(thumbprint) (SHA-1), V(self_signed),
      V(not_after) and V(pem).
  type: list
  elements: dict
  returned: success
planned:
  description: Whether the CA is yet to be made, in check mode.
  type: bool
  returned: success
folder:
  description: The folder for workstations.
  type: str
  returned: success
"""
