# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Moduli that share a prime, among any number of them (D. J. Bernstein, "How to find smooth parts of integers", 2004).

Each pair compared would take hours for ten thousand; a product tree upwards and a remainder tree downwards take
seconds, and the memory of a few times the moduli themselves.
"""

from __future__ import annotations

import decimal
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Union

Number = Union[int, Decimal]  # noqa: UP007 - Python 3.9 evaluates it

# Whole numbers of any size: nothing is ever rounded.
_CONTEXT = decimal.Context(
    prec=decimal.MAX_PREC,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)
_LEAVES_OF_A_BRANCH = 4


def shared_factors(moduli: Sequence[int]) -> list[tuple[int, ...]]:
    """Groups of positions whose moduli have a factor in common, each group sorted; equal moduli are no fault here.

    :param moduli: numbers above 1, each once.
    """
    if len(moduli) < 2:
        return []
    found = {position: common for position, common in enumerate(_common_with_the_others(moduli)) if common != 1}
    if len(found) < 2:
        return []
    # Few are left; which of them belong together, pair by pair.
    owners: dict[int, set[int]] = defaultdict(set)
    positions = sorted(found)
    for place, one in enumerate(positions):
        for other in positions[place + 1 :]:
            factor = math.gcd(moduli[one], moduli[other])
            if factor != 1:
                owners[factor] |= {one, other}
    return sorted({tuple(sorted(group)) for group in owners.values()})


def _common_with_the_others(moduli: Sequence[int]) -> list[int]:
    """For each modulus its greatest common divisor with the product of all others."""
    with decimal.localcontext(_CONTEXT):
        tree = _Node.over(moduli)
        return tree.divisors(tree.others)


@dataclass
class _Node:
    """Some of the moduli: their product, and the sum of the products of all but one of them.

    That sum leaves, modulo one of them, what the product of the others leaves.
    """

    product: Number
    others: Number
    children: tuple[_Node, ...] = ()

    @classmethod
    def over(cls, moduli: Sequence[int]) -> _Node:
        """The tree over these moduli."""
        nodes = [cls(modulus, 1) for modulus in moduli]
        size = 1
        while len(nodes) > 1:
            size *= 2
            nodes = [cls._joined(nodes[place : place + 2]) for place in range(0, len(nodes), 2)]
            if size == _LEAVES_OF_A_BRANCH:
                # From here on multiplication and division in decimal are faster: they grow with n log n.
                nodes = [cls(Decimal(node.product), Decimal(node.others), (node,)) for node in nodes]
        return nodes[0]

    @classmethod
    def _joined(cls, pair: Sequence[_Node]) -> _Node:
        if len(pair) == 1:
            return pair[0]
        one, other = pair
        others = one.others * other.product + other.others * one.product  # type: ignore[operator]
        return cls(one.product * other.product, others, (one, other))  # type: ignore[operator]

    def divisors(self, rest: Number) -> list[int]:
        """The divisors of the moduli below, in their order.

        :param rest: what the whole tree's sum leaves modulo the product of these.
        """
        if not self.children:
            return [math.gcd(int(self.product), int(rest))]
        if len(self.children) == 1:
            return self.children[0].divisors(int(rest))
        return [
            divisor
            for child in self.children
            for divisor in child.divisors(rest % child.product)  # type: ignore[operator]
        ]
