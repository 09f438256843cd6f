#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sensor_upload
short_description: Give a sensor its staged certificate by the sensor's own command
version_added: 1.1.0
author:
  - ot_pki.defender_iot contributors (!UNKNOWN)
description:
  - For sensors that have a command that takes certificates. A shell script runs on the sensor over the task's connection; no Python is needed there.
    It copies the bundle into a folder of its own (0700), runs the command, reads its answer, and removes the folder, also if the connection breaks.
  - Whether the console presents the certificate afterwards is for M(ot_pki.defender_iot.live_check) to say; this module alone does not look.
  - Nothing secret stands in a command line, neither on the control node nor in C(ssh)'s; files and passphrase travel over standard input. The command
    itself takes the passphrase as an argument, which the sensor's own users can see while it runs.
  - A sensor without the command is no failure; the result says what to do in its console.
extends_documentation_fragment:
  - ot_pki.defender_iot.attributes
attributes:
  diff_mode:
    support: none
    details: What is on a sensor cannot be read.
  idempotent:
    support: none
    details: Runs the command each time. Call it for sensors whose console does not present the certificate.
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
requirements:
  - cryptography >= 42 (for the Python that runs Ansible)
options:
  name:
    description: The sensor, as the stage directory calls it.
    type: str
    required: true
  step:
    description:
      - V(import) brings what is staged.
      - V(earlier) brings the bundle before it, if O(first), O(before) and O(seen) say that this is needed.
      - V(clean) removes what a broken connection may have left of O(first).
    type: str
    choices: [import, earlier, clean]
    default: import
  stage_dir:
    description: The stage directory, on the control node.
    type: path
    required: true
  command:
    description: The name or path of the sensor's command; by default the profile's.
    type: str
  directory:
    description: The folder of the sensor in which the script makes its own.
    type: str
    default: /tmp
  timeout:
    description: Seconds after which the command is ended, if the sensor has C(timeout).
    type: float
    default: 180.0
  passphrase_variable:
    description: The name of the variable with the key's passphrase.
    type: str
  target:
    description: How M(ot_pki.defender_iot.live_check) looks at its console; it is returned with the certificate that was brought.
    type: dict
  before:
    description: The fingerprint of the certificate that the console presented before.
    type: str
  first:
    description: The result of step V(import).
    type: dict
    default: {}
  seen:
    description: The result of M(ot_pki.defender_iot.live_check) for the sensor after it.
    type: dict
  profile:
    description: The requirements, V(defender_iot) or the path of a profile file that extends it.
    type: str
    default: defender_iot
  crl_dir:
    description: The folder of published CRLs. Where one has expired or lists the certificate, RV(steps) say that validation is to be V(None).
    type: path
  lock_timeout:
    description: Seconds to wait if another run works on the sensor.
    type: float
    default: 30.0
  fail_on:
    description: V(error) fails the task if something is wrong; V(never) only says so in RV(errors).
    type: str
    choices: [error, never]
    default: error
seealso:
  - module: ot_pki.defender_iot.live_check
"""

EXAMPLES = r"""
- name: Bring the certificate
  ot_pki.defender_iot.sensor_upload:
    name: "{{ inventory_hostname }}"
    stage_dir: /srv/ot-pki/staged
    passphrase_variable: sensor_certificates_key_passphrase
  become: true
"""

RETURN = r"""
name:
  description: The sensor.
  returned: always
  type: str
action:
  description:
    - V(imported) (the command took it), V(refused) (the command said why not), V(lost) (the connection broke), V(no-command), V(planned) (check mode),
      V(failed) (nothing was done).
    - Of step V(earlier) also V(not-needed) and V(none-kept), of step V(clean) V(cleaned).
  returned: always
  type: str
errors:
  description: What is wrong; a documented error of the sensor to the letter.
  returned: always
  type: list
  elements: str
warnings:
  description: What people should know.
  returned: always
  type: list
  elements: str
steps:
  description: What to do in the console, if there is no command.
  returned: always
  type: list
  elements: str
fingerprint:
  description: SHA-256 of the certificate.
  returned: always
  type: str
serial:
  description: Its serial number.
  returned: always
  type: str
bundle:
  description: The folder of the bundle on the control node.
  returned: always
  type: str
target:
  description: O(target) with the bundle that was brought as its certificate.
  returned: if O(target) is given
  type: dict
mark:
  description: What the folder on the sensor is called by.
  returned: always
  type: str
"""
