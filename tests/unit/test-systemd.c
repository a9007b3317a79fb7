// SPDX-License-Identifier: AGPL-3.0-or-later
/* A manager that answers on its socket; the real one answers in the lab scenario node-shutdown. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "lib/systemd.h"
#include "tests/unit/unit.h"

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
	sd_bus_message *reply, void *data, sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)property;
	(void)error;
	return sd_bus_message_append(reply, "s", data);
}

static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("SystemState", "s", get_state, 0, 0),
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
			"org.freedesktop.systemd1.Manager", manager, state) < 0)
		_exit(1);
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			_exit(0);
		if (r == 0)
			sd_bus_wait(bus, UINT64_MAX);
	}
}

/* What is answered when the manager's state is as given; NULL: it never answers. */
static bool ask(struct fake *fake, char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool stopping;
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
	stopping = pt_system_stopping(fake->host);
	close(listener);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return stopping;
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
	assert_in_range(pt_now_ms() - begin, 1500, 5000);
	fake_remove(fake, "/run/systemd/private");
	fake_file(fake, "/run/systemd/private", "no socket");
	assert_false(pt_system_stopping(fake->host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_manager_is_asked),
		MACHINE_TEST(one_that_hangs_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
