// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/reset-models.h"
#include "pve/config/versions.h"

/* Each row: the keys that it matches by, and the kernels that have the trouble. Only models with a
 * source, each by its id. Of AMD's graphics in a processor the structure tells (facts-device.c): a
 * row is for those whose security processor hides. */
static const struct pt_reset_model models[] = {
#define VENDOR_RESET(device)                                                                       \
	{                                                                                          \
		"1002", (device), 0x03, PT_QUIRK_MODULE, 0, 0, "vendor-reset, src/device-db.h"     \
	}
	VENDOR_RESET("67c0"),
	VENDOR_RESET("67c4"),
	VENDOR_RESET("67c7"),
	VENDOR_RESET("67d0"),
	VENDOR_RESET("67df"),
	VENDOR_RESET("67e0"),
	VENDOR_RESET("67e3"),
	VENDOR_RESET("67e8"),
	VENDOR_RESET("67eb"),
	VENDOR_RESET("67ef"),
	VENDOR_RESET("67ff"),
	VENDOR_RESET("6860"),
	VENDOR_RESET("6861"),
	VENDOR_RESET("6863"),
	VENDOR_RESET("6867"),
	VENDOR_RESET("686c"),
	VENDOR_RESET("687f"),
	VENDOR_RESET("66a0"),
	VENDOR_RESET("66a1"),
	VENDOR_RESET("66af"),
	VENDOR_RESET("6980"),
	VENDOR_RESET("6985"),
	VENDOR_RESET("6986"),
	VENDOR_RESET("6987"),
	VENDOR_RESET("6995"),
	VENDOR_RESET("699f"),
	VENDOR_RESET("7310"),
	VENDOR_RESET("7312"),
	VENDOR_RESET("7318"),
	VENDOR_RESET("731a"),
	VENDOR_RESET("731b"),
	VENDOR_RESET("731e"),
	VENDOR_RESET("731f"),
	VENDOR_RESET("7340"),
	VENDOR_RESET("7341"),
	VENDOR_RESET("7347"),
	VENDOR_RESET("734f"),
	VENDOR_RESET("7360"),
	VENDOR_RESET("7362"),
	VENDOR_RESET("66a2"),
	VENDOR_RESET("66a3"),
	VENDOR_RESET("66a4"),
	VENDOR_RESET("66a7"),
	VENDOR_RESET("67c1"),
	VENDOR_RESET("67c2"),
	VENDOR_RESET("67c8"),
	VENDOR_RESET("67c9"),
	VENDOR_RESET("67ca"),
	VENDOR_RESET("67cc"),
	VENDOR_RESET("67cf"),
	VENDOR_RESET("67e1"),
	VENDOR_RESET("67e7"),
	VENDOR_RESET("67e9"),
	VENDOR_RESET("6862"),
	VENDOR_RESET("6864"),
	VENDOR_RESET("6868"),
	VENDOR_RESET("6869"),
	VENDOR_RESET("686a"),
	VENDOR_RESET("686b"),
	VENDOR_RESET("686d"),
	VENDOR_RESET("686e"),
	VENDOR_RESET("686f"),
	VENDOR_RESET("6981"),
	VENDOR_RESET("6997"),
	VENDOR_RESET("6fdf"),
	VENDOR_RESET("7319"),
	VENDOR_RESET("738c"),
#undef VENDOR_RESET
#define CARD(device, source)                                                                       \
	{                                                                                          \
		"1002", (device), 0x03, PT_QUIRK_CARD, 0, 0, (source)                              \
	}
	/* Navi 31: RX 7900, Pro W7800, Pro W7900 */
	CARD("744c", "vendor-reset, issue 65"),
	CARD("7448", "vendor-reset, issue 65"),
	CARD("7449", "vendor-reset, issue 65"),
	CARD("744a", "vendor-reset, issue 65"),
	CARD("745e", "vendor-reset, issue 65"),
	/* Navi 32: RX 7700 XT, RX 7800 XT, Pro W7700 */
	CARD("747e", "vendor-reset, issue 97"),
	CARD("7470", "vendor-reset, issue 97"),
	/* Navi 33: RX 7600 and its mobile ones, Pro W7500, Pro W7600 */
	CARD("7480", "vendor-reset, issue 97"),
	CARD("7483", "vendor-reset, issue 97"),
	CARD("7489", "vendor-reset, issue 97"),
	CARD("73f0", "vendor-reset, issue 97"),
	/* Navi 44: RX 9060; Navi 48: RX 9070, Pro R9700 */
	CARD("7590", "vendor-reset, issue 107"),
	CARD("7550", "vendor-reset, issue 107"),
	CARD("7551", "vendor-reset, issue 107"),
#undef CARD
#define GRAPHICS(device, source)                                                                   \
	{                                                                                          \
		"1002", (device), 0x03, PT_QUIRK_INTEGRATED, 0, 0, (source)                        \
	}
	/* Raven, Renoir, Cezanne, Rembrandt, Raphael, Phoenix, Mendocino, Van Gogh, Hawk Point,
	 * Granite Ridge, Strix Point, Strix Halo */
	GRAPHICS("15dd", "vendor-reset, issue 63"),
	GRAPHICS("15d8", "vendor-reset, issue 63"),
	GRAPHICS("15e7", "vendor-reset, issue 74"),
	GRAPHICS("1636", "vendor-reset, issue 74"),
	GRAPHICS("1638", "vendor-reset, issue 74"),
	GRAPHICS("164c", "vendor-reset, issue 74"),
	GRAPHICS("164d", "ryzen-gpu-passthrough-proxmox, issue 33"),
	GRAPHICS("1681", "ryzen-gpu-passthrough-proxmox, issue 33"),
	GRAPHICS("164e", "ryzen-gpu-passthrough-proxmox, issue 135"),
	GRAPHICS("15bf", "vendor-reset, issue 82"),
	GRAPHICS("15c8", "vendor-reset, issue 82"),
	GRAPHICS("1506", "vendor-reset, issue 82"),
	GRAPHICS("163f", "vendor-reset, issue 82"),
	GRAPHICS("1900", "vendor-reset, issue 82"),
	GRAPHICS("13c0", "ryzen-gpu-passthrough-proxmox, issue 136"),
	GRAPHICS("150e", "RadeonResetBugFix, issue 11"),
	GRAPHICS("1586", "ryzen-gpu-passthrough-proxmox, issue 139"),
#undef GRAPHICS
#define FLR(device, major, minor)                                                                  \
	{                                                                                          \
		"1022", (device), 0, PT_QUIRK_FLR, (major), (minor),                               \
			"kernel, drivers/pci/quirks.c, quirk_no_flr"                               \
	}
	/* Matisse: sound and USB; Starship: USB */
	FLR("1487", 5, 8),
	FLR("149c", 5, 8),
	FLR("148c", 5, 8),
#undef FLR
};

const struct pt_reset_model *pt_reset_model_find(
	const struct pt_function *function, const char *kernel)
{
	pt_foreach (model, models, PT_ARRAY_SIZE(models)) {
		bool is_over = model->until_major &&
			       (!kernel || pt_version_from(kernel, model->until_major,
						   model->until_minor, 0));

		if (!is_over && pt_streq(function->vendor, model->vendor) &&
			pt_streq(function->device, model->device) &&
			(!model->class || function->class >> 16 == model->class))
			return model;
	}
	return NULL;
}
