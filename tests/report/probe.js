/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the page is like, as attributes of its root. Run at the end of a copy of the page. */
(() => {
	const root = document.documentElement, said = root.dataset;
	const luminance = ([r, g, b]) => {
		const part = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
		return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	};
	const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
	const ground = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const colour = numbers(getComputedStyle(e).backgroundColor);
			if (colour.length < 4 || colour[3] > 0) return colour;
		}
		return [255, 255, 255];
	};
	const contrast = (element) => {
		const one = luminance(numbers(getComputedStyle(element).color)), other = luminance(ground(element));
		return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
	};
	const faint = new Set();
	for (const element of document.querySelectorAll('body *')) {
		const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (text && !['SCRIPT', 'STYLE'].includes(element.tagName) && contrast(element) < 4.5)
			faint.add(element.className + ' ' + contrast(element).toFixed(1));
	}
	said.faint = [...faint].join(', ');
	said.findings = document.querySelectorAll('.finding[data-guests]').length;
	said.requests = performance.getEntriesByType('resource').length;
	const choice = document.getElementById('guest'), last = choice.options[choice.options.length - 1];
	choice.value = last.value;
	choice.dispatchEvent(new Event('change'));
	const shown = [...document.querySelectorAll('[data-guests]')].filter((e) => !e.hidden);
	const wrong = shown.filter((e) => last.value && !e.dataset.guests.split(' ').includes(last.value));
	said.filter = wrong.length ? 'shows what is of another guest' : shown.length ? 'ok' : 'shows nothing';
	choice.value = '';
	choice.dispatchEvent(new Event('change'));
	if (document.querySelectorAll('[data-guests][hidden]').length) said.filter = 'hides for ever';
	said.probed = 'yes';
})();
