#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Report on a fleet's certificates, from the state alone
version_added: 1.1.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Says which sensor has what, from whom, since when, until when, why, whether its console was seen to present it, and what people have
    to do next; as JSON (with a schema), HTML, CSV, Markdown and metrics.
  - Reads the stage directory, the ledger, the CA's certificates and the published CRLs. It contacts no sensor, needs no key of a CA, and changes
    nothing but its own files. So it works at any time, and on another machine that has these folders.
  - What cannot be read is told in the report, and the rest still comes. A private key that this account cannot read, or that has a
    passphrase, is not held against its certificate.
  - Every file is whole or absent. A run over the same state writes the files anew with the time at which it looked, and reports no change.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options
options:
  sensors:
    description:
      - The sensors of the inventory, as M(ot_pki.defender_iot.fleet_inputs) returns them, or their names. Whatever else is staged is
        orphaned.
      - C(name), C(groups), C(common_name), C(issuer), C(renew_before_days) and C(renew_spread_days) are looked at.
    type: list
    elements: raw
    default: []
  group:
    description: The group that all sensors are in. A sensor's site is the innermost of its other groups.
    type: str
    default: sensors
  ledger_dir:
    description: The ledger; by default beside O(ca_dir), or, without one, beside O(stage_dir).
    type: path
  ca_dir:
    description: The folder of the embedded CA, of which the certificates are read.
    type: path
  crl_dir:
    description: The folder of published CRLs.
    type: path
  dest:
    description: The folder for the report; it is made.
    type: path
    required: true
  formats:
    description: Any of V(json) (C(fleet.json)), V(html) (C(fleet.html)), V(csv) (C(fleet.csv)), V(metrics) (C(ot_pki.prom)) and V(markdown)
      (C(fleet.md)). If empty, all of them.
    type: list
    elements: str
    default: []
  sheets:
    description: Write the upload sheets as well, one page to print for each site (C(sheets-SITE.html)).
    type: bool
    default: false
  handover:
    description:
      - A folder for archives to hand over, one for each site (C(handover-SITE.zip), mode 0600) with the three files of each of its sensors that
        waits for its upload, and their sheets. They hold private keys. An archive whose sensors wait no more is removed.
    type: path
    version_added: 1.1.0
  query:
    description: A JMESPath expression over the data of C(fleet.json); its value is returned.
    type: str
  since:
    description: A day or moment (ISO 8601); what happened since is part of the report.
    type: str
  fail_on:
    description:
      - When the task fails, after the report was written.
      - V(due) if a certificate is due or has expired, V(expired) if one has expired, V(error) if there is a finding of severity error (an expired
        certificate is one), or if the state cannot be read whole. Orphaned sensors do not count.
    type: str
    choices: [never, due, expired, error]
    default: never
  profile:
    description: The requirements, V(defender_iot) or the path of a profile file that extends it.
    type: str
    default: defender_iot
  most:
    description: How many sensors RV(lines) name for each thing; the others are counted.
    type: int
    default: 10
seealso:
  - module: ot_pki.defender_iot.live_check
  - plugin: ot_pki.defender_iot.fleet_query
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the report
  ot_pki.defender_iot.fleet_report:
    sensors: "{{ groups['sensors'] }}"
    stage_dir: /srv/ot-pki/staged
    ca_dir: /srv/ot-pki/local_ca
    crl_dir: /srv/ot-pki/crl
    dest: /srv/ot-pki/report
    fail_on: expired
  run_once: true
  register: report

- name: Which consoles were never seen with their certificate?
  ansible.builtin.debug:
    msg: "{{ '/srv/ot-pki/report/fleet.json' | ot_pki.defender_iot.fleet_query('sensors[?upload.needed && !(live.confirmed)].name') }}"
"""

RETURN = r"""
dir:
  description: The folder of the report.
  type: str
  returned: always
files:
  description: The names of the report's files; empty if they could not be written.
  type: list
  elements: str
  returned: always
verdict:
  description: V(good), V(attention) (somebody has something to do) or V(bad).
  type: str
  returned: always
summary:
  description: The figures, as in C(fleet.json).
  type: dict
  returned: always
handover:
  description: The archives in O(handover).
  type: list
  elements: str
  returned: if O(handover) is set
to_upload:
  description: The sensors whose consoles still have to get what is staged.
  type: list
  elements: str
  returned: always
query:
  description: The value of O(query).
  type: raw
  returned: if O(query) is set and could be answered
changes:
  description: What happened since O(since), newest first.
  type: list
  elements: dict
  returned: if O(since) is set
problems:
  description: What of the state could not be read.
  type: list
  elements: str
  returned: always
lines:
  description: What there is to tell people; the first line is fit for a notification.
  type: list
  elements: str
  returned: always
errors:
  description: Why the task fails, if it does.
  type: list
  elements: str
  returned: always
"""
