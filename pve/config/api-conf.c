// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pve/config/api-conf.h"
#include "pve/config/paths.h"

#define CONF_MAX 4096

void pt_api_close_p(struct pt_api **closed)
{
	struct pt_api *api = PT_STEAL(*closed);

	if (!api)
		return;
	free(api->url);
	free(api->ca);
	if (api->token)
		explicit_bzero(api->token, strlen(api->token));
	free(api->token);
	free(api);
}

static int set_conf(struct pt_api *api, const char *key, const char *value, struct pt_err *err)
{
	char **slot = pt_streq(key, "token") ? &api->token
		      : pt_streq(key, "url") ? &api->url
		      : pt_streq(key, "ca")  ? &api->ca
					     : NULL;

	if (!slot)
		return pt_err_set(
			err, -EINVAL, "there is no key '%s'; token, url and ca are known", key);
	pt_set_text(slot, value);
	return 0;
}

/* Lines "key = value"; "#" begins a comment. */
static int parse_conf(char *text, struct pt_api *ret, struct pt_err *err)
{
	char *line, *rest = text;

	for (unsigned int number = 1; (line = strsep(&rest, "\n")); number++) {
		char key[16], value[512];
		int end = 0;
		int r;

		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		if (sscanf(line, "%15[a-z] = %511s %n", key, value, &end) != 2 || line[end])
			return pt_err_set(
				err, -EINVAL, "line %u is not of the form 'key = value'", number);
		r = set_conf(ret, key, value, err);
		explicit_bzero(value, sizeof(value));
		if (r < 0)
			return pt_err_wrap(err, "line %u", number);
	}
	return 0;
}

/* As people copy it from a header or a manual: only the token is left. */
static void trim_token(char *token)
{
	static const char head[] = "PVEAPIToken=";

	if (pt_starts_with(token, head))
		memmove(token, token + strlen(head), strlen(token + strlen(head)) + 1);
}

/* The same of "https://node:8006/api2/json/". */
static void trim_url(char *url)
{
	static const char *const tails[] = {"/", "/json", "/", "/api2", "/"};

	pt_foreach (tail, tails, PT_ARRAY_SIZE(tails)) {
		size_t length = strlen(url), part = strlen(*tail);

		while (length > part && pt_streq(url + length - part, *tail)) {
			length -= part;
			url[length] = '\0';
		}
	}
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

/* file: another one than the host's, NULL: the host's. */
static int open_conf(const struct pt_host *host, const char *file)
{
	int fd = file ? open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
		      : pt_host_openat(host, PT_API_CONF, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 && file ? -errno : fd;
}

static int read_conf(const struct pt_host *host, const char *file, char text[static CONF_MAX],
	struct pt_err *err)
{
	const char *name = file ? file : PT_API_CONF;
	PT_CLOSE int fd = open_conf(host, file);
	struct stat st;
	ssize_t n;

	if (fd == -ENOENT)
		return pt_err_set(err, fd, "no API token: there is no %s", name);
	if (fd == -ELOOP)
		return pt_err_set(err, fd, "%s: is a symbolic link; not trusted", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return pt_err_errno(err, fd < 0 ? fd : -errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return pt_err_set(err, -EINVAL, "%s: is no regular file", name);
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return pt_err_set(err, -EPERM,
			"%s: holds a secret, but others than %s may read or own it; chown %s and "
			"chmod 600 it, and make a new token",
			name, file ? "you" : "root", file ? "it to yourself" : "root");
	n = read(fd, text, CONF_MAX - 1);
	if (n < 0)
		return pt_err_errno(err, -errno, "%s", name);
	if (n == CONF_MAX - 1)
		return pt_err_set(err, -EFBIG, "%s: is too large", name);
	text[n] = '\0';
	return 0;
}

/* Completes what the file says, and judges it. */
static int judge_conf(struct pt_api *api, struct pt_err *err)
{
	if (!api->token)
		return pt_err_set(err, -ENOENT, "has no line 'token = ...'");
	trim_token(api->token);
	if (!token_valid(api->token))
		return pt_err_set(
			err, -EINVAL, "the token is not of the form USER@REALM!TOKENID=SECRET");
	if (!api->url)
		pt_set_text(&api->url, PT_PVE_API_URL);
	trim_url(api->url);
	if (!url_trusted(api->url))
		return pt_err_set(err, -EINVAL,
			"url %s: must be https, or http to this machine itself", api->url);
	return 0;
}

static int load_api(
	const struct pt_host *host, const char *file, struct pt_api *ret, struct pt_err *err)
{
	char text[CONF_MAX];
	int r = read_conf(host, file, text, err);

	if (r < 0)
		return r;
	r = parse_conf(text, ret, err);
	explicit_bzero(text, sizeof(text));
	if (r == 0)
		r = judge_conf(ret, err);
	return r < 0 ? pt_err_wrap(err, "%s", file ? file : PT_API_CONF) : 0;
}

int pt_api_open_file(
	const struct pt_host *host, const char *file, struct pt_api **ret, struct pt_err *err)
{
	struct pt_api PT_API *api = pt_calloc(1, sizeof(*api));
	int r = load_api(host, file, api, err);

	if (r == 0)
		*ret = PT_STEAL(api);
	return r;
}

int pt_api_open(const struct pt_host *host, struct pt_api **ret, struct pt_err *err)
{
	return pt_api_open_file(host, NULL, ret, err);
}
