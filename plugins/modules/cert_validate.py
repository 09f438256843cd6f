#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell before the upload what a sensor will say to a certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_validate
short_description: Tell before the upload what a sensor will say to a certificate
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Judges a certificate, its private key, chain, CSR and CRLs, made by anyone, against the documented requirements of Microsoft Defender
    for IoT sensors. Each finding names the requirement that is not met, the error with which the sensor would answer the upload if it is
    known, and what to do.
  - Takes one certificate, or with O(certificates) a whole fleet in one call, which is also judged as a fleet (same common name, same key).
  - What a file is, is told from its content. Files that cannot be read are findings, too.
  - Only reads. Nothing secret is in the result. A passphrase given for a key that is not encrypted is accepted.
  - All checks with their ids are listed in C(docs/checks.md) of the collection.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
    details: On the control node itself (local connection, without C(become) and C(async)) everything happens within Ansible's own process.
  diff_mode:
    support: none
    details: Nothing is changed, so there is nothing to compare.
requirements:
  - cryptography >= 42 (for the Python that runs the module; on the control node the one that runs Ansible)
  - jmespath and PyYAML (only for a profile file with rules, and for one written as YAML)
options:
  certificate:
    description:
      - Path of the certificate, PEM or DER.
      - Without it what else is given is judged alone.
    type: path
  private_key:
    description: Path of the private key, PEM or DER, PKCS#8 or traditional, encrypted or not.
    type: path
  private_key_passphrase:
    description: Passphrase of the private key.
    type: str
  private_key_passphrase_variable:
    description: The name of the variable that holds O(private_key_passphrase), so that no callback which records options gets it.
    type: str
  chain:
    description:
      - Path of the chain, the issuing CA first, up to the root. The root may be left out if O(trusted_roots) holds it.
      - Without a chain and without O(trusted_roots) the chain of trust is not judged.
    type: path
  csr:
    description: Path of the certificate signing request from which the certificate was made.
    type: path
  name:
    description: A label for messages and results. It is never compared with the common name.
    type: str
  trusted_roots:
    description:
      - Paths of files with certificates to which the chain must lead; each may hold several.
      - Without them the chain's own root counts, and nothing is said about trust.
    type: list
    elements: path
  crls:
    description: Paths of CRL files that cover the certificate; complete, delta, indirect and partitioned ones.
    type: list
    elements: path
  crl_validation:
    description:
      - Whether the organization validates certificates against a CRL.
      - V(true) wants a CRL URL that a sensor can use in the certificate, V(false) wants none. Not set, neither is a fault.
    type: bool
  expected_common_name:
    description: The common name that the certificate must have.
    type: str
  at:
    description: The moment to judge for, in ISO 8601 (UTC if it names no time zone). Now by default.
    type: str
  min_days_left:
    description: Days before its end from which on a certificate is reported as expiring soon, at most 36500. V(0) switches that off.
    type: int
    default: 30
  certificates_variable:
    description: The name of the variable that holds O(certificates), if passphrases stand in it.
    type: str
  certificates:
    description:
      - Certificates to judge in one call, and as a fleet. The module's own options of the same names are the defaults of each.
    type: list
    elements: dict
    suboptions:
      certificate:
        description: See O(certificate).
        type: path
      private_key:
        description: See O(private_key).
        type: path
      private_key_passphrase:
        description: See O(private_key_passphrase).
        type: str
      private_key_passphrase_variable:
        description: See O(private_key_passphrase_variable).
        type: str
      chain:
        description: See O(chain).
        type: path
      csr:
        description: See O(csr).
        type: path
      name:
        description: See O(name).
        type: str
      trusted_roots:
        description: See O(trusted_roots).
        type: list
        elements: path
      crls:
        description: See O(crls).
        type: list
        elements: path
      crl_validation:
        description: See O(crl_validation).
        type: bool
      expected_common_name:
        description: See O(expected_common_name).
        type: str
      at:
        description: See O(at).
        type: str
      min_days_left:
        description: See O(min_days_left).
        type: int
  folder:
    description:
      - A folder whose certificates are judged as if they were listed in O(certificates), for example a stage folder, or what a corporate PKI
        delivered. Files of one stem belong together (C(a.crt), C(a.key), C(a.pem)), in the folder or in those directly in it.
      - A request or a key without a certificate is judged alone, a certificate named C(.pem) as one, and a C(.pfx), C(.p12) or C(.p7b) is told
        for what it is. What was not judged is in RV(passed_over).
    type: path
  group:
    description:
      - An inventory group of sensors. Files of O(folder) that have a sensor's name or common name are judged for that name, with the key's
        passphrase that the inventory has (C(sensor_certificates_common_name), C(sensor_certificates_key_passphrase)). Only for files on the
        control node.
    type: str
    version_added: 1.1.0
  profile:
    description:
      - The requirements to judge by, V(defender_iot) or the path of a profile file (YAML or JSON) with rules of your own.
      - "A profile file has the keys C(extends), C(required_fields), C(subject_allowed), C(min_key_bits), C(allowed_key_bits),
        C(max_validity_days), C(san_required), C(rules), C(ignore) and C(severities)."
      - "C(rules) is a list of rules of your own: C(id) (C(org.<what>)), C(when) (a JMESPath expression over the certificate's facts that is true
        for what is wrong), C(severity), C(message) and C(hint). They need the Python package C(jmespath). The facts are listed in
        C(docs/checks.md)."
    type: str
    default: defender_iot
  ignore:
    description: Ids of findings to waive. They are listed in RV(waived).
    type: list
    elements: str
    default: []
  severities:
    description:
      - Other severities (V(error), V(warning), V(info)) by id of the finding.
      - What has a severity here is reported though the profile waives it.
    type: dict
    default: {}
  key_check:
    description:
      - V(match) checks that the private key's numbers fit each other and the certificate.
      - V(full) also proves its primes, as C(openssl rsa -check) does, and looks for neighbours of a prime that have small factors only; that takes 50 ms and more for each key.
      - Without its private key, more is searched for in a public key, which takes 10 ms for each; with V(full) 100 ms.
    type: str
    choices: [match, full]
    default: match
  fail_on:
    description: From which severity on the task fails. RV(valid) does not depend on it.
    type: str
    choices: [error, warning, never]
    default: error
seealso:
  - module: ot_pki.defender_iot.cert_stage
  - plugin: ot_pki.defender_iot.cert_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Check what the corporate PKI sent, before anybody uploads it
  ot_pki.defender_iot.cert_validate:
    certificate: /srv/inbox/sensor-1/sensor-1.crt
    private_key: /srv/inbox/sensor-1/sensor-1.key
    private_key_passphrase_variable: sensor_1_passphrase
    chain: /srv/inbox/sensor-1/sensor-1.pem
    expected_common_name: sensor-1.plant.example
    trusted_roots:
      - /etc/pki/plant-root.crt
    crl_validation: true

- name: Check a fleet in one call, with rules of the own organization
  ot_pki.defender_iot.cert_validate:
    certificates:
      - name: sensor-1
        certificate: sensor-1/sensor-1.crt
        private_key: sensor-1/sensor-1.key
        chain: sensor-1/sensor-1.pem
      - name: sensor-2
        certificate: sensor-2/sensor-2.crt
        private_key: sensor-2/sensor-2.key
        chain: sensor-2/sensor-2.pem
    profile: "{{ playbook_dir }}/our-rules.yml"
    min_days_left: 60
    ignore:
      - crt.extension-order
    fail_on: never
  register: fleet
  delegate_to: localhost
  run_once: true

- name: Insist on what matters here
  ansible.builtin.assert:
    that: fleet.findings | selectattr('id', 'in', ['crt.expired', 'crt.expires-soon']) | length == 0
"""

RETURN = r"""
valid:
  description: Whether there is no finding of severity V(error), whatever O(fail_on) says.
  returned: always
  type: bool
msg:
  description: The verdict for people, then each finding with what to do. Long ones are cut; RV(findings) is complete.
  returned: always
  type: str
findings:
  description: All findings, with O(certificates) those of all objects and of the fleet.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The check, C(<object>.<what>).
      type: str
      sample: crt.expired
    severity:
      description: V(error), V(warning) or V(info).
      type: str
      sample: error
    message:
      description: What is wrong.
      type: str
      sample: expired on 2026-10-01 12:00:00 UTC
    hint:
      description: What to do.
      type: str
      sample: Have a new certificate issued.
    upload_error:
      description: The words in which the sensor would refuse the upload, or null if it is not known to.
      type: str
      sample: This SSL certificate has expired and isn't considered valid.
    source:
      description: The document that the requirement comes from.
      type: str
      sample: certificate-requirements.md
    file:
      description: The file that it is about, or null.
      type: str
      sample: sensor-1/sensor-1.crt
    name:
      description: The object's label.
      type: str
      sample: sensor-1
    names:
      description: The labels of all objects, if it is about several.
      type: list
      elements: str
    default_severity:
      description: The severity that the check has by default, if another was asked for.
      type: str
waived:
  description: Findings that O(ignore) or the profile waives, in the same form.
  returned: always
  type: list
  elements: dict
certificate:
  description: What the certificate says. With O(certificates) a brief form of it is in each of RV(results).
  returned: for one certificate
  type: dict
  contains:
    common_name:
      description: The common name.
      type: str
    subject:
      description: The subject in its own order.
      type: str
    issuer:
      description: The issuer in its own order.
      type: str
    serial_number:
      description: The serial number, upper-case hexadecimal of whole octets.
      type: str
    not_before:
      description: Begin of the validity, UTC.
      type: str
    not_after:
      description: End of the validity, UTC.
      type: str
    days_left:
      description: Whole days until the end; negative after it.
      type: int
    expiring:
      description: Whether fewer than O(min_days_left) days are left.
      type: bool
    fingerprint:
      description: SHA-256 of the certificate, hexadecimal.
      type: str
    public_key_id:
      description: SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
      type: str
    key_bits:
      description: Size of the key in bits.
      type: int
    dns_names:
      description: DNS names of the subject alternative name.
      type: list
      elements: str
    ip_addresses:
      description: Addresses of the subject alternative name.
      type: list
      elements: str
    subject_order:
      description: C(sample) and C(certificate), the subject's fields in the sample's order and in the certificate's.
      type: dict
    extension_order:
      description: C(sample) and C(certificate), the extensions in the sample's order and in the certificate's.
      type: dict
    chain:
      description: The CAs above the certificate, as far as they were found.
      type: list
      elements: str
results:
  description: One entry for each of O(certificates), in the same order.
  returned: with O(certificates) or O(folder)
  type: list
  elements: dict
  contains:
    name:
      description: The object's label.
      type: str
    valid:
      description: Whether it has no finding of severity V(error) of its own.
      type: bool
    findings:
      description: Its findings.
      type: list
      elements: dict
    certificate:
      description:
        - What the certificate says, in brief - C(common_name), C(issuer), C(serial_number), C(not_before), C(not_after), C(days_left),
          C(fingerprint), C(public_key_id) and C(key_bits). Empty if it cannot be read.
      type: dict
fleet_findings:
  description: Findings about several objects together; they are among RV(findings) as well.
  returned: with O(certificates) or O(folder)
  type: list
  elements: dict
passed_over:
  description: A sentence for each file of O(folder) that looks like a certificate's and was not judged.
  returned: with O(folder), if there are any
  type: list
  elements: str
expiring:
  description: C(name), C(common_name), C(not_after) and C(days_left) of certificates that end soon, soonest first.
  returned: with O(certificates) or O(folder)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._pki.validation.task import ARGUMENT_SPEC, run
from ..module_utils._plain.errors import PkiError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    if CRYPTOGRAPHY_PROBLEM:
        module.fail_json(msg=CRYPTOGRAPHY_PROBLEM)
    try:
        result = run(module.params)
    except PkiError as error:
        module.fail_json(msg=str(error))
    # exit_json would take "failed" for granted to be absent; both print the result and end the process.
    (module.fail_json if result.pop("failed", False) else module.exit_json)(**result)


if __name__ == "__main__":
    main()
