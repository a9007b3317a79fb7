// SPDX-License-Identifier: AGPL-3.0-or-later
/* A server of one canned reply: all forms of a reply, and of the token's file. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "tests/identity.h"
#include "tests/unit/unit.h"

#define BUDGET_MS 600	/* of a request that nobody answers */
#define ANSWER_MS 20000 /* of one that is answered: as long as a loaded machine may take */
#define TOKEN	  "ptconf@pve!node1=6d1f2a1e-0000-0000-0000-000000000000"

struct server {
	pid_t pid;
	uint16_t port;
	int heard; /* the client's request */
};

/* libcurl in the child: works, is not there, is too old, gives no handle, or ends the process. */
static enum {
	LIBCURL_STARTS,
	LIBCURL_IS_MISSING,
	LIBCURL_IS_OLD,
	LIBCURL_IS_BROKEN,
	LIBCURL_CRASHES,
	LIBCURL_EXITS
} libcurl;

static CURL *no_handle(void)
{
	if (libcurl == LIBCURL_CRASHES)
		raise(SIGKILL);
	if (libcurl == LIBCURL_EXITS)
		_exit(0);
	return NULL;
}

/* A folder in place of the system's store of certificates; NULL: that store. */
static char *store;
static CURL *(*real_init)(void);
static CURLcode (*real_setopt)(CURL *easy, CURLoption option, ...);

static CURL *handle_with_store(void)
{
	CURL *easy = real_init();

	real_setopt(easy, CURLOPT_CAINFO, NULL);
	real_setopt(easy, CURLOPT_CAPATH, store);
	return easy;
}

/* The linker lets the calls in pve/config/api.c come here. */
void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags)
{
	assert_string_equal(name, "libcurl.so.4");
	return __real_dlopen(libcurl == LIBCURL_IS_MISSING ? "libcurl-is-missing.so" : name, flags);
}

void *__real_dlsym(void *library, const char *name);
void *__wrap_dlsym(void *library, const char *name);
void *__wrap_dlsym(void *library, const char *name)
{
	if (libcurl >= LIBCURL_IS_BROKEN && pt_streq(name, "curl_easy_init"))
		return (void *)no_handle;
	if (store && pt_streq(name, "curl_easy_init")) {
		*(void **)&real_init = __real_dlsym(library, name);
		*(void **)&real_setopt = __real_dlsym(library, "curl_easy_setopt");
		return (void *)handle_with_store;
	}
	if (libcurl == LIBCURL_IS_OLD && pt_streq(name, "curl_multi_poll"))
		return __real_dlsym(library, "curl_of_another_year");
	return __real_dlsym(library, name);
}

static int listen_on_loopback(uint16_t *port)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return listener;
}

/* NULL: accepts and says nothing. */
static void serve(struct server *server, const char *reply, size_t length)
{
	int listener = listen_on_loopback(&server->port);
	int heard[2];

	assert_int_equal(pipe(heard), 0);
	server->heard = heard[0];
	server->pid = fork();
	if (server->pid == 0) {
		char request[4096];
		int client = accept(listener, NULL, NULL);
		ssize_t n = read(client, request, sizeof(request));

		if (write(heard[1], request, n > 0 ? (size_t)n : 0) < 0)
			_exit(1);
		if (!reply)
			sleep(30);
		while (length) {
			n = send(client, reply, length, MSG_NOSIGNAL);
			if (n <= 0)
				break;
			reply += n;
			length -= (size_t)n;
		}
		_exit(0);
	}
	close(heard[1]);
	close(listener);
}

static void end(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->heard);
}

static void write_conf(struct fake *fake, const char *text, mode_t mode)
{
	char path[128];

	fake_file(fake, PT_API_CONF, text);
	snprintf(path, sizeof(path), "%s" PT_API_CONF, fake->root);
	assert_int_equal(chmod(path, mode), 0);
}

/* A server that is the API as the conf file names it. */
static void serve_api(struct fake *fake, struct server *server, const char *reply, size_t length)
{
	char conf[256];

	serve(server, reply, length);
	snprintf(conf, sizeof(conf), "token=" TOKEN "\nurl=http://127.0.0.1:%u\n", server->port);
	write_conf(fake, conf, 0600);
}

static int ask(struct fake *fake, struct pt_guest **guest, struct pt_err *err)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};

	return pt_guest_from_api(fake->host, &query, ANSWER_MS, guest, err);
}

static int ask_server(struct fake *fake, const char *reply, size_t length, struct pt_guest **guest,
	struct pt_err *err)
{
	struct server server;
	char conf[256];
	int r;

	serve(&server, reply, length);
	snprintf(conf, sizeof(conf), "# a comment\ntoken = " TOKEN "\nurl = http://127.0.0.1:%u\n",
		server.port);
	write_conf(fake, conf, 0600);
	r = ask(fake, guest, err);
	end(&server);
	return r;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

static void reads_numbers_and_booleans(void **state)
{
	static const char reply[] =
		OK_HEAD "{\"data\":{\"digest\":\"x\",\"hostpci0\":\"02:00.0\",\"memory\":2048,"
			"\"onboot\":true,\"template\":\"1\"}}";
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	assert_int_equal(ask_server(*state, reply, sizeof(reply) - 1, &guest, &err), 0);
	assert_int_equal(guest->encoding, PT_TEXT_CHARS);
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "02:00.0");
	assert_string_equal(pt_guest_get(guest, "memory"), "2048");
	assert_string_equal(pt_guest_get(guest, "onboot"), "1");
	assert_true(pt_guest_is_template(guest));
	pt_guest_free(guest);
}

static void asks_for_what_it_needs(void **state)
{
	struct fake *fake = *state;
	struct pt_guest_query query = {
		.vmid = 100, .node = "node1", .view = PT_VIEW_SNAPSHOT, .snapshot = "before"};
	struct pt_guest *guest = NULL;
	char request[4096] = "";
	struct server server;
	struct pt_err err = {0};

	serve_api(fake, &server, "", 0);
	assert_true(pt_guest_from_api(fake->host, &query, ANSWER_MS, &guest, NULL) < 0);
	assert_true(read(server.heard, request, sizeof(request) - 1) > 0);
	end(&server);
	assert_holds(
		request, "GET /api2/json/nodes/node1/qemu/100/config?snapshot=before HTTP/1.1\r\n");
	assert_holds(request, "Authorization: PVEAPIToken=" TOKEN "\r\n");
	query.snapshot = "a&b";
	assert_int_equal(pt_guest_from_api(fake->host, &query, ANSWER_MS, &guest, &err), -EINVAL);
	assert_string_equal(err.text, "'a&b' cannot be a snapshot's name");
	query.node = "a/b";
	assert_int_equal(pt_guest_from_api(fake->host, &query, ANSWER_MS, &guest, &err), -EINVAL);
	assert_string_equal(err.text, "'a/b' cannot be a node's name");
}

static void bad_replies_are_told(void **state)
{
	static const struct {
		const char *reply;
		const char *why;
	} cases[] = {
		{"HTTP/1.1 401 No ticket\r\nConnection: close\r\n\r\n", "401: the token is not"},
		{"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n",
			"give it the role PVEAuditor"},
		{"HTTP/1.1 500 no such VM ('100')\r\nConnection: close\r\n\r\n",
			"it answered with HTTP status 500: no such VM ('100')"},
		{"HTTP/1.1 596 x\r\nConnection: close\r\n\r\n",
			"it answered with HTTP status 596: x"},
		{"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n",
			"HTTP status 302"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":", "with 492 bytes"},
		{"no HTTP at all\r\n\r\n", "HTTP/0.9"},
		{OK_HEAD "{\"data\":", "its reply: not JSON at byte 8"},
		{OK_HEAD "<html>", "its reply: not JSON"},
		{OK_HEAD "[]", "holds no object \"data\""},
		{OK_HEAD "{\"data\":[]}", "holds no object \"data\""},
		{OK_HEAD "{\"data\":{}}", "is no guest's config"},
		{OK_HEAD "{\"data\":{\"digest\":\"\",\"hostpci0\":[]}}",
			"\"hostpci0\" is neither text nor number"},
		{OK_HEAD "{\"data\":{\"digest\":\"\",\"args\":{\"a\":1}}}",
			"\"args\" is neither text nor number"},
		{OK_HEAD "{\"data\":{\"digest\":\"\",\"hostpci0\":null}}",
			"its reply has null for \"hostpci0\""},
		{OK_HEAD "null", "its reply: is null"},
		{"", "Empty reply"},
		{NULL, "imed out"},
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		const char *reply = cases[i].reply;
		struct pt_guest *guest = NULL;
		struct pt_err err = {0};

		assert_true(ask_server(*state, reply, reply ? strlen(reply) : 0, &guest, &err) < 0);
		assert_holds(err.text, "API http://127.0.0.1:");
		assert_holds(err.text, cases[i].why);
		assert_lacks(err.text, "6d1f2a1e");
		assert_null(guest);
	}
}

static void what_says_nothing_is_not_waited_for(void **state)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};
	struct server server;
	long long start;

	serve_api(fake, &server, NULL, 0);
	start = pt_now_ms();
	assert_true(pt_guest_from_api(fake->host, &query, BUDGET_MS, &guest, &err) < 0);
	assert_in_range(pt_now_ms() - start, BUDGET_MS - 100, BUDGET_MS + 60000);
	end(&server);
	/* which may be a token that is not accepted */
	assert_holds(err.text, "; a token that is not accepted is answered after 3 s only: "
			       "'pve-ptconf check VMID --source api' waits for it");
}

static void a_broken_libcurl_is_told(void **state)
{
	static const char *const why[] = {
		[LIBCURL_IS_MISSING] = "libcurl-is-missing.so: cannot open shared object file",
		[LIBCURL_IS_OLD] = "undefined symbol: curl_of_another_year",
		[LIBCURL_IS_BROKEN] = "libcurl does not start",
		[LIBCURL_CRASHES] = "the request ended early: ",
		[LIBCURL_EXITS] = "the request ended without a word",
	};
	struct fake *fake = *state;
	struct pt_guest *guest = NULL;

	write_conf(fake, "token = " TOKEN "\n", 0600);
	for (libcurl = LIBCURL_IS_MISSING; libcurl <= LIBCURL_EXITS; libcurl++) {
		struct pt_err err = {0};

		assert_true(ask(fake, &guest, &err) < 0);
		assert_holds(err.text, why[libcurl]);
	}
	libcurl = LIBCURL_STARTS;
	assert_null(guest);
}

static void a_reply_without_end_is_cut(void **state)
{
	size_t length = 8 << 20;
	char *reply = malloc(length);
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	assert_non_null(reply);
	memset(reply, ' ', length);
	memcpy(reply, OK_HEAD, strlen(OK_HEAD));
	assert_true(ask_server(*state, reply, length, &guest, &err) < 0);
	assert_holds(err.text, "the reply is larger than 1 MiB");
	free(reply);
}

static void a_ca_that_is_not_there_is_told(void **state)
{
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	write_conf(
		*state, "token = " TOKEN "\nurl = https://127.0.0.1:1\nca = /nonexistent\n", 0600);
	assert_true(ask(*state, &guest, &err) < 0);
	assert_holds(err.text, "API https://127.0.0.1:1");
	assert_holds(err.text, "/nonexistent");
	assert_lacks(err.text, "6d1f2a1e");
}

/* --- TLS: a server with a certificate of its own, made here --- */

/* Written to path as its own CA. */
static struct identity make_identity(struct fake *fake, const char *path, const char *names)
{
	struct identity identity = identity_make(names, pt_streq(path, "/ca/old.pem"));
	PT_FREE char *pem = identity_certificate_pem(&identity);

	fake_file(fake, path, pem);
	return identity;
}

static void serve_tls(const struct identity *identity, int listener)
{
	static const char reply[] = OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"64\"}}";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char request[4096];
	SSL *tls;

	SSL_CTX_use_certificate(context, identity->certificate);
	SSL_CTX_use_PrivateKey(context, identity->key);
	tls = SSL_new(context);
	SSL_set_fd(tls, accept(listener, NULL, NULL));
	/* a client that does not trust us says nothing beyond the handshake */
	if (SSL_accept(tls) == 1 && SSL_read(tls, request, sizeof(request)) > 0)
		SSL_write(tls, reply, sizeof(reply) - 1);
	SSL_shutdown(tls);
	_exit(0);
}

/* ca: below the host's root; NULL: the system's store. */
static int ask_tls(struct fake *fake, const struct identity *identity, const char *ca,
	struct pt_guest **guest, struct pt_err *err)
{
	uint16_t port;
	int listener = listen_on_loopback(&port);
	char conf[512];
	pid_t pid = fork();
	int r;

	if (pid == 0)
		serve_tls(identity, listener);
	close(listener);
	snprintf(conf, sizeof(conf), "token=" TOKEN "\nurl=https://127.0.0.1:%u\n%s%s%s\n", port,
		ca ? "ca=" : "", ca ? fake->root : "", ca ? ca : "");
	write_conf(fake, conf, 0600);
	r = ask(fake, guest, err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static void https_is_verified(void **state)
{
	struct fake *fake = *state;
	struct identity good = make_identity(fake, "/ca/good.pem", "IP:127.0.0.1");
	struct identity other = make_identity(fake, "/ca/other.pem", "IP:127.0.0.1");
	struct identity old = make_identity(fake, "/ca/old.pem", "IP:127.0.0.1");
	struct identity name = make_identity(fake, "/ca/name.pem", "DNS:pve.example.org");
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	assert_int_equal(ask_tls(fake, &good, "/ca/good.pem", &guest, &err), 0);
	assert_string_equal(pt_guest_get(guest, "memory"), "64");
	pt_guest_free(guest);
	guest = NULL;
	assert_true(ask_tls(fake, &good, "/ca/other.pem", &guest, &err) < 0);
	assert_holds(err.text, "certificate");
	assert_true(ask_tls(fake, &name, "/ca/name.pem", &guest, &err) < 0);
	assert_holds(err.text, "127.0.0.1");
	assert_holds(err.text, "certificate");
	assert_true(ask_tls(fake, &old, "/ca/old.pem", &guest, &err) < 0);
	assert_holds(err.text, "certificate");
	assert_holds(err.text, "expired");
	assert_null(guest);
	identity_free(&good);
	identity_free(&old);
	identity_free(&other);
	identity_free(&name);
}

/* Libcurl looks into the folder of its store by the hash of a name. */
static void put_into_store(struct fake *fake, const struct identity *identity)
{
	PT_FREE char *pem = identity_certificate_pem(identity);
	PT_FREE char *path =
		pt_format("/store/%08lx.0", X509_subject_name_hash(identity->certificate));

	fake_file(fake, path, pem);
	/* for the child, which is nobody */
	assert_int_equal(chmod(fake->root, 0755), 0);
	store = pt_format("%s/store", fake->root);
}

/* The system's store counts where no CA is named, and does not beside one that is. */
static void a_ca_pins(void **state)
{
	struct fake *fake = *state;
	struct identity good = make_identity(fake, "/ca/good.pem", "DNS:good.example.org");
	struct identity other = make_identity(fake, "/ca/other.pem", "IP:127.0.0.1");
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	put_into_store(fake, &other);
	assert_int_equal(ask_tls(fake, &other, NULL, &guest, &err), 0);
	pt_guest_free(PT_STEAL(guest));
	assert_true(ask_tls(fake, &other, "/ca/good.pem", &guest, &err) < 0);
	assert_holds(err.text, "certificate");
	assert_null(guest);
	free(store);
	store = NULL;
	identity_free(&good);
	identity_free(&other);
}

static void dropped_lines_come_from_the_text(void **state)
{
	static const char reply[] = OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"64\"}}";
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;
	struct pt_guest *guest = NULL;
	struct server server;

	serve_api(fake, &server, reply, sizeof(reply) - 1);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "hostpci0: zz\n");
	assert_int_equal(
		pt_guest_read(fake->host, &query, PT_SOURCE_AUTO, ANSWER_MS, &guest, NULL), 0);
	end(&server);
	assert_int_equal(guest->encoding, PT_TEXT_CHARS);
	assert_int_equal(guest->dropped_count, 1);
	assert_string_equal(fake->said, "");
	pt_guest_free(guest);
}

/* The reason why the file cannot be read is no error then. */
static void the_api_is_enough(void **state)
{
	static const char reply[] = OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"64\"}}";
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};
	struct server server;

	serve_api(fake, &server, reply, sizeof(reply) - 1);
	assert_int_equal(
		pt_guest_read(fake->host, &query, PT_SOURCE_AUTO, ANSWER_MS, &guest, &err), 0);
	end(&server);
	assert_string_equal(pt_guest_get(guest, "memory"), "64");
	assert_int_equal(err.code, 0);
	pt_guest_free(guest);
}

/* A start works with the file's config until it hears whether the API's is another one. */
static void only_another_config_replaces_the_files(void **state)
{
	static const struct {
		const char *file, *reply;
		int result;
	} cases[] = {
		{"#a note\nmemory: 64\nname: a\n",
			OK_HEAD
			"{\"data\":{\"digest\":\"x\",\"description\":\"a note\",\"name\":\"a\","
			"\"memory\":64}}",
			0},
		{"memory: 64\n", OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"128\"}}", 1},
		{"memory: 64\n",
			OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"64\",\"name\":\"a\"}}",
			1},
		{"memory: 64\nname: a\n", OK_HEAD "{\"data\":{\"digest\":\"x\",\"memory\":\"64\"}}",
			1},
		/* other letters: both count them differently */
		{"name: \xc3\xa4\n", OK_HEAD "{\"data\":{\"digest\":\"x\",\"name\":\"\xc3\xa4\"}}",
			1},
		/* other devices are no answer */
		{"memory: 64\n", OK_HEAD "{\"data\":{\"digest\":\"x\",\"hostpci0\":\"01:00\"}}", 0},
	};
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;

	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		struct pt_guest_asking asking;
		struct pt_guest *guest = NULL, *file;
		struct server server;

		serve_api(fake, &server, one->reply, strlen(one->reply));
		fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", one->file);
		assert_int_equal(pt_guest_from_file(fake->host, &query, &guest, NULL), 0);
		file = guest;
		pt_guest_ask_api(fake->host, &query, ANSWER_MS, &asking);
		assert_int_equal(pt_guest_hear(fake->host, &asking, &guest, NULL), one->result);
		assert_int_equal(guest != file, one->result);
		end(&server);
		pt_guest_free(guest);
	}
	assert_holds(fake->said, "has hostpci0 '01:00', but the config file of guest 100 has ''");
}

/* A start that ends early does not wait for the answer. */
static void an_answer_may_be_given_up(void **state)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;
	struct pt_guest_asking asking;
	long long begin = pt_now_ms();
	struct server server;

	serve_api(fake, &server, NULL, 0);
	pt_guest_ask_api(fake->host, &query, 60000, &asking);
	pt_guest_unask(&asking);
	assert_true(pt_now_ms() - begin < 30000);
	end(&server);
}

/* Reply and file must name the same devices. */
static void another_guests_config_does_not_count(void **state)
{
	static const char reply[] =
		OK_HEAD "{\"data\":{\"digest\":\"x\",\"hostpci0\":\"03:00.0\"}}";
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;

	for (int i = 0; i < 2; i++) {
		struct pt_guest *guest = NULL;
		struct pt_err err = {0};
		struct server server;

		serve_api(fake, &server, reply, sizeof(reply) - 1);
		fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "hostpci0: 02:00.0\n");
		if (i == 0) {
			assert_int_equal(pt_guest_read(fake->host, &query, PT_SOURCE_AUTO,
						 ANSWER_MS, &guest, NULL),
				0);
			assert_holds(fake->said,
				"the API's reply has hostpci0 '03:00.0', but the config file of "
				"guest 100 has '02:00.0'");
			assert_string_equal(pt_guest_get(guest, "hostpci0"), "02:00.0");
		} else {
			assert_int_equal(pt_guest_read(fake->host, &query, PT_SOURCE_API, ANSWER_MS,
						 &guest, &err),
				-EPROTO);
			assert_holds(err.text, "or is it another guest's?");
		}
		end(&server);
		pt_guest_free(guest);
	}
}

static void other_args_do_not_count(void **state)
{
	static const char reply[] = OK_HEAD "{\"data\":{\"digest\":\"x\",\"args\":\"-S\"}}";
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct fake *fake = *state;
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};
	struct server server;

	serve_api(fake, &server, reply, sizeof(reply) - 1);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "args: -secret\n");
	assert_int_equal(
		pt_guest_read(fake->host, &query, PT_SOURCE_API, ANSWER_MS, &guest, &err), -EPROTO);
	end(&server);
	assert_holds(err.text,
		"the API's reply has other 'args' than the config file of guest 100; were");
	assert_lacks(err.text, "-secret");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reads_numbers_and_booleans),
		MACHINE_TEST(asks_for_what_it_needs),
		MACHINE_TEST(bad_replies_are_told),
		MACHINE_TEST(what_says_nothing_is_not_waited_for),
		MACHINE_TEST(a_broken_libcurl_is_told),
		MACHINE_TEST(a_reply_without_end_is_cut),
		MACHINE_TEST(a_ca_that_is_not_there_is_told),
		MACHINE_TEST(https_is_verified),
		MACHINE_TEST(a_ca_pins),
		MACHINE_TEST(dropped_lines_come_from_the_text),
		MACHINE_TEST(the_api_is_enough),
		MACHINE_TEST(only_another_config_replaces_the_files),
		MACHINE_TEST(an_answer_may_be_given_up),
		MACHINE_TEST(another_guests_config_does_not_count),
		MACHINE_TEST(other_args_do_not_count),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
