# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate and key both come from outside: whatever files were received, sorted out to the sensors."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError
from ..conversion import outputs
from ..conversion.outputs import Form
from ..intake.assign import Assignment, Leftover, assign
from ..intake.delivery import Delivery, Recipient, read_delivery
from ..intake.material import only_certificates
from ..intake.selection import Selection
from ..planning.plan import Existing
from ..planning.request import SensorRequest
from ..planning.terms import Terms
from ..state.ledger import RECEIVED
from ..values.certificates import read_certificates
from ..values.lists import counted, some
from ..values.text import show
from .base import Answer, Issuer, Job, Nothing, Obtained, Refused, Run, Tools

_KINDS = ("crt", "key", "pem")


@dataclass(frozen=True)
class ReceivedSettings:
    """What was received, and whom to believe.

    :ivar paths: files, archives and folders. :ivar ca_files: CA certificates that complete chains.
    :ivar trusted_roots: files with the roots at which a chain must end; empty: any will do.
    """

    paths: tuple[str, ...]
    ca_files: tuple[str, ...] = ()
    passphrases: tuple[str, ...] = field(default=(), repr=False)
    trusted_roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sorted:
    delivery: Delivery
    assignments: Mapping[str, Assignment]
    leftovers: Sequence[Leftover]


class ReceivedFiles(Issuer):
    """Files that somebody else's CA answered, mailed or exported."""

    kind = "received"
    event = RECEIVED
    foresees = True

    def __init__(self, name: str, settings: ReceivedSettings) -> None:
        super().__init__(name)
        self.settings = settings
        self._sorted: _Sorted | None = None

    @property
    def terms(self) -> Terms:
        """Whoever made the certificate decided; only the requirements judge it."""
        return Terms(exact=False)

    @property
    def anchors(self) -> tuple[str, ...]:
        """The roots that were named."""
        return self.settings.trusted_roots

    def foreign(self, existing: Existing) -> list[str]:
        """Why a bundle's chain ends elsewhere than at a trusted root."""
        if not self.settings.trusted_roots:
            return []
        root = _root_of(existing.bundle.pem)
        if root is None or root not in self._root_prints:
            return ["issuer: its chain ends at none of import_certificates_trusted_roots"]
        return []

    @functools.cached_property
    def _root_prints(self) -> frozenset[str]:
        material = only_certificates(self.settings.trusted_roots)
        return frozenset(entry.view.fingerprint for entry in material.certificates)

    def superseded(self, request: SensorRequest, existing: Existing, tools: Tools) -> Sequence[str]:
        """Whether the files say something else than the bundle that could stay."""
        assignment = self._sort(tools).assignments.get(request.name)
        if assignment is None or not assignment.received:
            return ()
        if assignment.selection is None:
            return ("files were received that cannot be used",)
        return self._differences(existing.bundle, assignment.selection, _form(request))

    @staticmethod
    def _differences(bundle: Any, selection: Selection, form: Form) -> tuple[str, ...]:
        have = {"crt": bundle.crt, "key": bundle.key, "pem": bundle.pem}
        return tuple(
            f".{kind}: {difference}"
            for kind in _KINDS
            for difference in [
                outputs.difference(kind, have[kind], outputs.render(kind, selection, form), selection, form)
            ]
            if difference is not None
        )

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """What the delivery holds for each sensor."""
        if not jobs:
            return
        assignments = self._sort(tools).assignments
        for job in jobs:
            yield self._answer(job, assignments.get(job.request.name), tools)

    def _answer(self, job: Job, assignment: Assignment | None, tools: Tools) -> Answer:
        request = job.request
        if assignment is None or not assignment.received:
            return Nothing(request.name)
        if assignment.selection is None:
            return Refused(request.name, assignment.errors, assignment.notes)
        selection, form = assignment.selection, _form(request)
        visible = None if request.reissue else tools.state.visible(request.name)
        if visible is not None:
            if not self._differences(visible, selection, form):
                return Nothing(request.name, assignment.notes)
            before, after = _root_of(visible.pem), selection.chain[-1].view
            if before is not None and before != after.fingerprint:
                return Refused(
                    request.name,
                    (
                        f"the chain of {selection.the_leaf.source} ends at another root ({after.title}, SHA-256 "
                        f"{after.fingerprint}) than the staged bundle's (SHA-256 {before}); if the organization has "
                        "changed its root, run once with sensor_certificates_reissue: true for this sensor",
                    ),
                    assignment.notes,
                )
        # Of several common names the one that was looked for: that is known to be fit as a file's name.
        view, wanted = selection.the_leaf.view, request.common_name.lower()
        sources = dict.fromkeys((selection.the_leaf.source, selection.the_key.source))
        return Obtained(
            request.name,
            next(name for name in view.common_names if name.lower() == wanted),
            outputs.render("crt", selection, form),
            outputs.render("key", selection, form),
            outputs.render("pem", selection, form),
            notes=assignment.notes,
            received=tuple(sources),
        )

    def _sort(self, tools: Tools) -> _Sorted:
        """The delivery, taken apart once for a run."""
        if self._sorted is None:
            mine = [request for request in tools.requests if request.issuer == self.name]
            recipients = [_recipient(request) for request in mine]
            known = {request.name for request in mine}
            others = [Recipient(name, common_name) for name, common_name in tools.others if name not in known]
            others += [_recipient(request) for request in tools.requests if request.name not in known]
            authorities = only_certificates((*self.settings.ca_files, *self.settings.trusted_roots)).certificates
            delivery = read_delivery(self.settings.paths, [*recipients, *others], self.settings.passphrases)
            trusted = self._root_prints if self.settings.trusted_roots else None
            assignments, leftovers = assign(recipients, others, delivery.material, authorities, trusted)
            self._sorted = _Sorted(delivery, {entry.sensor.name: entry for entry in assignments}, leftovers)
        return self._sorted

    @property
    def problems(self) -> tuple[str, ...]:
        """Files that cannot be used may be anybody's: they are the run's failure, and no innocent sensor's."""
        unusable = self._sorted.delivery.unusable if self._sorted else ()
        if not unusable:
            return ()
        listed = some([f"{entry.file}: {entry.message}" for entry in unusable], 5, "; ")
        return (
            show(
                f"the run's failure, no sensor's: {counted(len(unusable), 'received file')} cannot be used: {listed}",
                2000,
            ),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """What is no sensor's, and why."""
        if self._sorted is None:
            return ()
        delivery, leftovers = self._sorted.delivery, self._sorted.leftovers
        lines = [f"UNUSABLE {entry.file}: {entry.message}. {entry.hint}" for entry in delivery.unusable]
        lines += [f"UNASSIGNED {entry.source}: {entry.what}: {entry.reason}" for entry in leftovers if not entry.other]
        elsewhere = dict.fromkeys(entry.other for entry in leftovers if entry.other)
        if elsewhere:
            lines.append(f"There are files for {counted(len(elsewhere), 'sensor')} not part of this run")
        lines += [f"passed over {entry.file}: {entry.message}" for entry in delivery.passed_over]
        # Names of received files are the sender's: nothing of them may steer a terminal.
        return tuple(show(line, 2000) for line in lines)


def _form(request: SensorRequest) -> Form:
    return Form(passphrase=request.key_passphrase)


def _recipient(request: SensorRequest) -> Recipient:
    return Recipient(request.name, request.common_name, request.received_passphrase, request.key_passphrase)


def _root_of(chain: bytes) -> str | None:
    """The fingerprint of a chain's last certificate."""
    views = read_certificates(chain, "").views
    return views[-1].fingerprint if views else None


def make(name: str, settings: Mapping[str, Any], run: Run) -> ReceivedFiles:
    """The issuer of a run.

    :raises InputError: nothing says where the files are, or whom to believe.
    """
    given = run.received
    paths = tuple(given.get("src") or ())
    if not paths:
        raise InputError(
            "import_certificates_src is empty; wanted: the folder, archive or files that were received, or a list of "
            "them"
        )
    roots = tuple(given.get("trusted_roots") or ())
    if not roots and not given.get("trust_any"):
        raise InputError(
            "import_certificates_trusted_roots is empty, so certificates of any CA would be taken for the "
            "organization's; wanted: the files of the roots at which their chains must end, or "
            "import_certificates_trust_any: true if any CA will do"
        )
    material = only_certificates(roots)
    if material.errors:
        raise InputError(f"import_certificates_trusted_roots: {material.errors[0].file}: {material.errors[0].message}")
    return ReceivedFiles(
        name,
        ReceivedSettings(
            paths=paths,
            ca_files=tuple(given.get("ca_files") or ()),
            passphrases=tuple(entry for entry in given.get("passphrases") or () if entry),
            trusted_roots=roots,
        ),
    )
