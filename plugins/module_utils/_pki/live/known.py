# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose certificate is it? What the targets, the stage directory and the CA's ledger know of one that was seen."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..._plain.errors import FileError, PkiError
from ..._plain.files import read_file
from ..state.ledger import Ledger, serial_text
from ..state.store import Store, find_files
from ..values.certificates import CertificateView
from .targets import Target, fingerprint_of_file

MAX_RECORD = 1024 * 1024


@dataclass
class Known:
    """The certificates that are known, looked up by what was seen.

    The stage directory is only read if something was seen that no target's certificate explains: in the
    usual case, everything as it should be, it costs nothing.
    """

    targets: Iterable[Target]
    store: Store | None = None
    ledger: Ledger | None = None
    _given: dict[str, str] = field(init=False)
    _staged: dict[str, str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._given = {}
        for target in self.targets:
            if target.expected.view is not None:
                self._given.setdefault(target.expected.view.fingerprint, target.sensor)

    def owner(self, view: CertificateView) -> str | None:
        """The sensor for which this very certificate was made, or None if nobody knows it."""
        found = self._given.get(view.fingerprint) or self._staged_index().get(view.fingerprint)
        return found or self._recorded(view)

    def revoked(self, view: CertificateView) -> bool:
        """Whether the ledger has this very certificate as revoked."""
        return self.ledger is not None and self.ledger.is_revoked(view.serial) and self._recorded(view) is not None

    def _staged_index(self) -> dict[str, str]:
        """The sensors by the fingerprint of each bundle in the stage directory, earlier ones included."""
        if self._staged is None:
            self._staged = {}
            if self.store is not None:
                with contextlib.suppress(PkiError):
                    self._read_store(self.store, self._staged)
        return self._staged

    @staticmethod
    def _read_store(store: Store, index: dict[str, str]) -> None:
        for sensor in store.sensors():
            for folder in (store.visible(sensor), *reversed(store.bundles(sensor))):
                with contextlib.suppress(FileError):
                    fingerprint = fingerprint_of_file(find_files(folder).crt)
                    if fingerprint:
                        index.setdefault(fingerprint, sensor)

    def _recorded(self, view: CertificateView) -> str | None:
        """The sensor in the ledger's record; a record of the same serial number by another CA does not count."""
        if self.ledger is None or view.serial <= 0:
            return None
        path = os.path.join(self.ledger.folder, serial_text(view.serial) + ".json")
        try:
            record = json.loads(read_file(path, MAX_RECORD))
            return str(record["sensor"]) if record["fingerprint"] == view.fingerprint else None
        except (FileError, ValueError, KeyError, TypeError):
            return None
