// SPDX-License-Identifier: AGPL-3.0-or-later
#include <dlfcn.h>

#include "lib/base/library.h"

const char *pt_library_load(const char *file, const struct pt_symbol *symbol, size_t count)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return dlerror();
	pt_foreach (one, symbol, count) {
		void *found = dlsym(library, one->name);

		if (!found) {
			const char *why = dlerror();

			return why ? why : "a function of it is missing";
		}
		memcpy(one->pointer, &found, sizeof(found));
	}
	return NULL;
}
