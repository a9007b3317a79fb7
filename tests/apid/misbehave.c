// SPDX-License-Identifier: AGPL-3.0-or-later
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/base.h"
#include "tests/apid/misbehave.h"

#define FOREVER_S 60
#define HUGE_SIZE (64ULL * 1024 * 1024)
#define DRIP_US	  300000

static const char config[] = "{\"data\":{\"digest\":\"x\",\"memory\":64}}";

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status,
	const char *text, size_t length, const char *header, const char *value)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (header)
		MHD_add_response_header(response, header, value);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static ssize_t read_huge(void *data, uint64_t position, char *bytes, size_t size)
{
	(void)data;
	(void)position;
	memset(bytes, ' ', size);
	return (ssize_t)size;
}

static ssize_t read_drip(void *data, uint64_t position, char *bytes, size_t size)
{
	(void)data;
	(void)size;
	usleep(DRIP_US);
	bytes[0] = config[position];
	return 1;
}

static ssize_t read_hang(void *data, uint64_t position, char *bytes, size_t size)
{
	(void)data;
	(void)size;
	if (position)
		sleep(FOREVER_S);
	bytes[0] = '{';
	return 1;
}

static ssize_t read_cut(void *data, uint64_t position, char *bytes, size_t size)
{
	(void)data;
	(void)size;
	if (position)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	bytes[0] = '{';
	return 1;
}

static enum MHD_Result send_stream(
	struct MHD_Connection *connection, uint64_t size, MHD_ContentReaderCallback reader)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(size, 65536, reader, NULL, NULL);
	enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_status(struct MHD_Connection *connection, unsigned int status)
{
	return send_text(connection, status, "{\"data\":null}", 13, NULL, NULL);
}

bool misbehave(const char *how, struct MHD_Connection *connection, enum MHD_Result *ret)
{
	static const struct {
		const char *how;
		const char *text;
	} texts[] = {
		{"text", "<html>login</html>"},
		{"array", "{\"data\":[]}"},
		{"types", "{\"data\":{\"digest\":\"x\",\"hostpci0\":{\"host\":\"02:00.0\"}}}"},
	};
	static const struct {
		const char *how;
		uint64_t size;
		MHD_ContentReaderCallback reader;
	} streams[] = {
		{"huge", HUGE_SIZE, read_huge},
		{"drip", sizeof(config) - 1, read_drip},
		{"hang-body", 500, read_hang},
		{"cut", 500, read_cut},
	};

	pt_foreach (one, texts, PT_ARRAY_SIZE(texts)) {
		if (!pt_streq(how, one->how))
			continue;
		*ret = send_text(connection, 200, one->text, strlen(one->text), NULL, NULL);
		return true;
	}
	pt_foreach (one, streams, PT_ARRAY_SIZE(streams)) {
		if (!pt_streq(how, one->how))
			continue;
		*ret = send_stream(connection, one->size, one->reader);
		return true;
	}
	if (pt_streq(how, "hang-header"))
		sleep(FOREVER_S);
	if (pt_streq(how, "redirect"))
		*ret = send_text(connection, 302, "", 0, "Location", "http://127.0.0.1:88/");
	else if (pt_streq(how, "gzip"))
		*ret = send_text(connection, 200, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10,
			"Content-Encoding", "gzip");
	else if (atoi(how) >= 400)
		*ret = send_status(connection, (unsigned int)atoi(how));
	else
		return false;
	return true;
}

void be_deaf(unsigned short port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 0) < 0)
		abort();
	/* the queue is full from the start */
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		connect(fd, (struct sockaddr *)&address, sizeof(address));
	}
	for (;;)
		pause();
}
