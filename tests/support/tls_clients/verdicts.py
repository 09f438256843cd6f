# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Targets on the standard input (slug, port, host), verdicts on the standard output; the roots are the first argument."""

import socket
import ssl
import sys

context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # set by default from Python 3.13 on
if "strict" in sys.argv[2:]:
    context.verify_flags |= ssl.VERIFY_X509_STRICT
for line in sys.stdin:
    slug, port, host = line.split()
    words = "accepted"
    try:
        with (
            socket.create_connection(("127.0.0.1", int(port)), 20) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            pass
    except (ssl.SSLError, OSError, ValueError) as error:
        words = f"{type(error).__name__}: {getattr(error, 'verify_message', '') or error}"
    print(slug, words, sep="\t")
