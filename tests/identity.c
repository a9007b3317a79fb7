// SPDX-License-Identifier: AGPL-3.0-or-later
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/identity.h"

#define HOUR 3600L

static void need(bool fine)
{
	if (!fine)
		abort();
}

struct identity identity_make(const char *names, bool expired)
{
	static long serial = 1;
	struct identity identity = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(identity.certificate);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	need(identity.key && extension);
	X509_set_version(identity.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(identity.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(identity.certificate), -2 * HOUR);
	X509_gmtime_adj(X509_getm_notAfter(identity.certificate), expired ? -HOUR : HOUR);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)names, -1, -1, 0);
	X509_set_issuer_name(identity.certificate, name);
	X509_set_pubkey(identity.certificate, identity.key);
	X509_add_ext(identity.certificate, extension, -1);
	X509_EXTENSION_free(extension);
	need(X509_sign(identity.certificate, identity.key, EVP_sha256()) > 0);
	return identity;
}

void identity_free(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

/* Returns the content of a memory BIO as text. */
static char *text_of(BIO *bio)
{
	char *bytes;
	long length = BIO_get_mem_data(bio, &bytes);
	char *text = length > 0 ? strndup(bytes, (size_t)length) : NULL;

	BIO_free(bio);
	need(text);
	return text;
}

char *identity_key_pem(const struct identity *identity)
{
	BIO *bio = BIO_new(BIO_s_mem());

	need(PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL));
	return text_of(bio);
}

char *identity_certificate_pem(const struct identity *identity)
{
	BIO *bio = BIO_new(BIO_s_mem());

	need(PEM_write_bio_X509(bio, identity->certificate));
	return text_of(bio);
}
