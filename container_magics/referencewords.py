"""The words of docs/reference.md that no code can give: examples, and what holds of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from container_magics.core import classplan
from container_magics.core.argparser import FlagParser
from container_magics.core.buildflags import build_parser
from container_magics.core.classflags import class_parser
from container_magics.core.composeflags import compose_parser, project_parser
from container_magics.core.engineflags import engine_parser
from container_magics.core.exerciseflags import (
    check_parser,
    exercise_parser,
    from_file_parser,
    hint_parser,
    progress_parser,
    reset_parser,
    solve_parser,
)
from container_magics.core.flags import run_parser
from container_magics.core.imageflags import image_parser, images_parser
from container_magics.core.layersflags import layers_parser
from container_magics.core.listflags import (
    network_parser,
    networks_parser,
    volume_parser,
    volumes_parser,
)
from container_magics.core.shellflags import shell_parser
from container_magics.core.sshflags import config_parser, ssh_parser, sshbox_parser
from container_magics.core.verbs import (
    container_parser,
    containers_parser,
)
from container_magics.core.vm import vm_parser
from container_magics.engine import ownership
from container_magics.engine.base import BASE
from container_magics.engine.layercache import CACHE_VARIABLE
from container_magics.engine.statedir import STATE_VARIABLE
from container_magics.jupyter.magics.engine import doctor_parser
from container_magics.jupyter.runcell import RESULT
from container_magics.practice import boxspec
from container_magics.session import detached
from container_magics.session.stopper import GRACE_S


@dataclass(frozen=True, slots=True)
class Magic:
    """A magic by its parser, with a cell that shows it."""

    parser: Callable[[], FlagParser]
    example: str


# noun -> its magics
NOUNS: dict[str, tuple[Magic, ...]] = {
    "Containers": (
        Magic(run_parser, f"%%container {BASE} -e WHO=reader\necho hello, $WHO"),
        Magic(container_parser, "%container logs web --tail 5"),
        Magic(containers_parser, "%containers --all"),
        Magic(shell_parser, "%shell web"),
    ),
    "Images": (
        Magic(build_parser, f"%%image hello\nFROM {BASE}\nRUN echo hello > /hello"),
        Magic(image_parser, "%image history hello"),
        Magic(images_parser, "%images hello"),
    ),
    "Compose": (
        Magic(
            compose_parser,
            f"%%compose shop\nservices:\n  web:\n    image: {BASE}\n    command: sleep 600",
        ),
        Magic(project_parser, "%compose logs shop web --tail 5"),
    ),
    "Layers": (Magic(layers_parser, '%layers hello --assert "efficiency>0.95"'),),
    "Networks and volumes": (
        Magic(networks_parser, "%networks"),
        Magic(network_parser, "%network create shop --internal"),
        Magic(volumes_parser, "%volumes --size"),
        Magic(volume_parser, "%volume create data"),
    ),
    "SSH practice": (
        Magic(sshbox_parser, "%sshbox reset"),
        Magic(ssh_parser, "%%ssh box --out who\nwhoami"),
        Magic(config_parser, "%ssh config box"),
    ),
    "Exercises": (
        Magic(
            exercise_parser,
            "%%exercise hello\nLeave a file `hello` in your home.\n\n--- check\n"
            'test -f hello || fail "There is no file hello."\n--- solution\n%%ssh box\ntouch hello',
        ),
        Magic(from_file_parser, "%exercise first-login --file ssh-practice.md"),
        Magic(check_parser, "%check hello"),
        Magic(hint_parser, "%hint hello"),
        Magic(solve_parser, "%solve hello"),
        Magic(reset_parser, "%reset hello"),
        Magic(progress_parser, "%progress --csv done.csv"),
    ),
    "A class": (Magic(class_parser, "%class status unix"),),
    "Virtual machines": (Magic(vm_parser, "%vm compare"),),
    "The engine": (
        Magic(engine_parser, "%engine use ssh://me@lab.example.org"),
        Magic(doctor_parser, "%doctor"),
    ),
}

HEADING = """\
# Reference

Every magic, command, error, setting and label. This page is made from the code by
`make reference`; do not edit it.

A magic with one `%` takes the rest of its line. A magic with two, `%%`, takes the cell.
The same help is in the notebook: `%%container?`. Flags are those of the `docker` command
wherever it has one; they are read as a shell reads words, but nothing is expanded.
"""

INTERPRETED = f"""\
A first line `#!/path/to/program` wins over `--as`. FILE is the cell as a file, for the clients of
databases; sqlite begins with an empty database, and `.open FILE` opens another. With
`--exec PROGRAM` the cell is the program's stdin; a blank cell is none, and
`%container IMAGE --exec PROGRAM` needs no cell at all.

The setting `Workbench.languages` adds languages, such as `{{"tcl": ["tclsh", "{{file}}"]}}`:
`{{file}}` is the cell as a file, `{{cell}}` its text, a last word `<` feeds it to stdin, and with
none of these the text is the last word.

The last run is kept in the variable
`{RESULT}`: `{RESULT}.exit_status`, `{RESULT}.stdout`, `{RESULT}.stderr`, also what the cell
does not show of it, up to the setting `Workbench.kept_limit_bytes`. What is beyond that is lost,
and the cell says so; this holds for `--out` and `--err`, too.
"""

STOPPING = f"""\
The stop button sends TERM to the program of the cell, and KILL when it has not ended
{GRACE_S:g} s later. A second press sends KILL at once. The third press stops waiting for the
engine.
"""

HELP = ["-h", "--help"]
COMMAND = f"""\
For what is outside of a notebook. `{"`, `".join(HELP)}` after any of them prints its help. It ends
with 0 when the thing is done, 1 when it is not, 2 when it was typed wrongly.
"""

ENVIRONMENT = (
    ("DOCKER_HOST", "the engine's address; no other engine is tried then"),
    ("DOCKER_CONTEXT", "a Docker context by name; no other engine is tried then"),
    ("DOCKER_CONFIG", "docker's configuration folder, `~/.docker` if unset"),
    ("DOCKER_TLS_VERIFY", "with DOCKER_HOST: check the engine's certificate"),
    ("DOCKER_CERT_PATH", "with DOCKER_HOST: the folder of ca.pem, cert.pem and key.pem"),
    ("XDG_RUNTIME_DIR", "where the sockets of rootless Docker and Podman are looked for"),
    (STATE_VARIABLE, "the state folder: our own engine's data, the practice keys"),
    (
        CACHE_VARIABLE,
        (
            "what was read of layers; else the platform's cache folder (Linux: "
            "`~/.cache/container-magics`). It may be removed at any time. Empty: nothing is kept"
        ),
    ),
    ("CONTAINER_HOST", "Podman's own: where `%engine use podman` goes"),
    (
        "CONTAINER_MAGICS_REPLAY",
        "1, or the notebook's file: its recorded outputs are shown, and nothing is run",
    ),
    ("CONTAINER_MAGICS_STABLE", "1 turns the stable mode on, 0 turns it off"),
    (
        "CONTAINER_MAGICS_SPARES",
        "0: no container is started ahead for the next cell; 1: also in the stable mode",
    ),
    ("CI", "1 or true turns the stable mode on"),
    ("PYTEST_VERSION", "set by pytest, so also under nbval: turns the stable mode on"),
    ("JPY_SESSION_NAME", "set by Jupyter: the notebook's path, written on what it makes"),
)

SEARCH = """\
Without DOCKER_HOST and DOCKER_CONTEXT an engine is looked for in this order: the context chosen
by `docker context use`, our own engine, the well-known sockets of Docker, rootless Docker, Docker
Desktop, Colima, OrbStack, Rancher Desktop and Podman. The first that answers is used.
"""

STABLE = """\
For notebooks whose outputs are compared, by nbval or in CI. Whatever differs from run to run gets
a name that does not; the rest is shown as ever, and so is compared.

- A port that the engine chose is `127.0.0.1:PORT`; an ID is `ID`; a host name that the engine
  chose is `HOSTNAME`; a process number is `PID`; a host key's fingerprint is `SHA256:FINGERPRINT`,
  the path of an ssh configuration `CONFIG`, an architecture `ARCHITECTURE`.
- Times are left out: in the steps of a build, in the list of containers, where layers were made,
  and from where and in how long they were read. A step that came from the cache is shown as
  done. What has changed since the last build of a tag is shown, and compared with builds of
  this session alone.
- An image's size is `SIZE`, a registry's digest of it `DIGEST`. The base image's bytes, which the
  packages of the day decide, are neither shown nor counted in `%layers` and `%image history`; what
  is built on it is.
- The figures of `%vm compare` are `VARIES`, and how its processor was made is left out; whose
  kernel it is, process 1, and which of the two takes more are shown.
- The text of an exercise has the names of its values in capitals: each reader has others.
- `%engine` says only that an engine answers.
- There are no live updates: one display when the work is done. A pull that a run needs is silent.
"""

ERRORS = """\
A cell shows an error as one sentence and, below it, what to do. In Python they are in
`container_magics.errors`. `--debug` after a magic shows the traceback.
"""

LABELS = {
    ownership.SESSION: "the process that made it: machine, process number, when it began",
    ownership.NOTEBOOK: "the notebook's path, or nothing",
    ownership.USER: "the login name of who made it",
    ownership.PURPOSE: "what for: `cell`, `box` (left running), `spare` (waits for the next cell), "
    "`look` (never started, made to see what an image lacks or holds), `compose`, `network`, "
    "`volume`, `sshbox`, `image`, `base`, `vm`, `debug`, `kernel`, `class`",
    ownership.MADE: "another for each container, so that what `docker commit` copied is known",
    detached.SPEC: "on what is left running: the hash of the words by which it was asked for",
    ownership.DEBUG: "on the image of `%image debug`: the session that made it",
    ownership.SNAPSHOT: "on an image of `%sshbox snapshot`: the session that made it",
    boxspec.NAME: "on a practice box: the name that the student gave it",
    boxspec.SETTINGS: "on a practice box: how it was asked for, as JSON",
    classplan.CLASS: "on all that belongs to a class: the class's name",
    classplan.CLASS_ID: "on the same: the identity that lies in the class's folder",
    classplan.STUDENT: "on what is one student's: the name as in the roster",
    classplan.KEY: "on the same: the short name",
    classplan.SPEC: "on a student's service: the hash of what it was made from",
    classplan.HOME: "on the same: the node on which the home is, its ID and its name",
    boxspec.RECIPE: "on the practice box's image: the hash of how it is built",
}

SWEEPING = """\
Every container, network and volume carries the first five. An image that `%%image` builds carries
the purpose alone, for containers inherit their image's labels. When a notebook's session ends, its
containers, networks and volumes are removed. When the extension is loaded, those of the same user
whose session is dead are removed, and so they are by `%container sweep`. Nothing without these
labels is ever removed unless you name it. Images are kept until `%image prune`, but for those of
`%image debug`, and what a cell built before under the name that it builds again.
"""
