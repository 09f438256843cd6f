#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: live_check
short_description: Compare the certificates that sensors present with those they should
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Opens a TLS connection to each target, with TLS 1.0 to 1.3 and whatever cipher suite it offers, with SNI and without, and says
    what it presents and what that means.
  - The connections start from the host on which the task runs (the vantage), which needs Python's standard library only.
    Certificates are on the control node and are judged there.
  - Nothing is changed, and no data but a TLS handshake is sent; a target that stays silent for half of O(timeout) is also
    asked in plain text, over a second connection, whether it is a web server without TLS.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
requirements:
  - cryptography >= 42 (for the Python that runs Ansible)
options:
  targets:
    description:
      - What to look at. A target that is described wrongly is that target's error; the others are looked at.
      - Each is a dictionary. C(host) is the name or IP address to connect to, and the only key that is required.
      - C(port) is the TCP port, V(443) by default.
      - C(name) is the name by which people open the console, which is asked for with SNI and compared with the certificate. By default
        C(host), or the common name of C(certificate) if C(host) is an IP address.
      - C(certificate) is the path of the certificate that should be presented, on the control node; or of a sensor's staged folder,
        in which it is found together with its C(chain).
      - C(chain) is the path of the CA certificates above it, on the control node. With them, it is known by signature whether another
        certificate is of the same CA, and whether the target sends the chain that clients need.
      - C(sensor) is how results call the target; C(name) or C(host) by default. It is compared with the sensors' names in
        O(stage_dir) and O(ledger_dir).
    type: list
    elements: raw
    required: true
  timeout:
    description: Seconds for one target, for resolving its name, connecting and all handshakes together.
    type: float
    default: 10.0
  parallel:
    description:
      - How many targets at once. As many as that can hang without delaying the others.
      - Each takes up to three file descriptors, so a low limit of these lowers it.
    type: int
    default: 256
  min_days_left:
    description: Warn of a certificate that has fewer days left than this.
    type: int
    default: 30
  wait:
    description:
      - Seconds for which targets that do not present their C(certificate) yet are looked at again, once a second; the last look counts.
      - V(0) looks once.
    type: float
    default: 0.0
    version_added: 1.1.0
  stage_dir:
    description: The stage directory, to recognize earlier certificates and those of other sensors. It is only read.
    type: path
  ledger_dir:
    description: The CA's ledger, to recognize certificates that it issued or revoked. It is only read.
    type: path
  fail_on:
    description:
      - V(error) fails the task if a target does not present C(certificate), has a self-signed one, cannot be reached, or presents one
        that has expired, is revoked or is not made out for C(name).
      - V(warning) fails it for warnings, too.
    type: str
    choices: [error, warning, never]
    default: error
seealso:
  - module: ot_pki.defender_iot.cert_stage
"""

EXAMPLES = r"""
- name: Does each console present what was staged for it?
  ot_pki.defender_iot.live_check:
    targets:
      - host: 192.0.2.10
        name: sensor-1.plant.example
        certificate: /srv/ot-pki/staged/sensor-1/sensor-1.plant.example.crt
        chain: /srv/ot-pki/staged/sensor-1/sensor-1.plant.example.pem
      - host: 192.0.2.11
        name: sensor-2.plant.example
        certificate: /srv/ot-pki/staged/sensor-2
    fail_on: never
  register: live
  delegate_to: jump-host
  run_once: true

- name: Who still has the certificate of the installation?
  ansible.builtin.debug:
    msg: "{{ live.results | selectattr('state', 'eq', 'self-signed') | map(attribute='name') | list }}"
"""

RETURN = r"""
to_upload:
  description: The sensors whose consoles still have to get the certificate that was given, from what was staged and what was ever seen.
  returned: if O(ledger_dir) is set
  type: list
  elements: str
results:
  description: One entry for each of O(targets), in the same order.
  returned: always
  type: list
  elements: dict
  contains:
    sensor:
      description: The target's label.
      type: str
    name:
      description: The name by which people open it.
      type: str
    host:
      description: Where it was looked for.
      type: str
    port:
      description: The TCP port.
      type: int
    address:
      description: The IP address that was reached, or an empty text.
      type: str
    state:
      description:
        - V(matches), it presents the given certificate.
        - V(self-signed), it presents another one, which is self-signed.
        - V(other), it presents another one.
        - V(unreachable), there was no connection, or no answer over it.
        - V(not-tls), something else than TLS answered, or the handshake failed before a certificate was seen.
      type: str
      sample: matches
    reason:
      description:
        - The state in detail. V(as-given); V(installation) (self-signed); V(earlier) and V(later) (a certificate of this sensor),
          V(other-sensor), V(same-key), V(intercepted) (right name, other CA), V(foreign), V(unreadable), V(not-compared) (no
          certificate was given).
        - Without a certificate V(dns), V(refused), V(timeout), V(network), V(reset), V(closed), V(plain) (something that is not TLS),
          V(handshake), V(input) (the target is described wrongly).
      type: str
      sample: as-given
    message:
      description: What it presents and what that means, for people.
      type: str
    errors:
      description: What is wrong.
      type: list
      elements: str
    warnings:
      description: What people should know.
      type: list
      elements: str
    common_name:
      description: The common name of the certificate that is presented, or null.
      type: str
    subject:
      description: Its subject, or null.
      type: str
    issuer:
      description: Its issuer, or null.
      type: str
    name_matches:
      description: Whether it is made out for C(name); null if no certificate was seen.
      type: bool
    not_before:
      description: The begin of its validity in UTC, or null.
      type: str
    not_after:
      description: The end of its validity in UTC, or null.
      type: str
      sample: "2028-11-22T10:00:00Z"
    days_left:
      description: Whole days until then, negative afterwards; or null.
      type: int
    fingerprint:
      description: SHA-256 of the certificate that is presented, hexadecimal; or null.
      type: str
    expected_fingerprint:
      description: SHA-256 of the given certificate, or null.
      type: str
    chain_sent:
      description: Whether the CA certificates that clients need were sent, V(complete), V(incomplete), V(none) or V(unknown).
        It is unknown where the vantage has a Python before 3.10, and if nobody can say whether the issuer is a root.
      type: str
    chain:
      description: The subjects of the other certificates that were sent; null if unknown.
      type: list
      elements: str
    tls_version:
      description: The protocol that was agreed on, or null.
      type: str
      sample: TLSv1.3
    without_sni:
      description: What is presented without SNI, V(same), V(differs), V(only) (there is no answer with SNI), the reason for which there
        was no answer, or null if the target has no name.
      type: str
failures:
  description: The messages of the targets that have errors, by C(sensor), whatever O(fail_on) says.
  returned: always
  type: dict
counts:
  description: How many targets are in each state.
  returned: always
  type: dict
lines:
  description: A summary for people.
  returned: always
  type: list
  elements: str
"""
