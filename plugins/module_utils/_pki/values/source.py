# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file as it was read, or why it could not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..._plain.errors import FileError
from ..._plain.files import read_file_with_mode

# Larger than any certificate, key, chain or system trust store; a CRL may be large by nature.
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_CRL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A file as it was read: its path, its content or why there is none, and its mode bits if known.

    :ivar is_file: False for a text that never was a file; what is said of file names does not apply to it.
    """

    path: str
    data: bytes | None = field(default=None, repr=False)
    mode: int | None = None
    problem: str | None = None
    is_file: bool = True

    @classmethod
    def read(cls, path: str, max_bytes: int = MAX_FILE_BYTES) -> Source:
        """Read a file; one that cannot be read is a source with a ``problem``, not an exception."""
        try:
            return cls(path, *read_file_with_mode(path, max_bytes))
        except FileError as error:
            return cls(path, problem=str(error))
        except (OSError, ValueError) as error:
            return cls(path, problem=f"{path} cannot be read: {error}")
