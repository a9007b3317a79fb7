// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "lib/use/use-block.h"
#include "lib/use/use-node.h"
#include "lib/use/zfslabel.h"

#define BLOCKS	      "/sys/class/block"
#define BTRFS	      "/sys/fs/btrfs"
#define MOUNTS_MAX    (16U * 1024 * 1024)
#define OPEN_MS	      2000
#define OPEN_TRIES    5
#define OPEN_PAUSE_NS 100000000L
#define DEEPEST	      8

/* A disk, a partition, or a volume on top of one. */
struct volume {
	struct pt_bdf bdf;
	char *name;  /* as the kernel calls it: "nvme0n1p3", "dm-0" */
	char *label; /* for people: "nvme0n1p3", "LVM volume vg-root (dm-0)" */
	char *disk;  /* the disk or partition of the function that it lies on */
	char *dev;   /* "259:3" */
	bool on_top; /* no node of the function itself */
	bool used;
};

struct volumes {
	const struct pt_host *host;
	struct volume *volume;
	size_t count;
	struct pt_uses *uses;
};

static void free_volumes(struct volumes *volumes)
{
	pt_foreach (volume, volumes->volume, volumes->count) {
		free(volume->name);
		free(volume->label);
		free(volume->disk);
		free(volume->dev);
	}
	free(volumes->volume);
}

static char *read_of(const struct volumes *volumes, const char *name, const char *file)
{
	PT_FREE char *path = pt_format(BLOCKS "/%s/%s", name, file);
	char *text = NULL;

	if (path && pt_host_read_line(volumes->host, path, &text) < 0)
		return NULL;
	return text;
}

/* The volume group in the name that LVM gives a volume, in place: a hyphen that is not doubled parts the two. */
static const char *group_of(char *dm)
{
	char *to = dm;

	for (const char *from = dm; *from; from++) {
		if (*from == '-' && from[1] != '-')
			break;
		from += *from == '-';
		*to++ = *from;
	}
	*to = '\0';
	return dm;
}

/* What a volume on top is called: its kind, the name that people gave it, and the kernel's. */
static char *describe(const struct volumes *volumes, const char *name)
{
	PT_FREE char *dm = read_of(volumes, name, "dm/name");
	PT_FREE char *uuid = read_of(volumes, name, "dm/uuid");
	PT_FREE char *level = read_of(volumes, name, "md/level");
	static const struct {
		const char *prefix, *kind;
	} kinds[] = {{"LVM-", "LVM volume"}, {"CRYPT-", "encrypted volume"},
		{"mpath-", "multipath disk"}};

	/* ceph-volume names them so; a hyphen of a name is doubled */
	if (dm && pt_starts_with(dm, "ceph--") && strstr(dm, "-osd--"))
		return pt_format("Ceph OSD %s (%s)", dm, name);
	for (size_t i = 0; dm && uuid && i < PT_ARRAY_SIZE(kinds); i++) {
		if (pt_starts_with(uuid, kinds[i].prefix))
			return pt_format("%s %s (%s)", kinds[i].kind, dm, name);
	}
	if (dm)
		return pt_format("device-mapper volume %s (%s)", dm, name);
	if (level)
		return pt_format("%s array %s", level, name);
	return pt_format("%s%s", pt_starts_with(name, "bcache") ? "cache " : "", name);
}

static int add_volume(struct volumes *volumes, const struct pt_bdf *bdf, const char *name,
	const char *disk, char *label, bool on_top)
{
	struct volume *slot = pt_array_grow(&volumes->volume, &volumes->count, sizeof(*slot));

	if (!slot) {
		free(label);
		return -ENOMEM;
	}
	slot->bdf = *bdf;
	slot->label = label;
	slot->on_top = on_top;
	slot->dev = read_of(volumes, name, "dev");
	if (!label || pt_set_text(&slot->name, name) < 0 || pt_set_text(&slot->disk, disk) < 0)
		return -ENOMEM;
	return 0;
}

static bool has_volume(const struct volumes *volumes, const char *name, const char *disk)
{
	pt_foreach (volume, volumes->volume, volumes->count) {
		if (pt_streq(volume->name, name) && pt_streq(volume->disk, disk))
			return true;
	}
	return false;
}

/* The volumes that stand on one, and those that stand on them. */
static int add_holders(struct volumes *volumes, const struct pt_bdf *bdf, const char *name,
	const char *disk, unsigned int depth)
{
	PT_FREE char *path = pt_format(BLOCKS "/%s/holders", name);
	struct pt_names PT_NAMES holders = {0};
	int r = 0;

	if (!path)
		return -ENOMEM;
	if (depth > DEEPEST || pt_host_list(volumes->host, path, &holders) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < holders.count; i++) {
		const char *holder = holders.name[i];

		if (has_volume(volumes, holder, disk))
			continue;
		r = add_volume(volumes, bdf, holder, disk, describe(volumes, holder), true);
		if (r == 0)
			r = add_holders(volumes, bdf, holder, disk, depth + 1);
	}
	return r;
}

static int list_volumes(struct volumes *volumes, const struct pt_devnodes *nodes)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nodes->count; i++) {
		const struct pt_devnode *node = &nodes->node[i];

		if (node->kind != PT_DEVNODE_BLOCK)
			continue;
		r = add_volume(
			volumes, &node->bdf, node->name, node->name, strdup(node->name), false);
		if (r == 0)
			r = add_holders(volumes, &node->bdf, node->name, node->name, 0);
	}
	return r;
}

/* "is mounted at /", of a volume on top "holds LVM volume vg-root, which is mounted at /". Takes over how and like's end. */
static int use_volume(struct volumes *volumes, struct volume *volume, struct pt_use like, char *how)
{
	char *whole = how;

	like.bdf = volume->bdf;
	like.kind = PT_USE_BLOCK;
	volume->used = true;
	if (how && volume->on_top) {
		whole = pt_format("holds %s, which %s", volume->label, how);
		free(how);
	}
	return pt_uses_add(volumes->uses, like, volume->disk, whole);
}

/* The kernel's name of the block device that a path such as /dev/mapper/vg-root or /dev/sda1 means. The caller's. */
static char *kernel_name(const struct pt_host *host, const char *path)
{
	char *name = NULL;
	const char *slash = strrchr(path, '/');

	if (!pt_starts_with(path, "/dev/") || !slash)
		return NULL;
	if (pt_host_link_name(host, path, &name) == 0)
		return name;
	return strdup(slash + 1);
}

/* "\040" and kin become what they stand for, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* Fields of a line of mountinfo that matter. */
struct mount {
	const char *dev, *point, *type, *source;
};

static bool parse_mount(char *line, struct mount *ret)
{
	char *field[6], *rest, *dash = strstr(line, " - ");

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < PT_ARRAY_SIZE(field); i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &rest);
		if (!field[i])
			return false;
	}
	ret->type = strtok_r(dash + 3, " ", &rest);
	ret->source = strtok_r(NULL, " ", &rest);
	ret->dev = field[2];
	ret->point = field[4];
	unescape(field[4]);
	return ret->source;
}

/* Whether the system does not run on without what is mounted there. */
static bool is_system(const char *point)
{
	static const char *const points[] = {"/", "/boot", "/boot/efi", "/efi", "/etc", "/home",
		"/root", "/usr", "/var", "/var/lib", "/var/log"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(points); i++) {
		if (pt_streq(points[i], point))
			return true;
	}
	return false;
}

/* The block devices that a btrfs file system of one of them lies on. Source: Documentation/ABI/testing/sysfs-fs-btrfs. */
static int list_members(const struct pt_host *host, const char *name, struct pt_names *ret)
{
	struct pt_names PT_NAMES all = {0};

	if (pt_host_list(host, BTRFS, &all) < 0)
		return 0;
	pt_foreach (id, all.name, all.count) {
		PT_FREE char *path = pt_format(BTRFS "/%s/devices", *id);
		struct pt_names PT_NAMES devices = {0};

		if (!path)
			return -ENOMEM;
		if (pt_host_list(host, path, &devices) < 0 || !pt_names_hold(&devices, name))
			continue;
		pt_foreach (device, devices.name, devices.count) {
			if (pt_names_add(ret, *device) < 0)
				return -ENOMEM;
		}
		return 0;
	}
	return 0;
}

/* A mount, seen in the mounts of process pid (0: everybody's). */
static int use_mount(struct volumes *volumes, const struct mount *mount, int pid)
{
	PT_FREE char *name = kernel_name(volumes->host, mount->source);
	struct pt_names PT_NAMES members = {0};
	int r = name && pt_streq(mount->type, "btrfs") ? list_members(volumes->host, name, &members)
						       : 0;

	for (size_t i = 0; r == 0 && i < volumes->count; i++) {
		struct volume *volume = &volumes->volume[i];

		/* file systems of several disks have a number of their own */
		if (!pt_streq(volume->dev, mount->dev) && !pt_streq(volume->name, name) &&
			!pt_names_hold(&members, volume->name))
			continue;
		if (pid && volume->used)
			continue; /* told already: the mounts of others are copies of the host's */
		r = use_volume(volumes, volume,
			(struct pt_use){.pid = pid,
				.system = !pid && is_system(mount->point),
				.end = pid ? NULL : pt_format("umount %s", mount->point)},
			pid ? pt_format("is mounted at %s in the mount namespace of process %d",
				      mount->point, pid)
			    : pt_format("is mounted at %s", mount->point));
	}
	return r;
}

static int use_mounts_of(struct volumes *volumes, const char *process, int pid)
{
	PT_FREE char *text = NULL;
	char path[64];
	char *line, *rest;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	if (pt_host_read(volumes->host, path, MOUNTS_MAX, &text, NULL) < 0)
		return 0; /* it ended meanwhile */
	for (line = strtok_r(text, "\n", &rest); r == 0 && line;
		line = strtok_r(NULL, "\n", &rest)) {
		struct mount mount;

		if (parse_mount(line, &mount))
			r = use_mount(volumes, &mount, pid);
	}
	return r;
}

static char *namespace_of(const struct pt_host *host, const char *process)
{
	char path[64];
	char *name = NULL;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return pt_host_link(host, path, &name) < 0 ? NULL : name;
}

static bool is_among(char *const *seen, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (pt_streq(seen[i], name))
			return true;
	}
	return false;
}

static int use_mounts(struct volumes *volumes)
{
	struct pt_names PT_NAMES pids = {0}, seen = {0};
	char *ours = namespace_of(volumes->host, "1");
	int r = use_mounts_of(volumes, "1", 0);

	if (r == 0 && pt_host_list(volumes->host, "/proc", &pids) < 0)
		pids.count = 0;
	for (size_t i = 0; r == 0 && i < pids.count; i++) {
		PT_FREE char *name = NULL;
		char **slot;

		if (!pt_process_is(pids.name[i]))
			continue;
		name = namespace_of(volumes->host, pids.name[i]);
		if (!name || pt_streq(name, ours) || is_among(seen.name, seen.count, name))
			continue;
		r = use_mounts_of(volumes, pids.name[i], atoi(pids.name[i]));
		slot = pt_array_grow(&seen.name, &seen.count, sizeof(*slot));
		if (!slot)
			r = -ENOMEM;
		else
			*slot = PT_STEAL(name);
	}
	free(ours);
	return r;
}

static int use_swaps(struct volumes *volumes)
{
	PT_FREE char *text = NULL;
	char *line, *rest;
	int r = 0;

	if (pt_host_read(volumes->host, "/proc/swaps", MOUNTS_MAX, &text, NULL) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); r == 0 && line;
		line = strtok_r(NULL, "\n", &rest)) {
		PT_FREE char *name = NULL;

		line[strcspn(line, " \t")] = '\0';
		name = kernel_name(volumes->host, line);
		for (size_t i = 0; r == 0 && name && i < volumes->count; i++) {
			if (pt_streq(volumes->volume[i].name, name))
				r = use_volume(volumes, &volumes->volume[i],
					(struct pt_use){.system = true,
						.end = pt_format("swapoff /dev/%s", name)},
					pt_format("is swap space"));
		}
	}
	return r;
}

/* Processes that have a volume on top open: a QEMU its logical volume, say. */
static int use_open_volumes(struct volumes *volumes, struct pt_err *err)
{
	const char **name = calloc(volumes->count ? volumes->count : 1, sizeof(*name));
	struct pt_opener *opener = NULL;
	size_t openers = 0;
	int r = name ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < volumes->count; i++)
		name[i] = volumes->volume[i].name;
	if (r == 0)
		r = pt_openers_find(volumes->host, name, volumes->count, &opener, &openers, err);
	for (size_t i = 0; r == 0 && i < openers; i++) {
		struct volume *volume = &volumes->volume[opener[i].node];

		volume->used = true;
		if (volume->on_top)
			r = use_volume(volumes, volume,
				(struct pt_use){.pid = opener[i].pid,
					.end = pt_format("end process %d", opener[i].pid)},
				pt_format("is open in process %d (%s)%s%s", opener[i].pid,
					opener[i].name, opener[i].container[0] ? " of " : "",
					opener[i].container));
	}
	free(opener);
	free(name);
	return r;
}

/* What takes a volume down that nobody uses. NULL: it has no name that a command knows. The caller's. */
static char *end_of_idle(const struct volumes *volumes, const struct volume *volume)
{
	PT_FREE char *dm = read_of(volumes, volume->name, "dm/name");
	PT_FREE char *uuid = read_of(volumes, volume->name, "dm/uuid");
	PT_FREE char *level = read_of(volumes, volume->name, "md/level");

	if (dm && uuid && pt_starts_with(uuid, "LVM-"))
		return pt_format("vgchange -an %s", group_of(dm));
	if (dm && uuid && pt_starts_with(uuid, "CRYPT-"))
		return pt_format("cryptsetup close %s", dm);
	if (dm)
		return pt_format("dmsetup remove %s", dm);
	return level ? pt_format("mdadm --stop /dev/%s", volume->name) : NULL;
}

/*
 * A volume on top that nothing of the above uses is active all the same: it cannot go without being taken down. Of
 * several on one disk the one that stands on the others is told.
 */
static int use_idle_volumes(struct volumes *volumes)
{
	int r = 0;

	for (size_t i = volumes->count; r == 0 && i-- > 0;) {
		struct volume *volume = &volumes->volume[i];
		bool told = false;

		if (!volume->on_top || volume->used)
			continue;
		pt_foreach (other, volumes->volume, volumes->count)
			told |= other != volume && other->used && other->on_top &&
				pt_streq(other->disk, volume->disk);
		if (!told)
			r = pt_uses_add(volumes->uses,
				(struct pt_use){.bdf = volume->bdf,
					.kind = PT_USE_BLOCK,
					.end = end_of_idle(volumes, volume)},
				volume->disk, pt_format("is part of the active %s", volume->label));
		volume->used = true;
	}
	return r;
}

/* Whether name is that of a partition of the disk: "nvme0n1p2" of "nvme0n1", "sda1" of "sda". */
static bool is_partition_of(const char *name, const char *disk)
{
	size_t length = strlen(disk);
	const char *rest = name + length;

	if (!length || !pt_starts_with(name, disk))
		return false;
	if (disk[length - 1] >= '0' && disk[length - 1] <= '9' && *rest++ != 'p')
		return false;
	return *rest && strspn(rest, "0123456789") == strlen(rest);
}

/* Whether a use of the disk, of a volume on it, or of one of its partitions is known. */
static bool is_used(const struct volumes *volumes, const char *disk)
{
	pt_foreach (volume, volumes->volume, volumes->count) {
		if (volume->used &&
			(pt_streq(volume->disk, disk) || is_partition_of(volume->disk, disk)))
			return true;
	}
	return false;
}

/* The imported pool that a node in use belongs to; NULL: none. The caller's. */
static char *imported_pool(const struct pt_host *host, const char *node)
{
	PT_CLOSE int fd = pt_host_openat(host, node, O_RDONLY | O_NONBLOCK);
	PT_FREE char *label = malloc(PT_ZFS_LABEL);
	PT_FREE char *pool = NULL;
	PT_FREE char *proc = NULL;
	ssize_t n;

	if (fd < 0 || !label)
		return NULL;
	n = pread(fd, label, PT_ZFS_LABEL, 0);
	if (n <= 0)
		return NULL;
	pool = pt_zfs_label_pool((const unsigned char *)label, (size_t)n);
	if (!pool || strchr(pool, '/'))
		return NULL;
	proc = pt_format("/proc/spl/kstat/zfs/%s", pool);
	return proc && pt_host_exists(host, proc) ? PT_STEAL(pool) : NULL;
}

/* Whether the system's root lies in the pool. */
static bool is_root_pool(const struct pt_host *host, const char *pool)
{
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(host, "/proc/1/mountinfo", MOUNTS_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct mount mount;

		if (parse_mount(line, &mount) && is_system(mount.point) &&
			strncmp(mount.source, pool, strlen(pool)) == 0 &&
			(mount.source[strlen(pool)] == '/' || !mount.source[strlen(pool)]))
			return true;
	}
	return false;
}

/* Who claims a node for himself is seen by asking for the same. */
static int use_exclusive(struct volumes *volumes, struct volume *volume)
{
	PT_FREE char *node = pt_format("/dev/%s", volume->name);
	PT_FREE char *pool = NULL;
	int r = -EBUSY;

	if (!node)
		return -ENOMEM;
	/* others look in the same way, for an instant: another start, or a check */
	for (int tries = 0; r == -EBUSY && tries < OPEN_TRIES; tries++) {
		struct timespec pause = {.tv_nsec = tries ? OPEN_PAUSE_NS : 0};

		nanosleep(&pause, NULL);
		r = pt_host_try_open(
			volumes->host, node, O_RDONLY | O_EXCL | O_NONBLOCK, pt_now_ms() + OPEN_MS);
	}
	if (r != -EBUSY && r != -ETIME)
		return 0;
	if (r == -ETIME)
		return use_volume(volumes, volume, (struct pt_use){0},
			pt_format("does not answer: its driver or the disk hangs"));
	pool = imported_pool(volumes->host, node);
	return use_volume(volumes, volume,
		(struct pt_use){.system = pool && is_root_pool(volumes->host, pool),
			.end = pool ? pt_format("zpool export %s", pool) : NULL},
		pool ? pt_format("is part of the imported ZFS pool %s", pool)
		     : pt_format("is held exclusively, by the kernel or by a program"));
}

/* Partitions first: one in use makes its disk refuse as well. */
static int use_exclusives(struct volumes *volumes)
{
	int r = 0;

	if (!pt_host_is_live(volumes->host))
		return 0;
	for (size_t i = 0; r == 0 && i < 2 * volumes->count; i++) {
		struct volume *volume = &volumes->volume[i % volumes->count];
		PT_FREE char *partition = read_of(volumes, volume->name, "partition");

		if (!volume->on_top && (i < volumes->count) == (partition != NULL) &&
			!is_used(volumes, volume->name))
			r = use_exclusive(volumes, volume);
	}
	return r;
}

int pt_use_blocks(const struct pt_host *host, const struct pt_devnodes *nodes, struct pt_uses *uses,
	struct pt_err *err)
{
	struct volumes volumes PT_CLEANUP(free_volumes) = {.host = host, .uses = uses};
	int r = list_volumes(&volumes, nodes);

	if (r == 0 && !volumes.count)
		return 0;
	if (r == 0)
		r = use_mounts(&volumes);
	if (r == 0)
		r = use_swaps(&volumes);
	if (r == 0)
		r = use_open_volumes(&volumes, err);
	if (r == 0)
		r = use_idle_volumes(&volumes);
	if (r == 0)
		r = use_exclusives(&volumes);
	return r == -ENOMEM ? pt_err_nomem(err) : r;
}
