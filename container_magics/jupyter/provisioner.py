"""The provisioner: Jupyter starts a kernel of an image in a container, from any front end.

A kernelspec names it in metadata: ``"kernel_provisioner": {"provisioner_name":
"container-provisioner", "config": {"image": IMAGE, ...}}``; the keys are those of
core/kernelconfig.py, and the kernelspec's argv is what runs in the image.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from tornado.web import HTTPError

from container_magics.core.kernelconfig import KernelConfig, filled, read_config
from container_magics.engine.client import Engine, connect
from container_magics.engine.kernelcontainer import KernelContainer, planned
from container_magics.engine.kernelplace import (
    INSIDE,
    KernelUser,
    chosen_net,
    kernel_user,
    make_sockets_folder,
)
from container_magics.engine.ownership import owner
from container_magics.errors import ContainerMagicsError
from container_magics.session.sweep import sweep

OF_JUPYTER = ("kernel_id", "kernel_spec", "parent", "config")
"""What the factory gives to every provisioner; all else is of the kernelspec."""
POLL_S = 0.05
BEAT_S = 0.5
SERVER_ERROR = 500


async def beside(work: Callable[..., None], *words: str) -> None:
    """Do it in a thread, while the event loop goes on. Where Python itself is about to end there
    are no more threads (`jupyter run` and nbclient end their kernels so late): do it here."""
    try:
        done = asyncio.get_running_loop().run_in_executor(None, work, *words)
    except RuntimeError:
        work(*words)
        return
    await done


class KernelNotStarted(ContainerMagicsError, HTTPError):
    """A kernel did not start. A server's answer of status 500, so that the page shows the
    sentence and not a traceback."""

    def __init__(self, error: ContainerMagicsError) -> None:
        """Tell the same as ``error``."""
        ContainerMagicsError.__init__(self, str(error), hint=error.hint, facts=error.facts)
        self._told = error.told()
        HTTPError.__init__(self, SERVER_ERROR, str(self), reason="The kernel did not start")

    def __str__(self) -> str:
        """Everything that is known, for whoever shows an error by its text alone."""
        return "\n".join(self._told)

    def told(self) -> list[str]:
        """The lines of the error that it was."""
        return self._told


class ContainerProvisioner(LocalProvisioner):
    """One kernel in a container. Its connection file, ports and restarts are as for a local
    kernel; in place of a process there is a KernelContainer."""

    def __init__(self, **given: Any) -> None:
        """``given`` has the kernelspec's config beside what Jupyter gives. It is read when the
        kernel starts, where an error can be told."""
        self._options: Mapping[str, Any] = {
            name: given.pop(name) for name in list(given) if name not in OF_JUPYTER
        }
        super().__init__(**given)
        self._engine: Engine | None = None
        self._kernel: KernelContainer | None = None
        self._user: KernelUser | None = None
        self._config: KernelConfig | None = None
        self._sockets: Path | None = None
        self._told = False

    @property
    def has_process(self) -> bool:
        """Whether there is a container, running or not."""
        return self._kernel is not None

    async def poll(self) -> int | None:
        """None while it runs, else its exit status; asks nobody, so it costs nothing."""
        if self._kernel is None:
            return 0
        exited = self._kernel.exited
        if exited is None:
            return None
        if not self._told and not getattr(self.parent, "shutting_down", False):
            self._told = True
            self.log.error("\n".join(self._kernel.death().told()))
        return exited.exit_status

    async def wait(self) -> int | None:
        """Wait for its end, and remove the container."""
        while (status := await self.poll()) is None:
            await asyncio.sleep(POLL_S)
        await self._remove()
        return status

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel; nothing happens when it has ended."""
        if self._kernel and signum:
            name = signal.Signals(signum).name.removeprefix("SIG")
            await beside(self._kernel.signal, name)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002 - Jupyter's signature
        """End it at once, and remove the container."""
        if self._kernel:
            await beside(self._kernel.remove)

    async def terminate(self, restart: bool = False) -> None:  # noqa: ARG002 - as above
        """Ask it to end."""
        await self.send_signal(signal.SIGTERM)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what is left; for a restart the folder of sockets stays."""
        await self._remove()
        await super().cleanup(restart)
        if not restart:
            self._forget()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose engine, user and transport, and write the connection file for the front end.
        KernelNotStarted."""
        extra = list(kwargs.get("extra_arguments", ()))
        try:
            await asyncio.to_thread(self._choose)
        except ContainerMagicsError as error:
            self._give_up()
            raise KernelNotStarted(error) from error
        if self._sockets and self.parent:
            # before the connection file is written; a restart keeps both
            self.parent.transport, self.parent.cache_ports = "ipc", False
            self.parent.ip = str(self._sockets / "k")
        kwargs = await super().pre_launch(**kwargs)
        # Jupyter's own words have this machine's Python and paths in them
        kwargs["cmd"] = list(filled([*self.kernel_spec.argv, *extra], INSIDE))
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the container, and wait until the kernel's heart beats: so a kernel that dies at
        its start is told with its last words. KernelNotStarted."""
        self.cwd = kwargs.get("cwd") or str(Path.cwd())
        self._told = False
        try:
            await asyncio.to_thread(self._start, cmd, kwargs.get("env") or os.environ)
            threading.Thread(target=self._sweep, args=(self._engine,), daemon=True).start()
            await self._heart_beats()
        except ContainerMagicsError as error:
            await self._remove()
            self._give_up()
            raise KernelNotStarted(error) from error
        except BaseException:  # a start that was given up
            await self._remove()
            raise
        return self.connection_info

    async def get_provisioner_info(self) -> dict[str, Any]:
        """What is known of it, the container's ID too."""
        info = await super().get_provisioner_info()
        return {**info, "container_id": self._kernel.container_id if self._kernel else ""}

    def _choose(self) -> None:
        if self._engine is None:
            self._config = read_config(self._options)
            spec = self._config.spec(self.kernel_spec.argv)
            self._engine = connect()
            self._user = kernel_user(self._engine, self._config, spec)
            if chosen_net(self._engine, self._config, self._user) == "ipc":
                self._sockets = make_sockets_folder(self._user, self._sockets)
        elif self._sockets and self._user:
            make_sockets_folder(self._user, self._sockets)

    def _start(self, cmd: list[str], environ: Mapping[str, str]) -> None:
        assert self._config is not None  # noqa: S101 - pre_launch has made all three
        assert self._user is not None  # noqa: S101
        assert self._engine is not None  # noqa: S101
        info: dict[str, Any] = dict(self.connection_info)
        info["key"] = bytes(info["key"]).decode()
        spec = planned(
            self._config,
            tuple(cmd),
            info,
            self._user,
            Path(str(self.cwd)),
            environ=environ,
            kernelspec=self.kernel_spec.env,
            data_folder=self._engine.facts().data_folder,
        )
        kernel = KernelContainer(self._engine, self._say)
        mine = replace(owner(), notebook=environ.get("JPY_SESSION_NAME", ""))
        kernel.start(spec, info, self._user, mine, self._sockets)
        self._kernel = kernel

    @staticmethod
    def _sweep(engine: Engine) -> None:
        """Remove what killed servers left whose guards were killed, too."""
        with suppress(ContainerMagicsError):
            sweep(engine, owner())

    def _say(self, line: str) -> None:
        self.log.info("%s: %s", self.kernel_spec.display_name, line)

    async def _heart_beats(self) -> None:
        """Wait for the first echo; KernelDied when the kernel ends before. A kernel that is only
        slow is left to the front end's own patience."""
        assert self._kernel is not None  # noqa: S101 - it has just been started
        assert self._config is not None  # noqa: S101
        limit_s = time.monotonic() + self._config.start_timeout_s
        with zmq.asyncio.Context() as context:
            while time.monotonic() < limit_s:
                if self._kernel.exited:
                    raise self._kernel.death()
                if await self._echo(context):
                    return
        self.log.warning("The kernel has not answered within %g s.", self._config.start_timeout_s)

    async def _echo(self, context: zmq.asyncio.Context) -> bool:
        """Whether the kernel gives back what it is sent, within half a second."""
        info = self.connection_info
        between = "-" if info["transport"] == "ipc" else ":"
        with context.socket(zmq.REQ) as beat:
            beat.linger = 0
            # over ipc a socket that is not there yet is looked for again only after this time
            beat.reconnect_ivl = 20
            beat.connect(f"{info['transport']}://{info['ip']}{between}{info['hb_port']}")
            await beat.send(b"ping")
            end_s = time.monotonic() + BEAT_S
            while time.monotonic() < end_s and self._kernel and not self._kernel.exited:
                if await beat.poll(int(1000 * POLL_S)):
                    return True
        return False

    async def _remove(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel:
            await beside(kernel.remove)

    def _give_up(self) -> None:
        """Leave nothing of a start that failed."""
        if self.parent:
            self.parent.cleanup_connection_file()
        # jupyter_client 8 keeps the start for pending, and a server that has one does not end:
        # its shutdown_all asks for a kernel that is not there
        pending = getattr(getattr(self.parent, "parent", None), "_pending_kernels", None)
        if isinstance(pending, dict):
            pending.pop(self.kernel_id, None)
        self._forget()

    def _forget(self) -> None:
        """Close what was opened. A start that comes later begins anew, at the same place."""
        if self._engine:
            self._engine.close()
        self._engine = None
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
