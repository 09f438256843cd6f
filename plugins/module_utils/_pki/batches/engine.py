# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every batch does: lock, do, and an outcome for each item, whatever happens to one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..._plain.errors import PkiError
from ..state import locks
from ..state.stage_folder import StageFolder
from ..values.failures import alone

Outcome = TypeVar("Outcome")
Failure = TypeVar("Failure")


def attempt(do: Callable[[], Outcome], failed: Callable[[str], Failure]) -> Outcome | Failure:
    """The outcome of one item; what goes wrong with it is its own failure, and the others are done.

    :param failed: makes an outcome of the reason.
    """

    def expected() -> Outcome | Failure:
        try:
            return do()
        except PkiError as error:
            return failed(str(error))

    return alone(expected, failed)


@contextlib.contextmanager
def locked(stage: StageFolder, sensors: Sequence[str], timeout: float, check_mode: bool) -> Iterator[dict[str, str]]:
    """Hold the sensors' locks while the body runs.

    :param timeout: seconds to wait, for all sensors together.
    :returns: for each sensor that another run holds, the sentence that says so.
    :raises FileError: the stage directory cannot be made, or has no locks.
    """
    # hold_for() itself cleans up, in a finally.
    # pylint: disable-next=contextmanager-generator-missing-cleanup
    with locks.hold_for(stage, sensors, timeout, check_mode) as holders, stage.held_open():
        yield {sensor: f"another run works on this sensor: {holder}" for sensor, holder in holders.items()}
