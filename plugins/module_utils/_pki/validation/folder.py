# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles found in a folder that somebody else laid out."""

from __future__ import annotations

import os

from ..._plain.errors import FileError, InputError
from ..._plain.files import why

_CERTIFICATES = (".crt", ".cer", ".cert")
_KEYS = (".key",)
_CHAINS = (".pem", ".chain")
_REQUESTS = (".csr", ".req")


def find_bundles(folder: str) -> list[dict[str, str]]:
    """Objects as ``certificates`` takes them, from the files of a folder and of the folders directly in it.

    A subfolder with one certificate is a bundle by the subfolder's name, as a stage folder has them; otherwise
    files of one stem belong together (``a.crt``, ``a.key``, ``a.pem``). Names with a leading dot are passed over.

    :raises FileError: the folder cannot be read. :raises InputError: it holds no certificate.
    """
    found = _in_folder(folder, None)
    for entry in _entries(folder):
        path = os.path.join(folder, entry)
        if os.path.isdir(path):
            found.extend(_in_folder(path, entry))
    if not found:
        raise InputError(
            f"folder {folder} holds no certificate; wanted: files named {', '.join(_CERTIFICATES)}, "
            "in it or in the folders directly in it"
        )
    return found


def _entries(folder: str) -> list[str]:
    try:
        return sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error


def _in_folder(folder: str, name: str | None) -> list[dict[str, str]]:
    files = [entry for entry in _entries(folder) if os.path.isfile(os.path.join(folder, entry))]
    certificates = [entry for entry in files if _extension(entry) in _CERTIFICATES]
    bundles = []
    for certificate in certificates:
        stem = os.path.splitext(certificate)[0]
        alone = name is not None and len(certificates) == 1
        bundle = {
            "name": name if alone and name else os.path.join(name or "", stem),
            "certificate": os.path.join(folder, certificate),
        }
        for option, extensions in (("private_key", _KEYS), ("chain", _CHAINS), ("csr", _REQUESTS)):
            fitting = [entry for entry in files if _extension(entry) in extensions]
            same_stem = [entry for entry in fitting if os.path.splitext(entry)[0] == stem]
            chosen = same_stem or (fitting if alone and len(fitting) == 1 else [])
            if chosen:
                bundle[option] = os.path.join(folder, chosen[0])
        bundles.append(bundle)
    return bundles


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()
