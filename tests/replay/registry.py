"""The registry of recorded histories, ``histories.toml``: what each shows, and of which release its shape is."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

HERE = Path(__file__).parent
PYPROJECT = HERE.parents[1] / "pyproject.toml"
_HOLLOW = 20


class Entry(BaseModel):
    """One recorded history.

    Attributes:
        name: of its file, without ending.
        workflow: its type.
        shows: the path in one line, and what replaying it guards.
        shape: version whose code recorded it; a history of another version than the present one is never recorded again.
            ``0.0.0`` keeps one as it was before a patch that came in before the first release.
        by: ``house`` (real server, sandbox and worker) or ``stage`` (scripted world, server that skips time).
        recorder: function that takes the path, where it is not called as the history is.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    workflow: str
    shows: str
    shape: str
    by: Literal["house", "stage"]
    recorder: str = ""

    @property
    def path(self) -> str:
        """The name of the function that takes the path."""
        return self.recorder or self.name


class Missing(BaseModel):
    """A workflow type without a history, and why.

    Attributes:
        workflow: the type.
        files: workflow code that no history passes for that reason.
        reason: why there is none yet.
    """

    model_config = ConfigDict(extra="forbid")

    workflow: str
    files: tuple[str, ...] = ()
    reason: str


class Registry(BaseModel):
    """All entries, and what is missing."""

    model_config = ConfigDict(extra="forbid")

    history: tuple[Entry, ...]
    missing: tuple[Missing, ...] = ()

    def names(self) -> list[str]:
        """Return the names of all histories."""
        return [entry.name for entry in self.history]

    def gaps(self, files: Iterable[str], workflow_types: Iterable[str]) -> list[str]:
        """Return what is wrong between entries, files and workflow types, one line each."""
        named, there = self.names(), set(files)
        excused = {it.workflow for it in self.missing}
        recorded = {entry.workflow for entry in self.history}
        return [
            *(f"{name}: stands twice in histories.toml" for name in sorted(set(named)) if named.count(name) > 1),
            *(f"{name}: has a file and no entry in histories.toml" for name in sorted(there - set(named))),
            *(f"{name}: has an entry and no file; record it" for name in sorted(set(named) - there)),
            *(
                f"{entry.name}: says too little of what it shows"
                for entry in self.history
                if len(entry.shows) < _HOLLOW
            ),
            *(
                f"{kind}: has no history, and no reason why"
                for kind in sorted(set(workflow_types) - recorded - excused)
            ),
            *(f"{kind}: has histories; take it out of [[missing]]" for kind in sorted(recorded & excused)),
            *(
                f"{it.workflow}: give a reason that a reader can judge"
                for it in self.missing
                if len(it.reason) < _HOLLOW
            ),
        ]


def read_registry(text: str | None = None) -> Registry:
    """Read the registry, by default that of the corpus."""
    told = (HERE / "histories.toml").read_text(encoding="utf-8") if text is None else text
    return Registry.model_validate(tomllib.loads(told))


def present_version() -> str:
    """Return the version that this checkout is going to be."""
    version: str = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
    return version


REGISTRY = read_registry()
