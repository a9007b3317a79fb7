// SPDX-License-Identifier: AGPL-3.0-or-later
/* Certificates for servers of tests, made on the spot. */
#ifndef PT_IDENTITY_H
#define PT_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>

struct identity {
	EVP_PKEY *key;
	X509 *certificate; /* signed with its own key: its own CA */
};

/* For the names, as "IP:127.0.0.1"; valid for an hour, or until an hour ago. Ends the program on
 * failure. */
struct identity identity_make(const char *names, bool expired);
void identity_free(struct identity *identity);

/* The PEM texts, the caller's. */
char *identity_key_pem(const struct identity *identity);
char *identity_certificate_pem(const struct identity *identity);

#endif
