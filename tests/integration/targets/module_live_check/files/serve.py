# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Serve TLS with a certificate on a free port: serve.py CERTIFICATE KEY PORT_FILE. Ends by itself after a minute."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import sys


def main(certificate: str, key: str, port_file: str) -> None:
    """Serve one connection after the other."""
    signal.alarm(60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        with open(port_file + ".new", "w", encoding="ascii") as stream:
            stream.write(str(server.getsockname()[1]))
        os.rename(port_file + ".new", port_file)
        while True:
            connection, _address = server.accept()
            with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as session:
                session.recv(1)


main(*sys.argv[1:])
