#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upload_record
short_description: Write down which sensors were uploaded to, and say what became of each
version_added: 1.1.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Brings together what M(ot_pki.defender_iot.sensor_upload) and M(ot_pki.defender_iot.live_check) returned for some sensors, and records an event
    C(uploaded) for each to which something was brought.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing that has a before; it adds to the record.
  idempotent:
    support: none
    details: Records what it is given.
options:
  uploads:
    description: For each sensor C(first), C(seen), C(second), C(again) and C(cleaned), the results of the steps, as far as there were any.
    type: list
    elements: dict
    required: true
  ledger_dir:
    description: The ledger.
    type: path
  most:
    description: How many sensors the lines name for each thing they have to say; the rest is counted.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Write down what was done
  ot_pki.defender_iot.upload_record:
    uploads:
      - first: "{{ imported }}"
        seen: "{{ live.results[0] }}"
    ledger_dir: /srv/ot-pki/local_ca_ledger
"""

RETURN = r"""
results:
  description: One entry for each sensor, in their order.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The sensor.
      type: str
    action:
      description: V(uploaded), V(put-back), V(no-command), V(planned) or V(failed).
      type: str
    errors:
      description: What is wrong.
      type: list
      elements: str
    warnings:
      description: What people should know.
      type: list
      elements: str
    steps:
      description: What to do in the console, if there is no command.
      type: list
      elements: str
    fingerprint:
      description: SHA-256 of the certificate.
      type: str
    serial:
      description: Its serial number.
      type: str
failures:
  description: Who failed, and why, by name.
  type: dict
  returned: success
lines:
  description: What there is to tell people.
  type: list
  elements: str
  returned: success
"""
