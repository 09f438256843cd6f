# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole fleet in one go: check all inputs, plan, make keys on all cores, sign, record, store.

Nothing here is visible to people: :mod:`..staging` shows a bundle once it passed validation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import FileError, InputError, PkiError
from ..crypto import x509
from ..issuers.local_ca.certificate import build_certificate, validity
from ..issuers.local_ca.opened import Authority
from ..parallel import process_map
from ..planning.due import renewal_time
from ..planning.limits import Limits, limit_faults, limits_of
from ..planning.plan import Plan, Wanted, make_plan
from ..planning.request import SensorRequest, duplicate_faults, parse_request
from ..state import locks
from ..state.ledger import serial_text
from ..state.store import BundleFiles
from ..values import x509_parts as parts

KEPT, ISSUED, FAILED = "kept", "issued", "failed"


@dataclass(frozen=True)
class SensorOutcome:
    """What became of one sensor. ``files`` and ``certificate`` are ``None`` where nothing was made (yet)."""

    name: str
    action: str
    common_name: str | None = None
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    files: BundleFiles | None = None
    certificate: x509.Certificate | None = None
    visible: bool = False
    renew_before_days: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data, without anything secret."""
        certificate = self.certificate
        data: dict[str, Any] = {
            "name": self.name,
            "action": self.action,
            "changed": self.action == ISSUED,
            "common_name": self.common_name,
            "reasons": list(self.reasons),
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "certificate": self.files.crt if self.files else None,
            "private_key": self.files.key if self.files else None,
            "chain": self.files.pem if self.files else None,
            "serial": None,
            "fingerprint": None,
            "not_before": None,
            "not_after": None,
            "renew_after": None,
        }
        if certificate is not None:
            start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            data.update(
                serial=serial_text(certificate.serial_number),
                fingerprint=parts.fingerprint(certificate),
                not_before=parts.iso(start),
                not_after=parts.iso(end),
                renew_after=parts.iso(renewal_time(start, end, self.renew_before_days)),
            )
        return data


@dataclass(frozen=True)
class Batch:
    """How a batch is to run.

    :ivar prefix: how the caller's variables begin, for messages.
    :ivar lock_timeout: seconds to wait for sensors that another run works on.
    :ivar progress: called with (made, of how many) as keys come out.
    """

    prefix: str = ""
    lock_timeout: float = 30.0
    workers: int = 1
    progress: Callable[[int, int], None] = field(default=lambda _made, _of: None)


def check_inputs(
    raws: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], limits: Limits | None, prefix: str
) -> tuple[list[SensorRequest | None], list[list[str]]]:
    """Every fault of every sensor, before anything is made.

    :param limits: what the CA sets, if that is known.
    :returns: the fit requests (``None`` for the others) and the messages, both in the order given.
    """
    duplicates = duplicate_faults(raws, others)
    requests: list[SensorRequest | None] = []
    messages = []
    for position, raw in enumerate(raws):
        request, faults = parse_request(raw)
        faults = faults + duplicates.get(position, [])
        if request is not None and limits is not None:
            faults += limit_faults(request, limits)
        requests.append(None if faults else request)
        messages.append([fault.text(prefix) for fault in faults])
    return requests, messages


def issue_batch(
    raws: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
    wanted: Wanted,
    batch: Batch,
    check_mode: bool = False,
) -> list[SensorOutcome]:
    """Plan for every sensor and carry the plans out.

    :param raws: the sensors of this run, as options (:func:`..request.parse_request`).
    :param others: name and CN of the fleet's sensors that this run leaves alone.
    :param check_mode: only plan; write nothing, not even a folder or a lock.
    :returns: one outcome for each sensor, in the same order.
    :raises PkiError: for what concerns every sensor (stage directory, ledger).
    """
    limits = limits_of(wanted.authority.certificate) if wanted.authority else None
    requests, messages = check_inputs(raws, others, limits, batch.prefix)
    problem = wanted.store.problem()
    if problem:
        raise FileError(f"{batch.prefix}stage_dir cannot be used: {problem}")
    fit = [request for request in requests if request is not None]
    outcomes: dict[str, SensorOutcome] = {}
    names = [request.name for request in fit]
    with locks.hold_for(wanted.store, names, batch.lock_timeout, check_mode) as holders:
        plans = []
        for request in fit:
            if request.name in holders:
                text = f"another run works on this sensor: {holders[request.name]}"
                outcomes[request.name] = _failed(request, text)
                continue
            try:
                plan = make_plan(request, wanted)
            except PkiError as error:
                outcomes[request.name] = _failed(request, str(error))
                continue
            outcomes[request.name] = _planned(plan, wanted)
            if plan.reasons:
                plans.append(plan)
        if not check_mode:
            for outcome in _carry_out(plans, wanted, batch):
                outcomes[outcome.name] = outcome
    return [
        outcomes[request.name] if request is not None else refused(raw, errors)
        for raw, request, errors in zip(raws, requests, messages)
    ]


def refused(raw: Mapping[str, Any], errors: Sequence[str]) -> SensorOutcome:
    """The outcome of a sensor whose inputs are not fit."""
    common_name = raw.get("common_name")
    return SensorOutcome(
        name=str(raw.get("name")),
        action=FAILED,
        common_name=common_name if isinstance(common_name, str) else None,
        errors=tuple(errors),
    )


def _failed(request: SensorRequest, error: str) -> SensorOutcome:
    return SensorOutcome(request.name, FAILED, request.common_name, errors=(error,))


def _planned(plan: Plan, wanted: Wanted) -> SensorOutcome:
    request = plan.request
    common: dict[str, Any] = {
        "name": request.name,
        "common_name": request.common_name,
        "renew_before_days": request.renew_before_days,
    }
    if plan.kept is not None:
        return SensorOutcome(
            action=KEPT, files=plan.kept.files, certificate=plan.kept.certificate, visible=plan.visible, **common
        )
    return SensorOutcome(
        action=ISSUED,
        reasons=plan.reasons,
        changes=plan.changes,
        warnings=_clamp_warnings(request, wanted),
        **common,
    )


def _clamp_warnings(request: SensorRequest, wanted: Wanted) -> tuple[str, ...]:
    if wanted.authority is None:
        return ()
    period = validity(wanted.authority, request.validity_days, wanted.moment)
    if not period.clamped:
        return ()
    return (
        f"validity shortened from {request.validity_days} days to the end of the issuing CA, "
        f"{parts.iso(period.not_after)}",
    )


def _make(wanted: Wanted, authority: Authority, request: SensorRequest) -> tuple[bytes, bytes]:
    """In a worker: a new key and its signed certificate, both PEM.

    Workers are forked and inherit ``authority``, so the CA's decrypted key passes through no pipe or file.
    """
    key = parts.new_key(request.key_size)
    certificate = build_certificate(request, key.public_key(), authority, wanted.crl_url, wanted.moment)
    return parts.key_pem(key, request.key_passphrase), parts.pem(certificate)


def _carry_out(plans: Sequence[Plan], wanted: Wanted, batch: Batch) -> Iterator[SensorOutcome]:
    if not plans:
        return
    if wanted.authority is None:
        raise InputError("there is no CA yet; apply the role local_ca first")
    wanted.ledger.prepare()
    requests = [plan.request for plan in plans]
    made = process_map(functools.partial(_make, wanted, wanted.authority), requests, workers=batch.workers)
    for count, (plan, (key, certificate)) in enumerate(zip(plans, made), start=1):
        yield _hand_out(plan, key, certificate, wanted, wanted.authority)
        batch.progress(count, len(plans))


def _hand_out(plan: Plan, key: bytes, certificate_pem: bytes, wanted: Wanted, authority: Authority) -> SensorOutcome:
    """Record the certificate, then put the bundle into the store; in this order, whatever happens."""
    request = plan.request
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    contents = {"crt": certificate_pem, "key": key, "pem": authority.chain_pem}
    try:
        wanted.ledger.record(request.name, certificate)
        mark = serial_text(certificate.serial_number)
        files = wanted.store.add(request.name, mark, request.common_name, contents, wanted.moment)
    except FileError as error:
        return _failed(request, str(error))
    return SensorOutcome(
        name=request.name,
        action=ISSUED,
        common_name=request.common_name,
        reasons=plan.reasons,
        warnings=_clamp_warnings(request, wanted),
        changes=plan.changes,
        files=files,
        certificate=certificate,
        renew_before_days=request.renew_before_days,
    )
