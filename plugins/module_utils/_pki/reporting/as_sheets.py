# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One page to print for each site: the upload sheets of its sensors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from ..delivery.sheet import steps
from . import pages
from .facts import Fleet, SensorRow

_PREFIX, _SUFFIX = "sheets-", ".html"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def is_sheet(name: str) -> bool:
    """Whether a file is one of these pages, of this run or an earlier one."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def render(fleet: Fleet) -> dict[str, bytes]:
    """The pages by file name: the sensors that need an upload, by site. A site without one has no page."""
    return {file_name(site): page(fleet, site, rows) for site, rows in waiting_by_site(fleet).items()}


def waiting_by_site(fleet: Fleet) -> dict[str, list[SensorRow]]:
    """The sensors that need an upload, by site."""
    by_site: dict[str, list[SensorRow]] = {}
    for row in fleet.sensors:
        if row.upload.needed:
            by_site.setdefault(row.site, []).append(row)
    return by_site


def file_name(site: str) -> str:
    """The page of a site."""
    return site_file(site, _PREFIX, _SUFFIX)


def site_file(site: str, prefix: str, suffix: str) -> str:
    """A file of a site; sites whose names differ have different files, on any file system."""
    site = site or "all"
    plain = _UNFIT.sub("_", site)[:80]
    if plain != site or site != site.lower():
        plain += "-" + hashlib.sha256(site.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{prefix}{plain}{suffix}"


def page(fleet: Fleet, site: str, rows: Sequence[SensorRow]) -> bytes:
    """The sheets of these sensors, as one page."""
    sheets = [
        {
            "row": row,
            "steps": steps(row.upload.to_dict(), row.common_name or row.name, row.fingerprint or ""),
            "problems": [f"{one['id']}: {one['message']}" for one in row.findings if one["severity"] == "error"][:20],
        }
        for row in rows
    ]
    return pages.render("sheets.html", {"site": site or "all sensors", "generated": fleet.generated, "sheets": sheets})
