# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PEM file with authorities that an application is told to read."""

from __future__ import annotations

import os
from typing import Sequence

from ..errors import FileError
from ..file_update import Current
from .model import Anchor, Held, Store
from .pem import certificates, openssl_distrusts
from .tools import Runner

_MARK = b"# ot_pki.defender_iot: "


class BundleStore(Store):
    """A bundle file. What we add has a line of comment before it, by which it is known as ours."""

    type = "bundle"

    def __init__(self, path: str, runner: Runner) -> None:
        super().__init__("bundle file", path)
        self._runner = runner

    def held(self) -> list[Held]:
        """The certificates of the file; none if it does not exist yet."""
        data = self._read().content
        return [
            Held(found.fingerprint, self.path, self._mark(data, found.start) < found.start)
            for found in certificates(data)
        ]

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Cut out and append; all else in the file stays."""
        file = self._read()
        data = file.content
        doomed = {entry.fingerprint for entry in remove}
        for found in reversed(certificates(data)):
            if found.fingerprint in doomed:
                data = data[: self._mark(data, found.start)] + data[found.end :]
        for anchor in add:
            if data and not data.endswith(b"\n"):
                data += b"\n"
            data += _MARK + f"{anchor.name}\n{anchor.pem.strip()}\n".encode("ascii")
        file.put(data)

    def distrusts(self, anchor: Anchor) -> str:
        """Ask OpenSSL with this file and nothing else."""
        problem, self.verifier = openssl_distrusts(self._runner, anchor, ("-CAfile", self.path))
        return problem

    def _read(self) -> Current:
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileError(f"{self.path} cannot be made: its folder does not exist")
        return Current.read(self.path)

    @staticmethod
    def _mark(data: bytes, start: int) -> int:
        """Where our comment before a certificate begins, or the certificate itself if there is none."""
        line = data.rfind(b"\n", 0, max(start - 1, 0)) + 1
        return line if data[line:start].startswith(_MARK) else start
