# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that several modules have, word for word."""

from __future__ import annotations


class ModuleDocFragment:
    """Options."""

    # The state of a fleet.
    DOCUMENTATION = r"""
options:
  stage_dir:
    description: The stage directory.
    type: path
    required: true
"""

    # Where the embedded CA is.
    AUTHORITY = r"""
options:
  ca_dir:
    description: The folder of the embedded CA, see M(ot_pki.defender_iot.local_ca).
    type: path
    required: true
  ledger_dir:
    description: The ledger of issued certificates. By default O(ca_dir) with C(_ledger) appended.
    type: path
"""

    # How CRLs are fetched.
    FETCHING = r"""
options:
  allow_networks:
    description:
      - Addresses and networks that are fetched from although they are loopback, link-local or a cloud's metadata, which are refused otherwise,
        after the resolution of a name and after a redirect as well.
      - With a proxy, which resolves names itself, only addresses in URLs are looked at.
    type: list
    elements: str
    default: []
  connect_timeout:
    description: Seconds to wait for one address to answer.
    type: float
    default: 5.0
"""
