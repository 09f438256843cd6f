# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by tools that need a certain Python.

# The path of a real interpreter of that version, not a version manager's shim, which confuses ansible-test; nothing if there is none.
interpreter() {
  local name=python$1 candidate
  for candidate in "$(command -v "$name" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"$name"; do
    if [ -x "$candidate" ] && "$candidate" -c 'import venv' 2>/dev/null; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return
    fi
  done
}
