"""Whether a run drifts: a pure fold of its events, which says what the user, or the agent, is to be told of.

Nothing here knows a clock: what the passing of time alone tells is `agent.vigil`'s.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import blake2b

from agent.blocks import ToolBlock
from agent.budget import shares
from agent.calls import Call, changed_lines, changed_paths, changes, lost_tests, read_call
from agent.events import (
    AnyEvent,
    BudgetSet,
    Excused,
    Judged,
    PhaseChanged,
    Planned,
    Prompted,
    Text,
    Thought,
    ToolCalled,
)
from agent.gates import GATES, find_call_gates, find_plan_gates
from agent.state import SessionState
from agent.watch import POLL_FACTOR, Steps, Watch

_KEPT_CALLS = 160
"""More than `POLL_FACTOR` times any number of repetitions that anybody waits for."""
_WINDOW = 20
"""Calls among which the same ones count, where they do not poll."""
_KEPT_CHANGES = 4000
_KEPT_SENTENCES = 200
_REPEATED = 0.25
"""The share of different sentences below which they say nothing new."""
_MANY_CALLS = 15
"""Fewer calls are no drift, however much of the budget they took."""
_NEW_CALLS = 0.5
"""The share of different calls from which an agent looks around and does not turn in circles."""
_SCRATCH = ("/tmp/", "/var/tmp/", "/dev/")
_SENTENCE = re.compile(r"[\n.!?]+")
_WORDS = 8


@dataclass(frozen=True)
class Drift:
    """What is remembered of a run to judge it by. ``root`` is its tree."""

    root: str
    calls: tuple[Call, ...] = ()
    ended: frozenset[str] = frozenset()
    """Ids of calls that have been counted."""
    seen: frozenset[str] = frozenset()
    """Every change made."""
    since: int = 0
    """Calls since there was progress last."""
    share: float = 0.0
    """Percent of the budget that was used then."""
    done: int = 0
    """The most steps of the plan that were ever done."""
    lines: int = 0
    """Changed lines."""
    outside: frozenset[str] = frozenset()
    lost: int = 0
    words: str = ""
    """What of a sentence has come so far."""
    quoted: bool = False
    """Whether the agent is showing code, where lines repeat."""
    sentences: tuple[str, ...] = ()
    said: frozenset[tuple[str, str, str]] = frozenset()
    """Verdicts given: rule, key, level."""
    passed: frozenset[str] = frozenset()
    """Gates at which the run has stopped, by rule and key."""


def follow(drift: Drift, event: AnyEvent, state: SessionState) -> tuple[Drift, tuple[Judged, ...]]:
    """What is to be remembered after ``event``, and the verdicts it brings; ``state`` is the one after the event."""
    match event:
        case Text() | Thought():
            drift = _hear(drift, event.text)
            return _judge(drift, state, _monologue(drift, state.watch))
        case ToolCalled():
            return _take(drift, event, state)
        case Planned():
            done = sum(entry.status == "completed" for entry in event.entries)
            if done > drift.done:
                drift = replace(_progressed(drift, state), done=done)
            return _stop(drift, find_plan_gates(state))
        case BudgetSet():
            drift = replace(drift, share=0.0, since=0)
        case Prompted(source="user") | PhaseChanged(phase="paused") | Excused():
            # Whoever looked at it, or is called to, starts a new count.
            kept = {name: getattr(drift, name) for name in ("ended", "seen", "done", "lines", "passed")}
            drift = _progressed(Drift(drift.root, **kept), state)
        case Judged():
            if event.rule in GATES:
                drift = replace(drift, passed=drift.passed | {f"{event.rule}: {event.key}"})
            else:
                drift = replace(drift, said=drift.said | {(event.rule, event.key, event.level)})
        case _:
            pass
    return drift, ()


def _take(drift: Drift, event: ToolCalled, state: SessionState) -> tuple[Drift, tuple[Judged, ...]]:
    drift = replace(drift, words="", quoted=False, sentences=())
    block = next((b for b in reversed(state.blocks) if b.type == "tool" and b.call_id == event.call_id), None)
    if block is None or event.call_id in drift.ended:
        return drift, ()
    if block.status not in ("completed", "failed"):
        return _stop(drift, find_call_gates(state, block, drift.root, drift.lines))
    call = read_call(block, drift.seen, state.watch.polls)
    drift = replace(
        drift,
        calls=(*drift.calls, call)[-_KEPT_CALLS:],
        ended=drift.ended | {event.call_id},
        seen=drift.seen | changes(block) if len(drift.seen) < _KEPT_CHANGES else changes(block),
        since=drift.since + 1,
        lines=drift.lines + changed_lines(block),
        outside=drift.outside | _outside(drift, block, state.watch),
        lost=drift.lost + lost_tests(block),
    )
    if call.new:
        drift = _progressed(drift, state)
    drift, gates = _stop(drift, find_call_gates(state, block, drift.root, drift.lines))
    drift, verdicts = _judge(drift, state, _judge_calls(drift, state))
    return drift, (*gates, *verdicts)


def _stop(drift: Drift, gates: Iterator[Judged]) -> tuple[Drift, tuple[Judged, ...]]:
    """Those gates at which the run has not stopped yet."""
    new = tuple(gate for gate in gates if f"{gate.rule}: {gate.key}" not in drift.passed)
    return replace(drift, passed=drift.passed | {f"{gate.rule}: {gate.key}" for gate in new}) if new else drift, new


def _progressed(drift: Drift, state: SessionState) -> Drift:
    return replace(drift, since=0, share=_share(state))


def _share(state: SessionState) -> float:
    return max((share.percent for share in shares(state, state.at)), default=0.0)


def _judge(
    drift: Drift, state: SessionState, found: Iterator[tuple[Judged, float, Steps]]
) -> tuple[Drift, tuple[Judged, ...]]:
    """Of what was found, that which is not fine, was not said, and is enough."""
    verdicts: list[Judged] = []
    for verdict, count, (nudge, pause) in found:
        level = "pause" if 0 < pause <= count else "nudge" if 0 < nudge <= count else ""
        matter = f"{verdict.rule}: {verdict.key}"
        new = level and (verdict.rule, verdict.key, level) not in drift.said
        if new and matter not in state.excused and matter not in state.watch.fine:
            verdicts.append(verdict.model_copy(update={"level": level}))
    said = {(verdict.rule, verdict.key, verdict.level) for verdict in verdicts}
    return replace(drift, said=drift.said | said) if said else drift, tuple(verdicts)


def _judge_calls(drift: Drift, state: SessionState) -> Iterator[tuple[Judged, float, Steps]]:
    watch, last = state.watch, drift.calls[-1]
    yield _same_call(drift.calls, last, watch)
    if last.error:
        yield _same_error(drift.calls, last, watch)
    yield from _alternation(drift.calls, watch)
    if drift.outside:
        names = ", ".join(sorted(drift.outside)[:3])
        key = posixpath.dirname(min(drift.outside))
        yield (
            _found("outside", key, f"Changed outside of where edits belong: {names}."),
            len(drift.outside),
            watch.outside,
        )
    if drift.lost > 0:
        text = f"Tests were deleted or skipped: {drift.lost} more than were added."
        yield _found("lost_tests", "", text, last), drift.lost, watch.lost_tests
    if drift.since >= _MANY_CALLS:
        used = _share(state) - drift.share
        recent = drift.calls[-drift.since :]
        new = len({call.print for call in recent}) / len(recent)
        nudge, pause = watch.no_progress
        text = f"{used:.0f} % of the budget went without a new edit or a step of the plan, in {drift.since} tool calls."
        # An agent that still looks at new things is told so, and goes on.
        yield _found("no_progress", "", text), used, (nudge, 0 if new >= _NEW_CALLS else pause)


def _same_call(calls: tuple[Call, ...], last: Call, watch: Watch) -> tuple[Judged, float, Steps]:
    same: list[Call] = []
    for call in reversed(calls if last.polls else calls[-_WINDOW:]):
        if call.new and call is not last:
            break
        if (call.print, call.result) == (last.print, last.result):
            same.append(call)
    text = f"The same call {len(same)} times with the same result: {last.shown}."
    return _found("same_call", last.shown, text, *reversed(same)), len(same), _times(watch.same_call, last.polls)


def _same_error(calls: tuple[Call, ...], last: Call, watch: Watch) -> tuple[Judged, float, Steps]:
    same: list[Call] = []
    count, tried = 0.0, False
    for call in reversed(calls):
        if call.error == last.error:
            count += 0.5 if tried else 1
            same.append(call)
            tried = False
        elif call.print == last.print and not call.error:
            break
        tried = tried or call.new
    text = f"The same error {len(same)} times: {last.error}."
    return _found("same_error", last.error, text, *reversed(same)), count, _times(watch.same_error, last.polls)


def _alternation(calls: tuple[Call, ...], watch: Watch) -> Iterator[tuple[Judged, float, Steps]]:
    for period in (2, 3, 4):
        cycle = calls[-period:]
        if len(cycle) < period or len({_what(call) for call in cycle}) < 2 or any(call.polls for call in cycle):
            continue
        same = 0
        for place in range(len(calls) - 1, -1, -1):
            call, model = calls[place], cycle[(place - len(calls)) % period]
            if _what(call) != _what(model):
                break
            if call.new:
                break
            same += 1
        rounds = same // period
        key = " / ".join(sorted({call.shown for call in cycle}))
        names = ", then ".join(call.shown for call in cycle)
        text = f"The same {period} calls {rounds} times in turn with the same results: {names}."
        yield _found("alternation", key, text, *calls[-rounds * period :]), rounds, watch.alternation


def _what(call: Call) -> tuple[str, str]:
    return call.print, call.result


def _times(steps: Steps, polls: bool) -> Steps:
    return (steps[0] * POLL_FACTOR, steps[1] * POLL_FACTOR) if polls else steps


def _outside(drift: Drift, block: ToolBlock, watch: Watch) -> frozenset[str]:
    """The files of a call that lie where edits do not belong; scratch files are nobody's business."""
    found: set[str] = set()
    for path in changed_paths(block):
        full = posixpath.normpath(posixpath.join(drift.root, path))
        inside = full.startswith(drift.root.rstrip("/") + "/")
        name = posixpath.relpath(full, drift.root)
        scratch = full.startswith(_SCRATCH)
        agreed = not watch.paths or any(fnmatchcase(name, pattern) for pattern in watch.paths)
        if not (inside and agreed) and not (scratch and not inside):
            found.add(full)
    return frozenset(found)


def _hear(drift: Drift, text: str) -> Drift:
    """Take what an agent says: whole sentences, or so many words where there are no sentences."""
    *whole, rest = _SENTENCE.split(drift.words + text)
    quoted, heard = drift.quoted, list(drift.sentences)
    for sentence in whole:
        if sentence.lstrip().startswith("```"):
            quoted = not quoted
        elif not quoted:
            heard += _pieces(sentence.split())
    words = rest.split()
    if len(words) > 10 * _WORDS:
        # The last one may go on.
        cut = (len(words) - 1) // _WORDS * _WORDS
        heard += _pieces(words[:cut])
        rest = " ".join(words[cut:]) + (" " if rest[-1].isspace() else "")
    return replace(drift, words=rest, quoted=quoted, sentences=tuple(heard[-_KEPT_SENTENCES:]))


def _pieces(words: list[str]) -> list[str]:
    """Hashes of what was said, eight words at a time; what is shorter than three words is no sentence."""
    parts = [words[at : at + _WORDS] for at in range(0, len(words), _WORDS)]
    return [
        blake2b(" ".join(p).casefold().encode(errors="replace"), digest_size=8).hexdigest() for p in parts if len(p) > 2
    ]


def _monologue(drift: Drift, watch: Watch) -> Iterator[tuple[Judged, float, Steps]]:
    count = 0
    for length in sorted(steps for steps in watch.monologue if 0 < steps <= len(drift.sentences)):
        if len(set(drift.sentences[-length:])) <= length * _REPEATED:
            count = length
    if count:
        text = f"The agent says the same things again and again: {count} sentences, hardly any of them new."
        yield _found("monologue", "", text), count, watch.monologue


def _found(rule: str, key: str, text: str, *calls: Call) -> Judged:
    return Judged(rule=rule, level="told", key=key, evidence=text, calls=tuple(call.seq for call in calls[-20:]))
