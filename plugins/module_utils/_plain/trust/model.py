# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done to the trust stores of a machine: the certificates, the request, and what each store reports."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Sequence

# What this collection installs is known by how its file, alias or nickname begins; nothing else is removed unasked.
OURS = "ot_pki_"


@dataclass(frozen=True)
class Anchor:
    """A CA certificate that was judged on the control node.

    :ivar pem: one PEM block.
    :ivar fingerprint: SHA-256 of its DER form, lower-case hexadecimal.
    :ivar label: what people call it, usually its common name.
    :ivar self_signed: whether it is a root.
    """

    pem: str
    fingerprint: str
    label: str
    self_signed: bool

    @property
    def name(self) -> str:
        """Its name in stores: readable, unique by its fingerprint, and ours."""
        words = "".join(char if char.isascii() and char.isalnum() else "_" for char in self.label)[:40].strip("_")
        return f"{OURS}{words}_{self.fingerprint[:16]}"


@dataclass(frozen=True)
class Held:
    """A certificate that a store holds.

    :ivar place: how the store calls it (file, alias, nickname).
    :ivar ours: whether this collection put it there.
    :ivar trusted: whether the store trusts it as an authority for servers.
    """

    fingerprint: str
    place: str
    ours: bool
    trusted: bool = True


@dataclass(frozen=True)
class Request:
    """What is asked of every store.

    :ivar present: whether the certificates are to be trusted, or gone.
    :ivar told: fingerprints that may be removed although others installed them.
    :ivar remove_former: with ``present``, whether what we installed earlier and is not asked for any more goes.
    """

    anchors: tuple[Anchor, ...]
    present: bool
    told: frozenset[str] = frozenset()
    remove_former: bool = False
    check_mode: bool = False

    @property
    def fingerprints(self) -> set[str]:
        """The certificates that this is about."""
        asked = {anchor.fingerprint for anchor in self.anchors}
        return asked if self.present else asked | self.told


@dataclass
class Report:
    """What was found and done in one store.

    :ivar trusted: whether the store trusts all certificates that this is about; in check mode as it is now.
    :ivar left: certificates that stay because others installed them.
    :ivar repaired: what was not whole and was made anew; in check mode what would be.
    :ivar damage: what is still not whole.
    :ivar error: why the store could not be brought to what is asked.
    :ivar optional: whether an error is worth a warning only, since nobody named the store.
    """

    type: str
    name: str
    path: str
    changed: bool = False
    trusted: bool = False
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    verified_by: str = ""
    repaired: str = ""
    damage: str = ""
    error: str = ""
    optional: bool = False


class Store(abc.ABC):
    """One place where software looks for authorities."""

    type = ""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        # The tool that says what is trusted.
        self.verifier = ""

    @abc.abstractmethod
    def held(self) -> list[Held]:
        """What the store holds.

        :raises PkiError: it cannot be read.
        """

    @abc.abstractmethod
    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Add and remove.

        :raises PkiError: it could not be changed; it is as it was.
        """

    @abc.abstractmethod
    def distrusts(self, anchor: Anchor) -> str:
        """Ask the store's own tool about a certificate: empty if it is trusted, otherwise what the tool says.

        :raises PkiError: the tool cannot be run.
        """

    def damage(self) -> str:
        """What shows that the store is not whole, since a change of it was cut off; empty if nothing does.

        :raises PkiError: it cannot be read.
        """
        return ""

    def rebuild(self) -> None:  # noqa: B027 - most stores are files that are whole or absent
        """Have the store made anew from its sources.

        :raises PkiError: that failed.
        """

    def refresh(self) -> bool:
        """Let the store catch up with its sources, if it has any; whether something was done."""
        return False
