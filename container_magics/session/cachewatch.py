"""Why a build's steps are run again: what is known of the tag's last build, beside this one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from container_magics.core.buildgraph import waits
from container_magics.core.buildrecord import BuildRecord, fingerprint, kept_lines
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState, StepRecord
from container_magics.core.buildsteps import STEP_KEYWORDS
from container_magics.core.cachereasons import Difference, differences, explainable
from container_magics.core.contextpaths import sources
from container_magics.core.dockerfile import Dockerfile, Instruction
from container_magics.core.events import BuildEvent, BuildReason, BuildStep, Built
from container_magics.engine import images
from container_magics.engine.buildrecords import BuildRecords
from container_magics.engine.client import Engine
from container_magics.engine.contextfiles import kept_files
from container_magics.errors import ContainerMagicsError


class CacheWatch:
    """Watches one build. Without ``records`` it says nothing and keeps nothing."""

    def __init__(
        self, engine: Engine, spec: BuildSpec, dockerfile: Dockerfile, records: BuildRecords | None
    ) -> None:
        """Nothing is read of the context before a step has begun: most builds come quicker so."""
        self.engine, self.spec, self.dockerfile, self.records = engine, spec, dockerfile, records
        self.before = records.last(engine, spec.tag) if records else None
        self.bases: dict[str, str] = {}
        self.told: set[str] = set()

    def around(self, state: BuildState, event: BuildEvent) -> Iterator[BuildEvent]:
        """The event, and with it the reasons that can be given now. ``state`` is that before it.

        A step's own comes as it begins to run; all others before Built.
        """
        if self.records and isinstance(event, Built):
            yield from self.rest(state)
            self.keep(self.records, state)
        yield event
        if self.before and isinstance(event, BuildStep) and event.started_s and not event.cached:
            yield from self.reasons(state.apply(event), [event.digest])

    def rest(self, state: BuildState) -> Iterator[BuildReason]:
        """Those of the steps that came from the cache: they may differ from the last build all
        the same, and be known from one before."""
        if self.before:
            yield from self.reasons(state, list(state.records))

    def reasons(self, state: BuildState, digests: list[str]) -> Iterator[BuildReason]:
        """Each step's reason, once; nothing for one that has none."""
        for digest in digests:
            record = state.records[digest]
            one = record.instruction
            if digest in self.told or one is None or one.keyword not in STEP_KEYWORDS:
                continue
            self.told.add(digest)
            self.learn_bases(state)
            if reason := self.reason(state, record, one):
                yield reason

    def reason(self, state: BuildState, record: StepRecord, one: Instruction) -> BuildReason | None:
        """What differs at the step itself, else what was asked for, else what it follows from."""
        found = self.differences.get(one.lines[0])
        if found and found.kind != "earlier":
            return of(record, found)
        if self.spec.no_cache:
            return of(record, Difference("no_cache", one.lines[0]))
        if found or not ran(record):
            return of(record, found) if found else None
        for above in waits(state.records, record.step.digest):
            if ran(above) and above.instruction and above.instruction.keyword != "FROM":
                return of(record, Difference("ran", above.instruction.lines[0]))
        if explainable(one, self.now, self.dockerfile):
            return of(record, Difference("emptied", one.lines[0]))
        return None

    @cached_property
    def differences(self) -> dict[int, Difference]:
        """Between the last build and this one, by line; empty without a last one."""
        return differences(self.before, self.now, self.dockerfile) if self.before else {}

    @cached_property
    def now(self) -> BuildRecord:
        """This build, as it is compared and kept."""
        known = (self.before.files if self.before else None) or {}
        names = {name for one in self.dockerfile.instructions for name in sources(one)}
        salt = self.before.salt if self.before else secrets.token_hex(8)
        return BuildRecord(
            kept_lines(self.dockerfile),
            salt,
            self.bases,
            {name: fingerprint(salt, value) for name, value in self.spec.build_args},
            kept_files(self.spec, names, known),
        )

    def keep(self, records: BuildRecords, state: BuildState) -> None:
        """This build is the last one now."""
        self.learn_bases(state)
        records.keep(self.engine, self.spec.tag, replace(self.now, bases=self.bases))

    def learn_bases(self, state: BuildState) -> None:
        """The identities of the base images that the builder has found by now: the digest that
        it names, else the ID of the engine's image."""
        for record in state.steps:
            one = record.instruction
            if one is None or one.keyword != "FROM" or one.stage is None:
                continue
            base = self.dockerfile.stages[one.stage].base
            _, at, digest = record.step.name.rpartition("@sha256:")
            if at:
                self.bases[base] = f"digest:{digest}"
            elif base not in self.bases:
                with suppress(ContainerMagicsError):
                    self.bases[base] = f"id:{images.inspect(self.engine, base)['Id']}"


def of(record: StepRecord, found: Difference) -> BuildReason:
    """The difference as the step's reason."""
    return BuildReason(record.step.digest, found.kind, found.line, found.details)


def ran(record: StepRecord) -> bool:
    """Whether the builder did the work: it began, and its result was not in the cache."""
    return record.step.started_s is not None and not record.step.cached
