#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_summary
short_description: Tell people what a run did (inner step)
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Prints how many sensors were kept, issued or failed and why, what is due next, and where the files are.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.attributes.inner
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  inputs:
    description: What M(ot_pki.defender_iot.fleet_inputs) returned.
    type: dict
    default: {}
  local_ca:
    description: What M(ot_pki.defender_iot.local_ca) returned.
    type: dict
    default: {}
  issued:
    description: What M(ot_pki.defender_iot.cert_issue) returned.
    type: dict
    default: {}
  staged:
    description: What M(ot_pki.defender_iot.cert_stage) returned.
    type: dict
    default: {}
  inputs_variable:
    description:
      - The variable in which the result of M(ot_pki.defender_iot.fleet_inputs) is registered, in place of O(inputs). It need not
        be defined.
      - To name it is faster than to hand the results of thousands of sensors through a template.
    type: str
    version_added: 1.1.0
  issued_variable:
    description: As O(inputs_variable), in place of O(issued).
    type: str
    version_added: 1.1.0
  staged_variable:
    description: As O(inputs_variable), in place of O(staged).
    type: str
    version_added: 1.1.0
  workstations:
    description: C(hosts), the workstations of the run; C(errors), what went wrong by name; C(folder), what M(ot_pki.defender_iot.workstation_folder)
      wrote.
    type: dict
    default: {}
  crl_publication:
    description: What M(ot_pki.defender_iot.crl_publish) returned.
    type: dict
    default: {}
  crl_copies:
    description: What went wrong with the copies of the CRLs, by web server; an empty text for one that has them.
    type: dict
    default: {}
  crl_access:
    description: What the filter P(ot_pki.defender_iot.crl_access#filter) returned.
    type: dict
    default: {}
  stage_dir:
    description: The stage directory.
    type: path
  ledger_dir:
    description: The ledger, which knows what was staged and what consoles were seen to present.
    type: path
  sheets_dir:
    description: The folder in which a report with the upload sheets is written; it is named with what is to be uploaded.
    type: path
  lead:
    description: The host whose tasks stand for the whole fleet in what Ansible counts; named in a line on how to read that. Empty, nothing is said.
    type: str
    default: ""
    version_added: 1.1.0
  most:
    description: How many sensors are named for each thing; the others are counted.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Summary of the run
  ot_pki.defender_iot.fleet_summary:
    issued: "{{ issued }}"
    staged: "{{ staged }}"
    stage_dir: /srv/ot-pki/staged
  run_once: true
"""

RETURN = r"""
lines:
  description: What there is to tell people.
  type: list
  elements: str
  returned: always
kept:
  description: How many sensors kept their certificate.
  type: int
  returned: always
issued:
  description: How many sensors got a new one, issued or imported.
  type: int
  returned: always
pending:
  description: How many sensors wait for somebody's answer.
  type: int
  returned: always
failed_count:
  description: How many sensors failed.
  type: int
  returned: always
to_upload:
  description: The sensors of the run whose consoles still have to get what is staged.
  type: list
  elements: str
  returned: always
next_due:
  description: The sensor that is due first, with V(name), V(renew_after) and V(not_after).
  type: dict
  returned: always
"""
