#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_inputs
short_description: Gather and check what the inventory says about every sensor (inner step)
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads every variable that any step of a run needs, as each host sees it, with Ansible's usual precedence, once for all hosts of the
    group, and checks all of them before anything is made.
  - What concerns everybody (passphrase, CA, CRL URL, folders, hosts that disagree about these) fails the task.
    What concerns a sensor is returned in RV(refused).
  - Secrets are checked and not returned; the result names the variables that hold them.
  - Warns of variables that begin like this collection's and are none of them.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.attributes.inner
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  group:
    description:
      - The group of the sensors, in which common names must be unique, whatever C(--limit) selects. By default C(sensors), with
        O(purpose=members) the one that C(sensor_certificates_group) names for any host.
    type: str
  hosts:
    description: The sensors of this run. By default the hosts of the play.
    type: list
    elements: str
  whole_group:
    description: Take the hosts of O(group) that C(--limit) leaves as the sensors of this run, whichever hosts the play has.
    type: bool
    default: false
  purpose:
    description:
      - V(certificates) checks everything that a certificate needs, V(received) takes the sensors whose certificates come from outside,
        V(consoles) adds where the consoles are, and V(run) reads without checking sensors.
      - V(report) is V(run) for the whole group, whatever C(--limit) selects.
      - V(names) reads the names and addresses for hosts files only.
      - V(members) finds out who there is to work for, and fails if there is nobody.
      - V(files) finds out whose files may be judged, and fails if an inventory was named that has no sensors; there need not be any.
    type: str
    choices: [members, certificates, received, consoles, run, names, report, files]
    default: certificates
  also:
    description: With O(purpose=members), further groups whose hosts are somebody to work for when C(--limit) leaves no sensor.
    type: list
    elements: str
    default: []
  whole:
    description:
      - What needs the whole inventory, for the message. Fails in a slice of a sliced job of AWX or Automation Controller, which sees only its
        share of the hosts.
    type: str
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: Check what the inventory says
  ot_pki.defender_iot.fleet_inputs:
  register: fleet
  run_once: true
"""

RETURN = r"""
sensors:
  description:
    - The sensors that are described well, as options for M(ot_pki.defender_iot.cert_issue). Each has its C(name) and C(issuer), and as
      far as they are set C(common_name), C(subject), C(sans), C(key_size), C(validity_days), C(renew_before_days),
      C(key_passphrase_variable) and the like.
  type: list
  elements: dict
  returned: success
issuers:
  description: The names of the issuers of these sensors.
  type: list
  elements: str
  returned: success
others:
  description: The group's sensors that are not in this run, with C(name), C(common_name), C(groups), C(issuer) and when to renew them.
  type: list
  elements: dict
  returned: success
refused:
  description: The sensors that cannot be done, each with its name, groups and errors.
  type: list
  elements: dict
  returned: success
proceed:
  description: V(false) if every sensor of the run was refused, so that there is nothing to do but to tell.
  type: bool
  returned: success
run:
  description:
    - What is one for a run. C(dir) and the other folders (C(stage_dir), C(ca_dir), C(ledger_dir), C(crl_dir), C(inbox_dir), C(outbox_dir),
      C(report_dir), C(handover_dir), C(workstations_dir)); C(sensor_certificates), C(local_ca), C(import_certificates), C(crl_publication), C(crl_access)
      and C(fleet_report) with the variables that begin so; C(authorities) with the CA certificates that workstations are to trust.
    - In place of a secret stands the name of its variable, as the host C(read_from) has it.
  type: dict
  returned: success
names:
  description: C(entries) (C(ip), C(names)) for hosts files, and C(without_address), the sensors that have none.
  type: dict
  returned: success
vantages:
  description: From where CRLs are to be fetched, each with C(vantage), C(named) and C(sensors).
  type: list
  elements: dict
  returned: success
consoles:
  description: C(targets) for M(ot_pki.defender_iot.live_check), and C(failures), the sensors that cannot be looked at and why.
  type: dict
  returned: O(purpose=consoles)
group:
  description: The group of the sensors.
  type: str
  returned: success
slice:
  description:
    - Empty, or the slice of a job of AWX or Automation Controller that the run is, with its C(number), its C(count), the C(job) and a C(text)
      for people. Numbers that are not known are V(null).
  type: dict
  returned: success
  version_added: 1.1.0
lead:
  description: The host that stands for the run, a sensor if there is one.
  type: str
  returned: O(purpose=members)
"""
