// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "lib/base/template.h"
#include "lib/use/use-block.h"
#include "lib/use/use-devfile.h"
#include "lib/use/zfslabel.h"

#define BLOCKS	      "/sys/class/block"
#define BTRFS	      "/sys/fs/btrfs"
#define MOUNTS_MAX    (64U * 1024 * 1024)
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
	bool on_top; /* no device file of the function itself */
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

	if (pt_host_read_line(volumes->host, path, &text) < 0)
		return NULL;
	return text;
}

/* Splits the volume group off an LVM volume's name, in place, at the single hyphen. */
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

/* The label of a volume on top: its kind, the name that people gave it, and the kernel's. */
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

static void add_volume(struct volumes *volumes, const struct pt_bdf *bdf, const char *name,
	const char *disk, char *label, bool on_top)
{
	struct volume *slot = pt_array_grow(&volumes->volume, &volumes->count, sizeof(*slot));

	slot->bdf = *bdf;
	slot->label = label;
	slot->on_top = on_top;
	slot->dev = read_of(volumes, name, "dev");
	pt_set_text(&slot->name, name);
	pt_set_text(&slot->disk, disk);
}

static bool has_volume(const struct volumes *volumes, const char *name, const char *disk)
{
	pt_foreach (volume, volumes->volume, volumes->count) {
		if (pt_streq(volume->name, name) && pt_streq(volume->disk, disk))
			return true;
	}
	return false;
}

/* The volumes on top of one, and the volumes on top of those. */
static void add_holders(struct volumes *volumes, const struct pt_bdf *bdf, const char *name,
	const char *disk, unsigned int depth)
{
	PT_FREE char *path = pt_format(BLOCKS "/%s/holders", name);
	struct pt_names PT_NAMES holders = {0};

	if (depth > DEEPEST || pt_host_list(volumes->host, path, &holders) < 0)
		return;
	pt_foreach (holder, holders.name, holders.count) {
		if (has_volume(volumes, *holder, disk))
			continue;
		add_volume(volumes, bdf, *holder, disk, describe(volumes, *holder), true);
		add_holders(volumes, bdf, *holder, disk, depth + 1);
	}
}

static void list_volumes(struct volumes *volumes, const struct pt_devfiles *devfiles)
{
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		if (devfile->kind != PT_DEVFILE_BLOCK)
			continue;
		add_volume(volumes, &devfile->bdf, devfile->name, devfile->name,
			pt_strdup(devfile->name), false);
		add_holders(volumes, &devfile->bdf, devfile->name, devfile->name, 0);
	}
}

/* Adds a use of the volume. One on top is used through it. */
static void use_volume(struct volumes *volumes, struct volume *volume, struct pt_use use)
{
	use.bdf = volume->bdf;
	use.kind = PT_USE_BLOCK;
	use.what = volume->disk;
	if (volume->on_top)
		use.via = volume->label;
	volume->used = true;
	pt_uses_add(volumes->uses, &use);
}

/* The kernel's name for the device file /dev/mapper/vg-root or /dev/sda1. The caller frees it. */
static char *kernel_name(const struct pt_host *host, const char *path)
{
	char *name = NULL;
	const char *slash = strrchr(path, '/');

	if (!pt_starts_with(path, "/dev/") || !slash)
		return NULL;
	if (pt_host_link_name(host, path, &name) == 0)
		return name;
	return pt_strdup(slash + 1);
}

/* Replaces "\040" and kin by their characters, in place. */
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
	char *dev, *point, *type, *source;
};

static bool parse_mount(char *line, struct mount *ret)
{
	char *field[6] = {NULL}, *rest, *dash = strstr(line, " - ");

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

/* Whether the running system needs the file system there. */
static bool is_system(const char *point)
{
	static const char *const points[] = {"/", "/boot", "/boot/efi", "/efi", "/etc", "/home",
		"/root", "/usr", "/var", "/var/lib", "/var/log"};

	return PT_WORD_FIND(points, point) >= 0;
}

/* Adds the block devices of a btrfs file system, of which name is one. Source:
 * Documentation/ABI/testing/sysfs-fs-btrfs. */
static void add_btrfs(const struct pt_host *host, const char *name, struct pt_names *ret)
{
	struct pt_names PT_NAMES all = {0};

	if (pt_host_list(host, BTRFS, &all) < 0)
		return;
	pt_foreach (id, all.name, all.count) {
		PT_FREE char *path = pt_format(BTRFS "/%s/devices", *id);
		struct pt_names PT_NAMES devices = {0};

		if (pt_host_list(host, path, &devices) < 0 || !pt_names_hold(&devices, name))
			continue;
		pt_foreach (device, devices.name, devices.count)
			pt_names_add(ret, *device);
		return;
	}
}

/* Lists the block devices of a file system that has a number of its own, since it may lie on
 * several. The source of any other is a text that anybody can choose: its number counts. */
static void list_members(
	const struct pt_host *host, const struct mount *mount, struct pt_names *ret)
{
	const bool btrfs = pt_streq(mount->type, "btrfs");
	struct pt_names PT_NAMES sources = {0};

	if (!btrfs && !pt_streq(mount->type, "bcachefs"))
		return;
	pt_names_split(&sources, mount->source, ":");
	pt_foreach (source, sources.name, sources.count) {
		PT_FREE char *name = kernel_name(host, *source);

		if (!name)
			continue;
		pt_names_add(ret, name);
		if (btrfs)
			add_btrfs(host, name, ret);
	}
}

/* A mount in the mount table of process pid (0: of the host itself). */
static void use_mount(struct volumes *volumes, const struct mount *mount, int pid)
{
	const struct pt_use use = {
		.how = pid ? PT_USE_MOUNTED_APART : PT_USE_MOUNTED,
		.place = mount->point,
		.pid = pid,
		.system = !pid && is_system(mount->point),
	};
	struct pt_names PT_NAMES members = {0};

	list_members(volumes->host, mount, &members);
	pt_foreach (volume, volumes->volume, volumes->count) {
		if (!pt_streq(volume->dev, mount->dev) && !pt_names_hold(&members, volume->name))
			continue;
		/* the mounts of others are copies of the host's */
		if (!pid || !volume->used)
			use_volume(volumes, volume, use);
	}
}

static int use_mounts_of(struct volumes *volumes, const char *process, int pid, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	char path[64];
	char *rest;
	int r;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	r = pt_host_read(volumes->host, path, MOUNTS_MAX, &text, NULL);
	/* it ended meanwhile */
	if (r == -ENOENT || r == -ESRCH)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct mount mount;

		if (parse_mount(line, &mount))
			use_mount(volumes, &mount, pid);
	}
	return 0;
}

static char *namespace_of(const struct pt_host *host, const char *process)
{
	char path[64];
	char *name = NULL;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return pt_host_link(host, path, &name) < 0 ? NULL : name;
}

/* What the host itself has mounted has to be known; a process may keep its own to itself. */
static int use_mounts(struct volumes *volumes, struct pt_err *err)
{
	struct pt_names PT_NAMES pids = {0}, seen = {0};
	PT_FREE char *ours = namespace_of(volumes->host, "1");
	int r = use_mounts_of(volumes, "1", 0, err);

	if (pt_host_list(volumes->host, "/proc", &pids) < 0)
		return r;
	pt_foreach (pid, pids.name, pids.count) {
		PT_FREE char *name = NULL;

		if (!pt_process_is(*pid))
			continue;
		name = namespace_of(volumes->host, *pid);
		if (!name || pt_streq(name, ours) || pt_names_hold(&seen, name))
			continue;
		use_mounts_of(volumes, *pid, atoi(*pid), NULL);
		pt_names_add(&seen, name);
	}
	return r;
}

/* The number of a block device's file, "259:3", or NULL. The caller frees it. */
static char *number_of(const struct pt_host *host, const char *path)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	return pt_format("%u:%u", major(st.st_rdev), minor(st.st_rdev));
}

/* By the number of the file, where there are numbers; on a copy of a host by its name. */
static void use_swap(struct volumes *volumes, const char *path)
{
	const bool live = pt_host_is_live(volumes->host);
	PT_FREE char *file =
		live ? number_of(volumes->host, path) : kernel_name(volumes->host, path);

	pt_foreach (volume, volumes->volume, volumes->count) {
		PT_FREE char *end = NULL;

		if (!file || !pt_streq(live ? volume->dev : volume->name, file))
			continue;
		end = pt_format("swapoff /dev/%s", volume->name);
		use_volume(volumes, volume,
			(struct pt_use){.how = PT_USE_SWAP, .system = true, .end = end});
	}
}

static void use_swaps(struct volumes *volumes)
{
	PT_FREE char *text = NULL;
	char *rest;

	if (pt_host_read(volumes->host, "/proc/swaps", MOUNTS_MAX, &text, NULL) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, " \t")] = '\0';
		unescape(line);
		/* not the headings */
		if (*line == '/')
			use_swap(volumes, line);
	}
}

/* Processes that have a volume on top open: a QEMU its logical volume, say. */
static int use_open_volumes(struct volumes *volumes, struct pt_err *err)
{
	const char **name = pt_calloc(volumes->count, sizeof(*name));
	struct pt_opener *opener = NULL;
	size_t openers = 0;
	int r;

	for (size_t i = 0; i < volumes->count; i++)
		name[i] = volumes->volume[i].name;
	r = pt_openers_find(volumes->host, name, volumes->count, &opener, &openers, err);
	for (size_t i = 0; i < openers; i++) {
		struct volume *volume = &volumes->volume[opener[i].devfile];
		struct pt_use use = {.how = PT_USE_OPEN};

		/* use-devfile reports the disk itself */
		volume->used = true;
		pt_use_by(&use, &opener[i]);
		/* a volume stays active when a service stops: that would not free the disk */
		use.unit[0] = '\0';
		if (volume->on_top)
			use_volume(volumes, volume, use);
	}
	free(opener);
	free(name);
	return r;
}

/* Returns the command that stops an unused volume, or NULL. The caller frees it. */
static char *end_of_idle(const struct volumes *volumes, const struct volume *volume)
{
	PT_FREE char *dm = read_of(volumes, volume->name, "dm/name");
	PT_FREE char *uuid = read_of(volumes, volume->name, "dm/uuid");
	PT_FREE char *level = read_of(volumes, volume->name, "md/level");

	const bool lvm = dm && uuid && pt_starts_with(uuid, "LVM-");
	const bool crypt = dm && uuid && pt_starts_with(uuid, "CRYPT-");
	PT_FREE char *word = NULL;

	if (dm) {
		word = pt_shell_word(lvm ? group_of(dm) : dm);
		if (!word)
			return NULL;
		return pt_format("%s %s",
			lvm	? "vgchange -an"
			: crypt ? "cryptsetup close"
				: "dmsetup remove",
			word);
	}
	return level ? pt_format("mdadm --stop /dev/%s", volume->name) : NULL;
}

/* A volume without a use is active all the same: it must be taken down first. Of several on one
 * disk the topmost is reported. */
static void use_idle_volumes(struct volumes *volumes)
{
	for (size_t i = volumes->count; i-- > 0;) {
		struct volume *volume = &volumes->volume[i];
		bool reported = false;

		if (!volume->on_top || volume->used)
			continue;
		pt_foreach (other, volumes->volume, volumes->count)
			reported |= other != volume && other->used && other->on_top &&
				    pt_streq(other->disk, volume->disk);
		if (!reported) {
			PT_FREE char *end = end_of_idle(volumes, volume);

			use_volume(
				volumes, volume, (struct pt_use){.how = PT_USE_ACTIVE, .end = end});
		}
		volume->used = true;
	}
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

/* The imported pool that a device file in use belongs to; NULL: none. The caller's. */
static char *imported_pool(const struct pt_host *host, const char *devfile)
{
	PT_CLOSE int fd = pt_host_openat(host, devfile, O_RDONLY | O_NONBLOCK);
	PT_FREE char *label = pt_resize(NULL, PT_ZFS_LABEL);
	PT_FREE char *pool = NULL;
	PT_FREE char *proc = NULL;
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = pread(fd, label, PT_ZFS_LABEL, 0);
	if (n <= 0)
		return NULL;
	pool = pt_zfs_label_pool((const unsigned char *)label, (size_t)n);
	if (!pool || strchr(pool, '/'))
		return NULL;
	proc = pt_format("/proc/spl/kstat/zfs/%s", pool);
	return pt_host_exists(host, proc) ? PT_STEAL(pool) : NULL;
}

static bool is_root_pool(const struct pt_host *host, const char *pool)
{
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(host, "/proc/1/mountinfo", MOUNTS_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct mount mount;

		if (parse_mount(line, &mount) && is_system(mount.point) &&
			pt_streq(mount.type, "zfs") &&
			strncmp(mount.source, pool, strlen(pool)) == 0 &&
			(mount.source[strlen(pool)] == '/' || !mount.source[strlen(pool)]))
			return true;
	}
	return false;
}

/* An exclusive opener is found by asking for the same. */
static void use_exclusive(struct volumes *volumes, struct volume *volume)
{
	PT_FREE char *devfile = pt_format("/dev/%s", volume->name);
	struct pt_use use = {.how = PT_USE_EXCLUSIVE};
	PT_FREE char *pool = NULL;
	int r = -EBUSY;

	/* others ask in the same way, for an instant: another start, or a check */
	for (int tries = 0; r == -EBUSY && tries < OPEN_TRIES; tries++) {
		struct timespec pause = {.tv_nsec = tries ? OPEN_PAUSE_NS : 0};

		nanosleep(&pause, NULL);
		r = pt_host_try_open(volumes->host, devfile, O_RDONLY | O_EXCL | O_NONBLOCK,
			pt_now_ms() + OPEN_MS);
	}
	if (r != -EBUSY && r != -ETIME)
		return;
	if (r == -EBUSY)
		pool = imported_pool(volumes->host, devfile);
	if (r == -ETIME) {
		use.how = PT_USE_HUNG;
	} else if (pool) {
		use.how = PT_USE_POOL;
		use.place = pool;
		use.system = is_root_pool(volumes->host, pool);
	}
	use_volume(volumes, volume, use);
}

/* Partitions first: one in use makes its disk refuse as well. */
static void use_exclusives(struct volumes *volumes)
{
	if (!pt_host_is_live(volumes->host))
		return;
	for (size_t i = 0; i < 2 * volumes->count; i++) {
		struct volume *volume = &volumes->volume[i % volumes->count];
		PT_FREE char *partition = read_of(volumes, volume->name, "partition");

		if (!volume->on_top && (i < volumes->count) == (partition != NULL) &&
			!is_used(volumes, volume->name))
			use_exclusive(volumes, volume);
	}
}

int pt_use_blocks(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err)
{
	struct volumes volumes PT_CLEANUP(free_volumes) = {.host = host, .uses = uses};
	struct pt_err unseen = {0};
	int r;

	list_volumes(&volumes, devfiles);
	if (!volumes.count)
		return 0;
	/* where these cannot be read, what else shows a use counts all the same */
	use_mounts(&volumes, &unseen);
	use_swaps(&volumes);
	r = use_open_volumes(&volumes, err);
	if (r < 0)
		return r;
	use_idle_volumes(&volumes);
	use_exclusives(&volumes);
	return unseen.code ? pt_err_set(err, unseen.code, "%s", unseen.text) : 0;
}
