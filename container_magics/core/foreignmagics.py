"""IPython's own magics in a kernel whose cells live in a container: which may run there.

A magic of IPython's acts in IPython's own process, on the machine of the notebook: ``%cd`` changes
its folder, ``%%writefile`` writes its files, ``%%bash`` runs its bash. In a notebook whose cells
run elsewhere nobody means that, so only those run that change nothing there; of the others it is
said what to write in their place.
"""

from __future__ import annotations

from container_magics.errors import UsageError

HARMLESS = frozenset(
    ("autosave", "config", "connect_info", "hist", "history", "load_ext", "lsmagic", "magic",
     "pinfo", "pinfo2", "quickref",
     "HTML", "SVG", "html", "javascript", "js", "latex", "markdown", "svg")
)  # fmt: skip
"""They tell of IPython itself, load extensions that the reader names, or show in the page."""
OF_SHELLS = ("!", "bash", "script", "sh", "sx", "system")
OF_FILES = ("file", "writefile")
OF_TIMES = ("prun", "time", "timeit")
OF_VARIABLES = ("env", "set_env")
OF_PACKAGES = ("conda", "mamba", "micromamba", "pip", "uv")
COMMANDS = frozenset(
    ("alias", "cat", "cd", "cp", "dirs", "ldir", "less", "lf", "lk", "ll", "ls", "lx", "man",
     "mkdir", "more", "mv", "popd", "pushd", "pwd", "rm", "rmdir", "unalias")
)  # fmt: skip
"""What a shell has under the same name, or a name much like it."""
LISTS = frozenset(("ldir", "lf", "lk", "ll", "lx"))
BY_HISTORY = "It would write a file there: leave -f out."
IN_SHELL = {
    **dict.fromkeys(OF_SHELLS, "Leave that line out: a cell runs in the container's shell."),
    **dict.fromkeys(OF_FILES, "In the container: cat > FILE <<'END', the lines, and a line END."),
    **dict.fromkeys(OF_TIMES, "In the container: time COMMAND."),
    **dict.fromkeys(OF_VARIABLES, "In the container: export NAME=VALUE, or env to see them."),
    **dict.fromkeys(COMMANDS, "Leave the % out: it is a command of the container's then."),
    **dict.fromkeys(LISTS, "In the container: ls -l."),
    **dict.fromkeys(OF_PACKAGES, "Leave the % out: it is a command of the container's then."),
    "run": "In the container: . FILE.",
}
"""From a magic's name to what a shell has for it."""
IN_PYTHON = {
    **dict.fromkeys(OF_SHELLS, "In the container: import subprocess; subprocess.run(...)."),
    **dict.fromkeys(OF_FILES, "In the container: open(FILE, 'w').write(...)."),
    **dict.fromkeys(OF_TIMES, "In the container: import timeit; timeit.timeit(...)."),
    **dict.fromkeys(OF_VARIABLES, "In the container: import os; os.environ[NAME] = VALUE."),
    **dict.fromkeys(
        OF_PACKAGES, "Build an image that has it, by %%image, and go there: %image IMAGE."
    ),
    "cd": "In the container: import os; os.chdir(FOLDER).",
    "run": "In the container: import runpy; runpy.run_path(FILE).",
}
"""The same for Python."""
ANYWHERE = (
    "Write it in the language of the cells. The kernel Python (containers) has IPython's magics."
)


def refusal(mark: str, name: str, words: str, language: str) -> UsageError | None:
    """Why a magic of IPython's, ``mark`` ("%" or "%%") and ``name`` with ``words`` behind it, is
    not run in a kernel whose cells are of a ``language`` ("" for a shell); None for one that is."""
    hint = _in_place(name, language)
    if name in HARMLESS:
        writes = name.startswith("hist") and any(
            word.startswith("-") and "f" in word for word in words.split()
        )
        if not writes:
            return None
        hint = BY_HISTORY
    return UsageError(
        f"{mark}{name} would act on the notebook's machine, and the cells are in a container.",
        hint=hint,
    )


def _in_place(name: str, language: str) -> str:
    if language in ("", "bash", "sh"):
        return IN_SHELL.get(name, ANYWHERE)
    return IN_PYTHON.get(name, ANYWHERE) if language == "python" else ANYWHERE
