# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts from outside, made harmless once: names, subjects and messages that somebody else wrote."""

from __future__ import annotations

MAX_LENGTH = 2000
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def harmless(text: object, limit: int = MAX_LENGTH) -> str:
    """A text from outside as it may be shown anywhere: on one line, without what is not seen.

    Control characters, line ends, marks that turn the writing's direction, other invisible characters and halves of
    surrogate pairs are replaced; spaces of all kinds become the plain one. What is markup in some format is the matter
    of that format, which quotes everything.

    :param limit: characters; what is longer is cut, and ends in an ellipsis.
    """
    given = text if isinstance(text, str) else str(text)
    clean = given[:limit] if len(given) <= limit else given[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
    if clean.isascii() and clean.isprintable():
        return clean
    return "".join(
        character if character.isprintable() else " " if character.isspace() else _REPLACEMENT for character in clean
    )
