# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task behind the module ``fleet_report``: gather, write, ask; whatever goes wrong, the rest still comes."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError, PkiError
from ..profiles.base import Profile
from ..state.fleet import FleetState
from ..validation.task import parse_moment
from ..values.lists import counted, some
from . import writing
from .facts import ORPHANED, Fleet
from .gather import Places, gather
from .handover import hand_over
from .query import ask
from .wanted import Wanted

NEVER, DUE, EXPIRED, ERROR = "never", "due", "expired", "error"
FAIL_ON = (NEVER, DUE, EXPIRED, ERROR)


@dataclass(frozen=True)
class Order:
    """What is to be reported, and where.

    :ivar query: a JMESPath expression over the data, or empty. :ivar since: a moment (ISO 8601), or empty.
    :ivar sheets: a page of upload sheets for each site as well. :ivar handover: the folder for archives with the files
        to upload, one for each site, or empty. :ivar group: the one that all sensors are in.
    """

    folder: str
    formats: Sequence[str]
    query: str = ""
    fail_on: str = NEVER
    since: str = ""
    sheets: bool = False
    handover: str = ""
    most: int = 10
    group: str = "sensors"
    check_mode: bool = False
    places: Places = field(default_factory=Places)


def run(
    order: Order,
    sensors: Sequence[Mapping[str, Any]],
    state: FleetState,
    profile: Profile,
    moment: datetime.datetime,
    workers: int = 1,
) -> dict[str, Any]:
    """Report on a fleet.

    :param sensors: of the inventory, as the gatherer describes them.
    :returns: a module's result; ``errors`` says what makes it fail, after everything that could be done was done.
    :raises InputError: a format or a moment is none.
    """
    formats = writing.check_formats(order.formats or list(writing.FORMATS))
    if order.fail_on not in FAIL_ON:
        raise InputError(f"fleet_report_fail_on is {order.fail_on!r}; wanted: one of {', '.join(FAIL_ON)}")
    since = parse_moment(order.since, "fleet_report_since") if order.since.strip() else None
    wanted = list({str(raw["name"]): Wanted.of(raw, order.group) for raw in sensors}.values())
    fleet = gather(state, wanted, profile, moment, order.places, workers, since)
    errors: list[str] = []
    result: dict[str, Any] = {"changed": False, "dir": order.folder, "files": []}
    try:
        written = writing.write(
            order.folder, writing.rendered(fleet, formats, order.sheets), order.sheets, order.check_mode
        )
        result.update(changed=bool(written.changed), files=list(written.files), differing=list(written.changed))
        errors += [written.problem] if written.problem else []
    except PkiError as error:
        errors.append(str(error))
    if order.handover:
        try:
            _hand_over(fleet, state, order, result, errors)
        except PkiError as error:
            errors.append(str(error))
    if order.query:
        try:
            result["query"] = ask(fleet.to_dict(), order.query, "fleet_report_query")
        except PkiError as error:
            errors.append(str(error))
    alarm = _alarm(fleet, order.fail_on, order.most)
    result.update(
        msg=fleet.headline,
        verdict=fleet.verdict,
        summary=dict(fleet.summary),
        to_upload=[row.name for row in fleet.sensors if row.upload.needed],
        problems=list(fleet.problems),
        lines=lines_of(
            fleet, order, [*errors, *([alarm] if alarm else [])], result.get("handover", []), bool(result["files"])
        ),
    )
    if fleet.changes is not None:
        result["changes"] = [dict(entry) for entry in fleet.changes]
    result["errors"] = [*errors, *([alarm] if alarm else [])]
    result["failed"] = bool(result["errors"])
    if result["failed"]:
        result["msg"] = f"{fleet.headline}. {'; '.join(result['errors'])}"
    return result


def _hand_over(fleet: Fleet, state: FleetState, order: Order, result: dict[str, Any], errors: list[str]) -> None:
    done = hand_over(fleet, state, order.handover, order.check_mode)
    errors += done.problems
    result["handover"] = [os.path.join(order.handover, name) for name in done.files]
    result["changed"] = result["changed"] or bool(done.changed)
    result["differing"] = [*result.get("differing", []), *(os.path.join(order.handover, name) for name in done.changed)]


def _alarm(fleet: Fleet, fail_on: str, most: int) -> str | None:
    """Why the exit status is to say that something is wrong, or None."""
    rows = [row for row in fleet.sensors if row.state != ORPHANED]
    if fail_on == DUE:
        found, what = [row.name for row in rows if row.due or row.expired], ("is due", "are due")
    elif fail_on == EXPIRED:
        found, what = [row.name for row in rows if row.expired], ("has expired", "have expired")
    elif fail_on == ERROR:
        found, what = [row.name for row in rows if row.failed or row.expired], ("has errors", "have errors")
        if not found and fleet.problems:
            return f"the state cannot be read whole (fleet_report_fail_on: {fail_on}): {fleet.problems[0]}"
    else:
        return None
    if not found:
        return None
    verb = what[len(found) != 1]
    return f"{counted(len(found), 'sensor')} {verb} (fleet_report_fail_on: {fail_on}): {some(found, most)}"


def lines_of(
    fleet: Fleet, order: Order, errors: Sequence[str], archives: Sequence[str] = (), written: bool = True
) -> list[str]:
    """What people want to read; the first line is fit for a notification.

    :param written: whether there is a file with the upload sheets.
    """
    lines = [fleet.headline]
    lines += [f"NOT READ: {problem}" for problem in fleet.problems[: order.most]]
    if len(fleet.problems) > order.most:
        lines.append(f"NOT READ: and {len(fleet.problems) - order.most} more")
    uploads = [row.name for row in fleet.sensors if row.upload.needed]
    if uploads:
        where = "" if not written or order.check_mode else f"; sheets in {order.folder}"
        lines.append(f"{counted(len(uploads), 'sensor')} to upload: {some(uploads, order.most)}{where}")
    if archives and not order.check_mode:
        lines.append(f"To hand over, with the keys in them, one for each site: {some(archives, order.most)}")
    for title, names in (
        ("With errors", [row.name for row in fleet.sensors if row.failed]),
        ("Due", [row.name for row in fleet.sensors if row.due]),
        ("Missing", [row.name for row in fleet.sensors if row.state == "missing"]),
        ("Pending", [row.name for row in fleet.sensors if row.state == "pending"]),
        ("Not in the inventory any more (retire_sensors)", [r.name for r in fleet.sensors if r.state == ORPHANED]),
    ):
        if names:
            lines.append(f"{title}: {some(names, order.most)}")
    for ca in fleet.authorities:
        if ca.ends_first:
            lines.append(
                f"CA {ca.common_name} ends on {ca.not_after[:10]}, before {counted(ca.ends_first, 'certificate')}"
            )
    lines += [f"CRL {crl.path} is {crl.state}" for crl in fleet.crls if crl.state in ("expired", "unreadable")]
    if fleet.changes is not None:
        lines.append(f"Since {fleet.since}: {counted(len(fleet.changes), 'event')}")
        lines += [
            f"  {entry['time']} {entry['sensor']}: {entry['event']}"
            + (f", {entry['reason']}" if entry["reason"] else "")
            for entry in fleet.changes[: 2 * order.most]
        ]
        if len(fleet.changes) > 2 * order.most:
            lines.append(f"  and {len(fleet.changes) - 2 * order.most} more")
    lines += [f"FAILED {error}" for error in errors]
    return lines
