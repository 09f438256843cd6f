# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a run is a slice of a sliced job of AWX or Automation Controller.

A slice is every n-th host of the whole inventory, in a run of its own: neither the other sensors nor all workstations
and web servers are known to it. (AWX: ``Inventory.get_sliced_hosts``.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..module_utils._plain.errors import InputError

VARIABLE = "ot_pki_sliced"
_PREFIXES = ("awx", "tower")
_ENVIRONMENT = ("AWX_JOB_ID", "TOWER_JOB_ID", "JOB_ID")


@dataclass(frozen=True)
class Slice:
    """One slice of a job.

    :ivar job: the job's number, empty if it is not known.
    :ivar number: which one of :attr:`count`; None: nobody said so.
    """

    job: str
    number: int | None = None
    count: int | None = None

    @property
    def text(self) -> str:
        """What it is, for people."""
        part = f"slice {self.number} of {self.count}" if self.number and self.count else "a slice"
        return f"{part} of a sliced job" + (f" (job {self.job})" if self.job else "")

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"job": self.job, "number": self.number, "count": self.count, "text": self.text}


def slice_of(
    variables: Mapping[str, Any], environment: Mapping[str, str], evaluate: Callable[[Any], Any] = lambda value: value
) -> Slice | None:
    """The slice that a run is, or ``None`` if it has the whole inventory.

    :param variables: of the running task; extra variables are among them.
    :param environment: of the process that runs Ansible.
    :param evaluate: evaluates a template.
    :raises InputError: a number that is none.
    """

    def value(name: str) -> Any:
        for prefix in _PREFIXES:
            if variables.get(f"{prefix}_{name}") not in (None, ""):
                return evaluate(variables[f"{prefix}_{name}"])
        return None

    job = str(value("job_id") or next((environment[name] for name in _ENVIRONMENT if environment.get(name)), ""))
    number, count = (_number(name, value(name)) for name in ("job_slice_number", "job_slice_count"))
    said = evaluate(variables.get(VARIABLE))
    if said not in (None, ""):
        if str(said).lower() not in ("true", "yes", "1", "false", "no", "0"):
            raise InputError(f"{VARIABLE} is {str(said)!r}; wanted: true or false")
        return Slice(job, number, count) if str(said).lower() in ("true", "yes", "1") else None
    if not job:
        return None
    if count is not None:
        return Slice(job, number, count) if count > 1 else None
    # A job whose workflow has the name of the job's own template: so AWX names the workflow of a sliced job, and it
    # tells a slice nothing else of its being one.
    workflow, template = value("workflow_job_name"), value("job_template_name")
    return Slice(job) if workflow is not None and str(workflow) == str(template) else None


def require_whole(found: Slice | None, what: str) -> None:
    """Refuse what cannot be done for a part of the inventory.

    :raises InputError: the run is a slice.
    """
    if found is not None:
        raise InputError(
            f"{what} needs the whole inventory, and this is {found.text}, which sees only its share of the hosts; "
            f"wanted: {what} from a job template without job slicing"
        )


def _number(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise InputError(f"awx_{name} is {str(value)!r}; wanted: a number, as AWX sets it") from None
