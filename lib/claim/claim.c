// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/bind.h"
#include "lib/claim/claim.h"

static void clear_function(struct pt_claim_function *function)
{
	free(function->label);
	pt_origin_clear(&function->origin);
	free(function->error);
	free(function->driver);
	free(function->home);
}

void pt_claim_clear(struct pt_claim *claim)
{
	pt_foreach (function, claim->function, claim->count)
		clear_function(function);
	free(claim->function);
	*claim = (struct pt_claim){0};
}

struct pt_claim_function *pt_claim_find(const struct pt_claim *claim, const struct pt_bdf *bdf)
{
	pt_foreach (function, claim->function, claim->count) {
		if (pt_bdf_compare(&function->bdf, bdf) == 0)
			return function;
	}
	return NULL;
}

static int compare_functions(const void *a, const void *b)
{
	const struct pt_claim_function *x = a, *y = b;

	return pt_bdf_compare(&x->bdf, &y->bdf);
}

struct pt_claim_function *pt_claim_add(struct pt_claim *claim, const struct pt_bdf *bdf,
	const char *label, const struct pt_origin *origin)
{
	struct pt_claim_function *function = pt_claim_find(claim, bdf);

	if (!function) {
		function = pt_array_grow(&claim->function, &claim->count, sizeof(*function));
		function->bdf = *bdf;
		function->lock = -1;
		qsort(claim->function, claim->count, sizeof(*function), compare_functions);
		function = pt_claim_find(claim, bdf);
	}
	pt_set_text(&function->label, label);
	pt_origin_clear(&function->origin);
	pt_origin_copy(&function->origin, origin);
	return function;
}

const char *pt_claim_driver(const struct pt_claim_function *function)
{
	return function->driver && *function->driver ? function->driver : PT_VFIO_PCI;
}

void pt_claim_remove(struct pt_claim *claim, const struct pt_bdf *bdf)
{
	struct pt_claim_function *function = pt_claim_find(claim, bdf);
	size_t at;

	if (!function)
		return;
	at = (size_t)(function - claim->function);
	clear_function(function);
	claim->count--;
	memmove(function, function + 1, (claim->count - at) * sizeof(*function));
}
