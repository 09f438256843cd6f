# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which run is a slice of a sliced job."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.slices import Slice, require_whole, slice_of

SLICED = {"awx_job_slice_number": 2, "awx_job_slice_count": "4"}
NAMED = {"awx_job_template_name": "Certificates", "awx_workflow_job_name": "Certificates"}


@pytest.mark.parametrize(
    ("variables", "environment", "found"),
    [
        ({}, {}, None),
        (SLICED, {}, None),
        (SLICED, {"AWX_JOB_ID": "7"}, Slice("7", 2, 4)),
        (SLICED, {"JOB_ID": "7"}, Slice("7", 2, 4)),
        ({**SLICED, "awx_job_id": 8}, {"JOB_ID": "7"}, Slice("8", 2, 4)),
        ({"tower_job_id": 8, "tower_job_slice_number": 1, "tower_job_slice_count": 2}, {}, Slice("8", 1, 2)),
        ({"awx_job_id": 8, "awx_job_slice_number": 1, "awx_job_slice_count": 1}, {}, None),
        ({"awx_job_id": 8, "awx_job_slice_number": 0, "awx_job_slice_count": 1, **NAMED}, {}, None),
        ({"awx_job_id": 8}, {"JOB_ID": "8"}, None),
        ({"awx_job_id": 8, **NAMED}, {}, Slice("8")),
        ({"awx_job_id": 8, **NAMED, "awx_workflow_job_name": "Every week"}, {}, None),
        ({"awx_job_id": 8, **NAMED, "ot_pki_sliced": False}, {}, None),
        ({**SLICED, "awx_job_id": 8, "ot_pki_sliced": "false"}, {}, None),
        ({"ot_pki_sliced": "true"}, {}, Slice("")),
    ],
)
def test_what_is_a_slice(variables: dict[str, Any], environment: dict[str, str], found: Slice | None) -> None:
    assert slice_of(variables, environment) == found


@pytest.mark.parametrize("variables", [{"awx_job_slice_count": "many"}, {"ot_pki_sliced": "perhaps"}])
def test_what_cannot_be_understood_is_said(variables: dict[str, Any]) -> None:
    (name,) = variables
    with pytest.raises(InputError, match=f"{name} is '{variables[name]}'"):
        slice_of(variables, {"JOB_ID": "7"})


def test_what_needs_the_whole_inventory_refuses() -> None:
    require_whole(None, "report")
    with pytest.raises(InputError, match="report needs the whole inventory, and this is slice 2 of 4 of a sliced job"):
        require_whole(Slice("7", 2, 4), "report")
