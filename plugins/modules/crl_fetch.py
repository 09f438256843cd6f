#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch files over plain HTTP from where the module runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: crl_fetch
short_description: Fetch CRLs from where the task runs (inner step)
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Fetches URLs over plain HTTP as a sensor would, within limits, and returns what came. Only Python's standard library is needed.
  - This is the part of M(ot_pki.defender_iot.crl_reachable) that runs on the vantage host; use that one, which also judges what came.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.options.fetching
  - ot_pki.defender_iot.attributes.inner
attributes:
  action_group:
    support: none
    membership: []
    details: A helper of other modules, which set its options.
  check_mode:
    details: Changes nothing.
  diff_mode:
    support: none
    details: Changes nothing.
options:
  urls:
    description: What to fetch; each distinct URL once, several at a time.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds for one attempt, name resolution and body included.
    type: float
    default: 10.0
  retries:
    description: How often to try again after a failure that may be temporary.
    type: int
    default: 2
  max_bytes:
    description: The largest body to fetch, and to unpack if it is compressed, in bytes.
    type: int
    default: 20971520
  proxy:
    description: The HTTP proxy, C(http://HOST:PORT), without credentials. If not set, the environment counts; if empty, none is used.
    type: str
  credentials:
    description: User name and password for the proxy, C(USER:PASSWORD).
    type: str
  no_proxy:
    description: Hosts and domains that are asked without a proxy, separated by commas.
    type: str
seealso:
  - module: ot_pki.defender_iot.crl_reachable
"""

EXAMPLES = r"""
- name: Fetch a CRL from a jump host
  ot_pki.defender_iot.crl_fetch:
    urls: [http://crl.plant.example/issuing.crl]
  delegate_to: jump-1
"""

RETURN = r"""
fetched:
  description: What came of each URL, in the order given.
  type: list
  elements: dict
  returned: success
  contains:
    url:
      description: The URL.
      type: str
    reason:
      description: V(ok), or why there is nothing, for example V(dns), V(refused), V(timeout), V(proxy), V(http-status).
      type: str
    message:
      description: The reason in words.
      type: str
    body:
      description: What came, compressed with zlib and in Base64.
      type: str
    status:
      description: The HTTP status.
      type: int
    address:
      description: The address that was reached.
      type: str
    seconds:
      description: How long it took, all attempts together.
      type: float
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._plain.addresses import networks
from ..module_utils._plain.fetching import Settings, fetch_all
from ..module_utils._plain.inner_options import CRL_FETCH


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=CRL_FETCH,
        supports_check_mode=True,
    )
    options = dict(module.params)
    urls = options.pop("urls")
    options["allow_networks"] = tuple(options["allow_networks"])
    try:
        networks(options["allow_networks"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    found = fetch_all(urls, Settings(environment=os.environ, **options))
    module.exit_json(changed=False, fetched=[entry.to_dict() for entry in found])


if __name__ == "__main__":
    main()
