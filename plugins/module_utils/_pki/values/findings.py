# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How grave something is, and what is said of one thing that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ERROR = "error"
WARNING = "warning"
INFO = "info"
SEVERITIES = (ERROR, WARNING, INFO)
# What is found of a self-signed certificate where one was asked for, and is no error there.
IF_SELF_SIGNED = frozenset(("crt.self-signed", "chain.contains-leaf", "chain.incomplete"))


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    :ivar source: the document that the requirement comes from, or None.
    :ivar file: the file it is about, or None.
    :ivar objects: the bundles it concerns.
    :ivar default_severity: what the table of checks says, if something else was asked for.
    """

    id: str
    severity: str
    message: str
    hint: str
    upload_error: str | None = None
    source: str | None = None
    file: str | None = None
    objects: tuple[str, ...] = ()
    default_severity: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as data for a result."""
        data: dict[str, Any] = {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "upload_error": self.upload_error,
            "source": self.source,
            "file": self.file,
            "name": self.objects[0] if self.objects else None,
        }
        if len(self.objects) > 1:
            data["names"] = list(self.objects)
        if self.default_severity is not None:
            data["default_severity"] = self.default_severity
        return data
