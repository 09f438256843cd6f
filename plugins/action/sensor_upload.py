# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give one sensor its staged bundle by the sensor's own command, over whatever connection Ansible has to it."""

from __future__ import annotations

import os
import secrets
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils._pki.batches.engine import locked
from ..module_utils._pki.delivery import outcome
from ..module_utils._pki.delivery.earlier import earlier_bundle
from ..module_utils._pki.delivery.remote import HAS, LACKS, TIMED_OUT, Answer, Remote, refusal, shown
from ..module_utils._pki.delivery.sheet import make_sheet, obstacles, steps
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.reporting.authorities import Published
from ..module_utils._pki.reporting.judged import findings_of
from ..module_utils._pki.state.bundles import Bundle
from ..module_utils._pki.state.stage_folder import StageFolder
from ..module_utils._pki.validation.facts import crl_urls
from ..module_utils._pki.values import moments
from ..module_utils._pki.values.certificates import CertificateView, read_certificates
from ..module_utils._pki.values.keys import is_encrypted
from ..module_utils._pki.values.text import serial_text
from ..module_utils._plain.errors import FileError, InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import folder_of, stage_of
from ..plugin_utils.secrets import value_here

IMPORT, EARLIER, CLEAN = "import", "earlier", "clean"


class ActionModule(ControllerAction):
    """The ``sensor_upload`` module: nothing of it runs on the sensor but a shell."""

    _requires_connection = True
    ARGUMENT_SPEC = {
        "name": {"type": "str", "required": True},
        "step": {"type": "str", "choices": [IMPORT, EARLIER, CLEAN], "default": IMPORT},
        "stage_dir": {"type": "path", "required": True},
        "command": {"type": "str"},
        "directory": {"type": "str", "default": "/tmp"},  # noqa: S108 - the script makes a folder of its own in it
        "timeout": {"type": "float", "default": 180.0},
        "passphrase_variable": {"type": "str", "no_log": False},
        "target": {"type": "dict"},
        "before": {"type": "str"},
        "first": {"type": "dict", "default": {}},
        "seen": {"type": "dict"},
        "profile": {"type": "str", "default": "defender_iot"},
        "crl_dir": {"type": "path"},
        "lock_timeout": {"type": "float", "default": 30.0},
        "fail_on": {"type": "str", "choices": ["error", "never"], "default": "error"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the step; what goes wrong with the sensor is in its result."""
        profile = load_profile(params["profile"])
        own = profile.import_command
        mark = str(params["first"].get("mark") or f"ot-pki-{secrets.token_hex(8)}")
        command = params["command"] or (own.name if own is not None else "")
        remote = Remote.of(own, command, params["directory"], mark, params["timeout"])
        step = _Step(self, params, remote, own.errors if own is not None else ())
        if params["step"] == CLEAN:
            result = step.clean()
        elif params["step"] == EARLIER and not outcome.needs_earlier(params["first"], params["before"], params["seen"]):
            result = step.result(outcome.NOT_NEEDED)
        else:
            stage = stage_of(params["stage_dir"], profile)
            passphrase = value_here(self, task_vars, params["passphrase_variable"] or "")
            with locked(stage, [params["name"]], params["lock_timeout"], self.check_mode) as held:
                if params["name"] in held:
                    result = step.result(outcome.FAILED, errors=[held[params["name"]]])
                else:
                    result = step.bring(stage, "" if passphrase is None else str(passphrase))
        if result["errors"] and params["fail_on"] == "error":
            result["failed"] = True
            result["msg"] = f"{params['name']}: {'; '.join(result['errors'])}"
        return result

    def shell(self, script: str, data: bytes) -> dict[str, Any]:
        """Run a script on the sensor; the data goes to its standard input and stands in no command line.

        :raises AnsibleError: the sensor cannot be reached, or not as the user that is wanted.
        """
        done: dict[str, Any] = self._low_level_execute_command(script, sudoable=True, in_data=data)
        return done


class _Step:
    """One step at one sensor."""

    def __init__(self, action: ActionModule, params: dict[str, Any], remote: Remote, known: tuple[str, ...]) -> None:
        self._action = action
        self._params = params
        self._remote = remote
        self._known = known
        self._name = str(params["name"])

    def result(self, action: str, **more: Any) -> dict[str, Any]:
        """What the module returns."""
        return {
            "changed": False,
            "name": self._name,
            "action": action,
            "msg": f"{self._name}: {action}",
            "mark": self._remote.mark,
            "errors": [],
            "warnings": [],
            "steps": [],
            "fingerprint": None,
            "serial": None,
            "bundle": None,
            **more,
        }

    def bring(self, stage: StageFolder, passphrase: str) -> dict[str, Any]:
        """Copy a bundle, have it imported, remove the copy."""
        earlier = self._params["step"] == EARLIER
        if earlier:
            bundle = earlier_bundle(stage, self._name, self._params["before"])
            if bundle is None:
                return self.result(outcome.NONE_KEPT)
        else:
            try:
                bundle = stage.read_visible(self._name)
            except FileError as error:
                return self.result(outcome.FAILED, errors=[str(error)])
            if bundle is None:
                return self.result(outcome.FAILED, errors=["nothing is staged for it; run deploy_certs"])
        views = read_certificates(bundle.crt, bundle.files.crt).views
        if not views:
            return self.result(outcome.FAILED, errors=[f"{bundle.files.crt} holds no certificate that can be read"])
        facts: dict[str, Any] = {
            "fingerprint": views[0].fingerprint,
            "serial": serial_text(views[0].serial),
            "bundle": bundle.files.folder,
        }
        if self._params["target"]:
            facts["target"] = {**self._params["target"], "certificate": bundle.files.folder}
        encrypted = is_encrypted(bundle.key)
        if encrypted and not passphrase:
            problem = f"the key {bundle.files.key} is encrypted, and {self._params['passphrase_variable']} is not set"
            return self.result(outcome.FAILED, errors=[problem], **facts)
        try:
            data = self._remote.data(bundle.contents, passphrase if encrypted else "")
        except InputError as error:
            return self.result(outcome.FAILED, errors=[str(error)], **facts)
        asked = self._ask(bundle, views[0], facts) if not earlier else None
        return asked if asked is not None else self._import(data, passphrase, facts)

    def _ask(self, bundle: Bundle, view: CertificateView, facts: dict[str, Any]) -> dict[str, Any] | None:
        """Whether the sensor has the command; None if it has, and is to be used."""
        try:
            done = self._action.shell(self._remote.probe(), b"\n")
        except AnsibleError as error:
            return self.result(outcome.FAILED, errors=[f"nothing was copied: {_reason(error)}"], **facts)
        there = self._remote.probed(done["stdout"])
        if there == HAS:
            return self.result(outcome.PLANNED, changed=True, **facts) if self._action.check_mode else None
        said = shown(f"{done['stdout']} {done['stderr']}", "")
        if there is None and self._action._connection.become:
            problem = f"nothing was copied: no shell of {self._become_user} has answered, but: {said or 'nothing'}"
            return self.result(outcome.FAILED, errors=[problem], **facts)
        # Newer sensors have another shell, or the same without the command.
        why = f"it has no {self._remote.command}" if there == LACKS else f"its shell says: {said or 'nothing'}"
        warning = f"{why}, so its certificate is uploaded in its console"
        return self.result(outcome.NO_COMMAND, warnings=[warning], steps=self._sheet(bundle, view), **facts)

    @property
    def _become_user(self) -> str:
        return str(self._action._connection.become.get_option("become_user") or "root")

    def _import(self, data: bytes, passphrase: str, facts: dict[str, Any]) -> dict[str, Any]:
        try:
            done = self._action.shell(self._remote.script(), data)
        except AnsibleError as error:
            return self.result(outcome.LOST, errors=[f"the connection broke: {_reason(error)}"], changed=True, **facts)
        answer = self._remote.answer(done["stdout"], passphrase)
        left = [f"{answer.left} could not be removed from the sensor; it holds a key"] if answer.left else []
        if answer.trouble:
            said = shown(done["stdout"].split(self._remote.mark)[0], passphrase)
            problem = f"nothing was imported: {answer.trouble}{f' ({said})' if said else ''}; set sensor_upload_dir"
            return self.result(outcome.FAILED, errors=[problem, *left], **facts)
        if answer.code is None:
            return self._broken(done, answer, passphrase, facts)
        problem = refusal(answer, self._known)
        if problem is not None and answer.code in TIMED_OUT:
            # Ended in the middle of what it does, nobody knows where.
            return self.result(outcome.LOST, errors=[problem, *left], changed=True, **facts)
        if problem is not None:
            return self.result(outcome.REFUSED, errors=[problem, *left], **facts)
        return self.result(outcome.IMPORTED, changed=True, warnings=left, **facts)

    def _broken(self, done: dict[str, Any], answer: Answer, passphrase: str, facts: dict[str, Any]) -> dict[str, Any]:
        """The script did not get as far as the command's answer."""
        said = shown(f"{done['stdout']} {done['stderr']}".replace(self._remote.mark, ""), passphrase)
        problem = f"the script on the sensor broke off (status {done['rc']}){f': {said}' if said else ''}"
        return self.result(outcome.LOST, errors=[problem], changed=not answer.complete, **facts)

    def clean(self) -> dict[str, Any]:
        """Remove what a broken connection may have left."""
        hint = f"{self._remote.remains}* on the sensor may be left (the script there removes it when the command ends)"
        try:
            done = self._action.shell(self._remote.clean(), b"\n")
        except AnsibleError as error:
            return self.result(outcome.FAILED, errors=[f"{hint}: {_reason(error)}"])
        answer = self._remote.answer(done["stdout"], "")
        if not answer.complete or answer.left:
            return self.result(outcome.FAILED, errors=[f"{answer.left or hint}: it could not be removed"])
        return self.result(outcome.CLEANED)

    def _sheet(self, bundle: Bundle, view: CertificateView) -> list[str]:
        """What people do in the console; what has changed since it was staged (a CRL, the day) counts."""
        name = view.common_names[-1] if view.common_names else self._name
        visible = os.path.join(self._params["stage_dir"], self._name)
        paths = {
            kind: os.path.join(visible, os.path.basename(getattr(bundle.files, kind))) for kind in ("crt", "key", "pem")
        }
        url = next(iter(crl_urls(view)), None)
        not_before = moments.iso(view.not_before)
        sheet = make_sheet(
            paths, bundle.contents, name, not_before, url, self._obstacles(bundle, view, url), True, None
        )
        return steps(sheet.to_dict(), name, view.fingerprint)

    def _obstacles(self, bundle: Bundle, view: CertificateView, url: str | None) -> list[str]:
        now = moments.now()
        findings = findings_of(self._name, bundle, load_profile(self._params["profile"]), now)
        folder = self._params["crl_dir"]
        crls = Published.read(folder_of(folder, "crl_publication_dir") if folder else None, now, [])
        return obstacles(findings, False, crls.state_of(view, url)[0])


def _reason(error: AnsibleError) -> str:
    return shown(str(error.message or error), "")
