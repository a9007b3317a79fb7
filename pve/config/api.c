// SPDX-License-Identifier: AGPL-3.0-or-later
/* Asks Proxmox VE's API. The sole user of libcurl, which runs in a child: it may resolve names,
 * start threads and hang; its bytes come over a pipe, capped, within the budget. Requests run side
 * by side. Without a request libcurl and its thirty libraries are not loaded. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/confine.h"
#include "lib/base/library.h"
#include "pve/config/api.h"
#include "pve/config/paths.h"

#define REPLY_MAX   (1024U * 1024)
#define ANSWER_MAX  (REPLY_MAX + CURL_ERROR_SIZE + 256)
#define MEMORY_MAX  (256U * 1024 * 1024) /* of address space; threads and libraries map much */
#define CA_MAX	    (4U * 1024 * 1024)
#define UNANSWERED  (-ENODATA)
#define CONNECTIONS 8L
#define POLL_MS	    100
#define GRACE_MS    50	/* for a request that has not begun in time */
#define TELL_MS	    300 /* for the child's answer */
/* how long a refusal takes; source: pve-http-server, AnyEvent.pm */
#define REFUSAL_MS 3000

/* The functions of libcurl that we call. */
#define CURL_CALLS(X)                                                                              \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(global_init)                                                                             \
	X(multi_add_handle)                                                                        \
	X(multi_cleanup)                                                                           \
	X(multi_info_read)                                                                         \
	X(multi_init)                                                                              \
	X(multi_perform)                                                                           \
	X(multi_poll)                                                                              \
	X(multi_remove_handle)                                                                     \
	X(multi_setopt)                                                                            \
	X(slist_append)                                                                            \
	X(slist_free_all)

static struct {
#define CALL(name) typeof(curl_##name) *name;
	CURL_CALLS(CALL)
#undef CALL
} curl;

/* NULL, or the reason of a failure. In the child; it ends with it. */
static const char *load_curl(void)
{
#define CALL(name) {"curl_" #name, &curl.name},
	static const struct pt_symbol symbols[] = {CURL_CALLS(CALL)};
#undef CALL

	return pt_library_load("libcurl.so.4", symbols, PT_ARRAY_SIZE(symbols));
}

#define REASON_TEXT 200
#define STATUS_OK   200

struct transfer {
	CURL *easy;
	char *url;
	char error[CURL_ERROR_SIZE];
	char reason[REASON_TEXT]; /* behind the status, which is where Proxmox VE says why */
	char *body;
	size_t length;
	bool too_long, done;
	CURLcode code;
};

struct request {
	const struct pt_api *api;
	const char *const *path;
	size_t count;
	int budget_ms;
	long long deadline_ms; /* when that is over: loading libcurl takes its part of it */
	char *ca;	       /* text of the CA file, in the child */
	size_t ca_length;
};

static int read_ca(struct request *request, struct pt_err *err)
{
	PT_CLOSE int fd = open(request->api->ca, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return pt_err_errno(err, -errno, "ca %s", request->api->ca);
	if (!S_ISREG(st.st_mode) || st.st_size > CA_MAX)
		return pt_err_set(err, -EINVAL, "ca %s is no CA file", request->api->ca);
	request->ca = pt_resize(NULL, (size_t)st.st_size + 1);
	n = read(fd, request->ca, (size_t)st.st_size);
	if (n < 0)
		return pt_err_errno(err, -errno, "ca %s", request->api->ca);
	request->ca_length = (size_t)n;
	return 0;
}

/* The head of the child's answer for a request; so many bytes follow. Lengths, no lines: a server
 * chooses some of the bytes. */
struct answer {
	uint32_t which;	 /* the request's number */
	uint32_t status; /* of HTTP, the body or the reason follows; 0: an error's text follows */
	uint32_t length;
};

static int send_answer(int out, size_t which, unsigned int status, const char *bytes, size_t length)
{
	const struct answer answer = {(uint32_t)which, status, (uint32_t)length};
	int r = pt_write_all(out, (const char *)&answer, sizeof(answer));

	return r < 0 ? r : pt_write_all(out, bytes, length);
}

static int send_error(int out, size_t which, const char *text)
{
	return send_answer(out, which, 0, text, strlen(text));
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	size_t length = size * count;

	transfer->too_long = length > REPLY_MAX - transfer->length;
	if (transfer->too_long)
		return 0;
	transfer->body = pt_resize(transfer->body, transfer->length + length + 1);
	memcpy(transfer->body + transfer->length, bytes, length);
	transfer->length += length;
	return length;
}

/* Keeps the words of a line such as "HTTP/1.1 500 no such VM ('100')". */
static size_t take_header(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	const char *end = bytes + size * count, *at = bytes;

	if (size * count < strlen("HTTP/") || strncmp(bytes, "HTTP/", strlen("HTTP/")) != 0)
		return size * count;
	for (int spaces = 0; at < end && spaces < 2; at++)
		spaces += *at == ' ';
	snprintf(transfer->reason, sizeof(transfer->reason), "%.*s", (int)(end - at), at);
	transfer->reason[strcspn(transfer->reason, "\r\n")] = '\0';
	return size * count;
}

/* Trusts the CA file alone: the system's store lies beside it by default. */
static void pin(const struct request *request, CURL *easy)
{
	struct curl_blob blob = {
		.data = request->ca, .len = request->ca_length, .flags = CURL_BLOB_NOCOPY};

	curl.easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl.easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl.easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
}

static bool make_handle(const struct request *request, struct curl_slist *headers, size_t which,
	struct transfer *transfer)
{
	CURL *easy = curl.easy_init();
	long long now = pt_now_ms();
	long rest_ms = now < request->deadline_ms ? (long)(request->deadline_ms - now) : 1;

	transfer->easy = easy;
	transfer->url = pt_format("%s/api2/json%s", request->api->url, request->path[which]);
	if (!easy)
		return false;
	curl.easy_setopt(easy, CURLOPT_URL, transfer->url);
	curl.easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, rest_ms);
	curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, rest_ms);
	curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(easy, CURLOPT_PROXY, "");
	curl.easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl.easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl.easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl.easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	/* what is not asked for is not parsed */
	curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (request->ca)
		pin(request, easy);
	return true;
}

/* Proxmox VE delays the answer to a bad token: a short budget sees a timeout and no reason. */
static const char *late_hint(int budget_ms)
{
	return budget_ms > REFUSAL_MS
		       ? ""
		       : "; a token that is not accepted is answered after 3 s only: "
			 "'pve-ptconf check VMID --source api' waits for it";
}

static int send_failure(
	const struct request *request, int out, size_t which, const struct transfer *transfer)
{
	CURLcode code = transfer->done ? transfer->code : CURLE_OPERATION_TIMEDOUT;
	PT_FREE char *why =
		pt_format("%s%s", *transfer->error ? transfer->error : curl.easy_strerror(code),
			code == CURLE_OPERATION_TIMEDOUT ? late_hint(request->budget_ms) : "");

	return send_error(out, which, why);
}

static int send_outcome(
	const struct request *request, int out, size_t which, const struct transfer *transfer)
{
	long status = 0;

	if (transfer->too_long)
		return send_error(out, which, "the reply is larger than 1 MiB");
	if (!transfer->done || transfer->code != CURLE_OK)
		return send_failure(request, out, which, transfer);
	curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status <= 0)
		return send_error(out, which, "the reply has no status");
	if (status != STATUS_OK)
		return send_answer(out, which, (unsigned int)status, transfer->reason,
			strlen(transfer->reason));
	return send_answer(out, which, (unsigned int)status, transfer->body, transfer->length);
}

static void note_ended(CURLM *multi)
{
	CURLMsg *message;
	int waiting;

	while ((message = curl.multi_info_read(multi, &waiting))) {
		struct transfer *transfer = NULL;

		curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		transfer->done = true;
		transfer->code = message->data.result;
	}
}

/* Runs all requests until they end or the time is over; the answers by then count. */
static void run_all(CURLM *multi, long long deadline_ms)
{
	for (;;) {
		long long rest_ms;
		int running;

		if (curl.multi_perform(multi, &running) != CURLM_OK)
			return;
		note_ended(multi);
		rest_ms = deadline_ms - pt_now_ms();
		if (!running || rest_ms <= 0)
			return;
		curl.multi_poll(multi, NULL, 0, rest_ms < POLL_MS ? (int)rest_ms : POLL_MS, NULL);
	}
}

static int fetch(const struct request *request, struct transfer *transfer, int out)
{
	PT_FREE char *header = pt_format("Authorization: PVEAPIToken=%s", request->api->token);
	struct curl_slist *headers = curl.slist_append(NULL, header);
	CURLM *multi = NULL;
	bool ok = headers && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	int r = 0;

	/* of the token one copy is left */
	explicit_bzero(header, strlen(header));
	explicit_bzero(request->api->token, strlen(request->api->token));
	if (ok)
		multi = curl.multi_init();
	ok = ok && multi;
	for (size_t i = 0; ok && i < request->count; i++) {
		ok = make_handle(request, headers, i, &transfer[i]) &&
		     curl.multi_add_handle(multi, transfer[i].easy) == CURLM_OK;
	}
	if (ok) {
		curl.multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS);
		/* each ends itself in time, but for those that still wait for a connection */
		run_all(multi, request->deadline_ms + GRACE_MS);
	}
	for (size_t i = 0; r == 0 && i < request->count; i++)
		r = ok ? send_outcome(request, out, i, &transfer[i])
		       : send_error(out, i, "libcurl does not start");
	for (size_t i = 0; i < request->count; i++) {
		if (ok)
			curl.multi_remove_handle(multi, transfer[i].easy);
		curl.easy_cleanup(transfer[i].easy);
		free(transfer[i].url);
		free(transfer[i].body);
	}
	curl.multi_cleanup(multi);
	curl.slist_free_all(headers);
	return r;
}

/* Reads the CA file, which the confined process may not; then there is nothing left that needs
 * privileges. */
static int prepare_child(struct request *request, struct pt_err *err)
{
	const char *unloaded = load_curl();

	if (unloaded)
		return pt_err_set(err, -ENOTSUP, "%s", unloaded);
	if (request->api->ca && read_ca(request, err) < 0)
		return err->code;
	return pt_confine(MEMORY_MAX + request->count * REPLY_MAX, err);
}

static int fetch_in_child(void *data, int out)
{
	struct request *request = data;
	struct transfer *transfer;
	struct pt_err err = {0};
	int r = 0;

	if (prepare_child(request, &err) < 0) {
		for (size_t i = 0; r == 0 && i < request->count; i++)
			r = send_error(out, i, err.text);
		return r;
	}
	transfer = pt_calloc(request->count, sizeof(*transfer));
	r = fetch(request, transfer, out);
	free(transfer);
	return r;
}

static int explain_status(
	unsigned int status, const char *reason, const char *what, struct pt_err *err)
{
	if (status == STATUS_OK)
		return 0;
	if (status == 401)
		return pt_err_set(err, -EACCES,
			"401: the token is not accepted; was it deleted, or did it expire?");
	if (status == 403)
		return pt_err_set(err, -EACCES,
			"403: the token may not read %s; give it the role PVEAuditor", what);
	return pt_err_set(err, -EPROTO, "it answered with HTTP status %u%s%s", status,
		*reason ? ": " : "", reason);
}

/* Takes one answer off the bytes; false: there is no whole one left. */
static bool take_answer(
	const char **at, size_t *rest, const char *what, struct pt_api_reply *reply, size_t count)
{
	struct answer answer;
	const char *bytes = *at + sizeof(answer);
	PT_FREE char *text = NULL;

	if (*rest < sizeof(answer))
		return false;
	memcpy(&answer, *at, sizeof(answer));
	*rest -= sizeof(answer);
	if (answer.which >= count || answer.length > *rest)
		return false;
	*rest -= answer.length;
	*at = bytes + answer.length;
	reply += answer.which;
	/* one that has its answer gets no second */
	if (reply->text || reply->err.code != UNANSWERED)
		return false;
	reply->err = (struct pt_err){0};
	text = pt_strndup(bytes, answer.length);
	if (answer.status != STATUS_OK)
		pt_make_plain(text);
	if (!answer.status) {
		pt_err_set(&reply->err, -EIO, "%s", text);
	} else if (explain_status(answer.status, text, what, &reply->err) == 0) {
		reply->text = PT_STEAL(text);
		reply->length = answer.length;
	}
	return true;
}

void pt_api_replies_clear(struct pt_api_reply *reply, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(reply[i].text);
		reply[i] = (struct pt_api_reply){0};
	}
}

int pt_api_ask(const struct pt_api *api, const char *const *path, size_t count, int budget_ms,
	struct pt_api_asking *ret, struct pt_err *err)
{
	struct request request = {api, path, count, budget_ms, pt_now_ms() + budget_ms};

	*ret = (struct pt_api_asking){.child = PT_CHILD_NONE,
		.count = count,
		.budget_ms = budget_ms,
		.deadline_ms = request.deadline_ms};
	return pt_child_start(&ret->child, fetch_in_child, &request, NULL, 0, true, err);
}

int pt_api_hear(struct pt_api_asking *asking, const char *what, struct pt_api_reply *ret,
	struct pt_err *err)
{
	/* who comes late finds the answer, and gets time to take it */
	long long deadline = pt_now_ms() > asking->deadline_ms ? pt_now_ms() : asking->deadline_ms;
	size_t count = asking->count, length = 0;
	PT_FREE char *text = NULL;
	const char *at;
	int r = pt_child_collect(
		&asking->child, deadline + TELL_MS, count * ANSWER_MAX, &text, &length);

	if (r == -ETIME)
		return pt_err_set(err, r, "no answer within %d ms%s", asking->budget_ms,
			late_hint(asking->budget_ms));
	if (r < 0)
		return pt_err_errno(err, r, "the request ended early");
	for (size_t i = 0; i < count; i++)
		pt_err_set(&ret[i].err, UNANSWERED, "the request ended without a word");
	at = text;
	while (take_answer(&at, &length, what, ret, count))
		;
	return 0;
}

int pt_api_get(const struct pt_api *api, const char *const *path, size_t count, const char *what,
	int budget_ms, struct pt_api_reply *ret, struct pt_err *err)
{
	struct pt_api_asking asking;
	int r = pt_api_ask(api, path, count, budget_ms, &asking, err);

	return r < 0 ? r : pt_api_hear(&asking, what, ret, err);
}
