// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts that are asked one by one and facts that are asked at once lead to the same findings. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "pve/check/check.h"
#include "tests/unit/busy.h"

static void asked_at_once_it_is_the_same(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *whole = NULL;

	make_busy(fake);
	whole = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	assert_int_equal(pt_node_learn_all(whole, NULL), 0);
	assert_int_equal(pt_node_learn_all(whole, NULL), 0);
	for (size_t i = 0; i < PT_ARRAY_SIZE(busy_configs); i++) {
		struct pt_node PT_NODE *node = NULL;
		PT_FREE char *one = NULL;
		PT_FREE char *other = findings_of(whole, busy_configs[i], PT_DEPTH_CHECK);

		node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
		one = findings_of(node, busy_configs[i], PT_DEPTH_CHECK);
		assert_string_equal(one, other);
		assert_true(strlen(one) > 10);
	}
}

/* An answer that came in time counts, however late it is heard; one that nobody wants is ended. */
static void uses_are_asked_for_beside_other_work(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = NULL;
	struct pt_node_asking asking = {.uses = PT_USES_ASKING_NONE};
	struct pt_uses PT_USES uses = {0};
	struct pt_bdf bdf = bdf_of("0000:03:00.0");
	struct pt_err err = {0};
	struct pollfd pfd = {.events = POLLIN};
	pid_t pid;

	make_busy(fake);
	node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	assert_int_equal(pt_node_learn(node, &bdf, NULL), 0);
	assert_int_equal(pt_node_ask_uses(node, &bdf, 1, &asking, &err), 0);
	pfd.fd = asking.uses.child.pidfd;
	assert_int_equal(poll(&pfd, 1, 60000), 1);
	asking.deadline_ms = pt_now_ms() - 1000;
	assert_int_equal(pt_node_hear_uses(node, &asking, &bdf, 1, &uses, &err), 0);
	assert_int_equal(uses.count, 1);
	/* heard twice it is an error, and waits for nobody */
	assert_int_equal(pt_uses_hear(&asking.uses, pt_now_ms() + 60000, &uses, &err), -ECHILD);
	assert_int_equal(pt_node_ask_uses(node, &bdf, 1, &asking, &err), 0);
	pid = asking.uses.child.pid;
	pt_uses_unask(&asking.uses);
	pt_uses_unask(&asking.uses);
	waitpid(pid, NULL, 0);
	assert_int_equal(kill(pid, 0), -1);
}

/* A start asks for nothing but its own functions. */
static void a_start_learns_little(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = NULL;
	PT_FREE char *text = NULL;

	make_busy(fake);
	node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	text = findings_of(node, "hostpci0: 05:01.0\n", PT_DEPTH_START);
	assert_int_equal(node->inventory.count, 2);
	assert_int_equal(node->device_count, 2);
	/* other guests' configs, since one may name the same */
	assert_true(node->has_guests);
	assert_false(node->has_uses);
	assert_false(node->has_left);
}

static void guests_are_in_order(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = NULL;
	struct pt_guest *const *guest = NULL;
	const unsigned int *vmid = NULL;
	struct pt_err err = {0};
	size_t count = 0;

	node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	assert_int_equal(pt_node_vmids(node, &vmid, &count, &err), -ENOENT);
	assert_string_equal(
		err.text, "/etc/pve/nodes/node1/qemu-server: No such file or directory");
	make_busy(fake);
	fake_dir(fake, "/etc/pve/nodes/node1/qemu-server/99999.conf");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/1000.conf", "memory: 64\n");
	assert_int_equal(pt_node_vmids(node, &vmid, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_int_equal(vmid[0], 101);
	assert_int_equal(vmid[3], 99999);
	/* an unreadable config is no guest to compare with, nor is one without passthrough */
	assert_int_equal(pt_node_guests(node, &guest, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(guest[1]->vmid, 102);
	assert_int_equal(pt_node_pid(node, 101), 4242);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(asked_at_once_it_is_the_same),
		MACHINE_TEST(uses_are_asked_for_beside_other_work),
		MACHINE_TEST(a_start_learns_little),
		MACHINE_TEST(guests_are_in_order),
	};

	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
