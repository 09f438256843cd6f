# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until what a batch wrote is on the disk, so that a power failure leaves nothing half there."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from ..._plain.errors import FileError
from ..._plain.files import why


def make_durable(folders: Iterable[str]) -> None:
    """Wait until everything written so far to the file systems of these folders is on the disk.

    One syncfs(2) for a batch is as good as an fsync(2) for each of its files and folders, and much cheaper.

    :param folders: those that do not exist are passed over.
    :raises FileError: the disk reports an error; what was written must not be shown.
    """
    done: set[int] = set()
    for path in folders:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileError(f"{path} could not be brought to the disk: {why(error)}") from error
        try:
            device = os.fstat(descriptor).st_dev
            if device not in done:
                done.add(device)
                _syncfs(descriptor)
        except OSError as error:
            raise FileError(f"{path} could not be brought to the disk: {why(error)}") from error
        finally:
            os.close(descriptor)


def _syncfs(descriptor: int) -> None:
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        os.sync()  # another system than Linux
        return
    if syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
