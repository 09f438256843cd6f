#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_retire
short_description: Retire sensors that left the fleet (inner step)
version_added: 1.1.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Revokes what the embedded CA issued to them and is still valid (C(cessationOfOperation)), removes their bundles and waiting keys, and keeps the
    record, with an event C(retired). Publish the CRLs afterwards (M(ot_pki.defender_iot.crl_publish)).
  - A certificate that another sensor uses, because the sensor was renamed, is left alone. Certificates of other issuers are named in the
    results, for their issuer has to revoke them.
  - Nothing happens without O(confirm); check mode says what would.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options
  - ot_pki.defender_iot.attributes.inner
options:
  names:
    description: The sensors to retire. If empty, those of which something is kept and which are not in O(present).
    type: list
    elements: str
  present:
    description: The sensors of the inventory.
    type: list
    elements: str
    required: true
  confirm:
    description: That this is meant.
    type: bool
    default: false
  ledger_dir:
    description: The ledger; by default beside O(ca_dir), or, without one, beside O(stage_dir).
    type: path
  ca_dir:
    description: The folder of the embedded CA, if there is one.
    type: path
  profile:
    description: The requirements, V(defender_iot) or the path of a profile file that extends it.
    type: str
    default: defender_iot
  lock_timeout:
    description: Seconds to wait for sensors that another run works on.
    type: float
    default: 30.0
"""

EXAMPLES = r"""
- name: Retire what is not in the inventory any more
  ot_pki.defender_iot.fleet_retire:
    present: "{{ groups['sensors'] }}"
    stage_dir: /srv/ot-pki/staged
    ca_dir: /srv/ot-pki/local_ca
    confirm: true
  run_once: true
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
      description: V(retired), V(kept) (it was retired before) or V(failed).
      type: str
    changed:
      description: Whether something was revoked or removed.
      type: bool
    revoked:
      description: The serial numbers that were revoked.
      type: list
      elements: str
    others:
      description: Certificates that are still valid and that this CA did not issue.
      type: list
      elements: str
    removed:
      description: What was removed.
      type: list
      elements: str
    errors:
      description: Why it failed.
      type: list
      elements: str
    warnings:
      description: What else there is to say.
      type: list
      elements: str
errors:
  description: Who failed, and why.
  type: list
  elements: str
  returned: success
lines:
  description: What there is to tell people.
  type: list
  elements: str
  returned: success
"""
