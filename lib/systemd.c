// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#include "systemd.h"

/* The manager itself answers here, with or without a bus daemon: late in a shutdown there is none. */
#define MANAGER_SOCKET "/run/systemd/private"
#define ASK_MS	       2000
#define REPLY_MAX      64

/* The connected socket, or a negative errno. where is the socket's file, opened as a path. */
static int connect_to(int where)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	PT_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", where);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return PT_STEAL_FD(fd);
}

static int ask(sd_bus *bus, int fd, char **ret)
{
	int r = sd_bus_set_fd(bus, fd, fd);

	if (r < 0) {
		close(fd);
		return r;
	}
	r = sd_bus_start(bus);
	return r < 0 ? r
		     : sd_bus_get_property_string(bus, "org.freedesktop.systemd1",
			       "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
			       "SystemState", NULL, ret);
}

static int ask_in_child(void *data, int out)
{
	const int *where = data;
	PT_FREE char *state = NULL;
	sd_bus *bus = NULL;
	int fd = connect_to(*where);
	int r;

	if (fd < 0)
		return fd;
	r = sd_bus_new(&bus);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = ask(bus, fd, &state);
	sd_bus_close_unref(bus);
	if (r < 0)
		return r;
	return dprintf(out, "%s", state) < 0 ? -EIO : 0;
}

bool pt_system_stopping(const struct pt_host *host)
{
	PT_CLOSE int where = pt_host_openat(host, MANAGER_SOCKET, O_PATH);
	PT_FREE char *state = NULL;
	struct pt_child child;
	size_t length;

	if (where < 0 || pt_child_start(&child, ask_in_child, &where, &where, 1, true, NULL) < 0)
		return false;
	return pt_child_collect(&child, pt_now_ms() + ASK_MS, REPLY_MAX, &state, &length) == 0 &&
	       pt_streq(state, "stopping");
}
