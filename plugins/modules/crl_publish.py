#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: crl_publish
short_description: Publish fresh CRLs of the embedded CA
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Looks at the published CRL of each CA of the hierarchy, and makes a new one if it is missing, close to its nextUpdate, of another CA, or if
    there are new revocations. Otherwise nothing changes.
  - A CRL is written as DER under the last part of its URL, or as C(issuing.crl) and C(root.crl), and as PEM beside it with C(.pem) appended.
    Each file is replaced in one step.
  - CRL numbers only grow, also with parallel runs on a shared ledger and after runs that were killed.
  - If the root's key is offline, the root's CRL stays as it is, with a warning; it is an error if it has ended although a certificate names
    its URL, or if the issuing CA was revoked.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options.authority
options:
  publish_dir:
    description: The folder in which the CRLs appear.
    type: path
    required: true
  ca_passphrase:
    description: The passphrase of the CA's keys. Needed, here or by O(ca_passphrase_variable).
    type: str
  ca_passphrase_variable:
    description: The variable that holds O(ca_passphrase). Callbacks that show or keep a task's options then show no passphrase.
    type: str
  variables_of:
    description: The host whose variable is meant. By default the host on which the task runs.
    type: str
  crl_url:
    description: The URL in the sensors' certificates; the file is named after it.
    type: str
  named_only:
    description:
      - Where O(crl_url) is empty, publish the CRL of the CA that issues to sensors only under the names that valid certificates of the ledger
        send sensors to, and do nothing if the folder has no CRL. Without it there is C(issuing.crl) in any case.
    type: bool
    default: false
    version_added: 1.1.0
  validity_days:
    description: Days until nextUpdate, for the CA that issues to sensors.
    type: int
    default: 30
  root_validity_days:
    description: Days until nextUpdate, for a root above the issuing CA. Its key is usually offline, so this is long.
    type: int
    default: 365
  renew_before_days:
    description: Days before nextUpdate from which a CRL is renewed, but at most half of its life. Choose more than the interval of your runs.
    type: int
    default: 14
  lock_timeout:
    description: Seconds to wait for another run that publishes.
    type: float
    default: 30.0
  fail_on:
    description: V(error) fails if a CRL could not be published; V(never) only reports it in RV(results[].errors).
    type: str
    choices: [error, never]
    default: error
seealso:
  - module: ot_pki.defender_iot.cert_revoke
  - module: ot_pki.defender_iot.crl_reachable
"""

EXAMPLES = r"""
- name: Renew what is due
  ot_pki.defender_iot.crl_publish:
    publish_dir: /srv/ot-pki/crl
    ca_dir: /srv/ot-pki/local_ca
    ca_passphrase_variable: vault_local_ca_passphrase
    crl_url: http://crl.plant.example/issuing.crl
  run_once: true
"""

RETURN = r"""
results:
  description: The CRL of each CA, the one that issues to sensors first.
  type: list
  elements: dict
  returned: always, unless the options themselves are wrong
  contains:
    ca:
      description: V(issuing) or V(root).
      type: str
    subject:
      description: The CA's name.
      type: str
    url:
      description: Where certificates say that the CRL is, or null.
      type: str
    path:
      description: The file, DER.
      type: str
    path_pem:
      description: The file, PEM.
      type: str
    action:
      description: V(published), V(kept) or V(failed). In check mode V(published) means that it would be.
      type: str
    changed:
      description: Whether a file was written.
      type: bool
    reasons:
      description: Why it is due, for example V(missing), V(1 new revocation) or V(close to its nextUpdate).
      type: list
      elements: str
    errors:
      description: Why it failed.
      type: list
      elements: str
    warnings:
      description: What people should know.
      type: list
      elements: str
    number:
      description: The CRL number.
      type: int
    entries:
      description: How many certificates it lists.
      type: int
    bytes:
      description: The size of the DER file.
      type: int
    this_update:
      description: When it was made; ten minutes back, for clocks that are slow.
      type: str
    next_update:
      description: When it ends.
      type: str
    renew_after:
      description: From when on it is renewed.
      type: str
"""
