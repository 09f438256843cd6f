# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/variables.md, every variable on one page, from the roles' specifications; with --check only say whether it is current."""

from __future__ import annotations

import sys
from typing import Any

import yaml
from generate_role_readmes import ROLES, row
from generated_page import write_or_check

PAGE = ROLES.parent / "docs" / "variables.md"
INTRODUCTION = """\
<!--
SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
SPDX-License-Identifier: GPL-3.0-or-later
Made by tools/generate_variables_page.py from the roles' specifications; do not edit.
-->

# All variables

What describes a sensor (`sensor_certificates_*` but for the stage folder, `live_check_host`, `live_check_port`, `crl_access_vantage`, `hosts_entries_ip`,
`import_certificates_passphrase`) can be set for one host, a group or everything. `local_ca_*` and the folders are one for a run. Secrets belong into a
vault file that is given with `-e @FILE`, or into vaulted `group_vars`; vault only secrets, since Ansible hides vaulted values wherever it prints them.
A variable that begins like one of these and is none is told with the nearest right name.
"""
# Variables of playbooks, which no role has.
PLAYBOOKS: dict[str, list[tuple[str, str, str, str]]] = {
    "Every playbook": [
        ("ot_pki_dir", "path", "`defender_iot_pki` beside the inventory", "The one folder that holds all that is kept. It must outlive the run."),
    ],
    "change_ca": [
        ("change_ca_action", "str", "required", "`passphrase`, `issuing`, `request` or `install`."),
        ("change_ca_request", "path", "`outbox/local_ca/issuing.csr` in `ot_pki_dir`", "Where `request` writes the issuing CA's request."),
        ("change_ca_certificate", "list", "not set", "The files that `install` takes: the answer and the certificates above it."),
    ],
    "deploy_certs": [
        ("trust_store_serial", "list", "`[1, '25%']`", "How many workstations are done at a time."),
    ],
    "retire_sensors": [
        ("retire_sensors_confirm", "bool", "`false`", "Without it nothing is retired; the run says what would be."),
        ("retire_sensors_names", "list", "those that are staged and not in the inventory", "Inventory names of sensors that are gone."),
    ],
    "revoke_cert": [
        ("revoke_cert_sensor", "str", "not set", "The inventory name: all of this CA's certificates for it that have not ended."),
        ("revoke_cert_serial", "str", "not set", "One certificate, by its serial number: hexadecimal, in quotes."),
        ("revoke_cert_certificate", "path", "not set", "One certificate, by its file."),
        ("revoke_cert_reason", "str", "`unspecified`", "A reason of RFC 5280, section 5.3.1, but for `removeFromCRL`."),
        ("revoke_cert_revoked_at", "str", "now", "An earlier moment, ISO 8601."),
        ("revoke_cert_revocations", "list", "not set", "Several at once, as the module `cert_revoke` takes them."),
    ],
    "validate_certs": [
        ("validate_certs_folder", "path", "not set", "A folder with `.crt`, `.key`, `.pem`, or with one folder for each sensor."),
        ("validate_certs_certificates", "list", "not set", "A list as the option `certificates` of `cert_validate` takes it."),
        ("validate_certs_trusted_roots", "list", "the chains' own roots", "Files with the roots to which chains must lead."),
        ("validate_certs_crls", "list", "not set", "CRL files."),
        ("validate_certs_crl_validation", "bool", "not said", "Whether the organization validates against a CRL."),
        ("validate_certs_key_passphrase", "str", "not set", "The passphrase of keys for which the list names none. A secret."),
        ("validate_certs_min_days_left", "int", "`30`", "Warn of certificates that end sooner."),
        ("validate_certs_profile", "str", "`defender_iot`", "The profile, or the path of a profile file."),
        ("validate_certs_ignore", "list", "`[]`", "Ids of checks to waive."),
        ("validate_certs_severities", "dict", "`{}`", "Other severities, by id."),
        ("validate_certs_key_check", "str", "`match`", "`full` tests the key's primes too."),
        ("validate_certs_fail_on", "str", "`error`", "`error`, `warning` or `never`."),
        ("validate_certs_report", "path", "not set", "A file for the whole result, JSON."),
    ],
}  # fmt: skip
HEAD = ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]


def page() -> str:
    """The page as text."""
    lines = [INTRODUCTION]
    for role in sorted(path for path in ROLES.iterdir() if (path / "meta" / "argument_specs.yml").exists()):
        specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        options: dict[str, Any] = {}
        for spec in specs.values():
            options.update(spec.get("options") or {})
        lines += [f"## Role `{role.name}`", "", *HEAD, *(row(name, option) for name, option in options.items()), ""]
    for name, variables in PLAYBOOKS.items():
        title = f"## Playbook `{name}`" if " " not in name else f"## {name}"
        lines += [
            title,
            "",
            *HEAD,
            *(f"| `{variable}` | {kind} | {default} | {text} |" for variable, kind, default, text in variables),
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
