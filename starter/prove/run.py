"""Runs a proof: starts everything on free ports in a temporary home, surveys, runs the cases side by side, and judges.

All of that overlaps: lanes open while others work, cases that need no survey begin with it, and a lane that finds no case any
more is checked while others still run. Judged is a case when there is what to compare it with.
"""

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from activities.adapters.build import upgrade_inventory
from starter.prove.afterwards import Found, replayed, searched, told
from starter.prove.canary import Canary
from starter.prove.case import Case, Database, Line
from starter.prove.disasters import DISASTERS
from starter.prove.kills import TRIED_AGAIN, undisturbed
from starter.prove.lane import Lane, LaneOptions, open_lane
from starter.prove.plan import LONGEST_LINES, all_cases, named_cases, short_cases
from starter.prove.postgres import PrivatePostgres, postgres_unavailable, private_postgres, require_postgres
from starter.prove.trial import Trial
from starter.prove.verdict import Facts, breaches
from starter.prove.work import Work
from starter.prove.workers import HOST_MODULE, WorkerHost
from starter.server import DevServer, find_binary


@dataclass(frozen=True)
class ProveOptions:
    """What is proved, and where.

    Attributes:
        full: every case instead of the short form.
        rounds: of the full form: in each one the modes and databases of boundaries are other ones.
        seed: chooses cases and moments; the same seed gives the same cases.
        cases: only these, by name.
        databases: empty: SQLite, and PostgreSQL where it can be had.
        lanes: how many cases run side by side.
        lines: survey these alone; empty: all that the cases are compared with.
        stuck_seconds: a case that goes on for so long is a breach: a promise kept too late to be seen is not kept.
        host_module: what is run to make workers; a test puts a damaged one here.
        home: folder that stays, with all logs; None: a temporary one.
    """

    full: bool = False
    rounds: int = 1
    seed: int = 1
    cases: tuple[Case, ...] = ()
    databases: tuple[Database, ...] = ()
    lanes: int = 8
    home: Path | None = None
    lines: tuple[Line, ...] = ()
    stuck_seconds: float = 600.0
    host_module: str = HOST_MODULE


@dataclass(frozen=True)
class Outcome:
    """A case that has run."""

    case: Case
    facts: Facts
    breaches: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Check:
    """Something that was checked over all runs of all lanes.

    Attributes:
        name: what.
        counted: how many things were looked at.
        breaches: what was found that may not be, one sentence each.
    """

    name: str
    counted: int
    breaches: tuple[str, ...] = ()


@dataclass
class Proof:
    """All that a proof found.

    Attributes:
        outcomes: of the undisturbed runs and of the cases, as they ended.
        checks: what was done with all runs together: replay, and the search for secrets.
        boundaries: how many an undisturbed run passes, per line, on all databases.
        left_out: what could not be proved here, and why.
        interrupted: it was ended before all cases had run; ``missing`` says how many had not.
    """

    seed: int
    outcomes: list[Outcome] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    boundaries: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    interrupted: bool = False
    missing: int = 0

    @property
    def broken(self) -> list[Outcome]:
        """The cases with a breach."""
        return [outcome for outcome in self.outcomes if outcome.breaches]

    @property
    def is_kept(self) -> bool:
        """Whether no case and no check has found a breach."""
        return not self.broken and not any(check.breaches for check in self.checks)


Say = Callable[[str], None]

_SURVEY = "undisturbed"
_LONG_LINES_FIRST = (Line.RESET, Line.SLOW, Line.LOST, Line.TORN, Line.PLAIN)
_REPLAYED, _SEARCHED = "histories replayed", "places searched for secrets"
_OPENING_TOGETHER = 4
"""Sandboxes that start together slow each other down; but most of an opening is waiting for Temporal to know its names."""


@dataclass(frozen=True)
class _Ended:
    """A case that is over and not judged yet.

    Attributes:
        trial: with what its workers passed.
        facts: as both sides showed them.
        seconds: that it took.
    """

    trial: Trial
    facts: Facts
    seconds: float


class Prover:
    """Runs one proof."""

    def __init__(self, options: ProveOptions, say: Say) -> None:
        self._options = options
        self._tell = say
        self._said: list[str] = []
        self.proof = Proof(seed=options.seed)
        self._boundaries: dict[tuple[Database, Line], tuple[str, ...]] = {}
        self._made = 0
        self._count, self._done = 0, 0
        self._work = Work()
        self._surveyed: dict[tuple[Database, Line], asyncio.Event] = {}
        self._unjudged: list[_Ended] = []
        self._canaries: list[Canary] = []
        self._found: dict[str, list[Found]] = {name: [] for name in (_REPLAYED, _SEARCHED)}
        self._opening = asyncio.Semaphore(_OPENING_TOGETHER)
        self._upgrading = asyncio.Lock()

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._tell(text)

    async def run(self) -> Proof:
        """Run it; cancelled, it stops everything that it started and keeps what it has found."""
        self._databases = self._chosen_databases()
        home = self._options.home or Path(tempfile.mkdtemp(prefix="evercert-prove-"))
        home.mkdir(parents=True, exist_ok=True)
        try:
            async with AsyncExitStack() as open_:
                open_.enter_context(_libraries_log_to(home / "prove.log"))
                await self._open(home, open_)
                await self._work_off()
                self._note_checks()
        except asyncio.CancelledError:
            self.proof.interrupted = True
        finally:
            if self._options.home is None and self.proof.is_kept:
                shutil.rmtree(home, ignore_errors=True)
            elif not self.proof.is_kept:
                self._say(f"logs and traces are kept in {home}")
        return self.proof

    def _chosen_databases(self) -> tuple[Database, ...]:
        """Return the databases of this proof; PostgreSQL is left out where it cannot be had and was not asked for.

        Raises:
            Misconfigured: ``postgres-missing``: it was asked for.
        """
        options = self._options
        asked = options.databases or tuple(dict.fromkeys(case.database for case in options.cases))
        if Database.POSTGRESQL in asked:
            require_postgres(f"--database {Database.POSTGRESQL}" if options.databases else "--case …:postgresql:…")
        why = "" if asked else postgres_unavailable()
        if not why:
            return asked or tuple(Database)
        self.proof.left_out.append(f"PostgreSQL: {why}")
        return (Database.SQLITE,)

    async def _open(self, home: Path, open_: AsyncExitStack) -> None:
        self._home = home
        self._say("starting a private Temporal server, sandboxes and inventories on free ports")
        self._host = await open_.enter_async_context(WorkerHost(home / "host.log", self._options.host_module))
        self._server = DevServer(await find_binary(self._say), home / "temporal")
        self._postgres: PrivatePostgres | None = None
        with _only_error():
            async with asyncio.TaskGroup() as starting:
                starting.create_task(open_.enter_async_context(self._server))
                if Database.POSTGRESQL in self._databases:
                    starting.create_task(self._open_postgres(open_))

    async def _open_postgres(self, open_: AsyncExitStack) -> None:
        self._postgres = await open_.enter_async_context(private_postgres(self._home / "postgresql"))

    @asynccontextmanager
    async def _lane(
        self,
        database: Database,
        *,
        server: DevServer | None = None,
        visibility_minutes: int = 0,
        has_own_database_server: bool = False,
        database_disk_mebibytes: int = 0,
    ) -> AsyncIterator[Lane]:
        self._made += 1
        name = f"lane-{self._made}"
        options = LaneOptions(
            self._home / name, name, database=database, server=server, visibility_minutes=visibility_minutes
        )
        async with AsyncExitStack() as open_:
            if database is Database.POSTGRESQL:
                postgres = self._postgres
                if has_own_database_server:
                    own = private_postgres(self._home / name / "postgresql", disk_mebibytes=database_disk_mebibytes)
                    postgres = await open_.enter_async_context(own)
                assert postgres is not None
                called = name.replace("-", "_")
                url = await postgres.new_database(called)
                options = replace(options, inventory_url=url, postgres=postgres, database_name=called)
            async with self._opening:
                await self._upgrade(options)
                lane = await open_.enter_async_context(open_lane(options, self._host, lambda _: None))
            yield lane

    async def _upgrade(self, options: LaneOptions) -> None:
        """Make the tables of a lane's inventory; Alembic does that for one database of a process at a time."""
        options.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = options.inventory_url or f"sqlite:///{options.home / 'data' / 'inventory.db'}"
        async with self._upgrading:
            await upgrade_inventory(url, options.home / "evercert.sequence")

    # what is to be done

    @property
    def _lanes_each(self) -> int:
        """How many cases of each database run side by side."""
        return max(1, self._options.lanes // len(self._databases))

    async def _work_off(self) -> None:
        """Let every lane take the next case of its database until none is left, and check what it did."""
        with _only_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._plan())
                for database in self._databases:
                    for _ in range(self._lanes_each):
                        group.create_task(self._serve(database))

    async def _plan(self) -> None:
        """Survey what the cases need, and add cases as soon as it is known where they strike."""
        options, databases = self._options, self._databases
        lines = self._lines()
        survey = [Case("undisturbed", "", database, line=line) for line in lines for database in databases]
        self._surveyed = {(case.database, case.line): asyncio.Event() for case in survey}
        self._say(f"surveying {len(survey)} undisturbed orders: what they pass through is where workers will be struck")
        await self._work.add(survey)
        if options.cases:
            await self._add_cases(options.cases, are_last=True)
        elif options.full:
            await self._until_surveyed(lines)
            cases = all_cases(self._boundaries, databases, seed=options.seed, rounds=options.rounds)
            await self._add_cases(cases, are_last=True)
        else:
            await self._add_cases(named_cases(databases, seed=options.seed))
            await self._until_surveyed([line for line in lines if line not in LONGEST_LINES])
            await self._add_cases(short_cases(self._boundaries, databases, seed=options.seed), are_last=True)
        self._say(f"running {self._count} cases, {self._lanes_each * len(databases)} side by side")
        await self._until_surveyed(lines)
        self._end_survey(lines)

    def _lines(self) -> list[Line]:
        """Return the lines to survey: all, unless only cases are named that are compared with none but their own.

        The longest come first.
        """
        named = self._options.cases
        if self._options.lines:
            wanted = set(self._options.lines)
        elif not named or any(DISASTERS[case.kind].goes_on for case in named):
            wanted = set(Line)
        else:
            wanted = {case.line for case in named}
        return [line for line in _LONG_LINES_FIRST if line in wanted]

    async def _add_cases(self, cases: Sequence[Case], *, are_last: bool = False) -> None:
        self._count += len(cases)
        self.proof.missing += len(cases)
        await self._work.add(cases, are_last=are_last)

    async def _until_surveyed(self, lines: Sequence[Line]) -> None:
        for (_, line), surveyed in self._surveyed.items():
            if line in lines:
                await surveyed.wait()

    def _end_survey(self, lines: Sequence[Line]) -> None:
        """Note what there is to compare with, and judge what had to wait for that."""
        for line in [line for line in Line if line in lines]:
            here = {place for database in self._databases for place in self._boundaries.get((database, line), ())}
            self.proof.boundaries[line.value] = len(here)
        waiting, self._unjudged = self._unjudged, []
        self._surveyed = {}
        for ended in waiting:
            self._judge(ended)

    # the cases

    async def _serve(self, database: Database) -> None:
        """Do cases of a database until none is left; what needs no lane of its own is done in one that is opened once."""
        async with AsyncExitStack() as open_:
            lane: Lane | None = None
            while (case := await self._work.next(database)) is not None:
                if case.kind != _SURVEY and not self._may_run(case):
                    continue
                if case.kind != _SURVEY and _needs_own_lane(case):
                    await self._run_alone(case)
                    continue
                if lane is None:
                    lane = await open_.enter_async_context(self._lane(database, server=self._server))
                if case.kind == _SURVEY:
                    await self._survey(lane, case)
                else:
                    await self._run_case(lane, case)
            if lane is not None:
                await self._check(lane)

    async def _survey(self, lane: Lane, case: Case) -> None:
        """Let an order run undisturbed: what it passes is the list of boundaries of its line and database."""
        trial = Trial(lane, case)

        async def survey(trial: Trial) -> None:
            self._boundaries[case.database, case.line] = await undisturbed(trial)

        ended = await self._run(trial, survey)
        self._judge(ended)
        self._surveyed[case.database, case.line].set()

    def _may_run(self, case: Case) -> bool:
        """Tell whether a case can be run on this machine; what it leaves out is noted either way."""
        disaster = DISASTERS[case.kind]
        self._note_left_out(disaster.kind, disaster.left_out)
        if why := disaster.unavailable(case):
            self._note_left_out(f"{case.kind} on {case.database}", why)
            self._count_one("left out", 0.0, case)
        return not why

    async def _run_alone(self, case: Case) -> None:
        disaster = DISASTERS[case.kind]
        async with self._lane(
            case.database,
            server=None if disaster.is_private else self._server,
            visibility_minutes=disaster.visibility_minutes,
            has_own_database_server=_has_own_database(case),
            database_disk_mebibytes=disaster.database_disk_mebibytes,
        ) as own:
            await self._run_case(own, case)
            await self._check(own)

    async def _run_case(self, lane: Lane, case: Case) -> None:
        disaster = DISASTERS[case.kind]
        ended = await self._run(Trial(lane, case), disaster.run, disaster.limit_seconds)
        if breaches(ended.facts) == (ended.trial.missed,):
            # A machine that is too busy for a worker's first try to get there shows nothing by that, for or against.
            self._say(f"              {case.name}: {ended.trial.missed}; once more")
            ended = await self._run(Trial(lane, case), disaster.run, disaster.limit_seconds)
        if self._surveyed:
            self._unjudged.append(ended)
        else:
            self._judge(ended)

    async def _run(
        self, trial: Trial, run: Callable[[Trial], Awaitable[None]], limit_seconds: float | None = None
    ) -> _Ended:
        """Run a case and look at both sides; whatever goes wrong in it is a trouble of it and ends no other case."""
        began = time.monotonic()
        limit = max(self._options.stuck_seconds, limit_seconds or 0)
        try:
            async with asyncio.timeout(limit):
                await run(trial)
        except TimeoutError:
            trial.troubles.append(f"not over after {limit:g} seconds")
        except Exception as error:  # noqa: BLE001 - a case that breaks in any way is a breach, and no other's business
            trial.troubles.append(f"{type(error).__name__}: {error}")
        facts = await _facts(trial)
        await trial.lane.clean_up(trial.started)
        return _Ended(trial, facts, time.monotonic() - began)

    def _judge(self, ended: _Ended) -> None:
        """Judge a case, with what undisturbed orders pass, as far as it is known."""
        case, trial = ended.trial.case, ended.trial
        lists = {line: self._boundaries.get((case.database, line), ()) for line in Line}
        known = frozenset(TRIED_AGAIN).union(*lists.values())
        # Tries again are the poll: how many there are before the strike is a matter of how busy the machine is.
        before = frozenset(lists[case.line]).union(TRIED_AGAIN)
        facts = replace(ended.facts, unlisted=trial.unlisted(before, known))
        outcome = Outcome(case, facts, breaches(facts), ended.seconds)
        self.proof.outcomes.append(outcome)
        if case.kind != _SURVEY:
            self._count_one("BROKEN" if outcome.breaches else "ok", outcome.seconds, case)
            for breach in outcome.breaches:
                self._say(f"              {breach}")

    def _count_one(self, word: str, seconds: float, case: Case) -> None:
        self._done += 1
        self.proof.missing -= 1
        self._say(f"[{self._done:>4}/{self._count}] {word:<6} {seconds:5.1f} s  {case.name}")

    def _note_left_out(self, what: str, why: str) -> None:
        if why and (told := f"{what}: {why}") not in self.proof.left_out:
            self.proof.left_out.append(told)

    # what is checked over all runs

    async def _check(self, lane: Lane) -> None:
        """Replay every history of a lane whose cases are over, and search it for every secret that it has.

        Where a case has left something that cannot be looked at, that is a finding and ends no other case.
        """
        try:
            self._found[_REPLAYED].append(await replayed(lane))
            found, canaries = await searched(lane)
        except Exception as error:  # noqa: BLE001 - as above
            why = f"{lane.options.name} cannot be looked at: {type(error).__name__}: {error}"
            self._found[_SEARCHED].append((0, (why,)))
        else:
            self._found[_SEARCHED].append(found)
            self._canaries += canaries

    def _note_checks(self) -> None:
        if self._canaries:
            self._found[_SEARCHED].append(told(self._said, self._canaries))
        for name, found in self._found.items():
            breaches = tuple(breach for _, here in found for breach in here)
            self.proof.checks.append(Check(name, sum(count for count, _ in found), breaches))
            for breach in breaches:
                self._tell(f"BROKEN  {name}: {breach}")


def _has_own_database(case: Case) -> bool:
    return DISASTERS[case.kind].has_own_database_server and case.database is Database.POSTGRESQL


def _needs_own_lane(case: Case) -> bool:
    disaster = DISASTERS[case.kind]
    return disaster.is_private or disaster.visibility_minutes != 0 or _has_own_database(case)


@contextmanager
def _only_error() -> Iterator[None]:
    """Raise the first of errors that came together, as if it had come alone: people are told of one."""
    try:
        yield
    except BaseExceptionGroup as together:
        raise together.exceptions[0] from None


async def _facts(trial: Trial) -> Facts:
    """Look at both sides; where one cannot be looked at any more, that is what the case came to."""
    try:
        return await trial.facts()
    except Exception as error:  # noqa: BLE001 - as above
        return Facts(troubles=(*trial.troubles, f"nothing can be looked at: {type(error).__name__}: {error}"))


@contextmanager
def _libraries_log_to(file: Path) -> Iterator[None]:
    """Keep what libraries say of cut-off looks and dead servers out of the progress: cutting off is what is done here."""
    handler = logging.FileHandler(file)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
