// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "tests/fake.h"

_Noreturn void fake_die(const char *what)
{
	perror(what);
	abort();
}

static void note(void *data, enum pt_log_level level, const char *line)
{
	struct fake *fake = data;
	char *said = pt_format("%s%s%s\n", fake->said, pt_log_mark(level), line);

	if (!said)
		fake_die("log");
	free(fake->said);
	fake->said = said;
}

static char *path_in(const struct fake *fake, const char *path)
{
	char *full = pt_format("%s%s", fake->root, path);

	if (!full)
		fake_die("path");
	return full;
}

/* Folders of our own are ours alone, as the product makes them. */
static void make_folder(const char *path)
{
	mode_t mode = strstr(path, "/pve-ptconf") || strstr(path, "/run/pt") ? 0700 : 0755;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		fake_die(path);
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		make_folder(path);
		*slash = '/';
	}
}

void fake_bytes(struct fake *fake, const char *path, const char *bytes, size_t length)
{
	PT_FREE char *full = path_in(fake, path);
	FILE *file;

	make_parents(full);
	file = fopen(full, "we");
	if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
		fake_die(full);
}

void fake_file(struct fake *fake, const char *path, const char *text)
{
	fake_bytes(fake, path, text, strlen(text));
}

void fake_dir(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);

	make_parents(full);
	make_folder(full);
}

void fake_link(struct fake *fake, const char *path, const char *target)
{
	PT_FREE char *full = path_in(fake, path);

	make_parents(full);
	unlink(full);
	if (symlink(target, full) < 0)
		fake_die(full);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_remove(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);

	nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *fake_read(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);
	char text[65536];
	ssize_t n = readlink(full, text, sizeof(text) - 1);
	int fd;

	if (n < 0) {
		fd = open(full, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return NULL;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n < 0)
		fake_die(full);
	text[n] = '\0';
	return strdup(text);
}

void fake_fault(struct fake *fake, const char *op, const char *bdf, const char *what)
{
	PT_FREE char *path = pt_format("/fault/%s-%s", op, bdf);

	if (path)
		fake_file(fake, path, what);
}

void fake_open(struct fake *fake)
{
	struct pt_err err;

	*fake = (struct fake){.log = {.emit = note, .data = fake}, .said = strdup("")};
	snprintf(fake->root, sizeof(fake->root), "/tmp/pt-fake-XXXXXX");
	if (!fake->said || !mkdtemp(fake->root))
		fake_die(fake->root);
	if (pt_host_open(&fake->host, fake->root, &fake->log, &err) < 0)
		fake_die(err.text);
	fake_react(fake->host);
}

void fake_close(struct fake *fake)
{
	fake_remove(fake, "");
	pt_host_close_p(&fake->host);
	pt_free_char(&fake->said);
}
