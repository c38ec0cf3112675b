"""Programs that come as plugins of the docker command: where they lie, which engine they find.

Run by themselves they need no docker command, and no Docker context can lead them elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from container_magics.engine.endpoint import Endpoint

PLUGIN_FOLDERS = (  # docker/cli, cli-plugins/manager
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
ANOTHER_ENGINE = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


def plugin_paths(name: str, environ: Mapping[str, str], home: Path) -> list[str]:
    """Where the docker command looks for the plugin, in its order; not all of them are there."""
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    folders = [str(config / "cli-plugins"), *extra_folders(config), *PLUGIN_FOLDERS]
    return [str(Path(folder) / name) for folder in folders]


def extra_folders(config: Path) -> list[str]:
    """Plugin folders that docker's configuration adds; Docker Desktop has its own so."""
    try:
        extra = json.loads((config / "config.json").read_text("utf-8")).get("cliPluginsExtraDirs")
    except (OSError, ValueError, AttributeError):
        return []
    return [str(folder) for folder in extra or ()]


def engine_environment(environ: Mapping[str, str], endpoint: Endpoint) -> dict[str, str]:
    """The environment by which a plugin finds that engine, and no other."""
    made = {name: value for name, value in environ.items() if name not in ANOTHER_ENGINE}
    made["DOCKER_HOST"] = endpoint.dial_url
    tls = endpoint.tls
    if tls and (tls.cert or tls.ca):
        made["DOCKER_CERT_PATH"] = str((tls.cert or tls.ca or Path()).parent)
        made["DOCKER_TLS_VERIFY"] = "1" if tls.verify else ""
    return made
