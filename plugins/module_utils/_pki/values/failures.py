# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each item of a batch stands alone: what nobody expected about one is that one's failure, and the others are done."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from ..crypto import is_about_the_process, is_panic

Result = TypeVar("Result")
Failed = TypeVar("Failed")


def place_of(error: BaseException) -> str:
    """Kind and place of an exception, for example ``KeyError (material.py, line 230)``.

    Never its text: that may quote what was read, and what was read may be a key.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if "module_utils" in frame.filename] or frames
    where = f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}{where}"


def alone(work: Callable[..., Result], failed: Callable[[str], Failed], *given: Any) -> Result | Failed:
    """The result of ``work(*given)``, or what ``failed`` makes of an exception that nobody expected.

    :param failed: gets a sentence with the kind and the place of the exception. Errors of our own are expected, so
        the work has to deal with them itself; interrupts and a lack of memory are not about the item.
    """
    try:
        return work(*given)
    except BaseException as error:
        if is_about_the_process(error) or not (isinstance(error, Exception) or is_panic(error)):
            raise
        return failed(f"an error inside the collection, please report it: {place_of(error)}")
