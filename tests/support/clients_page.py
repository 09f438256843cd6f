# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page docs/clients.md: which client accepts which bundle, and what ``cert_validate`` says of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from clients import ACCEPTED, CLIENTS

EVERYBODY = frozenset(CLIENTS)
STRICT = frozenset({"Python strict"})
# By slug: who refuses a bundle that ``cert_validate`` calls valid, and why it is no error. Apache stands for a server
# that does not start.
EXCEPTIONS: dict[str, tuple[frozenset[str], str]] = {
    "no-san": (
        frozenset({"Go", "Chromium", "Firefox"}),
        "the sensors' documents ask for no SAN; the warning says that browsers want one",
    ),
    "san-without-cn": (EVERYBODY, "by the name in the SAN the console is reached; by the CN it is not, says the warning"),
    "san-no-name": (frozenset({"GnuTLS"}), "every other client passes over an empty name"),
    "encipherment": (
        frozenset({"Chromium", "GnuTLS", "Java"}),
        "the documents ask for one of the two usages; OpenSSL, which sensors run, does not look at it",
    ),
    "must-staple": (frozenset({"GnuTLS", "Firefox"}), "most clients do not ask for the stapled answer"),
    "printable": (
        frozenset({"Go", "Chromium"}),
        "OpenSSL, which sensors run, reads it, and many old CAs write it",
    ),
    **dict.fromkeys(
        ("cert-sign", "cert-sign-bare", "ca-no-usage", "ca-not-critical", "ca-no-ski", "ca-no-aki", "no-aki", "leaf-path-length"),
        (STRICT, "only OpenSSL's strict mode refuses it, which Python has by default since 3.13"),
    ),
    "der": (
        frozenset({"Apache"}),
        "the documents allow DER in the `.crt` of an upload; `cert_stage` and `cert_convert` write PEM",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One bundle.

    :ivar findings: severity and id of each finding but informations.
    :ivar said: what each client said; None: Apache does not start.
    """

    slug: str
    title: str
    findings: tuple[str, ...]
    said: Mapping[str, str] | None

    @property
    def error(self) -> bool:
        return any(finding.startswith("error ") for finding in self.findings)

    @property
    def refused_by(self) -> frozenset[str]:
        """The clients that refuse it; ``Apache`` alone if nothing is served."""
        if self.said is None:
            return frozenset({"Apache"})
        return frozenset(name for name, words in self.said.items() if words != ACCEPTED)


INTRODUCTION = """\
<!--
SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
SPDX-License-Identifier: GPL-3.0-or-later
Made by tools/generate_clients_page.py; do not edit.
-->

# What TLS clients say of a bundle

A test serves bundles with Apache, which is what sensors run: `.crt`, `.key` and `.pem` as they lie in a sensor's
folder. {count} clients connect by the sensor's name and trust the bundle's root. The first rows are fit bundles as
this collection stages them; each of the others has one fault. `yes` means that the client accepts the connection.

- What `cert_validate` calls valid is accepted by every client, and what no client accepts, or what Apache does not
  start with, is an error. The exceptions stand below.
- The other way round it is stricter than clients are, since sensors ask for more than clients do.
- "Python strict" is Python with `VERIFY_X509_STRICT`, its default since 3.13. Chromium and Firefox run without a
  window and trust the roots through their NSS databases. Each is one process for all bundles, so both remember what
  they saw; they fetch a page by their own means, without drawing it.

{versions}

"""


def text(rows: list[Row]) -> str:
    """The page."""
    names = list(CLIENTS)
    lines = [INTRODUCTION.format(count=len(names), versions=f"{VERSIONS}{_versions()}.")]
    lines.append(f"| Bundle | {' | '.join(names)} | `cert_validate` |\n")
    lines.append(f"|---|{'---|' * len(names)}---|\n")
    for row in rows:
        if row.said is None:
            cells = ["Apache does not start", *[""] * (len(names) - 1)]
        else:
            cells = ["yes" if row.said[name] == ACCEPTED else "no" for name in names]
        found = ", ".join(_finding(each) for each in row.findings) or "valid"
        lines.append(f"| {row.title} | {' | '.join(cells)} | {found} |\n")
    lines.append("\n## Exceptions\n\nWhat `cert_validate` calls valid and not everybody takes:\n\n")
    lines.append("| Bundle | Refused by | Why it is no error |\n|---|---|---|\n")
    for row in rows:
        if row.slug in EXCEPTIONS:
            refused, reason = EXCEPTIONS[row.slug]
            who = "every client" if refused == EVERYBODY else ", ".join(sorted(refused))
            lines.append(f"| {row.title} | {who} | {reason} |\n")
    return re.sub(r" +\|", " |", "".join(lines))


def _finding(finding: str) -> str:
    severity, check_id = finding.split()
    return f"**error** `{check_id}`" if severity == "error" else f"{severity} `{check_id}`"


VERSIONS = "Versions of the last run: "
_ASKED = {
    "Apache": ("/usr/sbin/apache2", "-v"),
    "curl": ("curl", "--version"),
    "OpenSSL": ("openssl", "version"),
    "GnuTLS": ("gnutls-cli", "--version"),
    "NSS": ("dpkg-query", "-W", "-f", "${Version}", "libnss3-tools"),
    "Java": ("java", "--version"),
    "Node": ("node", "--version"),
    "Go": ("go", "version"),
    "Chromium": ("chromium", "--version"),
    "Firefox": ("dpkg-query", "-W", "-f", "${Version}", "firefox-esr"),
}


def _versions() -> str:
    found = []
    for name, command in _ASKED.items():
        output = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
        number = re.search(r"\d+(?:\.\d+)+", output)
        found.append(f"{name} {number[0] if number else 'unknown'}")
    return ", ".join(found)


def verdicts(page: str) -> list[str]:
    """What must be current: all but the versions."""
    return [line for line in page.splitlines() if not line.startswith(VERSIONS)]
