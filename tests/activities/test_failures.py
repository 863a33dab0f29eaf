"""How errors reach Temporal: typed, bounded, for people; and nothing foreign passes, wherever it was raised."""

import asyncio
import dataclasses
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.failures import FailureInterceptor, as_failure
from activities.messages import Finding
from domain import errors
from domain.errors import (
    Ambiguous,
    EvercertError,
    InvalidRequest,
    InvariantBroken,
    Misconfigured,
    NotSent,
    NotYet,
    Refused,
    Unavailable,
    Violation,
)

SECRET = "hunter2-" + "x9" * 8
FINAL = {
    InvalidRequest: True,
    Refused: True,
    NotYet: False,
    Unavailable: False,
    NotSent: False,
    Ambiguous: True,
    Misconfigured: True,
    InvariantBroken: False,
}


class Inner(ActivityInboundInterceptor):
    """Stands for the activity itself."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 the SDK's name
        return await self._work()


async def executed(work: Callable[[], Any], env: ActivityEnvironment | None = None, **info: Any) -> Any:
    """Run work as an activity behind the interceptor."""
    env = env or ActivityEnvironment()
    env.info = dataclasses.replace(env.info, activity_type="purchase", **info)
    wrapped = FailureInterceptor().intercept_activity(Inner(work))
    given = ExecuteActivityInput(fn=work, args=(), executor=None, headers={})
    return await env.run(wrapped.execute_activity, given)


async def failure(work: Callable[[], Any], **info: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await executed(work, **info)
    return caught.value


def raising(error: BaseException) -> Callable[[], Any]:
    async def work() -> None:
        raise error

    return work


def told(error: ApplicationError) -> str:
    """Everything that Temporal stores of a failure, and everything that a log may print of it."""
    stored = Failure()
    converter = DataConverter.default
    converter.failure_converter.to_failure(error, converter.payload_converter, stored)
    return f"{stored!s} {error!r} {error.details!r} {''.join(traceback.format_exception(error))}"


def test_every_class_of_error_is_in_the_table() -> None:
    tree = {it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, EvercertError)}
    assert tree - {EvercertError} == set(FINAL)


@pytest.mark.parametrize("kind", FINAL)
async def test_each_class_is_told_by_code_and_tried_again_where_it_helps(kind: type[EvercertError]) -> None:
    error = kind("some-code", "a sentence", next_step="do this", retry_after=timedelta(seconds=7))
    got = await failure(raising(error))
    assert (got.type, got.non_retryable, got.next_retry_delay) == ("some-code", FINAL[kind], timedelta(seconds=7))
    assert got.message == "a sentence Next: do this"
    benign = ApplicationErrorCategory.BENIGN
    assert (got.category is benign) == (kind is NotYet), "what is expected to come by itself is no alarm"


def test_a_message_says_what_was_seen_and_is_bounded() -> None:
    seen = tuple(f"server {number}" for number in range(9))
    got = as_failure(NotYet("dns-not-visible", "not yet", why=seen))
    assert got.message == "not yet Seen: " + "; ".join(seen[:6])
    assert got.next_retry_delay is None
    assert len(as_failure(Refused("some-code", "x" * 9000)).message) == 1500


def test_findings_travel_as_details_ten_at_most() -> None:
    violations = tuple(Violation("some-code", f"field{number}", "wrong", "mend it") for number in range(12))
    got = as_failure(InvalidRequest("request-refused", "several", violations=violations))
    assert got.details == tuple(Finding.of(violation) for violation in violations[:10])
    assert got.details[0].violation() == violations[0]


@pytest.mark.parametrize(("attempt", "final"), [(1, False), (2, False), (3, True), (4, True)])
async def test_a_bug_is_tried_three_times(attempt: int, final: bool) -> None:
    assert (await failure(raising(InvariantBroken("key-missing", "x")), attempt=attempt)).non_retryable is final
    assert (await failure(raising(ValueError("x")), attempt=attempt)).non_retryable is final


def leaking() -> Callable[[], Any]:
    """Work that fails the way libraries do: with what they were given, in message, cause, context, notes and group."""

    async def work() -> None:
        try:
            int(SECRET)
        except ValueError as first:
            last = RuntimeError(f"could not log in with {SECRET}", {"token": SECRET})
            last.__context__ = KeyError(SECRET)
            last.add_note(SECRET)
            raise ExceptionGroup(SECRET, [last]) from first

    return work


async def test_nothing_of_an_unexpected_error_passes() -> None:
    with capture_logs([merge_contextvars]) as logs:
        got = await failure(leaking())
    assert got.type == "internal-error"
    assert "unexpected ExceptionGroup" in got.message
    assert SECRET not in told(got)
    assert SECRET not in repr(logs)
    [line] = logs
    assert (line["event"], line["log_level"], line["error_type"]) == ("activity.failed", "error", "ExceptionGroup")
    assert "in work" in line["trace"]
    assert line["trace_id"] in got.message
    assert (line["workflow"], line["activity"]) == ("test", "purchase")


async def test_the_search_for_the_secret_finds_one_that_passes() -> None:
    """Proof of the proof: what is not kept back is seen."""
    assert SECRET in told(ApplicationError(f"could not log in with {SECRET}"))
    assert SECRET in told(ApplicationError("x", {"token": SECRET}))
    caused = ApplicationError("x")
    caused.__cause__ = ValueError(SECRET)
    assert SECRET in told(caused)


async def test_nothing_of_what_stood_behind_an_error_of_ours_passes_either() -> None:
    async def work() -> None:
        try:
            int(SECRET)
        except ValueError as first:
            raise Unavailable("seller-unreachable", "nobody answers") from first

    with capture_logs() as logs:
        got = await failure(work)
    assert SECRET not in told(got)
    assert logs == []


async def test_a_trace_id_tells_the_place_and_not_the_time() -> None:
    async def elsewhere() -> None:
        raise ValueError("x")

    work = leaking()
    first, second, other = await failure(work), await failure(work, attempt=2), await failure(elsewhere)
    assert first.message == second.message
    assert _trace_id(first) != _trace_id(other)


def _trace_id(error: ApplicationError) -> str:
    return error.message.partition("trace id ")[2].partition(")")[0]


async def test_cancellation_and_failures_of_temporals_own_pass_unchanged() -> None:
    given = ApplicationError("already translated", type="some-code", non_retryable=True)
    assert await failure(raising(given)) is given
    with pytest.raises(asyncio.CancelledError):
        await executed(raising(asyncio.CancelledError()))


async def test_a_result_passes_unchanged() -> None:
    async def work() -> str:
        return "done"

    assert await executed(work) == "done"


# the pulse


async def beating(details: list[Any], work: Callable[[asyncio.Event], Any]) -> list[tuple[Any, ...]]:
    """Run work with a pulse of 10 ms; the event is set with every fourth beat."""
    beats: list[tuple[Any, ...]] = []
    enough = asyncio.Event()
    env = ActivityEnvironment()

    def beat(*told: Any) -> None:
        beats.append(told)
        if len(beats) % 4 == 0:
            enough.set()

    env.on_heartbeat = beat
    await executed(
        lambda: work(enough), env, heartbeat_timeout=timedelta(milliseconds=30), heartbeat_details=details, attempt=2
    )
    return beats


async def test_the_pulse_repeats_what_the_attempt_before_remembered() -> None:
    async def work(enough: asyncio.Event) -> None:
        await enough.wait()

    beats = await beating([{"since": "2026-11-25T12:00:00Z", "defects": 2}, "more"], work)
    assert len(beats) >= 4
    assert set(map(repr, beats)) == {repr(({"since": "2026-11-25T12:00:00Z", "defects": 2}, "more"))}


async def test_what_the_activity_says_last_is_the_last_word() -> None:
    async def work(enough: asyncio.Event) -> None:
        await enough.wait()
        activity.heartbeat("newer")
        raise NotYet("issuance-pending", "not yet")

    beats: list[tuple[Any, ...]] = []

    async def watched(enough: asyncio.Event) -> None:
        with pytest.raises(NotYet):
            await work(enough)

    beats = await beating(["older"], watched)
    assert beats[-1] == ("newer",)
    count = len(beats)
    await asyncio.sleep(0.05)
    assert len(beats) == count, "the pulse ends with the activity"


@pytest.mark.parametrize("details", [[], ["older"]])
async def test_an_activity_that_is_quick_makes_no_beat(details: list[str]) -> None:
    async def work(_enough: asyncio.Event) -> None:
        await asyncio.sleep(0)

    assert await beating(details, work) == []


async def test_the_pulse_beats_where_nothing_is_remembered() -> None:
    async def work(enough: asyncio.Event) -> None:
        await enough.wait()

    assert set(await beating([], work)) == {()}


async def test_no_pulse_where_none_is_asked_for() -> None:
    env, beats = ActivityEnvironment(), []
    env.on_heartbeat = lambda *told: beats.append(told)

    async def work() -> None:
        await asyncio.sleep(0.02)

    await executed(work, env)
    assert beats == []
