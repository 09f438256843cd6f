# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The library's own exceptions; only the module and action layer turns them into results."""

from __future__ import annotations


class PkiError(Exception):
    """Anything a user can do something about. Its text is one clear message without secrets."""


class InputError(PkiError):
    """What was given cannot be used; the message names the variable, what was given, what is wanted."""


class FileError(PkiError):
    """A file or folder could not be read or written; the message names it and says why."""


class KeyReadError(PkiError):
    """A private key could not be read at all (damaged, not a key, unsupported type)."""


class PassphraseError(KeyReadError):
    """A private key is encrypted and the passphrase is missing or wrong."""
