// SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// Targets on the standard input (slug, port, host), verdicts on the standard output; the roots are the first argument.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Verdicts {
  public static void main(String[] arguments) throws Exception {
    KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null, null);
    try (FileInputStream stream = new FileInputStream(arguments[0])) {
      for (Certificate root : CertificateFactory.getInstance("X.509").generateCertificates(stream)) {
        roots.setCertificateEntry("root" + roots.size(), root);
      }
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(roots);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] fields = line.split(" ");
      int port = Integer.parseInt(fields[1]);
      String words = "accepted";
      try (Socket raw = new Socket("127.0.0.1", port);
          SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(raw, fields[2], port, true)) {
        SSLParameters parameters = secure.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secure.setSSLParameters(parameters);
        secure.startHandshake();
      } catch (Exception error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        words = String.valueOf(cause).split("\n")[0];
      }
      System.out.println(fields[0] + "\t" + words);
    }
  }
}
