// SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// Targets on the standard input (slug, port, host), verdicts on the standard output; the roots are the first argument.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		words := "accepted"
		connection, err := tls.Dial("tcp", "127.0.0.1:"+fields[1], &tls.Config{RootCAs: pool, ServerName: fields[2]})
		if err != nil {
			words = strings.ReplaceAll(err.Error(), "\n", " ")
		} else {
			connection.Close()
		}
		fmt.Printf("%s\t%s\n", fields[0], words)
	}
}
