#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CA certificates in trust stores."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ca_trust
short_description: Trust CA certificates on a Linux host, or stop trusting them
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Installs CA certificates into the trust store of the operating system, of Java, of browsers (NSS databases) and into bundle files, and asks
    each store's own tool afterwards whether they are really trusted.
  - Certificates are recognized by their SHA-256 fingerprint, never by a file name. What is trusted already is not installed again.
  - The files are read and judged on the control node. A file with a private key, a certificate that is no CA's, and one that is out of date
    are refused, and so is what nobody should trust (RSA below 2048 bits, MD5, SHA-1 but for a root's own signature, unknown critical extensions,
    no TLS servers); only what passed travels to the host.
  - Names in stores begin with C(ot_pki_). Nothing else is ever removed, unless its fingerprint is given.
  - The system's stores are those of Debian and Ubuntu, Alpine, RHEL and Fedora, SUSE, and Arch. Windows is done by the role
    P(ot_pki.defender_iot.trust_store#role).
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
requirements:
  - cryptography >= 42 (for the Python that runs Ansible)
  - On the host nothing but Python, and the tools of the stores that are to be changed.
options:
  certificates:
    description:
      - Paths on the control node, PEM or DER; a file may hold several certificates.
      - May be empty for O(state=absent) with O(fingerprints).
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) sees to it that the certificates are trusted.
      - V(absent) removes them from where this module has put them.
    type: str
    choices: [present, absent]
    default: present
  stores:
    description:
      - Which kinds of stores are done. By default all that the host has; a Java or NSS store that nobody named and that cannot be done is
        then a warning.
      - V(system) is the operating system's store. V(java) are the keystores of all installed Java, or O(java_keystores). V(nss) are the NSS
        databases, system-wide and in people's homes, as Chromium and Firefox have them, or O(nss_databases). V(bundle) are O(bundles).
      - Stores that are named by the options for a kind are done in any case.
    type: list
    elements: str
    choices: [system, java, nss, bundle]
  fingerprints:
    description:
      - SHA-256 fingerprints, with or without colons.
      - With O(state=present) each certificate must have one of them, or all are refused.
      - With O(state=absent) these certificates are removed even if somebody else installed them.
    type: list
    elements: str
    default: []
  remove_former:
    description:
      - Remove what this module installed earlier and is not among O(certificates), for the end of a change of CA. Until then both are trusted.
    type: bool
    default: false
  java_keystores:
    description:
      - Keystore files, or folders of a Java, in place of those that are found.
      - The C(keytool) of that Java is used if nobody but root and the user who does this could change it, otherwise the system's.
    type: list
    elements: path
    default: []
  java_password:
    description: The password of the Java keystores.
    type: str
    default: changeit
  nss_databases:
    description:
      - Folders of NSS databases, in place of those that are found.
      - Folder and files must be no links, belong to one user, and be writable by nobody else; they are changed as this user.
    type: list
    elements: path
    default: []
  nss_users:
    description: Users for whom Chromium's database is made if they have none yet.
    type: list
    elements: str
    default: []
  bundles:
    description:
      - PEM files with authorities, made if there are none yet.
      - A link is followed if it belongs to root or to the user who does this.
    type: list
    elements: path
    default: []
  timeout:
    description: Seconds for one call of a store's tool.
    type: float
    default: 120.0
  judged:
    description: Set by the action plugin of this module, never by playbooks.
    type: list
    elements: dict
    suboptions:
      pem:
        description: The certificate.
        type: str
        required: true
      fingerprint:
        description: Its SHA-256 fingerprint.
        type: str
        required: true
      label:
        description: What people call it.
        type: str
        required: true
      self_signed:
        description: Whether it is a root.
        type: bool
        required: true
"""

EXAMPLES = r"""
- name: Trust the sensors' CA wherever this host keeps authorities
  ot_pki.defender_iot.ca_trust:
    certificates: [/srv/ot-pki/local_ca/root.crt]
    fingerprints: ["{{ ot_root_sha256 }}"]
  become: true

- name: One application with a bundle, another with a Java keystore of its own
  ot_pki.defender_iot.ca_trust:
    certificates: [/srv/ot-pki/local_ca/root.crt]
    stores: [bundle, java]
    bundles: [/opt/historian/etc/ca.pem]
    java_keystores: [/opt/scada/conf/truststore.jks]
    java_password: "{{ vault_truststore_password }}"
  become: true

- name: After the change of CA, end the overlap
  ot_pki.defender_iot.ca_trust:
    certificates: [/srv/ot-pki/local_ca/root.crt]
    remove_former: true
  become: true
"""

RETURN = r"""
stores:
  description: What was found and done in each store.
  type: list
  elements: dict
  returned: when stores were found
  contains:
    type:
      description: V(system), V(java), V(nss) or V(bundle).
      type: str
    name:
      description: What it is.
      type: str
    path:
      description: Where it is.
      type: str
    changed:
      description: Whether it was changed; in check mode whether it would be.
      type: bool
    trusted:
      description:
        - Whether the store trusts the certificates afterwards, all of them with O(state=present), any of them with O(state=absent).
        - In check mode, as it is now.
      type: bool
    added:
      description: Fingerprints that were added.
      type: list
      elements: str
    removed:
      description: Fingerprints that were removed.
      type: list
      elements: str
    left:
      description: Fingerprints that stay, because somebody else installed them and they are not among O(fingerprints).
      type: list
      elements: str
    verified_by:
      description: The tool that was asked.
      type: str
    repaired:
      description:
        - What showed that the store was not whole, since a change of it had been cut off. It was made anew; in check mode, it would be.
        - Empty if it was whole.
      type: str
    damage:
      description: What is still not whole after that, or empty.
      type: str
    error:
      description: Why the store could not be done, or empty.
      type: str
certificates:
  description: The certificates, with V(source), V(subject), V(fingerprint), V(thumbprint) (SHA-1), V(self_signed) and V(not_after).
  type: list
  elements: dict
  returned: when they were not refused
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._plain.errors import PkiError
from ..module_utils._plain.texts import harmless
from ..module_utils._plain.trust.model import Anchor, Report, Request
from ..module_utils._plain.trust.options import ARGUMENT_SPEC
from ..module_utils._plain.trust.stores import Selection, run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    if params["judged"] is None:
        module.fail_json(msg="ca_trust works with its action plugin only; call it as ot_pki.defender_iot.ca_trust")
    present = params["state"] == "present"
    request = Request(
        anchors=tuple(Anchor(**one) for one in params["judged"]),
        present=present,
        told=frozenset() if present else frozenset(params["fingerprints"]),
        remove_former=params["remove_former"],
        check_mode=module.check_mode,
    )
    selection = Selection(
        kinds=tuple(params["stores"]) if params["stores"] else None,
        java_keystores=tuple(params["java_keystores"]),
        java_password=params["java_password"],
        nss_databases=tuple(params["nss_databases"]),
        nss_users=tuple(params["nss_users"]),
        bundles=tuple(params["bundles"]),
        timeout=params["timeout"],
    )
    try:
        reports = run(selection, request)
    except PkiError as error:
        module.fail_json(msg=str(error))
    for report in reports:
        # What tools and files say is no more than a text here.
        report.error, report.repaired, report.damage = map(harmless, (report.error, report.repaired, report.damage))
    for report in reports:
        if report.repaired:
            verb = "would be" if module.check_mode else "was"
            module.warn(f"{report.name} ({report.path}) was not whole and {verb} made anew: {report.repaired}")
        if report.damage:
            module.warn(f"{report.name} ({report.path}) is not whole, also made anew: {report.damage}")
        if report.error and report.optional:
            module.warn(f"not done: {report.error}")
        elif report.left:
            module.warn(
                f"{report.name} ({report.path}) keeps {', '.join(report.left)}, which somebody else installed; "
                "give the fingerprint in fingerprints to remove it nevertheless"
            )
    result = _result(reports, module._diff)
    errors = [report.error for report in reports if report.error and not report.optional]
    if errors:
        module.fail_json(**{**result, "msg": "; ".join(errors)})
    module.exit_json(**result)


def _result(reports: list[Report], diff: bool) -> dict[str, Any]:
    stores = [asdict(report) for report in reports]
    for store in stores:
        del store["optional"]
    changed = [report for report in reports if report.changed and not report.error]
    done = ", ".join(f"{report.name} ({report.path})" for report in changed) or "nothing to change"
    result: dict[str, Any] = {"changed": bool(changed), "stores": stores, "msg": f"{len(reports)} stores: {done}"}
    if diff:
        result["diff"] = [
            {
                "before_header": report.path,
                "after_header": report.path,
                "before": "".join(f"{fingerprint}\n" for fingerprint in report.removed),
                "after": "".join(f"{fingerprint}\n" for fingerprint in report.added),
            }
            for report in changed
        ]
    return result


if __name__ == "__main__":
    main()
