#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: crl_reachable
short_description: Prove that CRLs can be fetched from where a sensor stands, and judge them
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Fetches every CRL distribution point of a certificate and of the CAs in its chain over plain HTTP, from the host on which the task runs
    (the vantage), and judges on the control node what came.
  - Tells for each URL whether a sensor could rely on it, and if not, the precise reason, what to do, and the error that the sensor would show
    at the upload. Success is told as well, with size, number, dates and entries.
  - With many certificates each distinct URL is fetched once, several at a time, and a CRL is read once.
  - On the control node itself the fetching happens in the Ansible process. Elsewhere Python's standard library suffices, and where there is
    no Python, C(curl) or C(wget) and a shell.
  - All paths are paths of the control node.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.options.fetching
requirements:
  - cryptography >= 42 (for the Python that runs Ansible)
attributes:
  check_mode:
    details: Changes nothing, and fetches in check mode as well.
  diff_mode:
    support: none
    details: Changes nothing.
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
options:
  certificate:
    description:
      - A certificate, PEM or DER. If its file holds its chain as well, the CAs in it are checked too.
      - One of O(certificate), O(certificates) and O(urls) is required.
    type: path
  certificates:
    description: Many certificates at once; O(issuer_certificates) is the default for each.
    type: list
    elements: dict
    suboptions:
      name:
        description: A label for results and messages. By default the path.
        type: str
      certificate:
        description: The certificate.
        type: path
        required: true
      issuer_certificates:
        description: As O(issuer_certificates), for this one.
        type: list
        elements: path
  sensors:
    description: The names of sensors, whose staged certificates in O(stage_dir) are taken as O(certificates); those that name no CRL are left out.
    type: list
    elements: str
  stage_dir:
    description: The stage directory in which the bundles of O(sensors) are.
    type: path
  ledger_dir:
    description:
      - The record. A staged certificate of O(sensors) that it says was revoked is an error, whatever a CRL says, also if it names none.
    type: path
    version_added: 1.1.0
  urls:
    description:
      - URLs of CRLs. Alone they are judged without a certificate, by signature and dates.
      - With O(certificate) they are judged for it in place of its own distribution points, for example to try another port.
    type: list
    elements: str
  issuer_certificates:
    description:
      - Files with the certificates of the CAs, each may hold several. Signatures are judged by them, and their own distribution points are
        checked if they are in the certificate's chain.
      - If none is given, signatures are not checked, and a warning says so.
    type: list
    elements: path
    default: []
  crl_validation:
    description: Whether the organization validates against a CRL. If V(true), a certificate without a CRL URL is an error.
    type: bool
  at:
    description: The moment to judge for, ISO 8601. By default now.
    type: str
  proxy:
    description:
      - The HTTP proxy, C(http://[USER:PASSWORD@]HOST:PORT). One with a password belongs into Ansible Vault and O(proxy_variable).
      - If not set, the vantage's environment counts (C(http_proxy), C(no_proxy)); if empty, no proxy is used.
    type: str
  proxy_variable:
    description: The name of the variable that holds O(proxy), so that no callback which records options gets its password.
    type: str
  no_proxy:
    description: Hosts and domains that are asked without O(proxy), separated by commas.
    type: str
  timeout:
    description: Seconds for one attempt, from name resolution to the last byte of the body.
    type: float
    default: 10.0
  retries:
    description: How often to try again after a failure that may be temporary; the pause doubles each time, from half a second.
    type: int
    default: 2
  max_bytes:
    description: The largest CRL to take, in bytes; a compressed answer is bounded by it as well.
    type: int
    default: 20971520
  fetcher:
    description:
      - What to fetch with on the vantage. V(auto) tries Python, then V(curl), then V(wget).
      - With V(curl) and V(wget) URLs are fetched one after the other.
    type: str
    choices: [auto, python, curl, wget]
    default: auto
  brief:
    description: Leave RV(results[].urls) out, for thousands of certificates that share a few URLs.
    type: bool
    default: false
  fail_on:
    description:
      - V(error) fails if a certificate has URLs and none is usable, or if it is revoked; V(warning) also if one of several URLs is not usable
        or something is worth a warning; V(never) only reports, even that the vantage cannot be reached.
    type: str
    choices: [error, warning, never]
    default: error
notes:
  - C(https), C(ldap) and other URLs are not fetched, since sensors do not fetch them.
  - Delta CRLs are used if they are found at a distribution point; the freshestCRL extension is not followed.
seealso:
  - module: ot_pki.defender_iot.cert_validate
  - module: ot_pki.defender_iot.crl_publish
"""

EXAMPLES = r"""
- name: Can the sensors' segment fetch the CRL?
  ot_pki.defender_iot.crl_reachable:
    certificate: /srv/ot-pki/staged/sensor-1/sensor-1.plant.example.crt
    issuer_certificates: [/srv/ot-pki/staged/sensor-1/sensor-1.plant.example.pem]
  delegate_to: jump-1

- name: Try a URL by way of a proxy
  ot_pki.defender_iot.crl_reachable:
    urls: [http://crl.plant.example:8080/issuing.crl]
    issuer_certificates: [/srv/ot-pki/local_ca/issuing.crt]
    # For example http://ot:PASSWORD@192.0.2.8:3128, from a vault file.
    proxy_variable: vault_proxy
"""

RETURN = r"""
reachable:
  description: Whether every certificate that names URLs has one that is usable.
  type: bool
  returned: success
revoked:
  description: Whether a certificate, or a CA above it, is revoked.
  type: bool
  returned: success
checked:
  description: The names of the certificates that were judged.
  type: list
  elements: str
  returned: O(certificates) or O(sensors) is given
vantage:
  description: The host from which was fetched.
  type: str
  returned: success
fetcher:
  description: What was used to fetch.
  type: str
  returned: success
errors:
  description: Why sensors would refuse, each text once.
  type: list
  elements: str
  returned: success
urls:
  description: An entry for each URL; with many certificates, the first verdict on it that is not good.
  type: list
  elements: dict
  returned: success
  contains:
    url:
      description: The URL, or null if the certificate names none.
      type: str
    subject:
      description: The certificate that names it.
      type: str
    usable:
      description: Whether a sensor could fetch this CRL and rely on it. It is also usable if it says that the certificate is revoked.
      type: bool
    reason:
      description: V(ok), V(no-url), V(scheme), V(dns), V(address), V(refused), V(timeout), V(proxy), V(http-status), V(redirect), V(empty),
        V(not-a-crl), V(too-large), V(issuer), V(signature), V(not-yet-valid), V(expired), V(scope), V(delta-without-base) or V(revoked).
      type: str
    message:
      description: The reason in words.
      type: str
    hint:
      description: What to do.
      type: str
    upload_error:
      description: The error that a sensor would show at the upload, to the letter, or null.
      type: str
    warnings:
      description: What is not as it should be with a usable URL, for example PEM instead of DER.
      type: list
      elements: str
    status:
      description: The HTTP status.
      type: int
    address:
      description: The address that was reached.
      type: str
    via:
      description: The proxy that was used, without credentials.
      type: str
    final_url:
      description: Where redirects led to.
      type: str
    seconds:
      description: How long the fetching took, all attempts together.
      type: float
    attempts:
      description: How many attempts were made.
      type: int
    bytes:
      description: The size of the CRL.
      type: int
    encoding:
      description: V(der) or V(pem).
      type: str
    content_type:
      description: What the server says it is.
      type: str
    this_update:
      description: When the CRL was made.
      type: str
    next_update:
      description: When the CRL ends.
      type: str
    number:
      description: The CRL number.
      type: int
    entries:
      description: How many certificates it lists.
      type: int
    revoked_at:
      description: When the certificate was revoked.
      type: str
    revocation_reason:
      description: Why it was revoked (RFC 5280).
      type: str
results:
  description: With O(certificates), one for each in the same order.
  type: list
  elements: dict
  returned: O(certificates) is given
  contains:
    name:
      description: The label.
      type: str
    reachable:
      description: As RV(reachable), for this one.
      type: bool
    revoked:
      description: As RV(revoked), for this one.
      type: bool
    errors:
      description: Why a sensor would refuse.
      type: list
      elements: str
    urls:
      description: As RV(urls), for this one.
      type: list
      elements: dict
"""
