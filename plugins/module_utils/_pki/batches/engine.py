# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every batch does: lock, do, and an outcome for each item, whatever happens to one of them."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..._plain.errors import PkiError
from ..state import locks
from ..state.stage_folder import StageFolder

Outcome = TypeVar("Outcome")
Failure = TypeVar("Failure")


def unexpected(error: BaseException) -> str:
    """An exception that nobody foresaw, by its type and place; never by its text, which may quote a key."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"stopped by {type(error).__name__}{place}, which is a fault of this collection; please report it"


def attempt(do: Callable[[], Outcome], failed: Callable[[str], Failure]) -> Outcome | Failure:
    """The outcome of one item; what goes wrong with it is its own failure, and the others are done.

    :param failed: makes an outcome of the reason.
    """
    try:
        return do()
    except PkiError as error:
        return failed(str(error))
    except Exception as error:  # noqa: BLE001 - one item's trouble, foreseen or not, must not end the batch
        return failed(unexpected(error))


@contextlib.contextmanager
def locked(stage: StageFolder, sensors: Sequence[str], timeout: float, check_mode: bool) -> Iterator[dict[str, str]]:
    """Hold the sensors' locks while the body runs.

    :param timeout: seconds to wait, for all sensors together.
    :returns: for each sensor that another run holds, the sentence that says so.
    :raises FileError: the stage directory cannot be made, or has no locks.
    """
    with locks.hold_for(stage, sensors, timeout, check_mode) as holders:
        yield {sensor: f"another run works on this sensor: {holder}" for sensor, holder in holders.items()}
