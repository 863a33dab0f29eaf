"""Runs a proof: starts everything on free ports in a temporary home, surveys, runs the cases side by side, and judges."""

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from starter.prove.afterwards import Found, replayed, searched
from starter.prove.case import Case, Database, Line
from starter.prove.disasters import DISASTERS
from starter.prove.kills import TRIED_AGAIN, undisturbed
from starter.prove.lane import Lane, LaneOptions, open_lane
from starter.prove.plan import all_cases, short_cases
from starter.prove.postgres import PrivatePostgres, postgres_unavailable, private_postgres
from starter.prove.trial import Trial
from starter.prove.verdict import Facts, breaches
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


class Prover:
    """Runs one proof."""

    def __init__(self, options: ProveOptions, say: Say) -> None:
        self._options = options
        self._tell = say
        self._said: list[str] = []
        self.proof = Proof(seed=options.seed)
        self._boundaries: dict[tuple[Database, Line], tuple[str, ...]] = {}
        self._known: dict[Database, frozenset[str]] = {}
        self._made = 0
        self._opening = asyncio.Lock()

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._tell(text)

    async def run(self) -> Proof:
        """Run it; cancelled, it stops everything that it started and keeps what it has found."""
        home = self._options.home or Path(tempfile.mkdtemp(prefix="evercert-prove-"))
        home.mkdir(parents=True, exist_ok=True)
        try:
            async with AsyncExitStack() as open_:
                open_.enter_context(_libraries_log_to(home / "prove.log"))
                await self._open(home, open_)
                await self._survey()
                await self._run_cases()
                await self._check_all()
        except asyncio.CancelledError:
            self.proof.interrupted = True
        finally:
            if self._options.home is None and self.proof.is_kept:
                shutil.rmtree(home, ignore_errors=True)
            elif not self.proof.is_kept:
                self._say(f"logs and traces are kept in {home}")
        return self.proof

    async def _open(self, home: Path, open_: AsyncExitStack) -> None:
        self._home = home
        self._databases = self._chosen_databases()
        self._say("starting a private Temporal server, sandboxes and inventories on free ports")
        self._host = await open_.enter_async_context(WorkerHost(home / "host.log", self._options.host_module))
        self._server = await open_.enter_async_context(DevServer(await find_binary(self._say), home / "temporal"))
        self._postgres: PrivatePostgres | None = None
        if Database.POSTGRESQL in self._databases:
            self._postgres = await open_.enter_async_context(private_postgres(home / "postgresql"))
        per_database = max(1, self._options.lanes // len(self._databases))
        opening = [
            open_.enter_async_context(self._lane(database, server=self._server))
            for database in self._databases
            for _ in range(per_database)
        ]
        # One after the other: sandboxes that start together only slow each other down.
        self._lanes = [await one for one in opening]

    def _chosen_databases(self) -> tuple[Database, ...]:
        wanted = self._options.databases or tuple(Database)
        why = postgres_unavailable() if Database.POSTGRESQL in wanted else ""
        if not why:
            return wanted
        if self._options.databases:
            self._say(f"PostgreSQL cannot be had here: {why}")
        self.proof.left_out.append(f"PostgreSQL: {why}")
        return tuple(database for database in wanted if database is not Database.POSTGRESQL) or (Database.SQLITE,)

    @asynccontextmanager
    async def _lane(
        self,
        database: Database,
        *,
        server: DevServer | None = None,
        visibility_minutes: int = 0,
        has_own_database_server: bool = False,
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
                    postgres = await open_.enter_async_context(private_postgres(self._home / name / "postgresql"))
                assert postgres is not None
                called = name.replace("-", "_")
                url = await postgres.new_database(called)
                options = replace(options, inventory_url=url, postgres=postgres, database_name=called)
            async with self._opening:  # Alembic upgrades one database of a process at a time
                lane = await open_.enter_async_context(open_lane(options, self._host, lambda _: None))
            yield lane

    # the survey

    async def _survey(self) -> None:
        """Let an order run undisturbed on every line and database: what it passes is the list of boundaries."""
        lines = self._lines()
        wanted = [Case("undisturbed", "", database, line=line) for database in self._databases for line in lines]
        self._say(f"surveying {len(wanted)} undisturbed orders: what they pass through is where workers will be struck")
        await self._share(wanted, self._survey_one)
        for line in lines:
            here = {place for database in self._databases for place in self._boundaries.get((database, line), ())}
            self.proof.boundaries[line.value] = len(here)
        for database in self._databases:
            passed = [self._boundaries.get((database, line), ()) for line in lines]
            self._known[database] = frozenset(TRIED_AGAIN).union(*passed)

    def _lines(self) -> list[Line]:
        """Return the lines to survey: all, unless only cases are named that are compared with none but their own."""
        named = self._options.cases
        if self._options.lines:
            return list(self._options.lines)
        if not named or any(DISASTERS[case.kind].goes_on for case in named):
            return list(Line)
        return sorted({case.line for case in named})

    async def _survey_one(self, lane: Lane, case: Case) -> None:
        trial = Trial(lane, case)

        async def survey(trial: Trial) -> None:
            self._boundaries[case.database, case.line] = await undisturbed(trial)

        await self._judge(trial, survey)

    # the cases

    async def _run_cases(self) -> None:
        options = self._options
        cases = list(options.cases)
        if not cases:
            found, databases, seed = self._boundaries, self._databases, options.seed
            if options.full:
                cases = all_cases(found, databases, seed=seed, rounds=options.rounds)
            else:
                cases = short_cases(found, databases, seed=seed)
        self._count, self._done = len(cases), 0
        self.proof.missing = len(cases)
        self._say(f"running {len(cases)} cases on {len(self._lanes)} lanes")
        await self._share(cases, self._run_case)

    async def _run_case(self, lane: Lane, case: Case) -> None:
        disaster = DISASTERS[case.kind]
        self._note_left_out(disaster.kind, disaster.left_out)
        if why := disaster.unavailable(case):
            self._note_left_out(f"{case.kind} on {case.database}", why)
            self._count_one("left out", 0.0, case)
            return
        listed = self._boundaries.get((case.database, case.line), ())
        known = self._known[case.database]
        limit = disaster.limit_seconds
        own_database = disaster.has_own_database_server and case.database is Database.POSTGRESQL
        same_window = disaster.visibility_minutes == lane.options.visibility_minutes
        if same_window and not disaster.is_private and not own_database:
            outcome = await self._judge(Trial(lane, case, listed, known), disaster.run, limit)
        else:
            async with self._lane(
                case.database,
                server=None if disaster.is_private else self._server,
                visibility_minutes=disaster.visibility_minutes,
                has_own_database_server=own_database,
            ) as own:
                outcome = await self._judge(Trial(own, case, listed, known), disaster.run, limit)
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

    async def _check_all(self) -> None:
        """Replay every history and search every secret, in each lane that was used."""
        self._say("replaying every history with the present code, and searching every secret")
        used = [lane for lane in self._lanes if lane.has_run]
        self._note_check("histories replayed", [await replayed(lane) for lane in used])
        self._note_check("places searched for secrets", [await searched(lane, self._said) for lane in used])

    def _note_check(self, name: str, found: Sequence[Found]) -> None:
        breaches = tuple(breach for _, here in found for breach in here)
        self.proof.checks.append(Check(name, sum(count for count, _ in found), breaches))
        for breach in breaches:
            self._tell(f"BROKEN  {name}: {breach}")

    async def _judge(
        self, trial: Trial, run: Callable[[Trial], Awaitable[None]], limit_seconds: float | None = None
    ) -> Outcome:
        """Run a case, look at both sides, and judge; whatever goes wrong in it is a breach and ends no other case."""
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
        outcome = Outcome(trial.case, facts, breaches(facts), time.monotonic() - began)
        self.proof.outcomes.append(outcome)
        await trial.lane.clean_up(trial.started)
        return outcome

    async def _share(self, cases: Sequence[Case], run: Callable[[Lane, Case], Awaitable[None]]) -> None:
        """Let every lane take the next case of its database until none is left."""
        waiting = {database: [case for case in reversed(cases) if case.database is database] for database in Database}

        async def work(lane: Lane) -> None:
            mine = waiting[lane.options.database]
            while mine:
                await run(lane, mine.pop())

        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(work(lane))


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
