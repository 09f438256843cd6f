# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps files from being used, said as a finding that people can act on."""

from __future__ import annotations

from ..._plain.errors import PkiError
from ..profiles.defender_iot.catalogue import BY_ID
from ..validation.model import ERROR, INFO, WARNING, Finding

# What has no check in the table of cert_validate, since it is about containers and not about a bundle, or needs
# another hint here.
_HINTS = {
    "key.passphrase": "Give the passphrase with which the file was made, or have it exported anew.",
    "key.passphrase-characters": "Sensors take letters, digits and ! # % ( ) + , - . / : = ? @ [ \\ ] ^ _ { } ~ only.",
    "src.unreadable": "Check the path, its permissions and its size.",
    "src.empty": "The file is empty; get it again.",
    "src.unknown-format": "Get the certificate as PEM, DER, PKCS#7 or PKCS#12.",
    "src.damaged": "Get the file again, in binary mode if it came by FTP or mail.",
    "src.refused": "Do not trust this file; ask its sender for another.",
    "src.passed-over": "Nothing need be done if the file is not needed.",
    "src.ambiguous": "Name the one that is meant with 'select': its common name, friendly name or SHA-256 fingerprint.",
    "src.no-certificate": "Give the certificate as well.",
    "src.no-key": "Give the private key as well, or a PKCS#12 file that was exported with it.",
    "dest.unusable": "Check the path and the permissions of its folder.",
    "key.written-unencrypted": "Set output_passphrase to encrypt it.",
    "key.readable-by-others": "Leave mode out, or set it to '0600'.",
}


def finding(
    check_id: str, severity: str, message: str, source: str | None = None, hint: str | None = None, name: str = ""
) -> Finding:
    """A finding with the hint and the sensor's words that belong to its id."""
    check = BY_ID.get(check_id)
    return Finding(
        id=check_id,
        severity=severity,
        message=message,
        hint=hint or _HINTS.get(check_id) or (check.hint if check else ""),
        upload_error=check.upload_error if check else None,
        source=check.source if check else None,
        file=source,
        objects=(name,) if name else (),
    )


class ConversionProblem(PkiError):
    """Files that cannot be used as wanted; carries the finding. Nothing has been written."""

    def __init__(self, check_id: str, message: str, source: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{source}: {message}" if source else message)
        self.finding = finding(check_id, ERROR, message, source, hint)


__all__ = ["ERROR", "INFO", "WARNING", "ConversionProblem", "Finding", "finding"]
