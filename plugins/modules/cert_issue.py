#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_issue
short_description: Obtain certificates for many sensors, each from its own issuer
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Takes a list of sensors and plans for each whether to keep what it has, to obtain a certificate, or to wait, with the reasons.
  - Obtains from each sensor's issuer, which is the embedded CA, a folder of received files, or another one; records every certificate in
    the ledger, and writes each bundle into the store of the stage directory, where nobody sees it until M(ot_pki.defender_iot.cert_stage)
    shows it. Keys, records and bundles are on the disk before the module returns.
  - A sensor whose host was renamed (same common name, the old host is gone from the inventory) takes over the bundle.
  - Inputs of all sensors are checked before anything is made. One sensor's fault fails that sensor only, see RV(results[].errors).
  - Runs once on the control node for the whole fleet; use C(run_once).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
  - ot_pki.defender_iot.attributes.controller
  - ot_pki.defender_iot.options
options:
  sensors:
    description: The sensors. A fault in one of them does not keep the others from being done.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The sensor's name in the inventory; becomes a folder of the stage directory.
        type: str
        required: true
      common_name:
        description: The sensor's domain name, at most 64 characters. By default the name.
        type: str
      subject:
        description:
          - The subject. V(country), V(organization) and V(organizational_unit) are required; V(state), V(locality) and V(email) are optional.
        type: dict
        required: true
      sans:
        description: Host names and IP addresses besides the common name.
        type: list
        elements: str
      key_size:
        description: Size of the RSA key in bits.
        type: int
        choices: [2048, 4096]
        default: 2048
      key_passphrase:
        description: Encrypts the private key. Only characters that the sensors accept.
        type: str
      key_passphrase_variable:
        description:
          - The variable of the host named O(sensors[].name) that holds O(sensors[].key_passphrase). The passphrase is read from there and so is
            no part of a registered result.
        type: str
      validity_days:
        description: Validity in days from now. Shortened with a warning to what remains of the issuing CA.
        type: int
        default: 730
      renew_before_days:
        description: Days before the end from which a certificate is issued anew. By default 60, but at most a third of its lifetime.
        type: int
      renew_spread_days:
        description: Makes a certificate due up to so many days earlier, by the sensor's name, so that a fleet does not come due on one day.
        type: int
        default: 0
      issuer:
        description:
          - Whose certificate it gets, V(local_ca), V(received), V(self_signed) or a key of O(issuers).
          - A sensor that changes its issuer keeps what is staged until it has a certificate of the new one.
        type: str
        default: local_ca
      environment:
        description: V(self_signed) is refused unless this is V(test).
        type: str
        choices: [production, test]
        default: production
      reissue:
        description: Obtains anew whatever there is, with a new key.
        type: bool
        default: false
      received_passphrase_variable:
        description: The variable of the host named O(sensors[].name) that holds the passphrase of its received files.
        type: str
      groups:
        description: The host's groups, for the record only.
        type: list
        elements: str
      ip:
        description: The host's address, for the record only.
        type: str
  others:
    description: The fleet's sensors that are not in this run, with V(name) and V(common_name); their common names are taken.
    type: list
    elements: dict
    default: []
  sliced:
    description:
      - The sensors are a part of a fleet, and nobody says who the others are. A staged bundle of a sensor that is named nowhere then belongs
        to another part and not to a sensor that left the inventory.
    type: bool
    default: false
    version_added: 1.1.0
  ca_dir:
    description: The folder of the embedded CA, see M(ot_pki.defender_iot.local_ca). Needed if a sensor's issuer is V(local_ca).
    type: path
  ca_passphrase:
    description: The passphrase of the CA's keys.
    type: str
  ca_passphrase_variable:
    description: The variable that holds O(ca_passphrase). Callbacks that show a task's options then show no passphrase.
    type: str
  variables_of:
    description: The host whose variables are meant by O(ca_passphrase_variable), O(issuers_variable) and
      O(received.passphrases_variable). By default the host on which the task runs.
    type: str
  issuers:
    description:
      - Further issuers by name; each is a dictionary with C(kind) and that kind's settings, and C(trusted_roots) (files with the roots at which
        its chains must end). A setting that does not exist fails the sensors of this issuer, and the message names the nearest one.
      - C(request_folder) lays out requests in C(outbox) and takes answers from C(inbox); with C(template), C(submit.cmd) for AD CS as well.
        C(passphrase) opens answers that come encrypted.
      - C(vault) (HashiCorp Vault, OpenBao) has C(url), C(mount), C(role), C(token) or C(token_file), C(namespace), C(ca_cert), C(timeout).
      - C(cfssl) has C(url), C(profile), C(label), C(auth_key), C(ca_cert), C(timeout).
    type: dict
    default: {}
  issuers_variable:
    description: The variable that holds O(issuers). Secrets in it are then no part of a task's arguments.
    type: str
  received:
    description: Where received files are, for sensors whose issuer is V(received).
    type: dict
    suboptions:
      src:
        description: Folders, archives or files.
        type: list
        elements: path
      ca_files:
        description: CA certificates with which chains are completed.
        type: list
        elements: path
        default: []
      passphrases:
        description: Passphrases to try on encrypted files.
        type: list
        elements: str
        default: []
      passphrases_variable:
        description: The variable that holds O(received.passphrases).
        type: str
      passphrase_files:
        description: Files whose first lines are further passphrases.
        type: list
        elements: path
        default: []
      trusted_roots:
        description: Files with the roots at which every chain must end. Required, unless O(received.trust_any) is set.
        type: list
        elements: path
        default: []
      trust_any:
        description: Any CA will do.
        type: bool
        default: false
  ot_pki_dir:
    description: The folder below which issuers that exchange files have theirs.
    type: path
  max_changes:
    description: At most so many sensors that have a certificate get a new one; the others are kept with the reason that they wait.
    type: int
  ledger_dir:
    description: The ledger of certificates. By default O(ca_dir) with C(_ledger) appended, without O(ca_dir) C(local_ca_ledger) beside
      O(stage_dir).
    type: path
  crl_url:
    description: The C(http://) URL of the issuing CA's CRL, written into each certificate. By default there is none.
    type: str
  profile:
    description: The requirements, V(defender_iot) or the path of a profile file, see M(ot_pki.defender_iot.cert_validate).
    type: str
    default: defender_iot
  crl_dir:
    description: The folder in which the CA's CRLs are published. What they list is never kept, whatever the ledger says.
    type: path
  lock_timeout:
    description: Seconds to wait for sensors that another run works on, before they fail.
    type: float
    default: 30.0
  variable_prefix:
    description: How the caller's variables begin, for messages.
    type: str
    default: ""
seealso:
  - module: ot_pki.defender_iot.local_ca
  - module: ot_pki.defender_iot.cert_stage
"""

EXAMPLES = r"""
- name: Issue what is due
  ot_pki.defender_iot.cert_issue:
    sensors:
      - name: sensor-1
        common_name: sensor-1.plant.example
        subject:
          country: US
          organization: Contoso
          organizational_unit: OT Security
        sans: [192.0.2.11]
    stage_dir: /srv/ot-pki/staged
    ca_dir: /srv/ot-pki/local_ca
    ca_passphrase_variable: vault_local_ca_passphrase
  register: issued
  run_once: true
"""

RETURN = r"""
results:
  description: What was done for each sensor, in the order given.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The sensor.
      type: str
    action:
      description: V(kept), V(issued), V(pending) (asked and not answered; what is staged stays) or V(failed). In check mode V(issued)
        means that it would be.
      type: str
    issuer:
      description: The issuer's name.
      type: str
    changed:
      description: Whether something was made, asked or taken over for this sensor.
      type: bool
    requested:
      description: Since when the request waits.
      type: str
    received:
      description: The files that the certificate and its key came from.
      type: list
      elements: str
    notes:
      description: What was set aside or withdrawn, and why.
      type: list
      elements: str
    altered:
      description: What the issuer gave otherwise than it was asked, and the sensors accept all the same.
      type: list
      elements: dict
      contains:
        field:
          description: For example C(subject OU), C(SAN), C(validity), C(extendedKeyUsage).
          type: str
        asked:
          description: What was asked.
          type: str
        given:
          description: What was given.
          type: str
    common_name:
      description: The common name.
      type: str
    reasons:
      description: "Why a certificate is issued, for example C(missing) or C(key size: 2048 -> 4096)."
      type: list
      elements: str
    errors:
      description: Why the sensor failed.
      type: list
      elements: str
    warnings:
      description: What people should know.
      type: list
      elements: str
    certificate:
      description: Path of the certificate.
      type: str
    private_key:
      description: Path of the private key.
      type: str
    chain:
      description: Path of the chain.
      type: str
    serial:
      description: The serial number, upper-case hexadecimal of whole octets.
      type: str
    fingerprint:
      description: SHA-256 of the certificate in hexadecimal.
      type: str
    not_before:
      description: Start of validity.
      type: str
    not_after:
      description: End of validity.
      type: str
    renew_after:
      description: When the certificate is due.
      type: str
problems:
  description: What is wrong and no sensor's fault, such as received files that cannot be read.
  type: list
  elements: str
  returned: success
lines:
  description: What people should know besides.
  type: list
  elements: str
  returned: success
bundles:
  description: The bundles of all sensors that did not fail, as options for M(ot_pki.defender_iot.cert_stage).
  type: list
  elements: dict
  returned: success
failed_sensors:
  description: The names of the sensors that failed.
  type: list
  elements: str
  returned: success
"""
