# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a report reads from the disk, before anything is judged. What cannot be read is told, and the rest is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..._plain.errors import PkiError
from ..._plain.texts import harmless
from ..state.bundles import Bundle
from ..state.events import RETIRED, STAGED, Event
from ..state.fleet import FleetState
from ..state.revocations import RevocationRecord
from ..state.waiting import WaitingKey
from ..values.certificates import CertificateView, read_certificates, read_shared_certificates
from ..values.source import Source
from .recorded import unrecorded

Found = TypeVar("Found")


@dataclass
class Holdings:
    """What there is of each sensor, by its name.

    :ivar problems: what could not be read of the whole. :ivar broken: why a sensor's bundle cannot be used.
    :ivar views: the staged certificates. :ivar chains: the CA certificates staged with them, as in the file.
    """

    state: FleetState
    problems: list[str] = field(default_factory=list)
    staged: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    histories: Mapping[str, list[Event]] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    views: dict[str, CertificateView] = field(default_factory=dict)
    chains: dict[str, tuple[CertificateView, ...]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _ledger_readable: bool = True

    @classmethod
    def read(cls, state: FleetState, wanted: Iterable[str]) -> Holdings:
        """Everything but the keys that wait.

        :param wanted: the sensors of the inventory, in the order in which their bundles are read.
        """
        found = cls(state)
        found.staged = frozenset(found._or_told(state.staged_names) or ())
        found.waiting = frozenset(found._or_told(state.waiting_sensors) or ())
        found.histories = found._all_histories()
        own = list(wanted)
        for name in [*(name for name in own if name in found.staged), *sorted(found.staged.difference(own))]:
            found._read_bundle(name)
        found._tell_what_is_missing()
        return found

    def gone_since(self, name: str) -> str | None:
        """When a bundle was staged that is not there any more, though nobody retired the sensor; None: all is there."""
        if name in self.staged or name in self.waiting:
            return None
        last = next((e for e in reversed(self.histories.get(name, ())) if e.event in (STAGED, RETIRED)), None)
        return last.time if last is not None and last.event == STAGED else None

    def waiting_key(self, name: str) -> WaitingKey | None:
        """The oldest key that waits for the sensor's certificate."""
        if name not in self.waiting:
            return None
        found = self._or_told(lambda: self.state.waiting_keys(name))
        return found[0] if found else None

    def revocation_of(self, view: CertificateView) -> RevocationRecord | None:
        """The revocation of a certificate."""
        return self._or_told(lambda: self.state.revocation_of(view.certificate))

    def all_problems(self) -> tuple[str, ...]:
        """What could not be read, each once; to be asked for when everything was."""
        of_record = [harmless(text) for text in self.state.problems] if self._ledger_readable else []
        return tuple(dict.fromkeys([*self.problems, *of_record]))

    def _tell_what_is_missing(self) -> None:
        """Where the record and what is staged speak of something that the other has not."""
        stage = self.state.stage
        if stage is not None and not os.path.lexists(stage.stage_dir) and any(map(self.gone_since, self.histories)):
            self.problems.append(
                harmless(
                    f"the stage directory {stage.stage_dir} does not exist, though bundles were staged in it; "
                    "restore it from the backup, or set sensor_certificates_stage_dir"
                )
            )
        if self._ledger_readable:
            staged = {name: view.fingerprint for name, view in self.views.items()}
            self.problems += map(harmless, unrecorded(staged, self.histories))

    def _or_told(self, read: Callable[[], Found]) -> Found | None:
        """What is read; None if it cannot be, which is told."""
        try:
            return read()
        except (PkiError, OSError) as error:
            self.problems.append(harmless(error))
            return None

    def _all_histories(self) -> Mapping[str, list[Event]]:
        try:
            return self.state.histories
        except (PkiError, OSError) as error:
            self._ledger_readable = False
            self.problems.append(harmless(error))
            return {}

    def _read_bundle(self, name: str) -> None:
        try:
            bundle = self.state.visible(name, spare_key=True)
        except (PkiError, OSError) as error:
            self.broken[name] = harmless(error)
            return
        if bundle is None:
            self.broken[name] = f"{harmless(name)} leads to a bundle that is not there any more"
            return
        self.bundles[name] = bundle
        views = read_certificates(bundle.crt, bundle.files.crt).views
        if views:
            self.views[name] = views[0]
        chain = read_shared_certificates(Source(bundle.files.pem, bundle.pem)).views
        leaf = views[0].fingerprint if views else ""
        self.chains[name] = tuple(view for view in chain if view.fingerprint != leaf)
