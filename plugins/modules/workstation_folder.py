#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: workstation_folder
short_description: Write what people need who trust the CA by hand
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Writes a folder for workstations that Ansible does not reach. It holds each CA certificate as a C(.cer) file (DER), the lines for the
    hosts file as C(hosts.txt), and C(index.html), a page that says how to import both.
  - Files whose content is right are not touched. C(.cer) files of earlier runs that are no longer given are removed.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
options:
  dir:
    description: The folder. It must not be the stage directory nor in it.
    type: str
    required: true
  certificates:
    description: Paths of CA certificates; judged as by M(ot_pki.defender_iot.ca_trust).
    type: list
    elements: str
    required: true
  entries:
    description: Lines for the hosts file, with V(ip) and V(names), as of M(ot_pki.defender_iot.hosts_entry).
    type: list
    elements: dict
    default: []
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
dir:
  description: The folder.
  type: str
  returned: success
files:
  description: The names of the files that were written or removed.
  type: list
  elements: str
  returned: success
"""
