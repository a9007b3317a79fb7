#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""findings.py man|markdown: the catalogue of findings as a page, from the JSON of 'pve-ptconf explain --list'."""
import json
import re
import sys

NOTE = "made by pve/ptconf/findings.py from the table of checks"
EFFECT = ("The effect on a start is that of pve-pthook; Proxmox VE or QEMU may refuse the start in addition. "
          "Most errors refuse only if a device must be moved: "
          "pve-pthook lets a guest start in spite of them if all its devices are on their vfio driver.")


def roff(text):
    """Escapes what roff reads as its own: a backslash, a hyphen that is a minus, a dot or quote at the beginning."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def marked(text):
    return re.sub(r"([*_\[\]|<>\\`])", r"\\\1", text)


def other_cases(check):
    return [case | {"when": when} for case in check["cases"] if case["when"] for when in case["when"].split("\n")]


def man(checks, version):
    yield f'.\\" {NOTE}'
    yield f'.TH PVE\\-PTCONF\\-FINDINGS 7 "" "pve\\-ptconf {version}"'
    yield ".nh\n.ad l\n.SH NAME"
    yield "pve\\-ptconf\\-findings \\- the findings of pve\\-ptconf and pve\\-pthook, and how to fix them"
    yield ".SH DESCRIPTION\nEach finding has a tag.\n.B pve\\-ptconf explain TAG\nshows its explanation.\n" + roff(EFFECT)
    for check in checks:
        yield f".SS {roff(check['tag'])}"
        yield roff(f"{check['severity']}; effect on a start: {check['start']}.")
        for case in other_cases(check):
            yield ".br"
            yield roff(f"{case['severity']} (effect on a start: {case['start']}) when {case['when']}.")
        yield ".PP\n" + roff(check["meaning"]) + "\n" + roff(check["why"])
        steps = check["fix"].split("\n")
        for number, step in enumerate(steps, 1):
            yield f".IP {number}. 4" if len(steps) > 1 else ".PP"
            yield roff(step)
        yield ".PP\nSource:\n" + roff(check["source"])
    yield ".SH SEE ALSO\n.BR pve\\-ptconf (8),\n.BR pve\\-pthook (8)"


def markdown(checks, _):
    yield f"<!-- {NOTE} -->"
    yield "# Findings of pve-ptconf and pve-pthook, and how to fix them\n"
    yield f"On a node, `pve-ptconf explain TAG` shows the same. {EFFECT}\n"
    yield "| finding | severity | effect on a start, in the usual case |\n|---|---|---|"
    for check in checks:
        yield f"| [{check['tag']}](#{check['tag']}) | {check['severities']} | {check['start']} |"
    for check in checks:
        yield f"\n## {check['tag']}\n\n{check['severity']}; effect on a start: {check['start']}."
        for case in other_cases(check):
            yield f"- {case['severity']} (effect on a start: {case['start']}) when {marked(case['when'])}."
        yield f"\n{marked(check['meaning'])}\n{marked(check['why'])}\n\n**Fix**\n"
        steps = check["fix"].split("\n")
        for number, step in enumerate(steps, 1):
            yield (f"{number}. " if len(steps) > 1 else "") + marked(step)
        yield f"\nSource: {marked(check['source'])}"


def main():
    pages = {"man": man, "markdown": markdown}
    if len(sys.argv) != 3 or sys.argv[1] not in pages:
        sys.exit("usage: pve-ptconf explain --list --output-format json | findings.py man|markdown VERSION")
    for line in pages[sys.argv[1]](json.load(sys.stdin)["findings"], sys.argv[2]):
        print(line)


main()
