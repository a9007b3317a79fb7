// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Guest configs from Proxmox VE's API. The sole user of libcurl, which runs in a child: it may resolve
 * names, start threads and hang as it likes; its bytes come over a pipe, capped, within the budget.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/json.h"
#include "pve/guest.h"
#include "pve/paths.h"

#define CONF_MAX  4096
#define REPLY_MAX (1024U * 1024)

struct api {
	char *url;   /* "http://127.0.0.1:85" or "https://node:8006" */
	char *ca;    /* CA file for https; NULL: the system's */
	char *token; /* USER@REALM!TOKENID=UUID */
};

static void clear_api(struct api *api)
{
	free(api->url);
	free(api->ca);
	if (api->token)
		explicit_bzero(api->token, strlen(api->token));
	free(api->token);
}

static int set_conf(struct api *api, const char *key, const char *value, struct pt_err *err)
{
	char **slot = pt_streq(key, "token") ? &api->token
		      : pt_streq(key, "url") ? &api->url
		      : pt_streq(key, "ca")  ? &api->ca
					     : NULL;

	if (!slot)
		return pt_err_set(err, -EINVAL,
			PT_API_CONF ": there is no key '%s'; token, url and ca are known", key);
	return pt_set_text(slot, value) < 0 ? pt_err_nomem(err) : 0;
}

/* Lines "key = value"; "#" begins a comment. */
static int parse_conf(char *text, struct api *ret, struct pt_err *err)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char key[16], value[512];
		int end = 0;
		int r;

		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		if (sscanf(line, "%15[a-z] = %511s %n", key, value, &end) != 2 || line[end])
			return pt_err_set(err, -EINVAL,
				PT_API_CONF ": a line is not of the form 'key = value'");
		r = set_conf(ret, key, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool token_valid(const char *token)
{
	const char *at = strchr(token, '@'), *bang = at ? strchr(at, '!') : NULL;
	const char *equals = bang ? strchr(bang, '=') : NULL;

	return equals && at > token && bang > at + 1 && equals > bang + 1 && equals[1];
}

/* http carries the token in the clear: only ever to this machine itself. */
static bool url_trusted(const char *url)
{
	static const char *const loopback[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *host = url + strlen("http://");

	if (pt_starts_with(url, "https://"))
		return true;
	if (!pt_starts_with(url, "http://"))
		return false;
	for (size_t i = 0; i < PT_ARRAY_SIZE(loopback); i++) {
		size_t length = strlen(loopback[i]);

		if (pt_starts_with(host, loopback[i]) &&
			(host[length] == ':' || host[length] == '\0' || host[length] == '/'))
			return !strchr(host, '@');
	}
	return false;
}

static int read_conf(const struct pt_host *host, char text[static CONF_MAX], struct pt_err *err)
{
	PT_CLOSE int fd = pt_host_openat(host, PT_API_CONF, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd == -ENOENT)
		return pt_err_set(err, fd, "no API token: there is no " PT_API_CONF);
	if (fd == -ELOOP)
		return pt_err_set(err, fd, PT_API_CONF ": is a symbolic link; not trusted");
	if (fd < 0 || fstat(fd, &st) < 0)
		return pt_err_errno(err, fd < 0 ? fd : -errno, PT_API_CONF);
	if (!S_ISREG(st.st_mode))
		return pt_err_set(err, -EINVAL, PT_API_CONF ": is no regular file");
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return pt_err_set(err, -EPERM,
			PT_API_CONF ": holds a secret, but others than root may read or own it; "
				    "chown root and chmod 600 it, and make a new token");
	n = read(fd, text, CONF_MAX - 1);
	if (n < 0)
		return pt_err_errno(err, -errno, PT_API_CONF);
	if (n == CONF_MAX - 1)
		return pt_err_set(err, -EFBIG, PT_API_CONF ": is too large");
	text[n] = '\0';
	return 0;
}

static int load_api(const struct pt_host *host, struct api *ret, struct pt_err *err)
{
	char text[CONF_MAX];
	int r = read_conf(host, text, err);

	if (r == 0)
		r = parse_conf(text, ret, err);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return r;
	if (!ret->token)
		return pt_err_set(err, -ENOENT, PT_API_CONF ": has no line 'token = ...'");
	if (!token_valid(ret->token))
		return pt_err_set(err, -EINVAL,
			PT_API_CONF ": the token is not of the form USER@REALM!TOKENID=SECRET");
	if (!ret->url && pt_set_text(&ret->url, PT_PVE_API_URL) < 0)
		return pt_err_nomem(err);
	if (!url_trusted(ret->url))
		return pt_err_set(err, -EINVAL,
			PT_API_CONF ": url %s: must be https, or http to this machine itself",
			ret->url);
	return 0;
}

struct request {
	const struct api *api;
	char url[1024];
	int budget_ms;
	int out;
	size_t sent;
};

/* What the child sends first: one byte and a line. 'S': HTTP status, the body follows. 'E': why not. */
static void say(int out, char kind, const char *text)
{
	dprintf(out, "%c%s\n", kind, text);
}

struct body {
	char *text;
	size_t length;
	bool too_long;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct body *body = data;
	size_t length = size * count;
	char *grown;

	body->too_long = length > REPLY_MAX - body->length;
	if (body->too_long)
		return 0;
	grown = realloc(body->text, body->length + length + 1);
	if (!grown)
		return 0;
	body->text = grown;
	memcpy(grown + body->length, bytes, length);
	body->length += length;
	return length;
}

static CURL *make_handle(const struct request *request, struct curl_slist *headers,
	struct body *body, char error[static CURL_ERROR_SIZE])
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->budget_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->budget_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	if (request->api->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, request->api->ca);
	return curl;
}

static int fetch_in_child(void *data, int out)
{
	const struct request *request = data;
	PT_FREE char *header = pt_format("Authorization: PVEAPIToken=%s", request->api->token);
	struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
	char error[CURL_ERROR_SIZE] = "";
	struct body body = {0};
	CURL *curl = NULL;
	CURLcode code;
	long status = 0;
	char line[16];

	if (headers && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		curl = make_handle(request, headers, &body, error);
	if (!curl) {
		say(out, 'E', "libcurl does not start");
		return 0;
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (body.too_long) {
		say(out, 'E', "the reply is larger than 1 MiB");
	} else if (code != CURLE_OK) {
		say(out, 'E', *error ? error : curl_easy_strerror(code));
	} else {
		snprintf(line, sizeof(line), "%ld", status);
		say(out, 'S', line);
		for (size_t at = 0; at < body.length;) {
			ssize_t n = write(out, body.text + at, body.length - at);

			if (n <= 0)
				return -EIO;
			at += (size_t)n;
		}
	}
	free(body.text);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return 0;
}

static int explain_status(
	const char *status, const struct pt_guest_query *query, struct pt_err *err)
{
	if (pt_streq(status, "200"))
		return 0;
	if (pt_streq(status, "401"))
		return pt_err_set(err, -EACCES,
			"401: the token is not accepted; was it deleted, or did it expire?");
	if (pt_streq(status, "403"))
		return pt_err_set(err, -EACCES,
			"403: the token may not read guest %u; give it the role PVEAuditor",
			query->vmid);
	return pt_err_set(err, -EPROTO, "it answered with HTTP status %s", status);
}

static int read_reply(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, err);
	struct pt_guest PT_GUEST *guest = NULL;
	struct json_object *data;

	if (!json)
		return pt_err_wrap(err, "its reply");
	if (!json_object_is_type(json, json_type_object) ||
		!json_object_object_get_ex(json, "data", &data) ||
		!json_object_is_type(data, json_type_object))
		return pt_err_set(err, -EPROTO, "its reply holds no object \"data\"");
	if (!json_object_object_get_ex(data, "digest", NULL))
		return pt_err_set(err, -EPROTO, "its reply is no guest's config: no \"digest\"");
	if (pt_guest_new(&guest, query, PT_TEXT_CHARS) < 0)
		return pt_err_nomem(err);
	json_object_object_foreach(data, key, value)
	{
		int r = pt_guest_set_json(guest, key, value, err);

		if (r < 0)
			return r;
	}
	*ret = PT_STEAL(guest);
	return 0;
}

static void make_url(
	const struct api *api, const struct pt_guest_query *query, char url[static 1024])
{
	int n = snprintf(url, 1024, "%s/api2/json/nodes/%s/qemu/%u/config", api->url, query->node,
		query->vmid);

	if (n < 0 || n >= 1024)
		return;
	if (query->view == PT_VIEW_CURRENT)
		snprintf(url + n, 1024 - (size_t)n, "?current=1");
	if (query->view == PT_VIEW_SNAPSHOT)
		snprintf(url + n, 1024 - (size_t)n, "?snapshot=%s", query->snapshot);
}

static int ask(const struct api *api, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	struct request request = {.api = api, .budget_ms = budget_ms};
	long long deadline = pt_now_ms() + budget_ms;
	PT_FREE char *reply = NULL;
	struct pt_child child;
	size_t length;
	char *body;
	int r;

	make_url(api, query, request.url);
	r = pt_child_start(&child, fetch_in_child, &request, NULL, 0, true, err);
	if (r < 0)
		return r;
	r = pt_child_collect(&child, deadline + 100, REPLY_MAX + 1024, &reply, &length);
	if (r == -ETIME)
		return pt_err_set(err, r, "no answer within %d ms", budget_ms);
	if (r < 0)
		return pt_err_errno(err, r, "the request ended early");
	body = memchr(reply, '\n', length);
	if (!body)
		return pt_err_set(err, -EPROTO, "the request ended without a word");
	*body++ = '\0';
	if (reply[0] != 'S')
		return pt_err_set(err, -EIO, "%s", reply + 1);
	r = explain_status(reply + 1, query, err);
	if (r < 0)
		return r;
	return read_reply(body, length - (size_t)(body - reply), query, ret, err);
}

int pt_guest_from_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	struct api api PT_CLEANUP(clear_api) = {0};
	int r;

	if (!pt_node_name_valid(query->node))
		return pt_err_set(err, -EINVAL, "'%s' cannot be a node's name", query->node);
	if (query->view == PT_VIEW_SNAPSHOT && !pt_snapshot_name_valid(query->snapshot))
		return pt_err_set(
			err, -EINVAL, "'%s' cannot be a snapshot's name", query->snapshot);
	r = load_api(host, &api, err);
	if (r < 0)
		return r;
	r = ask(&api, query, budget_ms, ret, err);
	return r < 0 ? pt_err_wrap(err, "API %s", api.url) : 0;
}
