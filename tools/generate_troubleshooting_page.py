# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/troubleshooting.md, the upload's errors and what to do, from the table of checks; with --check only say whether it is current."""

from __future__ import annotations

import sys

from generate_checks_page import TOP, load
from generated_page import write_or_check

PAGE = TOP / "docs" / "troubleshooting.md"
INTRODUCTION = """\
<!--
SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
SPDX-License-Identifier: GPL-3.0-or-later
Made by tools/generate_troubleshooting_page.py from the table of checks; do not edit.
-->

# The sensor refuses the upload

A sensor has six sentences for this. Copy the three files that were uploaded into one folder and let them be judged; the
findings name the sentence that they lead to, and what to do:

```console
$ ansible-playbook ot_pki.defender_iot.validate_certs -e validate_certs_folder=UPLOADED
```

Which sentence the sensor shows for which fault is concluded from the vendor's documents, where they are clear; no sensor was at hand. The
whole table of checks, also those without a known sentence, is [checks](checks.md).
"""
# The catalogue's name of the sentence, and what the checks cannot know.
SECTIONS = {
    "PASSPHRASE_ERROR": "The passphrase in the form is not that of the key, or the key is not that of the certificate. The upload sheet of the "
    "[report](report.md) says whether a sensor has a passphrase (`sensor_certificates_key_passphrase`); without one leave the field empty.",
    "CHAIN_ERROR": "The `.pem` does not lead from the `.crt` to a root. Upload all three files of one sensor, from one folder, in one go: after a new "
    "issue the chain may be another one. A chain that came from corporate PKI is completed and put into order by [cert_convert](convert.md).",
    "EXPIRED_ERROR": "By the sensor's clock, or by yours. Look at the sensor's time and its NTP server first: a clock that is behind refuses a new "
    "certificate as well. Then run `deploy_certs`; what is due is issued anew.",
    "REVOKED_ERROR": "The CRL lists this certificate. Run `deploy_certs`: a revoked certificate is replaced, with the reason in the summary. If it "
    "was not meant to be revoked, the record says who did it, when and why (`history` in the [report](report.md)).",
    "CRL_ERROR": "The certificate names a CRL, the validation is *Mandatory*, and the sensor could not fetch it. `check_crl` tells for each URL where it "
    "ended, as seen from a host that stands where the sensors stand (`crl_access_vantage`, [CRLs](crl.md)). If the organization does not validate "
    "against CRLs, no URL belongs into the certificate: leave `local_ca_crl_url` empty, and issue anew.",
    "OTHER_ERROR": "Anything else. The checks below lead to it; if none of them finds anything, it is the vendor's support that can read the "
    "sensor's log.",
}  # fmt: skip


def page() -> str:
    """The page as text."""
    catalogue = load()[0]
    parts = [INTRODUCTION]
    for name, text in SECTIONS.items():
        sentence = getattr(catalogue, name)
        parts.append(f"\n## {sentence.rstrip('.')}\n\n{text}\n\n| Check | Finds | What to do |\n|---|---|---|\n")
        parts += [
            f"| `{check.id}` | {check.title} | {check.hint} |\n".replace("<", "&lt;")
            for check in catalogue.CHECKS
            if check.upload_error == sentence
        ]
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
