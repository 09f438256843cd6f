#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_revoke
short_description: Revoke certificates that the embedded CA issued
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Records in the ledger that certificates are revoked, with reason and time. What is revoked stays revoked.
  - No key of the CA is needed. Sensors learn of it by the next CRL, see M(ot_pki.defender_iot.crl_publish), and
    M(ot_pki.defender_iot.cert_issue) issues a new certificate to a sensor whose certificate was revoked.
  - One entry that cannot be done does not keep the others from it; the task fails afterwards.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options.authority
options:
  revocations:
    description: What to revoke. O(reason) and O(revoked_at) are the defaults for each entry.
    type: list
    elements: dict
    suboptions:
      serial:
        description: As O(serial).
        type: raw
      certificate:
        description: As O(certificate).
        type: path
      sensor:
        description: As O(sensor).
        type: str
      reason:
        description: As O(reason).
        type: str
      revoked_at:
        description: As O(revoked_at).
        type: str
  serial:
    description:
      - The serial number of a certificate in the ledger, or of the issuing CA; hexadecimal, as C(openssl x509 -serial) prints it. Put it in
        quotes.
      - Exactly one of O(serial), O(certificate) and O(sensor) is required, here or in each entry of O(revocations).
    type: raw
  certificate:
    description: A certificate of this CA, PEM or DER; it need not be in the ledger.
    type: path
  sensor:
    description: A sensor's name in the inventory; every certificate of it that this CA issued and that has not ended is revoked.
    type: str
  reason:
    description:
      - Why, by the names of RFC 5280; V(unspecified) if not set. V(keyCompromise), V(cACompromise), V(affiliationChanged), V(superseded),
        V(cessationOfOperation), V(certificateHold), V(privilegeWithdrawn) or V(aACompromise).
      - A V(certificateHold) is not lifted again here.
    type: str
  revoked_at:
    description: Since when, ISO 8601 and not in the future. By default now.
    type: str
seealso:
  - module: ot_pki.defender_iot.crl_publish
  - module: ot_pki.defender_iot.cert_issue
"""

EXAMPLES = r"""
- name: Revoke what a stolen sensor had
  ot_pki.defender_iot.cert_revoke:
    revocations:
      - sensor: sensor-1
        reason: keyCompromise
      - serial: "3A5F00"
        reason: superseded
    ca_dir: /srv/ot-pki/local_ca
  run_once: true
"""

RETURN = r"""
results:
  description: What became of each entry, in the order given.
  type: list
  elements: dict
  returned: always, unless the options themselves are wrong
  contains:
    sensor:
      description: The sensor that was asked for.
      type: str
    serial:
      description: The serial number that was asked for.
      type: raw
    certificate:
      description: The file that was asked for.
      type: str
    action:
      description: V(revoked), V(kept) (was revoked before) or V(failed).
      type: str
    changed:
      description: Whether something was revoked. In check mode, whether it would be.
      type: bool
    errors:
      description: Why it failed.
      type: list
      elements: str
    warnings:
      description: What people should know, for example that a record from before stays.
      type: list
      elements: str
    certificates:
      description: The certificates, each with V(serial), V(subject), V(sensor), V(not_after), V(reason), V(revoked_at) and V(changed).
      type: list
      elements: dict
"""
