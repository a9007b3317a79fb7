// SPDX-License-Identifier: AGPL-3.0-or-later
/* A stand-in for ssh on a simulated host, which takes the command line that Proxmox VE uses. The
 * lab has the real one. */
#ifndef PT_TESTS_UNIT_SSH_H
#define PT_TESTS_UNIT_SSH_H

#include <sys/stat.h>

#include "tests/unit/unit.h"

/* What runs for each machine, a shell's text: $login, $alias, $known, $command. Any other option is
 * refused, as ssh does. */
static inline void fake_ssh(struct fake *fake, const char *script)
{
	PT_FREE char *path = pt_format("%s/usr/bin/ssh", fake->root);
	PT_FREE char *text = pt_format(
		"#!/bin/sh\n"
		"PATH=/usr/bin:/bin\n"
		"known=\n"
		"while [ $# -gt 3 ]; do\n"
		"	case \"$1 $2\" in\n"
		"	'-e none' | '-o BatchMode=yes' | '-o GlobalKnownHostsFile=none') ;;\n"
		"	'-o HostKeyAlias='*) alias=${2#*=} ;;\n"
		"	'-o UserKnownHostsFile='*) known=${2#*=} ;;\n"
		"	*) echo \"command-line: $1 $2: Bad configuration option\" >&2; exit 255 ;;\n"
		"	esac\n"
		"	shift 2\n"
		"done\n"
		"[ \"$1\" = -- ] || exit 255\n"
		"login=$2 command=$3\n"
		"%s\n",
		script);

	fake_file(fake, "/usr/bin/ssh", text);
	assert_int_equal(chmod(path, 0755), 0);
}

#endif
