# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of each upload, from what the sensor said and what its console was seen to present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..live.judge import MATCHES
from ..values.lists import some

# What one attempt comes to (``action`` of the module sensor_upload).
IMPORTED, REFUSED, LOST, NO_COMMAND, PLANNED, FAILED = (
    "imported", "refused", "lost", "no-command", "planned", "failed",
)  # fmt: skip
NONE_KEPT, NOT_NEEDED, CLEANED = "none-kept", "not-needed", "cleaned"
# What the whole comes to.
UPLOADED, PUT_BACK = "uploaded", "put-back"
_RAN = (IMPORTED, REFUSED, LOST)

Result = Mapping[str, Any]


def has_run(first: Result) -> bool:
    """Whether the sensor's command was started, as far as anybody knows."""
    return first.get("action") in _RAN


def needs_earlier(first: Result, before: str | None, seen: Result | None) -> bool:
    """Whether the earlier bundle is to be put back.

    :param first: what the import came to. :param before: the fingerprint that the console presented before.
    :param seen: the look at the console afterwards.
    """
    if not has_run(first) or (seen is not None and seen.get("state") == MATCHES):
        return False
    # A sensor that refused a certificate and still presents what it did has changed nothing.
    unchanged = seen is not None and before is not None and seen.get("fingerprint") == before
    return not (first["action"] == REFUSED and unchanged)


@dataclass(frozen=True)
class Outcome:
    """What became of one sensor.

    :ivar action: ``uploaded``, ``put-back``, ``no-command``, ``planned`` or ``failed``.
    """

    name: str
    action: str
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    fingerprint: str | None = None
    serial: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        data = dict(vars(self))
        return {**data, **{key: list(data[key]) for key in ("errors", "warnings", "steps")}}


def outcome_of(
    first: Result, seen: Result | None, second: Result | None, again: Result | None, cleaned: Result | None
) -> Outcome:
    """What all steps of one upload come to.

    :param first: the import; ``seen`` the look after it, ``second`` what was done about the earlier bundle, ``again``
        the look after that, ``cleaned`` what was done about files that a broken connection may have left.
    """
    name, action = str(first["name"]), first["action"]

    def became(action: str, errors: Sequence[str], warnings: Sequence[str] = (), steps: Sequence[str] = ()) -> Outcome:
        told = (tuple(errors), tuple(warnings), tuple(steps))
        return Outcome(name, action, *told, first.get("fingerprint"), first.get("serial"))

    warnings = [*first.get("warnings", ()), *(cleaned or {}).get("errors", ())]
    if action in (NO_COMMAND, PLANNED):
        return became(action, (), warnings, first.get("steps", ()))
    if has_run(first) and seen is not None and seen.get("state") == MATCHES:
        # What the console presents counts, whatever the command said.
        return became(UPLOADED, (), [*first["errors"], *warnings])
    errors = list(first["errors"])
    if action == IMPORTED:
        errors.append(f"the command took the certificate, but the console did not show it in time: {_seen(seen)}")
    elif action == LOST:
        errors.append(f"the console does not show the certificate: {_seen(seen)}")
    told = (second or {}).get("action", NOT_NEEDED)
    if told == NOT_NEEDED:
        if action == REFUSED:
            errors.append("the console presents what it did before")
        return became(FAILED, [*errors, *warnings])
    warnings += (second or {}).get("warnings", ())
    if told == NONE_KEPT:
        errors.append(
            "no earlier bundle of this sensor is kept, so none could be put back; look at its console, and see "
            "cyberx-xsense-create-self-signed-certificate on the sensor if it does not answer"
        )
        return became(FAILED, [*errors, *warnings])
    if again is not None and again.get("state") == MATCHES:
        errors.append("the earlier certificate was put back, and the console presents it")
        return became(PUT_BACK, [*errors, *warnings])
    why = "; ".join((second or {}).get("errors", ())) or _seen(again)
    errors.append(f"the earlier certificate could not be put back: {why}; look at its console")
    return became(FAILED, [*errors, *warnings])


def _seen(look: Result | None) -> str:
    return str(look["message"]) if look else "it was not looked at"


_TITLES = {
    UPLOADED: "uploaded, and seen on the console",
    PUT_BACK: "do not show the new certificate; the earlier one was put back",
    FAILED: "FAILED",
    PLANNED: "would be uploaded to (check mode: nothing was copied)",
    NO_COMMAND: "have no command for it; upload in their console",
}


def lines_of(outcomes: list[Outcome], most: int) -> list[str]:
    """What people want to read of these sensors.

    :param most: how many are named, and how many sheets are told.
    """
    lines = []
    for action, title in _TITLES.items():
        names = [one.name for one in outcomes if one.action == action]
        if names:
            lines.append(f"{len(names)} {title}: {some(names, most)}")
    for one in outcomes:
        lines += [f"{one.name}: {text}" for text in (*one.errors, *one.warnings)]
    sheets = [one for one in outcomes if one.action == NO_COMMAND]
    for one in sheets[:most]:
        lines += [f"{one.name}, in its console:", *(f"  {step}" for step in one.steps)]
    if len(sheets) > most:
        lines.append(f"and {len(sheets) - most} more; the playbook report writes the sheets of all")
    return lines


def totals(plan: Mapping[str, Any], records: list[Mapping[str, Any]]) -> list[str]:
    """What all parts come to, on one line; and who was left alone.

    :param plan: as :meth:`.rollout.Rollout.to_dict` gives it. :param records: what was written down of each part.
    """
    actions = {one["name"]: one["action"] for record in records for one in record.get("results", ())}
    titles = {
        UPLOADED: "uploaded", PUT_BACK: "put back", FAILED: "failed", PLANNED: "would be uploaded",
        NO_COMMAND: "by hand in the console",
    }  # fmt: skip
    counts = {title: list(actions.values()).count(action) for action, title in titles.items()}
    counts["failed"] += len(plan["failures"])
    told = [f"{number} {title}" for title, number in counts.items() if number or title == "uploaded"]
    lines = [f"{', '.join(told)}, {len(plan['kept'])} present their certificate already"]
    left = [str(host["name"]) for host in plan["hosts"] if host["name"] not in actions]
    if left:
        lines.append(f"{len(left)} left alone, since a part before them failed: {some(left, 10)}")
    return lines
