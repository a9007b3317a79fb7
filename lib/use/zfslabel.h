// SPDX-License-Identifier: AGPL-3.0-or-later
/* The label of a ZFS member. Source: OpenZFS, include/sys/vdev_impl.h, module/nvpair (XDR). */
#ifndef PT_ZFSLABEL_H
#define PT_ZFSLABEL_H

#include "lib/base/base.h"

#define PT_ZFS_LABEL (256 * 1024) /* bytes at the beginning of a member */

/* Returns the name of the label's pool, or NULL: it is no label. The caller frees it. The bytes are
 * hostile: a guest may have written them. */
char *pt_zfs_label_pool(const unsigned char *label, size_t length);

#endif
