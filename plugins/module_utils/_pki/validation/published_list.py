# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints of keys whose private halves stand in public packages. Written by tools/collect_published_keys.py.

A Python file, since a module that runs on another host takes no other files along.
"""

from __future__ import annotations

LIST = """\
[debian openvpn]
df4468091df8389f533081d945fc7a9f usr/share/doc/openvpn/examples/sample-config-files/loopback-client
39640cc900deb90b6fddeeb5be55ab91 usr/share/doc/openvpn/examples/sample-keys/ca.key
bc4eed6cff0f650eb4e0c6d60c07fe33 usr/share/doc/openvpn/examples/sample-keys/client-ec.key
f70e0028186af9434c39b4503194fa07 usr/share/doc/openvpn/examples/sample-keys/server-ec.key
25f6eb913870acff10db816242e1d191 usr/share/doc/openvpn/examples/sample-keys/server.key
[debian golang-1.19-src]
226acd9b52f5731987d46521bbe02fa8 usr/share/go-1.19/src/crypto/tls/example_test.go
bb55783b76d618b30930fd54a7794788 usr/share/go-1.19/src/crypto/tls/handshake_test.go
26be8791d8fcde93fbd2bfd2751ef576 usr/share/go-1.19/src/crypto/tls/handshake_test.go
e156fa5bb9673db29989c7bfd2faedda usr/share/go-1.19/src/crypto/tls/tls_test.go
6b2606777b5bf582043380c67c276d8a usr/share/go-1.19/src/crypto/x509/x509_test.go
544fdd519498def7b9c1778c026df948 usr/share/go-1.19/src/net/http/internal/testcert/testcert.go
b3d9671613782be03432d84fb8e02e8d usr/share/go-1.19/src/net/smtp/smtp_test.go
[debian libpython3.11-testsuite]
3bf561e04e1ab1f1fa6b3a380c341305 usr/lib/python3.11/test/allsans.pem
9a8a4f6ed690ae143010ddd28da0a0a9 usr/lib/python3.11/test/badcert.pem
2b57cafa33ec1a6d91de4af065cee985 usr/lib/python3.11/test/idnsans.pem
27195c3aede13c262b1b9c8f8120f7e4 usr/lib/python3.11/test/keycert.pem
3130d22208cd95f5b1764d1f2e26ada3 usr/lib/python3.11/test/keycert2.pem
09fb53d482a074f014939ca3fd598251 usr/lib/python3.11/test/keycert3.pem
1c0a96418e55b2f9e572cc66885d0060 usr/lib/python3.11/test/keycert4.pem
990c02b92948ebe7dd937acf1ee7bda6 usr/lib/python3.11/test/keycertecc.pem
74cdf9576bbd502a3d2430d5761ba186 usr/lib/python3.11/test/nosan.pem
39cedf7dab47fbbec5b989eb5b979faa usr/lib/python3.11/test/pycakey.pem
[debian libio-socket-ssl-perl]
9154e9d2f2ba918af43969aa2e1c6c36 usr/share/doc/libio-socket-ssl-perl/examples/simulate_proxy.pl
[debian mariadb-test-data]
c8f3dcc5da193e59bcf888cf7c87e3e8 usr/share/mysql/mysql-test/std_data/cachain/client.key
0cddeabbaf73c2644b9e7840451765a7 usr/share/mysql/mysql-test/std_data/cachain/server.key
830e8ebc25c0bbfee477895e90e66742 usr/share/mysql/mysql-test/std_data/cakey.pem
76231fb6b71b289f81adbc7fa1bb528c usr/share/mysql/mysql-test/std_data/client-certkey.pem
378bf09e584220f43d95cc5f715eb520 usr/share/mysql/mysql-test/std_data/galera-chain-key.pem
8c5c17b5bfcbc4177cc81cd055dee183 usr/share/mysql/mysql-test/std_data/galera_certs/galera.1.key
03e86ac6dfa33e3ca405f47411fd52e8 usr/share/mysql/mysql-test/std_data/galera_certs/galera.2.key
0e3126c6a2b087b58297031f999aab07 usr/share/mysql/mysql-test/std_data/server-key.pem
bc3243d3fdb54c79bb026da52ff38673 usr/share/mysql/mysql-test/std_data/server-new-key.pem
b96a7b081669323f7d08aaec0828d4bd usr/share/mysql/mysql-test/std_data/server8k-key.pem
11c5fc15cea1559988e1acdc98b24353 usr/share/mysql/mysql-test/std_data/serversan-key.pem
[debian libssl-doc]
dfaec698d6239e6cdd7d07763ed25bb9 usr/share/doc/libssl-dev/demos/bio/server-ec.pem
f0f13b4a8821213de4b42c177e6a8192 usr/share/doc/libssl-dev/demos/certs/apps/ckey.pem
3da8933debb62a97c63aa6eab5de24e7 usr/share/doc/libssl-dev/demos/certs/apps/intkey.pem
959f9d07c667f312d73914231abcdcfc usr/share/doc/libssl-dev/demos/certs/apps/rootkey.pem
2ff516088c4a99346c5d8fde48cc3ef9 usr/share/doc/libssl-dev/demos/certs/apps/skey.pem
9cac00b16269099d8d1bba7b5d2c856d usr/share/doc/libssl-dev/demos/certs/apps/skey2.pem
46703d4b906aaa51bcb09ee549849c0d usr/share/doc/libssl-dev/demos/cms/cakey.pem
5abb2be63ba8b6f21fc262ab4a589c6b usr/share/doc/libssl-dev/demos/cms/signer.pem
4385695e62f6526ceea65db3280a9f0c usr/share/doc/libssl-dev/demos/cms/signer2.pem
[pypi cryptography-vectors]
100329507e34f1e936f54b7820b2f559 cryptography_vectors/asymmetric/DER_Serialization/ec_private_key.der
7cb04a731395efbb440cd2e2255d7dde cryptography_vectors/asymmetric/DER_Serialization/testrsa.der
fe06d1d462742e8e1fdb03c586574e00 cryptography_vectors/asymmetric/DER_Serialization/unenc-rsa-pkcs8.der
3abb44c517bcb80b00e42fb6c474a24c cryptography_vectors/asymmetric/EC/high-bit-set.pem
490dc84ed8f76f7471571b9ec704ca27 cryptography_vectors/asymmetric/EC/secp256r1-explicit-no-seed.pem
ae41eb52fce7fae32553084fc49763b7 cryptography_vectors/asymmetric/EC/secp256r1-explicit-seed.pem
6499afd6cf753b33f911792880b61e02 cryptography_vectors/asymmetric/EC/secp384r1-explicit-no-seed.pem
78d517f20171e0a93022e4e60217b4d2 cryptography_vectors/asymmetric/EC/secp384r1-explicit-seed.pem
c6661756b7c382eb015ba30c1b609c58 cryptography_vectors/asymmetric/EC/secp521r1-explicit-no-seed.pem
905ad475d5fa4bfa51c2a83c4fcef68b cryptography_vectors/asymmetric/EC/secp521r1-explicit-seed.pem
94141af5f421877481ef54c7fc436437 cryptography_vectors/asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt
929ba087f0858de349b50e39b1dd123a cryptography_vectors/asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt
5a7a78cca4a0f420d9bc62bb669c3c27 cryptography_vectors/asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt
2f95601fa82060b909bfc6b979dbd303 cryptography_vectors/asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt
2fb6d46385242ea4ad431f7175e7014e cryptography_vectors/asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt
2662d1c6f3d92e7fb03bf5868115dfe7 cryptography_vectors/asymmetric/PEM_Serialization/rsa-bad-1025-q-is-2.pem
7da130ba5b03d172ad14512edb9fa866 cryptography_vectors/asymmetric/PKCS8/ecc_private_with_rfc5915_ext.pem
db70e8dfb424f8898de0343bea0d23ff cryptography_vectors/asymmetric/PKCS8/rsa_pss_2048.pem
e567c622f7f98bfc9ae8ab86b1cf57d4 cryptography_vectors/asymmetric/PKCS8/rsa_pss_2048_hash.pem
eef9abddd5c1d039181cd0ed25d5d928 cryptography_vectors/asymmetric/PKCS8/rsa_pss_2048_hash_mask.pem
8d3128d6af5efd2f2d393c1cfe6855c1 cryptography_vectors/asymmetric/PKCS8/rsa_pss_2048_hash_mask_diff.pem
08fc226e8540dfe069325b648b3779b8 cryptography_vectors/asymmetric/PKCS8/rsa_pss_2048_hash_mask_salt.pem
6748e2d6623a12e41a8e51fcc2d9fa39 cryptography_vectors/asymmetric/PKCS8/wrong-pem-delimiter-rsa.pem
ed44792e85700ec7b303976284ca016e cryptography_vectors/pkcs12/ca/ca_key.pem
97c03b0ba43a52c7860e6bfaa0599754 cryptography_vectors/x509/custom/ca/rsa_key.pem
[pypi tornado]
d8d48414483bf85c8fd68330e108b752 tornado/test/test.key
[pypi gevent]
c222a3fc46e80df2c12665286655cb58 gevent/tests/2_7_keycert.pem
637516121f8fbc67b3297da14de1ebcb gevent/tests/test_server.key
d528aea3f6ce2e7a448823b6d989441d gevent/tests/wrongcert.pem
[pypi twisted]
7362c1b343cbbdacd975f842d05e40cf twisted/conch/test/keydata.py
0a8e708c63073c79a888ea33c3d65d70 twisted/conch/test/keydata.py
173cfd71a8e276b2163268c31671dfac twisted/conch/test/keydata.py
9707603e411384e066051aa0436a12fa twisted/conch/test/keydata.py
22ffd96f91ee8f12f5315f22ce1483a2 twisted/test/key.pem.no_trailing_newline
[pypi pytest-httpbin]
c56962957b59ed0ef0837790538a343a pytest_httpbin/certs/server.key
[pypi moto]
f7041c2828e05e99f5adb0d84ff41fea moto/moto_proxy/ca.key
b1d98d4adee98ffb6ec8be601ecb3eb1 moto/moto_proxy/cert.key
[pypi pyftpdlib]
f26bbabd43aa2a7510eb02d36df98e40 pyftpdlib-2.2.0/demo/keycert.pem
[npm webpack-dev-server]
37317e7f7c61c48cfd9b45d89fc04ab4 package/ssl/ca.key
aff8361540ab5c12bba498dc1aecd4d0 package/ssl/server.key
[npm browser-sync]
d65cbf489e43e08ddea0f47061172452 package/certs/server.key
[npm grunt-contrib-connect]
c0e9f4f9c4fa627c33465999c064ae63 package/tasks/certs/server.key
[npm gulp-webserver]
e0c91f639e426cfccc8a3fb736d28c52 package/ssl/dev-key.pem
[npm http2]
68fb91d6c8659b6355bb4a1f466fecb0 package/example/localhost.key
"""
