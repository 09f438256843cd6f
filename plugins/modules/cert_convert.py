#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turn whatever corporate PKI mails into the files that a sensor takes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_convert
short_description: Turn whatever corporate PKI mails into the files that a sensor takes
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Reads PEM (any mix, with text around it, in UTF-8 or UTF-16), DER certificates and keys, PKCS#7 and PKCS#12 (modern and legacy, DER and
    BER), alone, several together, from folders or ZIP archives. What a file is, is told from its content.
  - Writes the certificate, its private key and its chain in order, as single files, PKCS#12 or PKCS#7.
  - The certificate is found by its private key, or as the one which signs no other. If several are possible nothing is guessed; name the
    one that is meant with O(select).
  - A file that has the content already is not written, although encrypted keys and PKCS#12 are other bytes each time.
  - If anything is wrong, nothing of that conversion is written; the others of O(conversions) are done.
  - A file that would take more than seconds or much memory to open is refused. Nothing is ever unpacked to disk.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
    details: On the control node itself (local connection, without C(become) and C(async)) everything happens within Ansible's own process.
requirements:
  - cryptography >= 42 (for the Python that runs the module; on the control node the one that runs Ansible)
options:
  src:
    description:
      - Files, folders or ZIP archives to read. A folder is read with what is below it.
      - Paths only. A text, such as the PEM itself, is refused, since what is given here stands in results and logs.
      - A named file that cannot be used is an error. One that merely lies in a folder or archive is passed over and named in RV(findings).
    type: list
    elements: path
  outputs:
    description:
      - What to write, as a map of kind to path. The folders must exist.
      - V(crt) is the certificate as PEM, V(crt_der) as DER. V(key) is the private key as PEM. V(pem) is the chain without the certificate
        itself, the issuing CA first, up to the root. V(p12) is a PKCS#12 file with certificate, key and chain, V(p7b) a PKCS#7 file (PEM)
        with certificate and chain.
    type: dict
  passphrase:
    description: Opens encrypted keys and PKCS#12 files in O(src).
    type: str
  passphrase_variable:
    description: The name of the variable that holds O(passphrase), so that no callback which records options gets it.
    type: str
  passphrase_file:
    description: A file whose first line is O(passphrase).
    type: path
  output_passphrase:
    description:
      - Encrypts V(key) and V(p12) of O(outputs). Only characters that a sensor takes.
      - Without it they are written unencrypted, with mode 0600, and the result says so if the key came encrypted.
    type: str
  output_passphrase_variable:
    description: The name of the variable that holds O(output_passphrase), so that no callback which records options gets it.
    type: str
  output_passphrase_file:
    description: A file whose first line is O(output_passphrase).
    type: path
  select:
    description: The common name, friendly name or SHA-256 fingerprint of the certificate that is meant, if there are several.
    type: str
  key_format:
    description: PKCS#8, or the traditional format of OpenSSL (PKCS#1).
    type: str
    choices: [pkcs8, traditional]
    default: pkcs8
  p12_profile:
    description: Encryption of V(p12), V(modern) with AES-256 and SHA-256, or V(legacy) with 3DES and SHA-1 for Windows before 2016 and old Java.
    type: str
    choices: [modern, legacy]
    default: modern
  friendly_name:
    description: The name of the certificate in V(p12). By default the one it had, or its common name.
    type: str
  mode:
    description:
      - The mode of all O(outputs), as octal digits in quotes.
      - By default what holds a private key is 0600, other new files are 0644, and those that exist keep theirs.
    type: raw
  owner:
    description: The user who owns the files.
    type: str
  group:
    description: The group of the files.
    type: str
  backup:
    description: Keep a copy of each file that is replaced, beside it.
    type: bool
    default: false
  conversions:
    description: Many conversions in one call. The module's own options of the same names are the defaults of each.
    type: list
    elements: dict
    suboptions:
      src:
        description: See O(src).
        type: list
        elements: path
      outputs:
        description: See O(outputs).
        type: dict
      passphrase:
        description: See O(passphrase).
        type: str
      passphrase_variable:
        description: See O(passphrase_variable).
        type: str
      passphrase_file:
        description: See O(passphrase_file).
        type: path
      output_passphrase:
        description: See O(output_passphrase).
        type: str
      output_passphrase_variable:
        description: See O(output_passphrase_variable).
        type: str
      output_passphrase_file:
        description: See O(output_passphrase_file).
        type: path
      select:
        description: See O(select).
        type: str
      key_format:
        description: See O(key_format).
        type: str
        choices: [pkcs8, traditional]
      p12_profile:
        description: See O(p12_profile).
        type: str
        choices: [modern, legacy]
      friendly_name:
        description: See O(friendly_name).
        type: str
      mode:
        description: See O(mode).
        type: raw
      owner:
        description: See O(owner).
        type: str
      group:
        description: See O(group).
        type: str
      backup:
        description: See O(backup).
        type: bool
seealso:
  - module: ot_pki.defender_iot.cert_validate
  - module: ot_pki.defender_iot.cert_stage
"""

EXAMPLES = r"""
- name: Take a PFX of the Windows export wizard apart
  ot_pki.defender_iot.cert_convert:
    src: /srv/inbox/sensor-1.pfx
    passphrase_variable: pfx_passphrase
    outputs:
      crt: /srv/upload/sensor-1.plant.example.crt
      key: /srv/upload/sensor-1.plant.example.key
      pem: /srv/upload/sensor-1.plant.example.pem

- name: A DER certificate, its encrypted key and the chain, which came apart
  ot_pki.defender_iot.cert_convert:
    src:
      - /srv/inbox/sensor-2.cer
      - /srv/inbox/sensor-2-private.pem
      - /srv/inbox/chain.p7b
    passphrase_file: /run/secrets/sensor-2
    outputs:
      p12: /srv/upload/sensor-2.p12
    output_passphrase_variable: new_passphrase

- name: Many in one call
  ot_pki.defender_iot.cert_convert:
    conversions:
      - src: [/srv/inbox/a.cer, /srv/inbox/a.key]
        outputs: {crt: /srv/upload/a.crt, key: /srv/upload/a.key}
      - src: [/srv/inbox/b.cer, /srv/inbox/b.key]
        outputs: {crt: /srv/upload/b.crt, key: /srv/upload/b.key}
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: What was written and why, or what is wrong and what to do.
  type: str
  returned: always
outputs:
  description: What became of each of O(outputs), by kind.
  type: dict
  returned: without O(conversions)
  contains:
    path:
      description: The file.
      type: str
    changed:
      description: Whether it was written, or its mode or owner set.
      type: bool
    reasons:
      description: Why.
      type: list
      elements: str
    backup_file:
      description: The copy of what was there before.
      type: str
findings:
  description:
    - What is wrong (severity V(error), and nothing was written), what should be known (V(warning)), what was left out (V(info)). The form is
      that of M(ot_pki.defender_iot.cert_validate).
  type: list
  elements: dict
  returned: without O(conversions)
certificate:
  description: The certificate that was found, with C(common_name), C(subject), C(issuer), C(serial_number), C(not_after), C(fingerprint),
    C(friendly_name) and C(source).
  type: dict
  returned: without O(conversions)
chain:
  description: The subjects of the chain, the issuing CA first.
  type: list
  elements: str
  returned: without O(conversions)
chain_complete:
  description: Whether the chain reaches a root.
  type: bool
  returned: without O(conversions)
key:
  description: The private key that was found, with C(kind), C(public_key_id), C(was_encrypted), C(encrypted) (as written) and C(source).
  type: dict
  returned: without O(conversions)
results:
  description: One entry for each of O(conversions), in the same order, with the above and C(src), C(changed), C(failed).
  type: list
  elements: dict
  returned: with O(conversions)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._pki.conversion.task import ARGUMENT_SPEC, run
from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._plain.errors import PkiError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    if CRYPTOGRAPHY_PROBLEM:
        module.fail_json(msg=CRYPTOGRAPHY_PROBLEM)
    try:
        result = run(module.params, module.check_mode, module._diff)
    except PkiError as error:
        module.fail_json(msg=str(error))
    # exit_json would take "failed" for granted to be absent; both print the result and end the process.
    (module.fail_json if result.pop("failed", False) else module.exit_json)(**result)


if __name__ == "__main__":
    main()
