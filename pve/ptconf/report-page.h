// SPDX-License-Identifier: AGPL-3.0-or-later
/* The style sheet of the page of 'report'. It fetches nothing, and its policy forbids that. */
#ifndef PT_REPORT_PAGE_H
#define PT_REPORT_PAGE_H

#define PT_PAGE_POLICY                                                                             \
	"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" PT_PAGE_SCRIPT_SHA256 \
	"'; base-uri 'none'; form-action 'none'"

#define PT_PAGE_STYLE                                                                                                        \
	":root{--ink:#1c2430;--soft:#566273;--line:#d5dbe3;--paper:#f4f6f9;--card:#fff;"                                     \
	"--error:#b3261e;--error-bg:#fdecea;--warning:#7a4d00;--warning-bg:#fff4de;"                                         \
	"--info:#1d5a8c;--info-bg:#e8f2fb;--ok:#1b6b3a;--ok-bg:#e6f4ea}"                                                     \
	"@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#a9b4c2;--line:#38424f;"                               \
	"--paper:#151a21;--card:#1e252e;--error:#ffb4ab;--error-bg:#4a1512;--warning:#ffd591;"                               \
	"--warning-bg:#442f05;--info:#a8d3ff;--info-bg:#10314e;--ok:#a4e0b8;--ok-bg:#123d23}}"                               \
	"*{box-sizing:border-box}"                                                                                           \
	"body{margin:0;background:var(--paper);color:var(--ink);"                                                            \
	"font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"                                               \
	"header,main{max-width:1180px;margin:0 auto;padding:16px}"                                                           \
	"header{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:baseline}"                                              \
	"h1{font-size:22px;margin:0}h2{font-size:17px;margin:28px 0 10px}h3{font-size:15px;margin:0}"                        \
	".soft{color:var(--soft)}code,.bdf{font-family:ui-monospace,'DejaVu Sans Mono',monospace;"                           \
	"font-size:13px}"                                                                                                    \
	"label{margin-left:auto}select{font:inherit;color:inherit;background:var(--card);"                                   \
	"border:1px solid var(--line);border-radius:6px;padding:4px 8px;max-width:100%}"                                     \
	".grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));align-items:start}" \
	".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px;"                         \
	"min-width:0;overflow-wrap:anywhere}"                                                                                \
	".head{display:flex;flex-wrap:wrap;gap:6px 10px;align-items:baseline;margin-bottom:6px}"                             \
	".function{border-top:1px solid var(--line);padding:8px 0}.function:last-child{padding-bottom:0}"                    \
	".name{margin:2px 0}.chips{display:flex;flex-wrap:wrap;gap:6px;margin-top:4px}"                                      \
	".chip{border:1px solid var(--line);border-radius:999px;padding:0 9px;font-size:13px}"                               \
	".no{color:var(--error);background:var(--error-bg);border-color:transparent}"                                        \
	".yes{color:var(--ok);background:var(--ok-bg);border-color:transparent}"                                             \
	".finding{border-left:3px solid;border-radius:4px;padding:6px 9px;margin-top:6px;font-size:14px}"                    \
	".finding p{margin:0;color:var(--ink)}.finding .hint{color:var(--ink);margin-top:3px}"                               \
	".error{color:var(--error);background:var(--error-bg)}"                                                              \
	".warning{color:var(--warning);background:var(--warning-bg)}"                                                        \
	".info{color:var(--info);background:var(--info-bg)}"                                                                 \
	"[hidden]{display:none!important}"                                                                                   \
	"main{padding-top:0}main>h2:first-child{margin-top:4px}"                                                             \
	"@media(max-width:600px){label{margin-left:0}}"                                                                      \
	"@media print{label{display:none}.card{break-inside:avoid}}"

/* Shows the chosen guest's items: data-guests of all others lacks its number. */
/* of the script, in base64; test-programs-reading compares */
#define PT_PAGE_SCRIPT_SHA256 "+8GEMpnfb0i3MFxmVKu0t0JBBSYCkPNVp75ws7qVFBk="
#define PT_PAGE_SCRIPT                                                                             \
	"const choice=document.getElementById('guest');"                                           \
	"function show(){for(const e of document.querySelectorAll('[data-guests]'))"               \
	"e.hidden=choice.value!==''&&!e.dataset.guests.split(' ').includes(choice.value);}"        \
	"choice.addEventListener('change',show);show();"

#endif
