# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The upload sheet: what a person types and chooses in a sensor's console, and how to see that it worked.

The documented way, System settings > Basic > SSL/TLS certificate (how-to-deploy-certificates.md): a name, a passphrase
if the key has one, key, certificate and chain file, a box for the CRL, and the validation, Mandatory or None.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._plain.texts import harmless
from ..values.findings import ERROR
from ..values.keys import is_encrypted

MANDATORY, NONE = "Mandatory", "None"
PLACE = "System settings > Basic > SSL/TLS certificate"
_FIELDS = (("key", "Key file"), ("crt", "Certificate file"), ("pem", "Chain file"))


@dataclass(frozen=True)
class Sheet:
    """What to enter for one sensor; empty where nothing is staged.

    :ivar needed: whether the console still has to get it, and ``since`` when.
    :ivar files: for each file of the form its ``field``, ``kind``, ``path`` and ``sha256`` (of the file, lower case).
    :ivar passphrase: whether the console asks for one (never which).
    :ivar crl_check: whether to tick the box for the CRL.
    :ivar validation: ``Mandatory`` or ``None``, and ``why`` in words.
    """

    needed: bool = False
    since: str | None = None
    files: tuple[Mapping[str, str], ...] = ()
    certificate_name: str | None = None
    passphrase: bool | None = None
    crl_check: bool | None = None
    validation: str | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**vars(self), "files": [dict(entry) for entry in self.files]}


def make_sheet(
    paths: Mapping[str, str],
    contents: Mapping[str, bytes],
    common_name: str,
    not_before: str,
    crl_url: str | None,
    obstacles: Sequence[str],
    needed: bool,
    since: str | None,
) -> Sheet:
    """The sheet of a bundle.

    :param paths: of the files by kind (``crt``, ``key``, ``pem``), and ``contents`` what is in them; the key may be
        missing.
    :param not_before: ISO 8601; it makes the certificate's name in the console one that none before it had.
    :param obstacles: why the sensor would refuse the certificate if it validated it, in words.
    """
    files = tuple(
        {
            "field": title,
            "kind": kind,
            "path": harmless(paths[kind]),
            "sha256": hashlib.sha256(contents[kind]).hexdigest() if contents.get(kind) else "",
        }
        for kind, title in _FIELDS
    )
    validation = NONE if obstacles else MANDATORY
    why = obstacles[0] if obstacles else "the certificate, its chain and its CRL are as the sensor wants them"
    key = contents.get("key") or b""
    return Sheet(
        needed=needed,
        since=since,
        files=files,
        certificate_name=harmless(f"{common_name}-{not_before[:10]}", 100),
        passphrase=is_encrypted(key) if key else None,
        crl_check=crl_url is not None,
        validation=validation,
        why=why,
    )


def obstacles(findings: Iterable[Mapping[str, Any]], self_signed: bool, crl_state: str) -> list[str]:
    """Why a sensor that validates its certificate would not work with this one, in words; empty: it would.

    :param findings: what validation says of the bundle (``id``, ``severity``, ``message``).
    :param crl_state: what the published CRL says of it (``current``, ``expired``, ``revoked``, ...).
    """
    found = [f"{one['id']}: {one['message']}" for one in findings if one["severity"] == ERROR]
    if self_signed:
        found.append("a self-signed certificate cannot be validated; for tests only")
    if crl_state == "expired":
        found.append("its CRL is expired")
    elif crl_state == "revoked":
        found.append("the CRL lists it as revoked")
    return found


def steps(sheet: Mapping[str, Any], common_name: str, fingerprint: str) -> list[str]:
    """The sheet as steps for people, one line each.

    :param sheet: as :meth:`Sheet.to_dict` gives it.
    """
    asked = {True: "enter the key's passphrase", False: "leave it empty", None: "enter it if the key has one"}
    lines = [
        f"Open https://{common_name} and go to {PLACE}.",
        f"Certificate name: {sheet['certificate_name']}",
        f"Passphrase: {asked[sheet['passphrase']]}",
    ]
    for entry in sheet["files"]:
        lines.append(f"{entry['field']}: {entry['path']} (SHA-256 {entry['sha256'] or 'not readable here'})")
    box = "tick it" if sheet["crl_check"] else "leave it empty: the certificate names no CRL"
    lines.append(f"Use CRL (Certificate Revocation List) to check certificate status: {box}")
    lines.append(f"Validation: {sheet['validation']} ({sheet['why']})")
    lines.append(
        f"Afterwards the browser shows {common_name} with the SHA-256 fingerprint {fingerprint}; "
        "the playbook check_live sees the same, and takes the sensor off this list."
    )
    return lines
