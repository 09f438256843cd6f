#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: workstation_folder
short_description: Judge whom workstations are to trust, and write it down for those who do it by hand (inner step)
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads and judges the CA certificates that workstations are to trust, before any host is contacted.
  - With O(dir), writes a folder for workstations that Ansible does not reach. It holds each CA certificate as a C(.cer) file (DER), the
    lines for the hosts file as C(hosts.txt), and C(index.html), a page that says how to import both.
  - Files whose content is right are not touched. C(.cer) files of earlier runs that are no longer given are removed.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.attributes.inner
options:
  certificates:
    description: Paths of CA certificates; judged as by M(ot_pki.defender_iot.ca_trust).
    type: list
    elements: str
    default: []
  authorities:
    description:
      - What is taken if O(certificates) is empty, as M(ot_pki.defender_iot.fleet_inputs) returns it in C(run.authorities). In check mode
        a file of C(certificates) may be yet to be made.
    type: dict
    suboptions:
      certificates:
        description: Paths of CA certificates.
        type: list
        elements: str
      optional:
        description: Paths of CA certificates that are added if they exist.
        type: list
        elements: str
  fingerprints:
    description: SHA-256 fingerprints that are expected, or are to be removed, as in M(ot_pki.defender_iot.ca_trust).
    type: list
    elements: str
    default: []
  state:
    description: What the certificates are for, as in M(ot_pki.defender_iot.ca_trust). The folder is written with V(present) only.
    type: str
    choices: [present, absent]
    default: present
  dir:
    description: The folder. It must not be the stage directory nor in it. If not given, nothing is written.
    type: str
  entries:
    description: Lines for the hosts file, with V(ip) and V(names), as of M(ot_pki.defender_iot.hosts_entry).
    type: list
    elements: dict
    default: []
  consoles:
    description: Names of sensors, to whose consoles the page links; those in O(entries) are among them anyway.
    type: list
    elements: str
    default: []
    version_added: 1.1.0
  contact:
    description: Whom people may ask, in words, for example V(the OT PKI desk, +1 555 0100).
    type: str
    default: ""
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: A folder to hand out
  ot_pki.defender_iot.workstation_folder:
    dir: /srv/ot-pki/workstations
    certificates: [/srv/ot-pki/local_ca/root.crt]
    entries:
      - ip: 192.0.2.11
        names: [sensor-1.plant.example]
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
  description: Whether a CA is yet to be made, in check mode.
  type: bool
  returned: success
dir:
  description: The folder that is written; empty if none is.
  type: str
  returned: success
files:
  description: The names of the files that were written or removed.
  type: list
  elements: str
  returned: success
"""
