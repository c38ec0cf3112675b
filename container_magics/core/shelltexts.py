"""The texts of shell that a container kernel has its shell run: for POSIX, and for what bash adds.

Each is a cell like the reader's own, and what it writes is read back. In each, a name between two
``@`` stands for a value (``filled``).
"""

from __future__ import annotations

import shlex

FUNCTIONS = r"""
show() {
    case ${1:-} in
        '' | html | json | csv | markdown | latex | svg | png | jpeg | gif | text) ;;
        *) set -- '' "$1" ;;
    esac
    if [ -z "${2:-}" ] && [ -t 0 ]; then
        echo 'show: what? Give a file, or pipe something into it: show html < page.html' >&2
        return 2
    fi
    _cm_file=@FOLDER@/shown-$(sh -c 'echo $$')
    if [ -n "${2:-}" ]; then cat -- "$2"; else cat; fi >|"$_cm_file" || return
    printf '\035@KEY@d%s\035%s\035%s\035@KEY@z' "${1:-}" "${2:-}" "$_cm_file" >/dev/tty
}
clear() { printf '\035@KEY@dclear\035\035\035@KEY@z' >/dev/tty; }
display() {
    [ $# -gt 0 ] || { echo 'display: what? Name a file: display plot.png' >&2; return 2; }
    while [ $# -gt 0 ]; do show '' "$1" || return; shift; done
}
"""
"""What a cell may use to show a file richly (README and docs/kernels.md say how)."""

OPENING = r"""
for d in /dev/shm /tmp /var/tmp /run "$HOME" "$PWD"; do
    f=$d/.cm-@KEY@
    [ -d "$f" ] && break
    [ -d "$d" ] && [ -w "$d" ] && (umask 077 && mkdir "$f") && break
    f=
done
printf '%s\n%s\n' "$f" "$$"
for p in bash sh python3 node psql stty mkdir; do command -v $p >/dev/null && echo $p; done
"""
"""What the helper is told first: it says where the kernel's files may lie, its own number, and
which programs are there."""

MEMORY = r"""
for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$f" ] || continue
    while read -r n v; do [ "$n" = oom_kill ] && echo "$v"; done <"$f"
    break
done
"""
"""Of cgroup version 2 and 1 (the kernel's documentation, "oom_kill")."""

VARIABLES = "( set ) | while IFS='=' read -r n r; do case $n in @START@*) echo \"$n\";; esac; done"
BASH_VARIABLES = "compgen -v -- @START@"
BASH_COMMANDS = "compgen -c -- @START@"
COMMANDS = r"""
for n in alias bg break case cd command continue do done echo elif else eval exec exit export \
    fg fi for getopts hash if in jobs kill local printf pwd read readonly return set shift test \
    then times trap type ulimit umask unalias unset until wait while show display; do
    case $n in @START@*) echo "$n" ;; esac
done
( IFS=:; for d in $PATH; do for f in "$d"/@START@*; do
    [ -f "$f" ] && [ -x "$f" ] && echo "${f##*/}"
done; done )
"""
FILES = r"""
for f in @START@*; do
    if [ -d "$f" ]; then printf '%s/\n' "$f"; elif [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "$f"; fi
done
"""  # noqa: E501 - one line of shell

COMPLETENESS = r"""
printf '%s' @CODE@ >@FOLDER@/asked
if @PROGRAM@ -n @FOLDER@/asked 2>@FOLDER@/said; then
    { printf '%s' @CODE@; printf '\n)\n'; } >@FOLDER@/asked
    if @PROGRAM@ -n @FOLDER@/asked 2>/dev/null; then echo incomplete; else echo complete; fi
elif grep -qiE 'unexpected (EOF|end of file)|end of file unexpected|unterminated' \
    @FOLDER@/said; then echo incomplete
else echo invalid; fi
rm -f @FOLDER@/asked @FOLDER@/said
"""
"""A here-document that is still open swallows a bracket that nothing opened; what is complete
does not."""

INSPECTION = r"""
case $(command -V -- @WORD@ 2>/dev/null) in
    '') ;;
    *function*) @SHOW_FUNCTION@ ;;
    *builtin* | *keyword* | *'reserved word'*) @SHOW_BUILTIN@ ;;
    *alias*) command -V -- @WORD@ ;;
    *)
        p=$(command -v -- @WORD@)
        if command -v man >/dev/null 2>&1 && man -w -- @WORD@ >/dev/null 2>&1; then
            MANWIDTH=80 man -P cat -- @WORD@ 2>/dev/null
        else case $p in
            /bin/* | /sbin/* | /usr/bin/* | /usr/sbin/* | /usr/local/bin/* | /usr/local/sbin/*)
                echo "$p"; "$p" --help 2>&1 </dev/null ;;
            *) echo "$p" ;;
        esac; fi ;;
esac
case @WORD@ in *[!A-Za-z0-9_]* | [0-9]*) ;; *)
    eval "[ -n \"\${@WORD@+set}\" ] && printf '%s=%s\n' @WORD@ \"\$@WORD@\"" ;;
esac
:
"""
"""A program of the system is asked for its --help; one of the reader's own is not run for that."""


def apart(text: str) -> str:
    """A question of ours in a shell of its own, which knows all that the reader's knows: there
    ``set -e`` cannot end the reader's shell, nor ``set -f``, ``-u`` or ``-C`` be in the way."""
    return f"( set +eufC\n{text}\n) || :"


def filled(text: str, **values: str) -> str:
    """``text`` with each ``@NAME@`` replaced, as it is: what is no plain word comes quoted."""
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", value)
    return text


def quoted(text: str) -> str:
    """One word for a POSIX shell."""
    return shlex.quote(text)
