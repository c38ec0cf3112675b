"""POST /build: a build context in, BuildEvents out, from BuildKit or from the classic builder."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import requests

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildEvent, BuildRefused, BuildStarted, ContextSent
from container_magics.core.podmanstream import PodmanStream
from container_magics.engine import buildx
from container_magics.engine.buildsession import BuildSession
from container_magics.engine.buildstream import (
    BUILDKIT,
    CLASSIC,
    Version,
    lost,
    messages,
    read,
    read_text,
    refuse_status,
    whole,
)
from container_magics.engine.client import Engine, told
from container_magics.engine.context import DOCKERFILE, Context, worth_telling
from container_magics.engine.contextlinks import upwards
from container_magics.engine.credentials import credentials
from container_magics.engine.secrets import secret_values
from container_magics.engine.sending import Sending
from container_magics.errors import (
    EngineError,
    EngineRefused,
    NotFound,
    NotSupported,
    UsageError,
)

BUILDKIT_SINCE = (1, 39)  # the API of Docker Engine 18.09, the first with BuildKit for all
HEREDOCS_SINCE = (1, 42)  # the API of Docker Engine 23, the first whose BuildKit reads heredocs
NOT_IMPLEMENTED = 501


def build(
    engine: Engine, spec: BuildSpec, *, version: Version = BUILDKIT
) -> Generator[BuildEvent, None, None]:
    """Build, and say what happens, until Built or BuildRefused.

    BuildStarted comes first; "classic" comes before anything was sent to that builder where the
    engine refused BuildKit, or is Podman, whatever ``version`` says. Closing the generator closes
    the connection, and the engine then cancels the build: Podman when the step that runs has
    ended. Raises UsageError for a context that cannot be read, EngineLost when the
    stream is cut, EngineRefused for what the engine does not accept.
    """
    if spec.buildx_flag:
        yield from buildx.build(engine, spec)
        return
    context = Context(spec)
    if is_podman(engine):
        yield from by_podman(engine, spec, context)
    else:
        yield from by_docker(engine, spec, context, version)


def by_docker(
    engine: Engine, spec: BuildSpec, context: Context, version: Version
) -> Iterator[BuildEvent]:
    """A build by BuildKit, or by the classic builder where it is missing."""
    with told(), session_for(engine, spec, context, version) as session:
        response = yield from send(engine, spec, context, version, session)
        refused = version == BUILDKIT and lacks_buildkit(engine, response.status_code)
        if refused:
            response.close()
            refuse_secrets(spec)
            yield BuildStarted("classic")
            response = yield from send(engine, spec, context, CLASSIC, None)
        with closing(response):
            refuse_status(response)
            events = read(messages(response), version=version, announced=refused)
            yield from with_context(context, session, events)


def by_podman(engine: Engine, spec: BuildSpec, context: Context) -> Iterator[BuildEvent]:
    """A build by Podman, which builds without BuildKit."""
    refuse_secrets(spec, podman=True)
    if spec.cache_from:  # it takes one name alone, of a registry
        raise NotSupported(
            "Podman",
            f"--cache-from {spec.cache_from[0]}",
            "Leave it out, or use another engine (`%engine use`).",
            why="Podman has its own cache only",
        )
    yield BuildStarted("classic")
    with told(), closing((yield from send(engine, spec, context, CLASSIC, None))) as response:
        refuse_podmans_status(response, context)
        events = whole(read_text(messages(response), PodmanStream()))
        yield from with_context(context, None, events)


def refuse_podmans_status(response: requests.Response, context: Context) -> None:
    """It gives a status without a reason where it cannot unpack the archive (containers/storage,
    pkg/archive, "breakoutError"): then it is the link."""
    try:
        refuse_status(response)
    except EngineRefused as refused:
        if not (link := upwards(context.tree)):
            raise
        raise UsageError(
            f"{link[0]} is a link to {link[1]}, out of the build context: Podman takes no such.",
            hint="Name it in .dockerignore, or give the file itself by --file.",
        ) from refused


@contextmanager
def session_for(
    engine: Engine, spec: BuildSpec, context: Context, version: Version
) -> Iterator[BuildSession | None]:
    """A session, served while the block runs; None for a builder that has no use for one."""
    if version == BUILDKIT:
        session = BuildSession(context, secret_values(spec.secrets), credentials)
        with ExitStack() as opened:
            if entered(opened, session.served(engine)):
                yield session
                return
    refuse_secrets(spec)
    yield None


def entered(stack: ExitStack, session: AbstractContextManager[None]) -> bool:
    """Open the session; False where the engine knows none, and so has no BuildKit either."""
    try:
        stack.enter_context(session)
    except NotFound:
        return False
    except EngineRefused as error:
        if error.status != NOT_IMPLEMENTED:
            raise
        return False
    return True


def with_context(
    context: Context, session: BuildSession | None, events: Iterator[BuildEvent]
) -> Iterator[BuildEvent]:
    """The events, and among them how far the context is. A UsageError that stopped the sending,
    or the loss of the session, comes in the place of what the engine makes of it."""
    last = None
    try:
        for event in events:
            if isinstance(event, BuildRefused):
                if context.trouble:
                    raise context.trouble
                if session and session.is_lost():
                    raise lost()
            now = context.progress
            if now != last and worth_telling(now) and not isinstance(event, BuildStarted):
                yield now
                last = now
            yield event
    except EngineError:
        if context.trouble:
            raise context.trouble from None
        raise


def refuse_secrets(spec: BuildSpec, *, podman: bool = False) -> None:
    """NotSupported where there are secrets, for a builder that has no use for them.

    Podman's service takes a secret only as a file of the context, and puts it onto the disk.
    """
    if spec.secrets:
        why = (
            "Podman takes a secret only as a file among those to be copied"
            if podman
            else "this engine builds without BuildKit, which alone knows secrets"
        )
        raise NotSupported(
            "Podman" if podman else "the classic builder",
            f"--secret id={spec.secrets[0].name}",
            "Use another engine (`%engine use`), or build without --secret.",
            why=why,
        )


def lacks_buildkit(engine: Engine, status: int) -> bool:
    """Whether an answer to version=2 says that the engine builds without BuildKit.

    501 says so. Engine 18.06, which had it as an experiment, says 400: from a newer one 400 is
    about something else in the request.
    """
    return status == NOT_IMPLEMENTED or (status == 400 and api_version(engine) < BUILDKIT_SINCE)


def is_podman(engine: Engine) -> bool:
    """Whether it is Podman: it takes /build and its parameters, and builds in its own way."""
    return engine.facts().name == "Podman"


def reads_heredocs(engine: Engine) -> bool:
    """Whether the engine's own BuildKit takes a heredoc for one instruction."""
    return api_version(engine) >= HEREDOCS_SINCE


def api_version(engine: Engine) -> tuple[int, ...]:
    """The version of the API that we speak with the engine, such as (1, 41)."""
    return tuple(int(part) for part in str(engine.api.api_version).split("."))


def send(
    engine: Engine,
    spec: BuildSpec,
    context: Context,
    version: Version,
    session: BuildSession | None,
) -> Generator[ContextSent, None, requests.Response]:
    """The request; the answer's body is still to be read. With a session the context comes by
    that, and the body is left out: one that is empty would be taken for the context."""
    if session:
        asked = {**query(spec, DOCKERFILE, version), **session.asked}
        return post(engine, asked)
    body, dockerfile = context.archive()
    sending = Sending(partial(post, engine, query(spec, dockerfile, version)), body)
    events = sending.told(lambda: context.progress)
    with closing(events):
        return (yield from telling(events))


def telling(
    events: Generator[ContextSent, None, requests.Response],
) -> Generator[ContextSent, None, requests.Response]:
    """Those that are worth it."""
    try:
        while True:
            if worth_telling(sent := next(events)):
                yield sent
    except StopIteration as end:
        response: requests.Response = end.value
        return response


def post(
    engine: Engine, asked: dict[str, str], body: Iterator[bytes] | None = None
) -> requests.Response:
    """POST /build, the body in chunks."""
    # requests' own post: the SDK knows neither version= nor BuildKit's answer
    return requests.Session.post(
        engine.api,
        f"{engine.api.base_url}/v{engine.api.api_version}/build",
        params=asked,
        data=body,
        headers={} if body is None else {"Content-Type": "application/x-tar"},
        stream=True,
        timeout=None,
    )


def query(spec: BuildSpec, dockerfile: str, version: Version) -> dict[str, str]:
    """The parameters of POST /build (Engine API, "Build an image")."""
    asked = {
        "version": str(version),
        "t": spec.tag,
        "dockerfile": dockerfile,
        "target": spec.target,
        "networkmode": spec.network,
        "buildargs": json.dumps(dict(spec.build_args)) if spec.build_args else "",
        "labels": json.dumps(dict(spec.labels)) if spec.labels else "",
        "nocache": "1" if spec.no_cache else "",
        "pull": "1" if spec.pull else "",
        "platform": "".join(spec.platforms),
        "cachefrom": json.dumps(spec.cache_from) if spec.cache_from else "",
        # the classic builder's containers go, even when a step fails
        "rm": "1",
        "forcerm": "1",
    }
    return {name: value for name, value in asked.items() if value}


def image_variables(engine: Engine, image: str) -> frozenset[str] | None:
    """The names of the variables that the image sets; None where the image is not here."""
    try:
        with told():
            found: dict[str, Any] = engine.api.inspect_image(image)
    except NotFound:
        return None
    return frozenset(one.partition("=")[0] for one in found["Config"].get("Env") or ())
