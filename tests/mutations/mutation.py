"""A deliberate mistake: what it replaces in which source, and the tests that have to notice."""

from dataclasses import dataclass
from pathlib import Path


class Disarmed(Exception):
    """A mutation no longer fits the source: it changes nothing, or not only what it means to change."""


@dataclass(frozen=True)
class Change:
    """One replacement in one source.

    Attributes:
        file: path below the checkout.
        old: text that stands there exactly once.
        new: what takes its place.
    """

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Change the source of a copy. Raises ``Disarmed`` where the text does not stand there exactly once."""
        path = root / self.file
        source = path.read_text(encoding="utf-8")
        if (found := source.count(self.old)) != 1:
            raise Disarmed(
                f"{self.file} holds the text to be replaced {found} times and not once:\n{self.old}\n"
                "The source was changed: write the mutation anew in tests/mutations/catalogue.py, or it guards nothing."
            )
        path.write_text(source.replace(self.old, self.new), encoding="utf-8")
        forget_bytecode(path)


@dataclass(frozen=True)
class Mutation:
    """One mistake that could cost money.

    Attributes:
        name: kebab-case, for the command line.
        says: what the changed code does, in one sentence.
        changes: what is replaced.
        tests: node ids; at least one of them must fail by an assertion, and without the mutation all must pass.
    """

    name: str
    says: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Make the mistake in a copy. Raises ``Disarmed``."""
        for change in self.changes:
            change.apply(root)


def forget_bytecode(source: Path) -> None:
    """Remove what Python compiled of a source: it tells a change by seconds and size, and may not see ours."""
    for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
        compiled.unlink()
