#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_issue
short_description: Issue certificates for many sensors by the embedded CA
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Takes a list of sensors and plans for each whether to keep what it has or to issue, with the reasons.
  - Makes the keys on all cores, signs, records every certificate in the ledger, and writes each bundle into the store of the stage
    directory, where nobody sees it until M(ot_pki.defender_iot.cert_stage) shows it.
  - Inputs of all sensors are checked before anything is made. One sensor's fault fails that sensor only, see RV(results[].errors).
  - Runs once on the control node for the whole fleet; use C(run_once).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
options:
  sensors:
    description: The sensors. A fault in one of them does not keep the others from being done.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The sensor's name in the inventory; becomes a folder of the stage directory.
        type: str
        required: true
      common_name:
        description: The sensor's domain name, at most 64 characters. By default the name.
        type: str
      subject:
        description:
          - The subject. V(country), V(organization) and V(organizational_unit) are required; V(state), V(locality) and V(email) are optional.
        type: dict
        required: true
      sans:
        description: Host names and IP addresses besides the common name.
        type: list
        elements: str
      key_size:
        description: Size of the RSA key in bits.
        type: int
        choices: [2048, 4096]
        default: 2048
      key_passphrase:
        description: Encrypts the private key. Only characters that the sensors accept.
        type: str
      key_passphrase_variable:
        description:
          - The variable of the host named O(sensors[].name) that holds O(sensors[].key_passphrase). The passphrase is read from there and so is
            no part of a registered result.
        type: str
      validity_days:
        description: Validity in days from now. Shortened with a warning to what remains of the issuing CA.
        type: int
        default: 730
      renew_before_days:
        description: Days before the end from which a certificate is issued anew. By default 60, but at most a third of its lifetime.
        type: int
      issuer:
        description: Who signs.
        type: str
        choices: [local_ca]
        default: local_ca
  others:
    description: The fleet's sensors that are not in this run, with V(name) and V(common_name); their common names are taken.
    type: list
    elements: dict
    default: []
  stage_dir:
    description: The stage directory.
    type: path
    required: true
  ca_dir:
    description: The folder of the embedded CA, see M(ot_pki.defender_iot.local_ca).
    type: path
    required: true
  ca_passphrase:
    description: The passphrase of the CA's keys.
    type: str
    required: true
  ledger_dir:
    description: The ledger of issued certificates. By default O(ca_dir) with C(_ledger) appended.
    type: path
  crl_url:
    description: The C(http://) URL of the issuing CA's CRL, written into each certificate. By default there is none.
    type: str
  lock_timeout:
    description: Seconds to wait for sensors that another run works on, before they fail.
    type: float
    default: 30.0
  variable_prefix:
    description: How the caller's variables begin, for messages.
    type: str
    default: ""
seealso:
  - module: ot_pki.defender_iot.local_ca
  - module: ot_pki.defender_iot.cert_stage
"""

EXAMPLES = r"""
- name: Issue what is due
  ot_pki.defender_iot.cert_issue:
    sensors:
      - name: sensor-1
        common_name: sensor-1.plant.example
        subject:
          country: US
          organization: Contoso
          organizational_unit: OT Security
        sans: [192.0.2.11]
    stage_dir: /srv/ot-pki/staged
    ca_dir: /srv/ot-pki/local_ca
    ca_passphrase: "{{ vault_local_ca_passphrase }}"
  register: issued
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
      description: V(kept), V(issued) or V(failed). In check mode V(issued) means that it would be.
      type: str
    changed:
      description: Whether a certificate was issued.
      type: bool
    common_name:
      description: The common name.
      type: str
    reasons:
      description: "Why a certificate is issued, for example C(missing) or C(key size: 2048 -> 4096)."
      type: list
      elements: str
    errors:
      description: Why the sensor failed.
      type: list
      elements: str
    warnings:
      description: What people should know.
      type: list
      elements: str
    certificate:
      description: Path of the certificate.
      type: str
    private_key:
      description: Path of the private key.
      type: str
    chain:
      description: Path of the chain.
      type: str
    serial:
      description: The serial number in hexadecimal.
      type: str
    fingerprint:
      description: SHA-256 of the certificate in hexadecimal.
      type: str
    not_before:
      description: Start of validity.
      type: str
    not_after:
      description: End of validity.
      type: str
    renew_after:
      description: When the certificate is due.
      type: str
bundles:
  description: The bundles of all sensors that did not fail, as options for M(ot_pki.defender_iot.cert_stage).
  type: list
  elements: dict
  returned: success
failed_sensors:
  description: The names of the sensors that failed.
  type: list
  elements: str
  returned: success
"""
