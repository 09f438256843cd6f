#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sensor_names
short_description: Read from the inventory which name leads to which sensor
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Takes the address of each sensor from its variable C(hosts_entries_ip), by default C(ansible_host), and its name from
    C(sensor_certificates_common_name).
  - A sensor without an IP address, or with a name or an address that cannot stand in a hosts file, is left out with a warning.
  - All sensors of the group count, whatever C(--limit) selects.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  group:
    description: The inventory group of the sensors.
    type: str
    default: sensors
seealso:
  - module: ot_pki.defender_iot.hosts_entry
"""

EXAMPLES = r"""
- name: The names of all sensors
  ot_pki.defender_iot.sensor_names:
  register: names
  run_once: true

- name: Write them
  ot_pki.defender_iot.hosts_entry:
    entries: "{{ names.entries }}"
  become: true
"""

RETURN = r"""
entries:
  description: C(ip) and C(names) of each sensor, for M(ot_pki.defender_iot.hosts_entry).
  type: list
  elements: dict
  returned: success
without_address:
  description: The sensors that have no IP address.
  type: list
  elements: str
  returned: success
"""
