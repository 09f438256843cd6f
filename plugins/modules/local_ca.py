#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_ca
short_description: Make an embedded certification authority once, then keep it
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Makes a root and, with two tiers, an issuing CA beneath it, if there is none yet; otherwise checks that the one that is
    there is complete, matches and is in date.
  - An existing CA is never replaced or changed. If it is missing although a ledger or staged bundles show that there was one,
    this fails, unless O(create=true).
  - The root's key may be taken offline after the first run. Any other missing file is an error.
  - Keys are RSA, encrypted (PKCS#8, PBES2 with AES-256 and 600,000 rounds of PBKDF2), mode 0600, in a folder of mode 0700,
    which appears complete or not at all.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
options:
  dir:
    description: The CA's folder.
    type: path
    required: true
  passphrase:
    description: Encrypts the CA's keys. At least 12 characters.
    type: str
  passphrase_variable:
    description: The variable that holds O(passphrase). Callbacks that show or keep a task's options then show no passphrase.
    type: str
  variables_of:
    description: The host whose variable is meant. By default the host on which the task runs.
    type: str
  ledger_dir:
    description: The ledger of issued certificates. By default O(dir) with C(_ledger) appended.
    type: path
  stage_dir:
    description: Where bundles are staged. If any are there, a missing CA is not made anew.
    type: path
  create:
    description: Make the CA although a ledger or staged bundles show that there was one before.
    type: bool
    default: false
  name:
    description: How the CA's names begin. C(Root CA) or C(Issuing CA) and a mark of its key are appended. V(OT Sensors) by default.
    type: raw
  subject:
    description: Further fields of the CA's names, any of V(country), V(organization), V(organizational_unit).
    type: raw
  tiers:
    description: V(2) for a root and an issuing CA (the default), V(1) for a root that issues by itself.
    type: raw
  key_size:
    description: Size of the CA's RSA keys in bits, V(4096) by default; V(3072) or V(2048).
    type: raw
  root_validity_days:
    description: Lifetime of the root in days, V(7300) by default.
    type: raw
  issuing_validity_days:
    description: Lifetime of the issuing CA in days, V(3650) by default.
    type: raw
  permitted_names:
    description:
      - DNS domains and IP networks to which the CA is limited by critical name constraints (RFC 5280 section 4.2.1.10).
      - A kind of name of which none is listed is excluded as a whole.
      - If empty, the CA may vouch for any name, and so may whoever gets hold of its key.
    type: raw
  root_crl_url:
    description: The C(http://) URL of the root's CRL, written into the issuing CA's certificate when it is made.
    type: str
  warn_before_days:
    description: Warn if a CA certificate has fewer days left.
    type: int
    default: 180
seealso:
  - module: ot_pki.defender_iot.cert_issue
"""

EXAMPLES = r"""
- name: Make the CA or keep it
  ot_pki.defender_iot.local_ca:
    dir: /srv/ot-pki/local_ca
    passphrase_variable: vault_local_ca_passphrase
    permitted_names:
      - plant.example
      - 192.0.2.0/24
  run_once: true
"""

RETURN = r"""
dir:
  description: The CA's folder.
  type: str
  returned: success
root_certificate:
  description: Path of the root certificate, which workstations are to trust.
  type: str
  returned: success
chain:
  description: The CA's certificates, issuing CA first. Empty in check mode if the CA is yet to be made.
  type: list
  elements: dict
  returned: success
  contains:
    subject:
      description: The name.
      type: str
    serial:
      description: The serial number in hexadecimal.
      type: str
    fingerprint:
      description: SHA-256 in hexadecimal.
      type: str
    not_before:
      description: Start of validity.
      type: str
    not_after:
      description: End of validity.
      type: str
name_constrained:
  description: Whether the CA is limited to certain names.
  type: bool
  returned: success
root_key_present:
  description: Whether the root's key is in the folder; false when it was taken offline.
  type: bool
  returned: success
"""
