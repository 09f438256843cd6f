// SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// Targets on the standard input (slug, port, host), verdicts on the standard output; the roots are the first argument.
'use strict';
const fs = require('fs');
const tls = require('tls');

const ca = fs.readFileSync(process.argv[2]);
const lines = fs.readFileSync(0, 'utf8').trim().split('\n');

function judge(port, servername) {
  return new Promise((resolve) => {
    const socket = tls.connect({host: '127.0.0.1', port: Number(port), servername, ca}, () => {
      socket.end();
      resolve('accepted');
    });
    socket.on('error', (error) => resolve(`${error.code || ''} ${error.message}`.split('\n')[0]));
  });
}

(async () => {
  for (const line of lines) {
    const [slug, port, host] = line.split(/\s+/);
    console.log(`${slug}\t${await judge(port, host)}`);
  }
})();
