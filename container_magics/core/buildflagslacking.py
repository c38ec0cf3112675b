"""docker build's flags that %%image has not: for each, why, or what does it instead."""

from __future__ import annotations

ENGINE = "The engine's own builder is used; `%engine use` goes to another engine."
LIMITS = "A build has no limits of its own; `%%container` has --memory and --cpus for what runs."
PROOFS = (
    "What vouches for an image is for a registry: `docker buildx build` in a terminal makes it, "
    "and pushes both."
)
RESULT = (
    "The image is in the engine when the cell ends: `%image push`, `%image save` and "
    "`%container cp` take it further."
)
WRITTEN = "The cell shows the image's ID; `%image inspect TAG` has all that is known of it."
CLEAN = "So it is always: a build leaves no container."
HARDENING = (
    "The engine decides how its builds are confined; --network none and host are the choice."
)

LACKING = {
    "--add-host": "A build finds names as the engine does; write the address itself, or give it "
    "by --build-arg.",
    "--allow": HARDENING,
    "--annotation": PROOFS,
    "--attest": PROOFS,
    "--build-context": "Another image's files come by COPY --from=IMAGE, those of this machine by "
    "--context, --file and --add.",
    "--builder": ENGINE,
    "--call": "The cell's checks are told before each build.",
    "--cgroup-parent": LIMITS,
    "--check": "The cell's checks are told before each build.",
    "--compress": "The context goes as it is: most engines are on this machine.",
    **dict.fromkeys(
        ("-c", "--cpu-period", "--cpu-quota", "--cpu-shares", "--cpuset-cpus", "--cpuset-mems"),
        LIMITS,
    ),
    "--disable-content-trust": "No signature is looked at; a digest in FROM says which image.",
    "-f": "The cell is the Dockerfile. --file FILE gives a file for COPY.",
    "--force-rm": CLEAN,
    "--iidfile": WRITTEN,
    "--isolation": "It is for containers of Windows.",
    "--load": RESULT,
    **dict.fromkeys(("-m", "--memory", "--memory-swap"), LIMITS),
    "--metadata-file": WRITTEN,
    "--no-cache-filter": "--no-cache runs every step again; a changed line runs from there on.",
    **dict.fromkeys(("-o", "--output"), RESULT),
    "--print": "The cell's checks are told before each build.",
    "--progress": "The cell has its own view of the steps; -q shows none.",
    "--provenance": PROOFS,
    "--push": RESULT,
    "--rm": CLEAN,
    "--sbom": PROOFS,
    "--security-opt": HARDENING,
    "--shm-size": LIMITS,
    "--squash": "Several stages do it: copy what counts into the last one. `%layers` shows what "
    "it saves.",
    "--ssh": "A build reaches no SSH agent of yours: fetch beforehand and give it by --context, or "
    "give a token by --secret.",
    "--ulimit": LIMITS,
}
"""Flag -> what to do. Those of Docker 20.10's own builder, too, and of buildx up to 0.14."""
