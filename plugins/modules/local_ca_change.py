#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_ca_change
short_description: Change the passphrase, the issuing CA or the root of the embedded CA
version_added: 1.1.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Changes the CA that M(ot_pki.defender_iot.local_ca) made. The folder of the CA is made anew beside itself and exchanged in one step; a
    run that fails or is killed leaves the CA that was there.
  - Runs on the control node; use C(run_once).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
options:
  change:
    description:
      - With V(passphrase), every key in the folder is encrypted anew with O(new_passphrase) (PBKDF2 with 600,000 rounds), all of them or none.
      - With V(issuing), a new issuing CA under the same root takes the place of the one before, for which the root's key must be in the folder.
        The one before publishes its CRL until its last certificate ends. An issuing CA that has issued nothing yet is kept.
      - With V(request), a request for the issuing CA's certificate is written to O(request), for the organization's root to sign.
      - With V(install), the answer in O(certificate) is taken with its chain, if it will do for the sensors.
    type: str
    choices: [passphrase, issuing, request, install]
    required: true
  dir:
    description: The folder of the CA.
    type: path
    required: true
  ledger_dir:
    description: The ledger of issued certificates. By default O(dir) with C(_ledger) appended.
    type: path
  stage_dir:
    description: The stage directory; V(install) sees to it that the CA may vouch for the names of what is staged.
    type: path
  passphrase:
    description: The passphrase of the CA's keys.
    type: str
  passphrase_variable:
    description: The variable that holds O(passphrase).
    type: str
  new_passphrase:
    description: The new passphrase, at least 12 characters.
    type: str
  new_passphrase_variable:
    description: The variable that holds O(new_passphrase).
    type: str
  variables_of:
    description: The host whose variables are meant. By default the host on which the task runs.
    type: str
  certificate:
    description: Files with the answer and the certificates above it, in any format that M(ot_pki.defender_iot.cert_convert) reads.
    type: list
    elements: path
    default: []
  request:
    description: Where the request is written.
    type: path
  crl_url:
    description: The CRL URL in sensors' certificates. If it is set, an answer must allow the CA to sign CRLs.
    type: str
  profile:
    description: The requirements that the chain must meet, see M(ot_pki.defender_iot.cert_validate).
    type: str
    default: defender_iot
  name:
    description: As in M(ot_pki.defender_iot.local_ca), for a new issuing CA.
    type: raw
  subject:
    description: As in M(ot_pki.defender_iot.local_ca), for a new issuing CA.
    type: raw
  tiers:
    description: As in M(ot_pki.defender_iot.local_ca). The CA keeps its tiers.
    type: raw
  key_size:
    description: As in M(ot_pki.defender_iot.local_ca), for a new issuing CA.
    type: raw
  root_validity_days:
    description: As in M(ot_pki.defender_iot.local_ca). The root stays.
    type: raw
  issuing_validity_days:
    description: As in M(ot_pki.defender_iot.local_ca), for a new issuing CA; at most as long as its root.
    type: raw
  permitted_names:
    description: As in M(ot_pki.defender_iot.local_ca). A new issuing CA has the limits of the one before.
    type: raw
  root_crl_url:
    description: As in M(ot_pki.defender_iot.local_ca), for a new issuing CA.
    type: str
seealso:
  - module: ot_pki.defender_iot.local_ca
"""

EXAMPLES = r"""
- name: Encrypt the CA's keys with another passphrase
  ot_pki.defender_iot.local_ca_change:
    change: passphrase
    dir: /srv/ot-pki/local_ca
    passphrase_variable: local_ca_passphrase
    new_passphrase_variable: local_ca_new_passphrase
  run_once: true
"""

RETURN = r"""
change:
  description: What was to be changed.
  type: str
  returned: success
dir:
  description: The folder of the CA.
  type: str
  returned: success
lines:
  description: What became of the CA, what the organization's root gave otherwise than it was asked, and what to do next.
  type: list
  elements: str
  returned: success
request:
  description: Where the request is, with V(request).
  type: str
  returned: success
"""
