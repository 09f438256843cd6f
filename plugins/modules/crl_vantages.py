#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: crl_vantages
short_description: Find out which CRLs are to be fetched from where
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Looks which staged certificates name a CRL distribution point, and groups their sensors by the variable C(crl_access_vantage), as each
    sensor sees it.
  - A part of the role C(crl_access).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  stage_dir:
    description: The stage directory.
    type: path
    required: true
  sensors:
    description: The sensors to look at. By default the hosts of the play.
    type: list
    elements: str
  known:
    description: The variable's values by sensor, if they are known; M(ot_pki.defender_iot.fleet_inputs) returns them as C(crl_vantages).
      By default the variable is read.
    type: dict
"""

EXAMPLES = r"""
- name: Which CRLs are to be fetched from where?
  ot_pki.defender_iot.crl_vantages:
    stage_dir: /srv/ot-pki/staged
  register: found
  run_once: true
"""

RETURN = r"""
vantages:
  description: An entry for each vantage, empty if no certificate names a CRL.
  type: list
  elements: dict
  returned: success
  contains:
    vantage:
      description: The host to fetch from; V(localhost) for the control node.
      type: str
    named:
      description: Whether somebody named it in C(crl_access_vantage).
      type: bool
    certificates:
      description: The certificates, as options for M(ot_pki.defender_iot.crl_reachable).
      type: list
      elements: dict
without_url:
  description: The sensors that have nothing staged, or whose certificate names no CRL.
  type: list
  elements: str
  returned: success
"""
