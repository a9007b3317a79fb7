// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/container.h"
#include "tests/unit/unit.h"

#define LXC "/etc/pve/nodes/node1/lxc/"
#define GPU "0000:01:00.0"
#define NIC "0000:02:00.0"

/* The uses of both functions, "NAME HOW" each on a line. */
static char *uses_of(struct fake *fake)
{
	struct pt_function gpu = {.bdf = bdf_of(GPU), .group = PT_GROUP_NONE};
	struct pt_function nic = {.bdf = bdf_of(NIC), .group = PT_GROUP_NONE};
	const struct pt_function *const function[] = {&gpu, &nic};
	struct pt_uses PT_USES uses = {0};
	char *list = strdup("");

	pt_container_uses(fake->host, "node1", function, 2, &uses);
	pt_foreach (use, uses.use, uses.count) {
		char *longer = pt_format("%s%s %.*s\n", list, PT_BDF(&use->bdf),
			(int)strlen(use->what) + 27, on_loan(pt_use_text(use)));

		assert_true(use->weak);
		free(list);
		list = longer;
	}
	return list;
}

static void expect(struct fake *fake, const char *config, const char *uses)
{
	PT_FREE char *list = NULL;

	fake_file(fake, LXC "101.conf", config);
	list = uses_of(fake);
	assert_string_equal(list, uses);
}

static void what_a_config_gives_is_told(void **state)
{
	struct fake *fake = *state;

	expect(fake, "dev0: /dev/dri/card0\n", "");
	add_node(fake, "/sys/bus/pci/devices/" GPU "/drm/card0", "drm", "226:0\n", "dri/card0");
	add_node(fake, "/sys/bus/pci/devices/" GPU "/drm/renderD128", "drm", "226:128\n",
		"dri/renderD128");
	fake_file(fake, "/sys/bus/pci/devices/" NIC "/net/enp2s0/ifindex", "7\n");
	fake_link(fake, "/sys/bus/pci/devices/" NIC "/net/enp2s0/subsystem", "/sys/class/net");
#define CARD   GPU " /dev/dri/card0 is configured for containe\n"
#define RENDER GPU " /dev/dri/renderD128 is configured for containe\n"
#define NET    NIC " enp2s0 is configured for containe\n"
	expect(fake, "arch: amd64\nmemory: 512\n", "");
	expect(fake, "dev0: /dev/dri/card0\n", CARD);
	expect(fake, "dev12: path=/dev/dri/renderD128,gid=104\n", RENDER);
	expect(fake, "mp0: /dev/dri/card0,mp=/dev/dri/card0\n", CARD);
	expect(fake, "lxc.mount.entry: /dev/dri dev/dri none bind,optional,create=dir\n",
		CARD RENDER);
	expect(fake, "lxc.mount.entry = /dev/dri/ dev/dri none bind\r\n", CARD RENDER);
	expect(fake, "lxc.mount.entry: /dev/dri/card0\n", CARD);
	expect(fake, "lxc.net.1.type: phys\nlxc.net.1.link: enp2s0\n", NET);
	/* by the name that stays when cards change places */
	fake_link(fake, "/dev/dri/by-path/pci-0000:01:00.0-render", "../renderD128");
	expect(fake, "dev0: /dev/dri/by-path/pci-0000:01:00.0-render,gid=104\n", RENDER);
	fake_link(fake, "/dev/dri/by-path/pci-0000:02:00.0-render", "../renderD129");
	expect(fake, "dev0: /dev/dri/by-path/pci-0000:02:00.0-render,gid=104\n", "");
	fake_link(fake, "/dev/card", "dri/card0");
	expect(fake, "dev0: /dev/card\n", CARD);
	/* a stick of that number on another controller */
	fake_link(fake, "/dev/coral", "bus/usb/002/renderD128");
	expect(fake, "dev0: /dev/coral\n", "");
	/* the same by two lines is one */
	expect(fake, "dev0: /dev/dri/card0\nlxc.mount.entry: /dev/dri/card0 x\n", CARD);
}

static void what_is_no_gift_is_not(void **state)
{
	struct fake *fake = *state;

	add_node(fake, "/sys/bus/pci/devices/" GPU "/drm/card0", "drm", "226:0\n", "dri/card0");
	expect(fake, "#dev0: /dev/dri/card0\n", "");
	expect(fake, "dev: /dev/dri/card0\ndev0x: /dev/dri/card0\ndev0:\ndev1", "");
	expect(fake, "dev0: /dev/dri/card01\ndev1: /dev/dr\ndev2: dri/card0\ndev3: /\n", "");
	expect(fake, "mp0: local:subvol-101,mp=/dev/dri/card0\n", "");
	expect(fake, "memory: 1\n[snap]\ndev0: /dev/dri/card0\n", "");
	/* a bracket alone begins no section: Proxmox VE skips that line */
	expect(fake, "[snap\ndev0: /dev/dri/card0\n", CARD);
	expect(fake, "lxc.net.0.link: dri/card0\n", "");
	fake_file(fake, LXC "99.conf", "dev0: /dev/dri/card0\n");
	fake_file(fake, LXC "102.conf.bak", "dev0: /dev/dri/card0\n");
	fake_dir(fake, LXC "103.conf");
	expect(fake, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_a_config_gives_is_told),
		MACHINE_TEST(what_is_no_gift_is_not),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
