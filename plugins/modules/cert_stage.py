#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_stage
short_description: Validate bundles and lay them out ready for upload
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Validates each bundle with the checks of M(ot_pki.defender_iot.cert_validate), across the fleet and against what is staged already,
    and makes those that pass visible as C(<stage_dir>/<name>/) with one C(.crt), one C(.key) and one C(.pem), named after the common name.
  - A bundle is switched in as a whole. Who opens the folder once gets three files that belong together, at any time.
  - A bundle that fails leaves the sensor with what it had.
  - Runs once on the control node for the whole fleet; use C(run_once).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options
options:
  sensors:
    description: The bundles. A fault in one of them does not keep the others from being staged.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The sensor's name in the inventory; becomes a folder of the stage directory.
        type: str
        required: true
      certificate:
        description: Path of the certificate (PEM).
        type: path
      private_key:
        description: Path of the private key.
        type: path
      chain:
        description: Path of the chain, issuing CA first, up to and with the root.
        type: path
      private_key_passphrase:
        description: The key's passphrase.
        type: str
      key_passphrase_variable:
        description:
          - The variable of the host named O(sensors[].name) that holds O(sensors[].private_key_passphrase). The passphrase is read from there and so is
            no part of a registered result.
        type: str
      expected_common_name:
        description: The common name that the certificate must have.
        type: str
      issuer:
        description: Whose certificate it is, for the record.
        type: str
      trusted_roots:
        description: This sensor's own trusted roots. By default O(trusted_roots).
        type: list
        elements: path
      tolerated:
        description: Ids of findings that are what was asked for and no errors here, such as V(crt.self-signed) of a self-signed one.
        type: list
        elements: str
      planned:
        description: In check mode, that the files are yet to be made by an earlier task of the run.
        type: bool
        default: false
  ledger_dir:
    description: Where it is recorded what was staged. By default nowhere.
    type: path
  trusted_roots:
    description: Files with root certificates to which every chain must lead. By default the chain's own root counts.
    type: list
    elements: path
    default: []
  keep_previous:
    description: How many earlier bundles of each sensor are kept in the store for a way back. They hold keys.
    type: int
    default: 1
  profile:
    description: The requirements, V(defender_iot) or the path of a profile file, see M(ot_pki.defender_iot.cert_validate).
    type: str
    default: defender_iot
  sliced:
    description: Other runs may stage other sensors with the same common name at this moment; no two of them are to succeed.
    type: bool
    default: false
    version_added: 1.1.0
  lock_timeout:
    description: Seconds to wait for sensors that another run works on, before they fail.
    type: float
    default: 30.0
seealso:
  - module: ot_pki.defender_iot.cert_issue
  - module: ot_pki.defender_iot.cert_validate
"""

EXAMPLES = r"""
- name: Stage what was issued
  ot_pki.defender_iot.cert_stage:
    sensors: "{{ issued.bundles }}"
    stage_dir: /srv/ot-pki/staged
    trusted_roots: [/srv/ot-pki/local_ca/root.crt]
  register: staged
  run_once: true
"""

RETURN = r"""
results:
  description: What was done for each sensor, in the order given.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The sensor.
      type: str
    action:
      description: V(kept), V(staged) or V(failed).
      type: str
    changed:
      description: Whether another bundle became visible, or earlier ones were removed.
      type: bool
    path:
      description: The folder to upload from.
      type: str
    errors:
      description: Why the sensor failed.
      type: list
      elements: str
    findings:
      description: What validation found, as M(ot_pki.defender_iot.cert_validate) returns it.
      type: list
      elements: dict
    warnings:
      description: What people should know.
      type: list
      elements: str
    removed:
      description: Earlier bundles that were removed.
      type: list
      elements: str
failed_sensors:
  description: The names of the sensors that failed.
  type: list
  elements: str
  returned: success
expiring:
  description: Certificates close to expiry, soonest first.
  type: list
  elements: dict
  returned: success
"""
