#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_import
short_description: Sort received certificate files out to the sensors of the inventory
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Takes the files that corporate PKI sent for many sensors, in any form that M(ot_pki.defender_iot.cert_convert) reads, finds out by
    common name and public key which certificate, private key and chain belong to which sensor, and puts them into the store of the stage
    directory in the form that the sensors take. M(ot_pki.defender_iot.cert_stage) validates them and makes them visible.
  - The common name of a sensor is C(sensor_certificates_common_name), by default its name in the inventory.
  - Nothing is guessed. A sensor whose certificate is ambiguous, or lacks its private key or its chain, fails with the reason. Of several
    certificates of one common name those that expired are set aside, and that is said.
  - Runs once on the control node for the whole fleet; use C(run_once).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
options:
  src:
    description: Folders, ZIP archives and files that were received.
    type: list
    elements: path
    required: true
  ca_files:
    description: Files with CA certificates, with which chains are completed that came without them.
    type: list
    elements: path
    default: []
  passphrases:
    description:
      - Passphrases to try on encrypted files.
      - The variable C(import_certificates_passphrase) of a sensor is tried as well, on files whose path holds the sensor's name or common
        name, and on all if no more than 20 sensors have one.
    type: list
    elements: str
    default: []
  passphrase_files:
    description: Files whose first lines are further O(passphrases).
    type: list
    elements: path
    default: []
  stage_dir:
    description: The stage directory.
    type: path
    required: true
  group:
    description: The group whose other sensors are known by their common names, whatever C(--limit) selects.
    type: str
    default: sensors
  hosts:
    description: The sensors of this run. By default the hosts of the play.
    type: list
    elements: str
  fail_on_unusable:
    description: Report files that were meant to be used and cannot be in RV(refused), so that the run does not end well.
    type: bool
    default: true
  lock_timeout:
    description: Seconds to wait for sensors that another run works on, before they fail.
    type: float
    default: 30.0
seealso:
  - module: ot_pki.defender_iot.cert_convert
  - module: ot_pki.defender_iot.cert_stage
"""

EXAMPLES = r"""
- name: Sort out what was received
  ot_pki.defender_iot.cert_import:
    src: /srv/inbox
    ca_files: [/srv/ca/corporate-root.crt]
    passphrases: ["{{ vault_pfx_passphrase }}"]
    stage_dir: /srv/ot-pki/staged
  register: imported
  run_once: true

- name: Validate and stage it
  ot_pki.defender_iot.cert_stage:
    sensors: "{{ imported.bundles }}"
    stage_dir: /srv/ot-pki/staged
  run_once: true
"""

RETURN = r"""
results:
  description: What was found for each sensor of the play, in its order.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The sensor.
      type: str
    action:
      description: V(imported), V(kept) if it has just that already, V(nothing) if nothing was received for it, or V(failed).
      type: str
    changed:
      description: Whether a bundle was put into the store.
      type: bool
    common_name:
      description: The common name by which its certificate was looked for.
      type: str
    reasons:
      description: Why it was imported.
      type: list
      elements: str
    errors:
      description: Why it failed.
      type: list
      elements: str
    notes:
      description: What was set aside.
      type: list
      elements: str
    certificate:
      description: The certificate in the store.
      type: str
    private_key:
      description: The private key in the store.
      type: str
    chain:
      description: The chain in the store.
      type: str
    fingerprint:
      description: SHA-256 of the certificate.
      type: str
    not_after:
      description: The end of the certificate's validity.
      type: str
    received_certificate:
      description: The file in which the certificate was.
      type: str
    received_private_key:
      description: The file in which the private key was.
      type: str
bundles:
  description: What there is to stage, as options for M(ot_pki.defender_iot.cert_stage).
  type: list
  elements: dict
  returned: success
failed_sensors:
  description: The names of the sensors that failed.
  type: list
  elements: str
  returned: success
unassigned:
  description: Certificates and keys that are no sensor's, each with C(what), C(source) and C(reason).
  type: list
  elements: dict
  returned: success
unusable:
  description: Files that were meant to be used and cannot be, in the form of findings.
  type: list
  elements: dict
  returned: success
refused:
  description: With O(fail_on_unusable) and RV(unusable), one entry with C(name) (the host on which the task runs) and C(errors).
  type: list
  elements: dict
  returned: success
passed_over:
  description: Files and parts of files that are something else.
  type: list
  elements: dict
  returned: success
lines:
  description: All of it for people.
  type: list
  elements: str
  returned: success
"""
