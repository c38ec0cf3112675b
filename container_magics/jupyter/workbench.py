"""What the magics of one shell share: the engine, found when first needed, the owner, settings."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets import Bool, Bunch, Dict, Float, Integer, TraitError, default, observe, validate
from traitlets.config import Configurable

from container_magics.core.languages import Language, known
from container_magics.engine.spool import KEPT_BYTES
from container_magics.errors import ContainerMagicsError, UsageError
from container_magics.jupyter.beside import Beside
from container_magics.jupyter.enginehold import EngineHold

if TYPE_CHECKING:  # the docker SDK is loaded when a cell first needs it, not with the extension
    from container_magics.core.buildplan import FailedBuild
    from container_magics.engine.buildrecords import BuildRecords
    from container_magics.engine.client import Engine
    from container_magics.engine.layersources import Sources
    from container_magics.engine.ownership import Owner
    from container_magics.jupyter.background import Background
    from container_magics.jupyter.explorer import Explorer
    from container_magics.jupyter.replay import Replay
    from container_magics.jupyter.widgets import Dashboard
    from container_magics.practice.joined import Joined
    from container_magics.practice.logins import Logins
    from container_magics.session.spares import Spares


def is_stable(environ: Mapping[str, str]) -> bool:
    """Whether what varies from run to run gets stable names: under nbval, in CI, or as asked."""
    asked = environ.get("CONTAINER_MAGICS_STABLE")
    if asked is not None:
        return asked not in ("", "0")
    return "PYTEST_VERSION" in environ or environ.get("CI", "").lower() in ("1", "true")


def bytes_of(value: object) -> bytes | None:
    """A variable's bytes: a str as UTF-8, bytes as they are; None for anything else."""
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) else None


class Workbench(Configurable):
    """Made once for each shell by ``load_ipython_extension`` and handed to every magic.

    ``failed_builds`` are those of this session, by tag, the newest last. ``departing`` are the
    containers that have ended and that the engine is removing: for a reader they are gone, and
    lists leave them out. ``live`` is the one live list, if there is one: a second closes it;
    so with ``explorer``.
    """

    output_limit_bytes = Integer(
        1_000_000, help="How much of a program's output is shown in a cell, in bytes."
    ).tag(config=True)

    kept_limit_bytes = Integer(
        KEPT_BYTES,
        min=0,
        help="How much of each stream is kept in --out, --err and _run, in bytes; it goes to the "
        "disk.",
    ).tag(config=True)
    file_limit_bytes = Integer(
        100_000_000,
        help="How much --put and --get carry for each variable, and a Container's read_bytes, "
        "read_text and df for each file, in bytes.",
    ).tag(config=True)
    late_output = Bool(
        True,
        help="Whether what a container of -d writes later is shown in the cell that started it.",
    ).tag(config=True)
    layer_cache_bytes = Integer(
        200_000_000,
        min=0,
        help="How much of what was read of layers is kept in the user's cache folder, in bytes of "
        "disk; 0 for nothing.",
    ).tag(config=True)
    layers_records = Bool(
        True,
        help="Whether %layers may read the engine's own records in its folder, where it can.",
    ).tag(config=True)
    layers_helper = Bool(
        False,
        help="Whether %layers may read the engine's own records through a container that is made "
        "for it, as with --helper.",
    ).tag(config=True)
    languages = Dict(
        help="More languages for --as: a name, and the program as words or as one text. {file} "
        "in it is the cell as a file, {cell} the cell's text; a last word < feeds it to stdin."
    ).tag(config=True)
    spares = Bool(
        True,
        help="Whether after a %%container cell a fresh container may wait, started, for the next. "
        "In the stable mode the default is no; CONTAINER_MAGICS_SPARES=0 or 1 decides in both.",
    ).tag(config=True)
    spares_most = Integer(3, min=0, help="How many such containers may wait.").tag(config=True)
    spare_idle_s = Float(60.0, min=0, help="How long each may wait, in seconds.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        """Take a shell; nothing is asked of any engine yet."""
        super().__init__(parent=shell)
        self.shell = shell
        shell.configurables.append(self)  # type: ignore[arg-type]  # so that %config knows us
        self.stable = is_stable(os.environ)
        self.departing: set[str] = set()
        self.live: Dashboard | None = None
        self.explorer: Explorer | None = None
        self.engines = EngineHold()
        self.replay = self._replay_as_asked()
        self._spare_pool: Spares | None = None
        self._background: Background | None = None
        self._build_records: BuildRecords | None = None
        self._logins: Logins | None = None
        self.built_images: dict[str, str] = {}  # tag -> what this session built last for it
        self.failed_builds: dict[str, FailedBuild] = {}
        self.joined: dict[str, Joined] = {}  # boxes of a class, by their name here
        self.box_containers: dict[str, str] = {}  # what the engine calls a box, by its name here

    def _replay_as_asked(self) -> Replay | None:
        if os.environ.get("CONTAINER_MAGICS_REPLAY", "") in ("", "0"):
            return None
        from container_magics.jupyter.replay import Replay

        return Replay(self.shell, os.environ, stable=self.stable)

    @default("spares")
    def _spares_as_asked(self) -> bool:
        asked = os.environ.get("CONTAINER_MAGICS_SPARES")
        return asked != "0" if asked else not is_stable(os.environ)

    @observe("spares")
    def _spares_switched(self, change: Bunch) -> None:
        if not change["new"]:
            self.drop_spares()

    @property
    def spare_pool(self) -> Spares | None:
        """The containers that wait for a cell; None when none may."""
        from container_magics.session.spares import Spares

        if not self.spares:
            return None
        if self._spare_pool is None:
            self._spare_pool = Spares()
        self._spare_pool.most, self._spare_pool.idle_s = self.spares_most, self.spare_idle_s
        return self._spare_pool

    def drop_spares(self, *, wait: bool = False) -> None:
        """Remove the containers that wait for a cell; with ``wait`` they are gone afterwards."""
        if self._spare_pool is not None:
            self._spare_pool.drop(wait=wait)

    @property
    def background(self) -> Background:
        """What goes on beside the cells."""
        from container_magics.jupyter.background import Background

        if self._background is None:
            self._background = Background()
        return self._background

    @property
    def logins(self) -> Logins:
        """The logins to practice boxes that are kept from cell to cell."""
        from container_magics.practice.logins import Logins

        if self._logins is None:
            self._logins = Logins()
        return self._logins

    @property
    def build_records(self) -> BuildRecords:
        """The last builds. In stable mode those of this session alone: a notebook's second run
        must find what its first one found."""
        from container_magics.engine.buildrecords import BuildRecords
        from container_magics.engine.statedir import state_dir

        if self._build_records is None:
            folder = None if self.stable else state_dir(os.environ) / "builds"
            self._build_records = BuildRecords(folder)
        return self._build_records

    def layer_sources(self, *, helper: bool = False) -> Sources:
        """Who is asked for layers before the engine's archive; ``helper``: a container too."""
        from container_magics.engine.layercache import user_cache
        from container_magics.engine.layersources import Sources

        cache = user_cache(os.environ, self.layer_cache_bytes)
        return Sources(cache, self.layers_records, helper or self.layers_helper)

    @validate("languages")
    def _languages_that_can_be_read(self, proposal: Any) -> Any:
        try:
            known(proposal["value"])
        except UsageError as error:
            raise TraitError(f"{error} {error.hint}") from error
        return proposal["value"]

    @property
    def known_languages(self) -> dict[str, Language]:
        """Those of the table and the reader's own, by name; the reader's win."""
        return known(self.languages)

    @property
    def owner(self) -> Owner:
        """In whose name things are made."""
        from container_magics.engine.ownership import owner

        return owner()

    @property
    def engine(self) -> Engine:
        """The engine; looked for again after it went away. Raises NoEngine, EngineDenied."""
        return self.engines.get()

    def take_engine(self, engine: Engine) -> None:
        """Use an engine that was found already."""
        self.engines.take(engine)

    def move_to(self, engine: Engine, place: str, *, leave: bool) -> None:
        """Use another engine from here on (``EngineHold.move``); what dead sessions left there is
        swept."""
        self._close_living()
        self.engines.move(engine, place, leave=leave)
        self._begin_sweep()

    def forget_engine(self) -> None:
        """Look for an engine anew at the next need."""
        self.drop_spares()
        self.engines.forget()

    def begin(self) -> None:
        """Sweep what dead sessions left, beside the first cells, and clean up at the end; nothing
        of both where a notebook is replayed."""
        if self.replay is not None:
            return
        self._begin_sweep()
        atexit.register(self.end)

    def _begin_sweep(self) -> None:
        Beside(self.shell, self._sweep, "container-magics sweep")

    def _close_living(self) -> None:
        for living in (self.live, self.explorer):
            if living:
                living.close()

    def _sweep(self, imported: Callable[[], None]) -> None:
        from container_magics.session.sweep import sweep

        imported()
        with suppress(ContainerMagicsError):
            sweep(self.engine, self.owner)

    def end(self) -> None:
        """Remove what this session made; nothing to do where no engine was ever found. One that
        was lost is looked for once more: it may have kept all of it."""
        atexit.unregister(self.end)
        if self.replay is not None:
            self.replay.close()
        others = [each for each in self.shell.configurables if each is not self]  # type: ignore[comparison-overlap]
        self.shell.configurables[:] = others
        self._close_living()
        if self._background:
            self._background.close()
        if self._logins:
            self._logins.close()
        if self.engines.had:
            self.drop_spares(wait=True)
            self.engines.end(self.owner)

    def variable(self, name: str) -> Any:
        """A Python variable of the notebook; UsageError when there is none."""
        try:
            return self.shell.user_ns[name]
        except KeyError:
            raise UsageError(
                f"There is no Python variable {name!r}.", hint="Run the cell that makes it first."
            ) from None

    def keep(self, name: str, value: object) -> None:
        """Set a Python variable of the notebook."""
        self.shell.push({name: value})

    def expanded(self, cell: str) -> str:
        """``cell`` with {name} replaced by Python's values, as IPython does it in shell lines."""
        return str(self.shell.var_expand(cell, depth=0))
