#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch what TLS endpoints present, from the host on which this runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_probe
short_description: Fetch the certificates that TLS endpoints present (inner step)
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Connects to each endpoint with TLS 1.0 to 1.3, with and without SNI, and returns what it presents. Nothing is judged.
  - It is the part of M(ot_pki.defender_iot.live_check) that runs on a vantage host, and needs Python's standard library only.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.inner
attributes:
  action_group:
    support: none
    membership: []
    details: A helper of other modules, which set its options.
  diff_mode:
    support: none
    details: Changes nothing.
options:
  endpoints:
    description: Where to connect to.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Name or IP address.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        default: 443
      server_name:
        description: The name to ask for with SNI.
        type: str
  timeout:
    description: Seconds for one endpoint, everything together.
    type: float
    default: 10.0
  parallel:
    description: How many endpoints at once.
    type: int
    default: 256
seealso:
  - module: ot_pki.defender_iot.live_check
"""

EXAMPLES = r"""
- name: Fetch what a sensor presents
  ot_pki.defender_iot.tls_probe:
    endpoints:
      - host: 192.0.2.10
        server_name: sensor-1.plant.example
  register: seen
"""

RETURN = r"""
probes:
  description: One entry for each endpoint, in the same order.
  type: list
  elements: dict
  returned: always
  contains:
    answer:
      description: How the attempt ended, with SNI if a name was given; V(reason), V(detail), V(address), V(version),
        V(certificates) (SHA-256 fingerprints, the endpoint's own first) and V(whole_chain).
      type: dict
    without_name:
      description: The same without SNI, or null.
      type: dict
certificates:
  description: The certificates as DER in Base64, by SHA-256 fingerprint.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._plain.inner_options import TLS_PROBE
from ..module_utils._plain.tls_probe import Endpoint, probe_all, to_plain


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=TLS_PROBE,
        supports_check_mode=True,
    )
    endpoints = [Endpoint(row["host"], row["port"], row["server_name"]) for row in module.params["endpoints"]]
    probes = probe_all(endpoints, module.params["timeout"], module.params["parallel"])
    module.exit_json(changed=False, **to_plain(probes))


if __name__ == "__main__":
    main()
