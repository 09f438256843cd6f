# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several things in one sentence: some of them named, the others counted."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 sensor``, ``2 sensors``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def some(texts: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """The first of them, and how many more there are: ``a, b, c and 12 more``."""
    rest = len(texts) - most
    if rest <= 0:
        return separator.join(texts)
    return separator.join(texts[:most]) + (f" and {rest} more" if separator == ", " else f"{separator}and {rest} more")
