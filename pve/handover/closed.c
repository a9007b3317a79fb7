// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/pci/function.h"
#include "lib/use/use-devfile.h"
#include "pve/handover/closed.h"

static int name_holder(
	const struct pt_host *host, const struct pt_function *function, struct pt_err *err)
{
	struct pt_vfio_user *user = NULL;
	size_t count = 0;
	int r;

	if (pt_vfio_users(host, &function, 1, &user, &count, NULL) == 0 && count)
		r = pt_err_set(err, -EBUSY,
			"%s: process %d (%s) still has IOMMU group %d open; end it first",
			PT_BDF(&function->bdf), user->pid, user->name, function->group);
	else
		r = pt_err_set(err, -EBUSY,
			"%s: a process that is ending still holds IOMMU group %d; wait until it is "
			"gone",
			PT_BDF(&function->bdf), function->group);
	free(user);
	return r;
}

bool pt_is_closed(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err)
{
	struct pt_function function = {
		.bdf = *bdf, .group = pt_function_read_group(host, bdf), .has_vfio_dev = true};
	const struct pt_function *const asked = &function;
	struct pt_vfio_user *user = NULL;
	char file[32];
	size_t users = 0;

	if (!pt_vfio_group_free(host, function.group)) {
		name_holder(host, &function, err);
		return false;
	}
	snprintf(file, sizeof(file), "/dev/vfio/%d", function.group);
	/* the kernel has said so; without the file it cannot be asked */
	if (pt_host_exists(host, file))
		return true;
	if (pt_vfio_users(host, &asked, 1, &user, &users, err) < 0)
		return false;
	free(user);
	if (users)
		name_holder(host, &function, err);
	return !users;
}

bool pt_is_open(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err)
{
	PT_FREE char *driver = NULL;

	return pt_function_read_driver(host, bdf, &driver) == 0 &&
	       pt_function_read_on_vfio(host, bdf, driver) && !pt_is_closed(host, bdf, err);
}
