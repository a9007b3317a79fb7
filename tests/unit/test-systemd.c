// SPDX-License-Identifier: AGPL-3.0-or-later
/* A manager that answers on its socket; the real one answers in the lab scenarios node-shutdown and
 * stop-units. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "lib/linux/systemd.h"
#include "tests/unit/unit.h"

/* The one unit that it knows: it takes a while to stop, and fails to start when told to. */
#define UNIT_PATH "/org/freedesktop/systemd1/unit/a"
static struct {
	const char *loaded, *active;
	bool fails;
	int asked; /* about a job, since the last order */
} unit;

/* Of the unit and of the manager; its state is data. */
static int get(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)error;
	if (pt_streq(property, "Job"))
		return sd_bus_message_append(reply, "(uo)", ++unit.asked < 3 ? 7U : 0U, "/");
	return sd_bus_message_append(reply, "s",
		pt_streq(property, "LoadState")	    ? unit.loaded
		: pt_streq(property, "ActiveState") ? unit.active
						    : (const char *)data);
}

static const sd_bus_vtable unit_object[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("LoadState", "s", get, 0, 0),
	SD_BUS_PROPERTY("ActiveState", "s", get, 0, 0),
	SD_BUS_PROPERTY("Job", "(uo)", get, 0, 0),
	SD_BUS_VTABLE_END,
};

static int load_unit(sd_bus_message *call, void *data, sd_bus_error *error)
{
	(void)data;
	(void)error;
	return sd_bus_reply_method_return(call, "o", UNIT_PATH);
}

static int order_unit(sd_bus_message *call, void *data, sd_bus_error *error)
{
	bool start = sd_bus_message_is_method_call(call, NULL, "StartUnit") > 0;
	const char *name, *mode;

	(void)data;
	if (sd_bus_message_read(call, "ss", &name, &mode) < 0 || !pt_streq(name, "a.service") ||
		!pt_streq(mode, "replace"))
		return -EINVAL;
	if (start && unit.fails)
		return sd_bus_error_set(
			error, "org.freedesktop.systemd1.UnitMasked", "Unit is masked.");
	unit.active = start ? "active" : "inactive";
	unit.asked = 0;
	return sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/7");
}

static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("SystemState", "s", get, 0, 0),
	SD_BUS_METHOD("LoadUnit", "s", "o", load_unit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopUnit", "ss", "o", order_unit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartUnit", "ss", "o", order_unit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* Serves one connection, in a child. */
static _Noreturn void serve(int listener, char *state)
{
	int fd = accept(listener, NULL, NULL);
	sd_id128_t id = {.bytes = {1}};
	sd_bus *bus = NULL;

	if (fd < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
		sd_bus_set_server(bus, 1, id) < 0 || sd_bus_set_anonymous(bus, 1) < 0 ||
		sd_bus_start(bus) < 0 ||
		sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1",
			"org.freedesktop.systemd1.Manager", manager, state) < 0 ||
		sd_bus_add_object_vtable(bus, NULL, UNIT_PATH, "org.freedesktop.systemd1.Unit",
			unit_object, NULL) < 0)
		_exit(1);
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			_exit(0);
		if (r == 0)
			sd_bus_wait(bus, UINT64_MAX);
	}
}

struct server {
	int listener;
	pid_t pid; /* -1: it never answers */
};

static struct server begin(struct fake *fake, char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid = -1;

	fake_dir(fake, "/run/systemd");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/systemd/private", fake->root);
	unlink(address.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	if (state)
		pid = fork();
	if (pid == 0)
		serve(listener, state);
	return (struct server){listener, pid};
}

static void end(const struct server *server)
{
	close(server->listener);
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
}

/* The answer for this state of the manager; NULL: it never answers. */
static bool ask(struct fake *fake, char *state)
{
	struct server one = begin(fake, state);
	bool stopping = pt_system_stopping(fake->host);

	end(&one);
	return stopping;
}

/* The result of an order about a.service. */
static int order(struct fake *fake, enum pt_unit_order what, bool *ret_active, struct pt_err *err)
{
	char running[] = "running";
	struct server one = begin(fake, running);
	int r = pt_unit_order(fake->host, "a.service", what, pt_now_ms() + 2000, ret_active, err);

	end(&one);
	return r;
}

static void units_are_stopped_and_started(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	bool active = false;

	unit.loaded = "loaded";
	unit.active = "active";
	assert_int_equal(order(fake, PT_UNIT_LOOK, &active, &err), 0);
	assert_true(active);
	assert_int_equal(order(fake, PT_UNIT_STOP, &active, &err), 0);
	assert_false(active);
	unit.active = "inactive";
	assert_int_equal(order(fake, PT_UNIT_START, &active, &err), 0);
	assert_true(active);
	unit.active = "active";
	assert_int_equal(order(fake, PT_UNIT_AWAIT, &active, &err), 0);
	assert_true(active);
	unit.active = "failed";
	assert_int_equal(order(fake, PT_UNIT_AWAIT, &active, &err), -EIO);
	assert_string_equal(err.text, "a.service: it has failed");
	assert_int_equal(order(fake, PT_UNIT_LOOK, &active, &err), 0);
	assert_false(active);
	unit.active = "activating";
	assert_int_equal(order(fake, PT_UNIT_LOOK, &active, &err), 0);
	assert_true(active);
}

static void what_the_manager_refuses_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	bool active;

	unit.loaded = "loaded";
	unit.active = "inactive";
	unit.fails = true;
	assert_int_equal(order(fake, PT_UNIT_START, &active, &err), -EIO);
	assert_string_equal(err.text, "a.service: systemd says: Unit is masked.");
	unit.fails = false;
	unit.loaded = "not-found";
	assert_int_equal(order(fake, PT_UNIT_STOP, &active, &err), -ENOENT);
	assert_string_equal(err.text, "there is no unit a.service");
	fake_remove(fake, "/run/systemd/private");
	assert_int_equal(pt_unit_order(fake->host, "a.service", PT_UNIT_STOP, pt_now_ms() + 300,
				 &active, &err),
		-EAGAIN);
	assert_holds(err.text, "a.service: systemd cannot be asked: No such file");
}

static void one_that_does_not_answer_has_a_deadline(void **state)
{
	struct fake *fake = *state;
	struct server one = begin(fake, NULL);
	struct pt_err err = {0};
	bool active;

	assert_int_equal(pt_unit_order(fake->host, "a.service", PT_UNIT_STOP, pt_now_ms() + 300,
				 &active, &err),
		-ETIME);
	assert_string_equal(err.text, "a.service: systemd is not through with it by the deadline");
	end(&one);
}

static void the_manager_is_asked(void **state)
{
	struct fake *fake = *state;
	char running[] = "running", degraded[] = "degraded", stopping[] = "stopping";

	assert_false(pt_system_stopping(fake->host));
	assert_false(ask(fake, running));
	assert_false(ask(fake, degraded));
	assert_true(ask(fake, stopping));
}

static void one_that_hangs_is_not_waited_for(void **state)
{
	struct fake *fake = *state;
	long long begin = pt_now_ms();

	assert_false(ask(fake, NULL));
	assert_in_range(pt_now_ms() - begin, 1500, 60000);
	/* not again by those who ask next */
	begin = pt_now_ms();
	for (int asked = 0; asked < 100; asked++)
		assert_false(pt_system_stopping(fake->host));
	assert_true(pt_now_ms() - begin < 60000);
	fake_remove(fake, "/run/systemd/private");
	fake_file(fake, "/run/systemd/private", "no socket");
	assert_false(pt_system_stopping(fake->host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_manager_is_asked),
		MACHINE_TEST(units_are_stopped_and_started),
		MACHINE_TEST(what_the_manager_refuses_is_told),
		MACHINE_TEST(one_that_does_not_answer_has_a_deadline),
		/* it is remembered */
		MACHINE_TEST(one_that_hangs_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
