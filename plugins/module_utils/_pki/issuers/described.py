# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What issuers that an inventory describes have in common: their settings, whose a bundle is, whom to trust."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Collection, Mapping
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.files import read_file
from ..intake.material import Material, only_certificates
from ..intake.problem import ConversionProblem
from ..planning.plan import Existing
from ..planning.terms import Terms
from ..state.ledger import Ledger
from ..values import text
from ..values.certificates import read_certificates
from ..values.faults import shown, whole_number
from ..values.text import show
from .base import Issuer

VARIABLE = "sensor_certificates_issuers"
_SECRET_BYTES = 64 * 1024


class Settings:
    """The settings of one issuer, read one by one; every fault names the variable and the key."""

    def __init__(self, name: str, given: Mapping[str, Any], known: Collection[str], kind: str) -> None:
        """Prepare.

        :param known: the settings that this kind has, besides ``kind``.
        :raises InputError: one that is given does not exist; the nearest that does is named.
        """
        self.where = f"{VARIABLE}.{name}"
        self._given = given
        for key in given:
            if key != "kind" and key not in known:
                close = difflib.get_close_matches(str(key), list(known), n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                # Not its value: what is misspelt may be a secret.
                raise InputError(
                    f"{self.where}.{show(str(key), 60)} is no setting of kind {kind}; wanted: one of "
                    f"{', '.join(known)}{hint}"
                )

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text.

        :raises InputError: something else is given.
        """
        value = self._given.get(key)
        if value is None or value == "":
            return default
        if not isinstance(value, str) or not value.isprintable():
            raise InputError(f"{self.where}.{key} is {shown(value)}; wanted: a text on one line")
        return value

    def required(self, key: str, what: str) -> str:
        """A text that must be there.

        :param what: what it is, for the message.
        :raises InputError: it is missing.
        """
        value = self.text(key)
        if value is None:
            raise InputError(f"{self.where}.{key} is missing; wanted: {what}")
        return value

    def path_part(self, key: str, what: str, default: str | None = None) -> str:
        """A text that becomes part of a URL's path, without slashes around it.

        :raises InputError: it is missing, or has characters that would lead elsewhere.
        """
        value = (self.text(key, default) or "").strip("/")
        if not value:
            raise InputError(f"{self.where}.{key} is missing; wanted: {what}")
        pieces = value.split("/")
        allowed = all(letter.isalnum() or letter in "-_.~" for piece in pieces for letter in piece)
        if not value.isascii() or not allowed or any(piece in ("", ".", "..") for piece in pieces):
            raise InputError(f"{self.where}.{key} is {shown(value)}; wanted: {what}, of letters, digits and - _ . ~")
        return value

    def secret(self, key: str) -> str | None:
        """A secret text; no message shows its value.

        :raises InputError: something else is given.
        """
        value = self._given.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not value.strip().isprintable():
            raise InputError(f"{self.where}.{key} is not a text on one line; wanted: the secret itself")
        return value.strip()

    def secret_or_file(self, key: str, file_key: str) -> str | None:
        """A secret that is given, or the first line of the file that holds it.

        :raises InputError: both are given. :raises FileError: the file cannot be read.
        """
        value, path = self.secret(key), self.path(file_key)
        if value and path:
            raise InputError(f"{self.where} has both {key} and {file_key}; wanted: one of them")
        if path is None:
            return value
        try:
            lines = read_file(path, _SECRET_BYTES).decode("utf-8").split("\n", 1)
        except UnicodeDecodeError:
            raise FileError(f"{self.where}.{file_key}: {path} is no text file") from None
        except FileError as error:
            raise FileError(f"{self.where}.{file_key}: {error}") from None
        if not lines[0].strip() or not lines[0].strip().isprintable():
            raise FileError(f"{self.where}.{file_key}: the first line of {path} is empty or no text")
        return lines[0].strip()

    def path(self, key: str, default: str | None = None) -> str | None:
        """A path, absolute.

        :raises InputError: something else is given.
        """
        value = self.text(key, default)
        return os.path.abspath(os.path.expanduser(value)) if value else None

    def paths(self, key: str) -> tuple[str, ...]:
        """A path or a list of them.

        :raises InputError: something else is given.
        """
        value = self._given.get(key)
        listed = value if isinstance(value, (list, tuple)) else [value] if value else []
        if not all(isinstance(entry, str) and entry for entry in listed):
            raise InputError(f"{self.where}.{key} is {shown(value)}; wanted: a path or a list of paths")
        return tuple(os.path.abspath(os.path.expanduser(entry)) for entry in listed)

    def seconds(self, key: str, default: float) -> float:
        """A number of seconds, 1 to 600.

        :raises InputError: something else is given.
        """
        value = self._given.get(key)
        if value is None or value == "":
            return default
        number = whole_number(value)
        if number is None or not 1 <= number <= 600:
            raise InputError(f"{self.where}.{key} is {shown(value)}; wanted: seconds, 1 to 600")
        return float(number)

    def certificates(self, key: str, path: str) -> None:
        """See to it that a file holds certificates.

        :raises InputError: it does not, or cannot be read.
        """
        try:
            found = only_certificates([path]).certificates
        except ConversionProblem as error:
            raise InputError(f"{self.where}.{key}: {error}") from None
        if not found:
            raise InputError(f"{self.where}.{key}: {path} holds no certificate")

    def trusted_roots(self) -> tuple[str, ...]:
        """The files with this issuer's roots, looked at.

        :raises InputError: one of them cannot be used.
        """
        paths = self.paths("trusted_roots")
        for path in paths:
            self.certificates("trusted_roots", path)
        return paths


class DescribedIssuer(Issuer):
    """An issuer outside, whose certificates say what it decided."""

    def __init__(self, name: str, trusted_roots: tuple[str, ...], ledger: Ledger | None) -> None:
        super().__init__(name)
        self.trusted_roots = trusted_roots
        self.ledger = ledger

    @property
    def terms(self) -> Terms:
        """Only the requirements judge what it gives; how long it gives it, its answers tell."""
        return Terms(exact=False)

    @property
    def anchors(self) -> tuple[str, ...]:
        """The roots that were named for it."""
        return self.trusted_roots

    def foreign(self, existing: Existing) -> list[str]:
        """Why a bundle did not come from it: the record names another issuer, or the chain ends elsewhere."""
        record = self.ledger.find(existing.certificate) if self.ledger is not None else None
        if record is not None and record.fingerprint == existing.view.fingerprint and record.issuer != self.name:
            return [f"issuer: {record.issuer} -> {self.name}"]
        if not self.trusted_roots:
            return []
        views = read_certificates(existing.bundle.pem, "").views
        if views and views[-1].fingerprint in self.root_prints:
            return []
        root = text.name_text(views[-1].subject) if views else "nothing"
        return [f"issuer: its chain ends at {root}, which is none of the trusted_roots of {self.name}"]

    @functools.cached_property
    def roots(self) -> Material:
        """The certificates of the trusted roots' files."""
        return only_certificates(self.trusted_roots) if self.trusted_roots else Material()

    @functools.cached_property
    def root_prints(self) -> frozenset[str]:
        """Their fingerprints."""
        return frozenset(entry.view.fingerprint for entry in self.roots.certificates)
