// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "lib/base/library.h"
#include "lib/linux/systemd.h"

/* The manager answers here even without a bus daemon, as late in a shutdown. */
#define MANAGER_SOCKET "/run/systemd/private"
#define MANAGER_PATH   "/org/freedesktop/systemd1"
#define MANAGER	       "org.freedesktop.systemd1.Manager"
#define UNIT	       "org.freedesktop.systemd1.Unit"
#define NOT_FOUND      "not-found"
#define ASK_MS	       4000 /* loads libsystemd meanwhile, from a disk busy with a shutdown */
#define SILENT_MS      20000
#define JOB_POLL_NS    100000000L
#define REPLY_MAX      512
#define UNIT_NAME_MAX  255

/* Asks the manager in a child. The child prints the answer, or "!" and the manager's error. */
struct question {
	int where; /* the socket's file, opened as a path */
	const char *unit;
	enum pt_unit_order order;
};

/* The functions of libsystemd that we call. */
#define BUS_CALLS(X)                                                                               \
	X(call_method)                                                                             \
	X(get_property)                                                                            \
	X(get_property_string)                                                                     \
	X(message_read)                                                                            \
	X(message_unref)                                                                           \
	X(new)                                                                                     \
	X(set_fd)                                                                                  \
	X(start)

static struct {
#define CALL(name) typeof(sd_bus_##name) *name;
	BUS_CALLS(CALL)
#undef CALL
} sd;

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

/* In the child; its descriptors end with it. */
static int open_bus(int where, sd_bus **ret)
{
#define CALL(name) {"sd_bus_" #name, &sd.name},
	static const struct pt_symbol symbols[] = {BUS_CALLS(CALL)};
#undef CALL
	int fd, r;

	if (pt_library_load("libsystemd.so.0", symbols, PT_ARRAY_SIZE(symbols)))
		return -ELIBACC;
	fd = connect_to(where);
	r = fd < 0 ? fd : sd.new(ret);

	if (r >= 0)
		r = sd.set_fd(*ret, fd, fd);
	return r < 0 ? r : sd.start(*ret);
}

static int answer(int out, const char *text)
{
	return dprintf(out, "%s", text) < 0 ? -EIO : 0;
}

static int ask_state(void *data, int out)
{
	const struct question *question = data;
	char *state = NULL;
	sd_bus *bus = NULL;
	int r = open_bus(question->where, &bus);

	if (r >= 0)
		r = sd.get_property_string(
			bus, NULL, MANAGER_PATH, MANAGER, "SystemState", NULL, &state);
	return r < 0 ? r : answer(out, state);
}

/* Returns the answer that work prints. As pt_child_collect, or why the manager is not there. */
static int ask(const struct pt_host *host, int (*work)(void *data, int out),
	struct question *question, long long deadline_ms, char **ret)
{
	PT_CLOSE int where = pt_host_openat(host, MANAGER_SOCKET, O_PATH);
	struct pt_child child;
	size_t length;
	int r;

	if (where < 0)
		return where;
	question->where = where;
	r = pt_child_start(&child, work, question, &where, 1, true, NULL);
	return r < 0 ? r : pt_child_collect(&child, deadline_ms, REPLY_MAX, ret, &length);
}

bool pt_system_stopping(const struct pt_host *host)
{
	/* one that did not answer is left alone for a while: many ask, one after the other */
	static struct {
		const struct pt_host *host;
		long long until_ms;
	} silent;
	struct question question = {0};
	PT_FREE char *state = NULL;
	int r;

	if (silent.host == host && pt_now_ms() < silent.until_ms)
		return false;
	r = ask(host, ask_state, &question, pt_now_ms() + ASK_MS, &state);
	if (r == -ETIME) {
		silent.host = host;
		silent.until_ms = pt_now_ms() + SILENT_MS;
	}
	return r == 0 && pt_streq(state, "stopping");
}

bool pt_unit_name_valid(const char *name)
{
	static const char *const type[] = {".automount", ".mount", ".path", ".service", ".socket",
		".swap", ".target", ".timer"};
	static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789:-_.\\@";
	const char *dot = strrchr(name, '.');

	if (!dot || dot == name || *name == '@' || strlen(name) > UNIT_NAME_MAX ||
		strspn(name, known) != strlen(name))
		return false;
	return PT_WORD_FIND(type, dot) >= 0;
}

/* The unit's object. LoadUnit finds units that are not in memory too, or says not-found. */
static int find_unit(
	sd_bus *bus, const char *unit, char **ret_path, char **ret_state, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	int r = sd.call_method(
		bus, NULL, MANAGER_PATH, MANAGER, "LoadUnit", error, &reply, "s", unit);

	if (r >= 0)
		r = sd.message_read(reply, "o", &path);
	if (r >= 0)
		pt_set_text(ret_path, path);
	sd.message_unref(reply);
	return r < 0 ? r
		     : sd.get_property_string(
			       bus, NULL, *ret_path, UNIT, "LoadState", error, ret_state);
}

static int has_job(sd_bus *bus, const char *path, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	uint32_t id = 0;
	int r = sd.get_property(bus, NULL, path, UNIT, "Job", error, &reply, "(uo)");

	if (r >= 0)
		r = sd.message_read(reply, "(uo)", &id, NULL);
	sd.message_unref(reply);
	return r < 0 ? r : id != 0;
}

static int order(const struct question *question, sd_bus *bus, char **ret, sd_bus_error *error)
{
	static const char *const method[] = {
		[PT_UNIT_STOP] = "StopUnit", [PT_UNIT_START] = "StartUnit"};
	struct timespec pause = {.tv_nsec = JOB_POLL_NS};
	PT_FREE char *path = NULL;
	PT_FREE char *loaded = NULL;
	int r = find_unit(bus, question->unit, &path, &loaded, error);

	if (r >= 0 && pt_streq(loaded, NOT_FOUND)) {
		*ret = PT_STEAL(loaded);
		return 0;
	}
	if (r >= 0 && (question->order == PT_UNIT_STOP || question->order == PT_UNIT_START))
		r = sd.call_method(bus, NULL, MANAGER_PATH, MANAGER, method[question->order], error,
			NULL, "ss", question->unit, "replace");
	/* until our caller's deadline */
	while (r >= 0 && (question->order == PT_UNIT_STOP || question->order == PT_UNIT_AWAIT) &&
		(r = has_job(bus, path, error)) > 0)
		nanosleep(&pause, NULL);
	return r < 0 ? r : sd.get_property_string(bus, NULL, path, UNIT, "ActiveState", error, ret);
}

static int order_in_child(void *data, int out)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	const struct question *question = data;
	PT_FREE char *state = NULL;
	sd_bus *bus = NULL;
	int r = open_bus(question->where, &bus);

	if (r >= 0)
		r = order(question, bus, &state, &error);
	if (r < 0 && error.message)
		return dprintf(out, "!%.400s", error.message) < 0 ? -EIO : 0;
	return r < 0 ? r : answer(out, state);
}

int pt_unit_order(const struct pt_host *host, const char *unit, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err)
{
	struct question question = {.unit = unit, .order = order};
	PT_FREE char *state = NULL;
	int r = ask(host, order_in_child, &question, deadline_ms, &state);

	if (r == -ETIME)
		return pt_err_set(
			err, r, "%s: systemd is not through with it by the deadline", unit);
	if (r < 0)
		return pt_err_set(
			err, -EAGAIN, "%s: systemd cannot be asked: %s", unit, pt_errno_text(r));
	if (pt_streq(state, NOT_FOUND))
		return pt_err_set(err, -ENOENT, "there is no unit %s", unit);
	if (state[0] == '!')
		return pt_err_set(err, -EIO, "%s: systemd says: %s", unit, state + 1);
	if (order == PT_UNIT_AWAIT && pt_streq(state, "failed"))
		return pt_err_set(err, -EIO, "%s: it has failed", unit);
	*ret_active = pt_streq(state, "active") || pt_streq(state, "activating") ||
		      pt_streq(state, "reloading");
	return 0;
}
