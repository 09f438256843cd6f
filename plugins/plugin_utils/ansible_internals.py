# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that reaches into ansible-core where it promises nothing.

Nowhere else in this collection is an attribute of Ansible's used that its developer guide does not name. A test
runs each function on every supported core, so that a new core that moves something is noticed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.inventory.helpers import sort_groups
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar

_NOT_OF_THE_INVENTORY = ("all", "ungrouped", "ot_pki_lead", "ot_pki_failed", "ot_pki_slice", "ot_pki_upload")


class Fleet:
    """The inventory and its variables, for hosts other than the one on which a task runs.

    Every lookup of ``hostvars`` goes through the same two objects, which it keeps for itself.
    """

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any]) -> None:
        self._action = action
        self._hostvars = task_vars["hostvars"]
        self._manager = self._hostvars._variable_manager
        self._inventory = self._hostvars._inventory

    def knows(self, host: str) -> bool:
        """Whether the inventory has this host."""
        return self._inventory.get_host(host) is not None

    def selected(self, group: str) -> list[str]:
        """The hosts of a group that ``--limit`` leaves, whichever play runs; empty if there is no such group."""
        if group not in self._inventory.groups:
            return []
        return [str(host.name) for host in self._inventory.get_hosts(group, ignore_restrictions=True)]

    def groups_of(self, host: str) -> list[str]:
        """The groups of a host in the order of their precedence, parents first.

        Without C(all), and without those that the playbooks make for themselves.
        """
        groups = sort_groups(self._inventory.get_host(host).get_groups())
        return [str(group.name) for group in groups if group.name not in _NOT_OF_THE_INVENTORY]

    def raw_variables(self, host: str) -> dict[str, Any]:
        """A host's variables as the running task would see them there, templates not evaluated yet.

        Precedence is Ansible's own: role defaults, inventory, play, role and extra variables.
        """
        task = self._action._task
        variables: dict[str, Any] = self._manager.get_vars(
            play=task.get_play() if hasattr(task, "get_play") else task.play,
            host=self._inventory.get_host(host),
            task=task,
            include_hostvars=False,
            _hosts=[],
            _hosts_all=[],
        )
        return variables

    def templar(self, variables: dict[str, Any]) -> Templar:
        """What evaluates templates over variables of :meth:`raw_variables`."""
        variables["hostvars"] = self._hostvars
        return Templar(loader=self._action._loader, variables=variables)


NOT_NAMED, CONFIGURED, GIVEN = "not named", "configured", "given"


def inventory_named(task_vars: Mapping[str, Any]) -> str:
    """Whether somebody named the inventory: with C(-i), in Ansible's configuration, or nobody did."""
    sources = [str(source) for source in task_vars.get("ansible_inventory_sources") or []]
    configured, origin = constants.config.get_config_value_and_origin("DEFAULT_HOST_LIST")
    if sources and sources != [str(source) for source in configured]:
        return GIVEN
    return NOT_NAMED if origin == "default" else CONFIGURED


def load_trusted(loader: DataLoader, path: str) -> Any:
    """A YAML file of this collection, whose templates may be evaluated."""
    arguments: dict[str, Any] = {"cache": "none"}
    if "trusted_as_template" in inspect.signature(loader.load_from_file).parameters:
        arguments["trusted_as_template"] = True  # since ansible-core 2.19
    return loader.load_from_file(path, **arguments)


def task_environment(action: ActionBase) -> tuple[dict[str, str], str]:
    """The task's own environment (keyword C(environment)): as a mapping, and as a shell command's beginning."""
    values: dict[str, Any] = {}
    text = action._compute_environment_string(values)
    return {str(name): str(value) for name, value in values.items()}, str(text or "")


def group_defaults(action: ActionBase) -> dict[str, Any]:
    """What C(module_defaults) sets for whole action groups, which Ansible has merged into the task's options."""
    found: dict[str, Any] = {}
    for defaults in action._task.module_defaults or []:
        for name, options in defaults.items():
            if str(name).startswith("group/") and isinstance(options, Mapping):
                found.update(options)
    return found


def drop_options(action: ActionBase, names: set[str]) -> None:
    """Take options away from the running task."""
    action._task.args = {name: value for name, value in action._task.args.items() if name not in names}
