#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The same files by openssl in a shell loop, two sensors at a time.
#   openssl_loop.sh FOLDER COUNT
set -euo pipefail
cd "$1"
openssl req -x509 -newkey rsa:4096 -nodes -keyout ca.key -out ca.crt -days 3650 -subj "/CN=Loop CA" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null

one() {
  name=sensor-$1.plant.example
  mkdir "$name"
  openssl req -new -newkey rsa:2048 -nodes -keyout "$name/$name.key" -out "$name/$name.csr" \
    -subj "/C=US/O=Contoso/OU=OT Security/CN=$name" 2>/dev/null
  openssl x509 -req -in "$name/$name.csr" -CA ca.crt -CAkey ca.key -out "$name/$name.crt" -days 730 -extfile <(
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=digitalSignature,keyEncipherment,keyAgreement \
      extendedKeyUsage=clientAuth,serverAuth "subjectAltName=DNS:$name"
  ) 2>/dev/null
  cp ca.crt "$name/$name.pem"
  openssl verify -CAfile "$name/$name.pem" "$name/$name.crt" >/dev/null
  openssl rsa -check -noout -in "$name/$name.key" >/dev/null 2>&1
}
export -f one
seq "$2" | xargs -P 2 -I NUMBER bash -c 'one NUMBER'
