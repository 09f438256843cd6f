# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fermat's factoring, tens of thousands of steps at once.

A modulus is the difference of two squares: of the first numbers above its root, which one's square leaves a square? A
square leaves few of the remainders modulo a small number, so steps are sifted, one octet for each in a whole number of
any size, before roots are drawn of the few that are left.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

_STEPS = 1 << 15
# About half the steps pass each of them.
_SIEVES = (64, 63, 65, 11, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)
# The primes in these ratios are close as well (Lehman, 1974).
_RATIOS = (1, 2, 3, 6)


def differ_little(n: int) -> bool:
    """Whether a modulus (odd, no square) has two factors that are found near its root, or near a simple ratio of it."""
    # With an even multiplier both squares are of the same parity, as they have to be.
    return _found(n, _STEPS) or any(_found(4 * ratio * n, _STEPS // 16) for ratio in _RATIOS[1:])


def _found(number: int, steps: int) -> bool:
    start = math.isqrt(number) + 1
    for step in _sifted(number, start, steps):
        rest = (start + step) ** 2 - number
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False


def _sifted(number: int, start: int, steps: int) -> Iterator[int]:
    """The steps at which the rest may be a square."""
    left = -1
    for modulus in _SIEVES:
        first, remainder = start % modulus, number % modulus
        squares = _squares(modulus)
        pattern = bytes(((first + step) ** 2 - remainder) % modulus in squares for step in range(modulus))
        left &= int.from_bytes((pattern * (steps // modulus + 1))[:steps], "big")
    marks = left.to_bytes(steps, "big")
    position = marks.find(1)
    while position >= 0:
        yield position
        position = marks.find(1, position + 1)


@functools.lru_cache(maxsize=len(_SIEVES))
def _squares(modulus: int) -> frozenset[int]:
    return frozenset(number * number % modulus for number in range(modulus))
