#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names in a hosts file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hosts_entry
short_description: Give names to addresses in a hosts file
version_added: 1.0.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - Adds lines to the end of a hosts file, or takes names out of it, for one address or for many in one call.
  - Comments, order, spacing, line ends, owner, mode and SELinux context of the file stay as they are. A line that already gives the name to
    the address, in any case or spacing, is enough.
  - The file is replaced as a whole. Where that cannot be, because the file itself is a mount as in containers, it is written in place.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
options:
  ip:
    description:
      - An IPv4 or IPv6 address, without zone index and without leading zeros.
      - May be left out for O(state=absent), which then takes the names from any address.
    type: str
  names:
    description:
      - The names that lead to O(ip).
      - A trailing dot is left away and a non-ASCII name is written in its C(xn--) form, both with a warning.
    type: list
    elements: str
  entries:
    description: Many addresses with their names, in place of O(ip) and O(names). Nothing is done if one of them is faulty.
    type: list
    elements: dict
    suboptions:
      ip:
        description: As O(ip).
        type: str
      names:
        description: As O(names).
        type: list
        elements: str
        required: true
  state:
    description:
      - V(present) sees to it that each name leads to its address.
      - V(absent) removes just the names given; other names and the comment of a line stay.
    type: str
    choices: [present, absent]
    default: present
  path:
    description: The hosts file. A link is followed if it belongs to root or to the user who does this.
    type: path
    default: /etc/hosts
  backup:
    description: Keep a copy of the former file beside it, if it changes.
    type: bool
    default: false
  conflict:
    description:
      - What happens to a name that stands with another address, be it IPv4 or IPv6, that is not among O(entries) for this name.
      - V(move) takes it out of those lines; other names and the comment there stay; reported in RV(moved).
      - V(keep) leaves it where it is and does not add it; reported in RV(kept).
      - V(fail) changes nothing and names them all.
    type: str
    choices: [move, keep, fail]
    default: move
  style:
    description:
      - V(lines) adds one line for each entry and knows no more of it afterwards.
      - V(block) owns the lines between two marks. What is no longer among O(entries) vanishes from there; lines outside are treated as with
        V(lines). With O(state=absent) and no names the whole block is removed.
    type: str
    choices: [lines, block]
    default: lines
  marker:
    description: The text of the marks for O(style=block). Several blocks with different texts may stand in one file.
    type: str
    default: ot_pki.defender_iot
"""

EXAMPLES = r"""
- name: Give the sensor's name to its address
  ot_pki.defender_iot.hosts_entry:
    ip: 192.0.2.11
    names: sensor-1.plant.example

- name: All sensors in one call, in a block that follows the list
  ot_pki.defender_iot.hosts_entry:
    style: block
    entries:
      - ip: 192.0.2.11
        names: [sensor-1.plant.example]
      - ip: 2001:db8::12
        names: [sensor-2.plant.example, sensor-2]

- name: Take a name away, whatever its address
  ot_pki.defender_iot.hosts_entry:
    names: [old-sensor.plant.example]
    state: absent
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
results:
  description: What was done for each entry, in the order given.
  type: list
  elements: dict
  returned: success
  contains:
    ip:
      description: The address.
      type: str
    names:
      description: The names as they are written.
      type: list
      elements: str
    changed:
      description: Whether the file changes for this entry.
      type: bool
    added:
      description: Names that were written.
      type: list
      elements: str
    removed:
      description: Names that were taken away.
      type: list
      elements: str
    moved:
      description: Names that left other lines, with V(name), and V(ip) and V(line) where each stood.
      type: list
      elements: dict
    kept:
      description: Names that stay with other addresses, likewise.
      type: list
      elements: dict
moved:
  description: All names that left other lines.
  type: list
  elements: dict
  returned: success
kept:
  description: All names that stay with other addresses.
  type: list
  elements: dict
  returned: success
in_place:
  description: Whether the file was written in place, because it could not be replaced as a whole.
  type: bool
  returned: when changed outside check mode
backup_file:
  description: The copy of the former file.
  type: str
  returned: when O(backup=true) and the file changed
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._plain.errors import InputError, PkiError
from ..module_utils._plain.hosts_file import ABSENT, BLOCK, PRESENT, Plan, plan
from ..module_utils._plain.hosts_file_entries import parse_entries
from ..module_utils._plain.hosts_file_options import ARGUMENT_SPEC
from ..module_utils._plain.hosts_file_read import read_hosts
from ..module_utils._plain.texts import harmless

# Larger files are not shown whole by --diff.
MAX_DIFF = 1024 * 1024


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("ip", "entries"), ("names", "entries")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_work(module, module.params))
    except PkiError as error:
        module.fail_json(msg=str(error))


def _raw_entries(params: dict[str, Any]) -> list[dict[str, Any]]:
    if params["entries"] is not None:
        return list(params["entries"])
    if params["names"] is None and params["ip"] is None:
        if params["style"] == BLOCK and params["state"] == ABSENT:
            return []
        raise InputError("neither names nor entries is given; wanted: ip and names of one entry, or a list of entries")
    return [{"ip": params["ip"], "names": params["names"], "label": "hosts_entry"}]


def _work(module: AnsibleModule, params: dict[str, Any]) -> dict[str, Any]:
    if not params["marker"].strip() or harmless(params["marker"]) != params["marker"]:
        raise InputError(f"marker is {params['marker']!r}; wanted: one line of text")
    warnings: list[str] = []
    entries = parse_entries(_raw_entries(params), params["state"] == PRESENT, warnings)
    path = params["path"]
    file = read_hosts(path)
    before = file.content
    planned = plan(before, path, entries, params["state"], params["conflict"], params["style"], params["marker"])
    changed = planned.content != before
    result: dict[str, Any] = {
        "changed": changed,
        "path": path,
        "results": [asdict(entry) for entry in planned.results],
        "moved": [move for entry in planned.results for move in entry.moved],
        "kept": [kept for entry in planned.results for kept in entry.kept],
    }
    for warning in warnings:
        module.warn(warning)
    result["msg"] = _message(result, planned, path)
    if module._diff and changed:
        result["diff"] = _diff(path, before, planned.content)
    if changed and not module.check_mode:
        if params["backup"] and before:
            result["backup_file"] = file.back_up()
        result["in_place"] = file.put(planned.content)
    return result


def _message(result: dict[str, Any], planned: Plan, path: str) -> str:
    changed = sum(entry.changed for entry in planned.results)
    text = f"{path}: changed entries: {changed} of {len(planned.results)}"
    if not changed and result["changed"]:
        text = f"{path}: entries that are no longer given are removed"
    for word, places in (("moved", result["moved"]), ("left with other addresses", result["kept"])):
        if places:
            shown = ", ".join(f"{place['name']} ({place['ip']}, line {place['line']})" for place in places[:10])
            more = f" and {len(places) - 10} more" if len(places) > 10 else ""
            text += f"; {word}: {shown}{more}"
    return text


def _diff(path: str, before: bytes, after: bytes) -> dict[str, str]:
    if max(len(before), len(after)) > MAX_DIFF:
        return {"prepared": f"{path} has {len(before)} bytes and gets {len(after)}; too large to be shown\n"}
    return {
        "before_header": path,
        "after_header": path,
        "before": before.decode("utf-8", "replace"),
        "after": after.decode("utf-8", "replace"),
    }


if __name__ == "__main__":
    main()
