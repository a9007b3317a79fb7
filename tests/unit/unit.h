// SPDX-License-Identifier: AGPL-3.0-or-later
/* Every unit test needs this: cmocka, and a simulated host. */
#ifndef PT_UNIT_H
#define PT_UNIT_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>

#include <cmocka.h>

#include "lib/claim/handover.h"
#include "lib/claim/locks.h"
#include "pve/config/paths.h"
#include "tests/fake.h"

/* Keeps the text until as many others were kept. */
static inline const char *on_loan(char *text)
{
	static char *kept[16];
	static size_t next;
	char **slot = &kept[next++ % PT_ARRAY_SIZE(kept)];

	free(*slot);
	*slot = text;
	return text;
}

/* Holds Proxmox VE's lock of a guest, as qm does, until the caller closes it. */
static inline int hold_pve_lock(struct fake *fake, unsigned int vmid)
{
	PT_FREE char *name = pt_format(PT_PVE_LOCKS "/lock-%u.conf", vmid);
	PT_FREE char *path = pt_format("%s%s", fake->root, name);
	int lock;

	fake_file(fake, name, "");
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	return lock;
}

/* The text holds the piece; both are shown when not. */
static inline void assert_holds(const char *text, const char *piece)
{
	if (!text || !strstr(text, piece))
		fail_msg("'%s' does not hold '%s'", text ? text : "(null)", piece);
}

static inline void assert_lacks(const char *text, const char *piece)
{
	if (text && strstr(text, piece))
		fail_msg("'%s' holds '%s'", text, piece);
}

/* A function's driver on a simulated host; "none" without. */
static inline void assert_driver(struct fake *fake, const char *bdf, const char *expected)
{
	char path[96];
	char *target, *name;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", bdf);
	target = fake_read(fake, path);
	name = target ? strrchr(target, '/') + 1 : NULL;
	assert_string_equal(name ? name : "none", expected);
	free(target);
}

/* A function's override on a simulated host; "(null)" without. */
static inline void assert_override(struct fake *fake, const char *bdf, const char *expected)
{
	char path[96];
	char *text;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	text = fake_read(fake, path);
	assert_non_null(text);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, expected);
	free(text);
}

static inline struct pt_bdf bdf_of(const char *text)
{
	struct pt_bdf bdf;

	assert_true(pt_bdf_parse(text, &bdf));
	return bdf;
}

/* The machine that most tests use: a GPU with audio (group 1, behind a bridge), two identical
 * disks, a NIC that is a PF with two VFs, a device without driver sharing its group with a sound
 * card. */
#define MACHINE                                                                                    \
	"{\"functions\":["                                                                         \
	"{\"addr\":\"0000:00:01.0\",\"vendor\":\"0x8086\",\"device\":\"0x1901\",\"class\":"        \
	"\"0x060400\",\"driver\":\"pcieport\",\"iommu_group\":1,\"pci_bus\":\"0000:01\"},"         \
	"{\"addr\":\"0000:01:00.0\",\"vendor\":\"0x10de\",\"device\":\"0x2204\",\"class\":"        \
	"\"0x030000\",\"driver\":\"nouveau\",\"iommu_group\":1,\"subsystem_vendor\":\"0x1043\","   \
	"\"subsystem_device\":\"0x87d5\",\"reset\":true},"                                         \
	"{\"addr\":\"0000:01:00.1\",\"vendor\":\"0x10de\",\"device\":\"0x1aef\",\"class\":"        \
	"\"0x040300\",\"driver\":\"snd_hda_intel\",\"iommu_group\":1},"                            \
	"{\"addr\":\"0000:02:00.0\",\"vendor\":\"0x144d\",\"device\":\"0xa808\",\"class\":"        \
	"\"0x010802\",\"driver\":\"nvme\",\"iommu_group\":2,\"subsystem_vendor\":\"0x144d\","      \
	"\"subsystem_device\":\"0xa801\"},"                                                        \
	"{\"addr\":\"0000:03:00.0\",\"vendor\":\"0x144d\",\"device\":\"0xa808\",\"class\":"        \
	"\"0x010802\",\"driver\":\"nvme\",\"iommu_group\":3,\"subsystem_vendor\":\"0x144d\","      \
	"\"subsystem_device\":\"0xa801\"},"                                                        \
	"{\"addr\":\"0000:04:00.0\",\"vendor\":\"0x8086\",\"device\":\"0x1521\",\"class\":"        \
	"\"0x020000\",\"driver\":\"igb\",\"iommu_group\":4,\"virtfns\":[\"0000:04:00.1\","         \
	"\"0000:04:10.0\"]},"                                                                      \
	"{\"addr\":\"0000:04:00.1\",\"vendor\":\"0x8086\",\"device\":\"0x1520\",\"class\":"        \
	"\"0x020000\",\"driver\":\"igbvf\",\"iommu_group\":5,\"physfn\":\"0000:04:00.0\"},"        \
	"{\"addr\":\"0000:04:10.0\",\"vendor\":\"0x8086\",\"device\":\"0x1520\",\"class\":"        \
	"\"0x020000\",\"driver\":\"igbvf\",\"iommu_group\":6,\"physfn\":\"0000:04:00.0\"},"        \
	"{\"addr\":\"0000:05:00.0\",\"vendor\":\"0x1234\",\"device\":\"0x11e8\",\"class\":"        \
	"\"0x00ff00\",\"iommu_group\":7},"                                                         \
	"{\"addr\":\"0000:05:01.0\",\"vendor\":\"0x1102\",\"device\":\"0x0002\",\"class\":"        \
	"\"0x040100\",\"driver\":\"snd_emu10k1\",\"iommu_group\":7}]}"

/* A mapping of its two disks, one an alternative to the other. */
#define TWO_DISKS                                                                                  \
	"disks\n"                                                                                  \
	"\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2,subsystem-id=144d:a801\n"    \
	"\tmap node=node1,path=0000:03:00.0,id=144d:a808,iommugroup=3,subsystem-id=144d:a801\n"

static inline int machine_setup(void **state)
{
	struct fake *fake = malloc(sizeof(*fake));

	if (!fake)
		return -1;
	fake_open(fake);
	fake_tree_text(fake, MACHINE);
	fake_file(fake, "/etc/hostname", "node1\n");
	fake_dir(fake, "/run");
	fake_dir(fake, "/var/lib");
	*state = fake;
	return 0;
}

static inline int machine_teardown(void **state)
{
	fake_close(*state);
	free(*state);
	return 0;
}

/* The arguments of process 4242, each with its NUL; a literal. */
#define process_4242(fake, arguments)                                                              \
	fake_bytes((fake), "/proc/4242/cmdline", (arguments), sizeof(arguments) - 1)
#define KVM_OF(vmid) "kvm\0-id\0" vmid "\0-pidfile\0/var/run/qemu-server/" vmid ".pid\0"

static inline struct pt_claim *new_claim(void)
{
	return pt_calloc(1, sizeof(struct pt_claim));
}

static inline void free_claim(struct pt_claim *claim)
{
	pt_claim_clear(claim);
	free(claim);
}

/* Adds a function to a claim, with its origin as the simulated host has it now. */
static inline struct pt_claim_function *claim_function(
	struct fake *fake, struct pt_claim *claim, const char *name)
{
	struct pt_origin origin PT_CLEANUP(pt_origin_clear) = {0};
	struct pt_bdf bdf = bdf_of(name);

	assert_int_equal(pt_origin_read(fake->host, &bdf, &origin, NULL), 0);
	return pt_claim_add(claim, &bdf, "hostpci0", &origin);
}

static inline struct pt_store *open_store(struct fake *fake, const char *dir)
{
	struct pt_store *store = NULL;

	assert_int_equal(pt_store_open(&store, fake->host, dir, true, NULL), 0);
	return store;
}

/* Puts a function on record, with its origin as the simulated host has it now; error: NULL for
 * none. */
static inline void record_function(
	struct fake *fake, const struct pt_store *store, const char *name, const char *error)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {.bdf = bdf_of(name), .since = 1};

	assert_int_equal(pt_origin_read(fake->host, &record.bdf, &record.origin, NULL), 0);
	pt_set_text(&record.error, error);
	assert_int_equal(pt_function_save(store, &record, NULL), 0);
}

/* Writes that the guest ran with a function, or two, for hostpci0. */
static inline void record_guest(const struct pt_store *store, unsigned int vmid, enum pt_role role,
	const char *first, const char *second)
{
	struct pt_guest_record PT_GUEST_RECORD record = {
		.vmid = vmid, .start = "a", .since = 1, .ran = true};
	struct pt_bdf bdf = bdf_of(first);

	pt_wish_add(&record, &bdf, "hostpci0")->role = role;
	if (second) {
		bdf = bdf_of(second);
		pt_wish_add(&record, &bdf, "hostpci0")->role = role;
	}
	assert_int_equal(pt_guest_save(store, &record, NULL), 0);
}

/* A claim of a guest: it has taken the function, which is on record. */
static inline void save_claim(
	struct fake *fake, const char *dir, unsigned int vmid, const char *name, const char *error)
{
	struct pt_store PT_STORE *store = open_store(fake, dir);

	record_function(fake, store, name, error);
	record_guest(store, vmid, PT_ROLE_TAKEN, name, NULL);
}

/* A handover on a simulated host, with short deadlines. */
static inline struct pt_handover handover_of(struct fake *fake)
{
	return (struct pt_handover){
		.host = fake->host, .log = &fake->log, .write_ms = 30000, .phase_ms = 60000};
}

#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

/* A device file in a function's part of sysfs. */
static inline void add_node(struct fake *fake, const char *folder, const char *subsystem,
	const char *numbers, const char *name)
{
	PT_FREE char *dev = pt_format("%s/dev", folder), *uevent = pt_format("%s/uevent", folder);
	PT_FREE char *link = pt_format("%s/subsystem", folder);
	PT_FREE char *target = pt_format("/sys/class/%s", subsystem);
	PT_FREE char *text = pt_format("DEVNAME=%s\n", name);

	fake_file(fake, dev, numbers);
	fake_file(fake, uevent, text);
	fake_link(fake, link, target);
	if (pt_streq(subsystem, "block")) {
		PT_FREE char *class = pt_format("/sys/class/block/%s", strrchr(folder, '/') + 1);

		fake_link(fake, class, folder);
	}
}

#endif
