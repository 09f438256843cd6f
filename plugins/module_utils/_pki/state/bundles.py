# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of one bundle: certificate, key and chain that belong together, read through one opened folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..._plain.errors import FileError
from ..._plain.files import why
from ..._plain.folders import Folder

KINDS = ("crt", "key", "pem")
# The files' extensions, if the appliance's profile says no others.
EXTENSIONS: Mapping[str, str] = {"crt": ".crt", "key": ".key", "pem": ".pem"}
MAX_FILE = 1024 * 1024


class IncompleteBundle(FileError):
    """A folder does not hold exactly one file of each kind. (One that cannot be read is another matter.)"""


@dataclass(frozen=True)
class BundleFiles:
    """Where the files of a bundle are."""

    folder: str
    crt: str
    key: str
    pem: str


@dataclass(frozen=True)
class Bundle:
    """The files of a bundle as they were read through one opened folder, so that they belong together.

    :ivar visible: people see this one.
    :ivar key_problem: why the key could not be read, where that is no reason to say nothing; the key is empty then.
    """

    files: BundleFiles
    contents: Mapping[str, bytes] = field(repr=False)
    visible: bool = False
    key_problem: str | None = None

    @property
    def crt(self) -> bytes:
        """The certificate, PEM."""
        return self.contents["crt"]

    @property
    def key(self) -> bytes:
        """The private key, PEM."""
        return self.contents["key"]

    @property
    def pem(self) -> bytes:
        """The chain, PEM."""
        return self.contents["pem"]


def _files_in(folder: Folder, path: str, extensions: Mapping[str, str]) -> BundleFiles:
    """The one .crt, .key and .pem in an opened folder, named as ``path`` says.

    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: it cannot be read.
    """
    try:
        entries = [entry for entry in folder.listdir() if not entry.startswith(".")]
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error
    paths = {}
    for kind in KINDS:
        found = [entry for entry in entries if entry.endswith(extensions[kind])]
        if len(found) != 1:
            plural = "s" if len(found) > 1 else ""
            raise IncompleteBundle(f"{path} holds {len(found) or 'no'} {extensions[kind]} file{plural}")
        paths[kind] = os.path.join(path, found[0])
    return BundleFiles(path, **paths)


def find_files(folder: str) -> BundleFiles:
    """The one .crt, .key and .pem in a folder.

    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: the folder cannot be read.
    """
    try:
        opened = Folder.open(folder)
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error
    with opened:
        return _files_in(opened, folder, EXTENSIONS)


def read_opened(
    folder: Folder,
    path: str,
    visible: bool = False,
    extensions: Mapping[str, str] | None = None,
    spare_key: bool = False,
    kinds: Sequence[str] = KINDS,
) -> Bundle:
    """The files of a bundle in an opened folder.

    :param path: what the folder is called in messages and in the result.
    :param spare_key: a key that cannot be read is no error; the bundle says so.
    :param kinds: the files whose content is wanted; all three are there in any case.
    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: the folder or one of the wanted files cannot be read.
    """
    files = _files_in(folder, path, extensions or EXTENSIONS)
    contents, key_problem = {}, None
    for kind in kinds:
        try:
            contents[kind] = folder.read(os.path.basename(getattr(files, kind)), MAX_FILE)
        except (OSError, FileError) as error:
            if kind != "key" or not spare_key:
                raise
            contents[kind], key_problem = b"", str(error)
    return Bundle(files, contents, visible, key_problem)


def read_bundle(
    folder: str,
    extensions: Mapping[str, str] | None = None,
    spare_key: bool = False,
    kinds: Sequence[str] = KINDS,
) -> Bundle:
    """The files of a bundle anywhere.

    :param spare_key: a key that cannot be read is no error; the bundle says so.
    :param kinds: the files whose content is wanted.
    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: the folder or one of the files cannot be read.
    """
    try:
        opened = Folder.open(folder)
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error
    with opened:
        return read_opened(opened, folder, extensions=extensions, spare_key=spare_key, kinds=kinds)
