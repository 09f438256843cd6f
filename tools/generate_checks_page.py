# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/checks.md from the table of checks.

tools/generate_checks_page.py           writes the page
tools/generate_checks_page.py --check   only tells whether it is current (exit status 1 if not)
"""

from __future__ import annotations

import json
import sys
import types
from collections import Counter
from pathlib import Path

from generated_page import write_or_check

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "checks.md"
INTRODUCTION = """\
<!--
SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
SPDX-License-Identifier: GPL-3.0-or-later
Made by tools/generate_checks_page.py from the table of checks; do not edit.
-->

# Checks of the profile `defender_iot`

What `cert_validate` and `cert_stage` look at, what each requirement rests on, and with which words a sensor
would refuse the upload if that is known. An id is `<object>.<what>`. With `ignore` a finding is waived (and
listed as waived), with `severities` it gets another severity, both also in a profile file of your own:

```yaml
extends: defender_iot
subject_allowed:
  O: [Contoso Ltd]
allowed_key_bits: [2048, 4096]
max_validity_days: 398
san_required: true
ignore: [subject.field-order]
severities: {crt.expires-soon: error}
rules:
  - id: org.own-domain
    when: "!ends_with(common_name, '.contoso.com')"
    severity: error
    message: the name lies outside contoso.com
    hint: Have the certificate issued for a name below contoso.com.
```

A rule is a [JMESPath](https://jmespath.org) expression over the certificate's facts; where it is true (or a list that
is not empty), its message is a finding. A mistake in an expression, a fact or function that does not exist, is told
before anything is judged. The facts are those of the result's `certificate`, and some more:

{facts}

## Judging files from anywhere

```console
$ ansible-playbook ot_pki.defender_iot.validate_certs -e validate_certs_folder=/srv/inbox
$ ansible-playbook ot_pki.defender_iot.validate_certs -i inventory -e validate_certs_folder=defender_iot_pki/staged
```

Nothing is changed. The folder holds files of one stem (`a.crt`, `a.key`, `a.pem`), or a folder for each sensor. What a file is, its content
says: a certificate may be named `.cer`, `.der` or `.pem`; a request or a key alone is judged as far as it goes; a `.pfx` or `.p7b` is told
for what it is ([convert.md](convert.md) takes it apart); a certificate without its key is a warning. With an inventory (`-i`, which must have sensors then), files that have
the name or the common name of one of its sensors are judged for that name, with the key's passphrase that the inventory has.

| Variable | Meaning | Default |
|---|---|---|
| `validate_certs_folder` | the folder; it or `validate_certs_certificates` is required | none |
| `validate_certs_certificates` | a list as the option `certificates` of the module `cert_validate` takes it | none |
| `validate_certs_trusted_roots` | files with the roots to which the chains must lead | the chains' own |
| `validate_certs_crls` | CRL files | none |
| `validate_certs_crl_validation` | `true`: the sensors validate against a CRL, so a URL is wanted; `false`: none may be there | not said |
| `validate_certs_key_passphrase` | passphrase of keys for which neither the list nor the inventory has one; from a vault file, `-e @secrets.yml` | none |
| `validate_certs_min_days_left` | from how many days before its end on a certificate ends soon | 30 |
| `validate_certs_profile` | `defender_iot`, or the path of a profile file | `defender_iot` |
| `validate_certs_ignore`, `validate_certs_severities` | ids to waive; other severities by id | none |
| `validate_certs_key_check` | `full`: primes too | `match` |
| `validate_certs_fail_on` | `error`, `warning` or `never` | `error` |
| `validate_certs_report` | a file into which the whole result is written as JSON | none |

## What stands behind the verdicts

Paths are judged as RFC 5280, section 6.1, says, and where TLS software is stricter, as OpenSSL does, which sensors
run. All 224 paths of NIST's PKITS are judged as the suite says, but for its two with DSA keys, which no TLS software
takes any more. Sensors have no setting for initial policies, so there is none here: any policy is asked for, and none
is required unless a CA of the chain requires one. Tests hold the verdicts against `openssl verify` (as it comes, and
with `-x509_strict`), certtool, and the verifier of Python's cryptography; each accepted difference stands in a table
with its reason. Weak keys are held against badkeys.

## Keys that everybody has

A key that was copied from an example works as well as any other, and its private half is public. Known are
{published} RSA and elliptic curve keys whose private halves stand, without a passphrase, in these packages: examples,
test data and the certificates of development servers. They are found in certificates, key files, requests, and in the
CAs of a chain; of an RSA key the modulus decides, so another public exponent does not hide it.

{packages}

`published_list.py` beside the rules has a fingerprint (SHA-256, cut to 128 bits) and the file of each; no key itself.
`tools/collect_published_keys.py` of the source makes it anew from the packages that
`tools/published_keys_sources.txt` names. **Not** in it, since those lists have hundreds of thousands of keys and are
too large to be shipped: the predictable keys of Debian's OpenSSL of 2008 (CVE-2008-0166), keys in the firmware of
appliances, and keys that were published by accident. PyPI's `badkeys` knows them after `badkeys --update-bl`: run
`badkeys FILE.crt` for certificates of systems that old, or of unknown origin.
"""
TITLES = {
    "crt": "The certificate",
    "subject": "Its subject",
    "key": "The private key",
    "chain": "The chain",
    "crl": "Revocation lists",
    "csr": "The certificate signing request",
    "file": "The files",
    "fleet": "The fleet",
    "engine": "The engine",
}


def load() -> tuple[types.ModuleType, ...]:
    """The table, the facts and the published keys, imported by their folders: our own packages, without Ansible."""
    root = types.ModuleType("collection_source")
    root.__path__ = [str(TOP / "plugins")]
    sys.modules["collection_source"] = root
    from collection_source.module_utils._pki.profiles import own_rules
    from collection_source.module_utils._pki.profiles.defender_iot import catalogue
    from collection_source.module_utils._pki.validation import published_keys

    return catalogue, own_rules, published_keys


def page() -> str:
    """The page as text."""
    catalogue, own_rules, published_keys = load()
    published = published_keys.known()
    counts = Counter(place.partition(" of the ")[2] for place in published.values())
    packages = "\n".join(f"- {package}: {count}" for package, count in counts.items())
    objects = list(dict.fromkeys(check.object for check in catalogue.CHECKS))
    facts = "\n".join(
        f"- `{name}`, for example `{json.dumps(value)}`" for name, value in own_rules.SAMPLE_FACTS.items()
    )
    parts = [
        INTRODUCTION.replace("{facts}", facts)
        .replace("{published}", str(len(published)))
        .replace("{packages}", packages)
    ]
    for name in objects:
        parts.append(f"\n## {TITLES[name]}\n")
        for check in catalogue.CHECKS:
            if check.object != name:
                continue
            said = f"`{check.upload_error}`" if check.upload_error else "none known"
            parts.append(
                f"\n### `{check.id}` ({check.severity}): {check.title}\n\n"
                f"- Requirement: {check.requirement} ({check.source})\n"
                f"- Upload error: {said}\n"
                f"- What to do: {check.hint}\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
