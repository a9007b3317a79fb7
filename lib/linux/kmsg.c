// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "lib/linux/kmsg.h"

#define RECORD_MAX  8192
#define RECORDS_MAX 100000 /* more than any ring holds */

const char *pt_kmsg_parse(char *record, uint64_t *ret_us)
{
	char *text = strchr(record, ';');

	if (!text || sscanf(record, "%*u,%*u,%" SCNu64, ret_us) != 1)
		return NULL;
	text++;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

char *pt_kmsg_since(const struct pt_host *host, int64_t since)
{
	PT_CLOSE int fd = pt_host_is_live(host)
				  ? pt_host_openat(host, "/dev/kmsg", O_RDONLY | O_NONBLOCK)
				  : -1;
	char record[RECORD_MAX + 1];
	struct timespec up;
	char *lines = NULL;
	time_t boot;

	if (fd < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0)
		return NULL;
	boot = time(NULL) - up.tv_sec;
	for (int i = 0; i < RECORDS_MAX; i++) {
		ssize_t n = read(fd, record, RECORD_MAX);
		const char *text;
		uint64_t us;

		if (n < 0 && errno == EPIPE)
			continue; /* overwritten while it was read */
		if (n <= 0)
			break;
		record[n] = '\0';
		text = pt_kmsg_parse(record, &us);
		if (text && boot + (int64_t)(us / 1000000) >= since)
			lines = pt_list_add(lines, "\n", text);
	}
	return lines;
}
