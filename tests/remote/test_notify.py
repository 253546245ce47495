"""Notifications, sent by the real Apprise to real HTTP receivers."""

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.events import (
    BudgetMarked,
    DiffContent,
    Judged,
    Moved,
    Noted,
    Notified,
    Phase,
    PhaseChanged,
    PlanEntry,
    Planned,
    PolicySet,
    Text,
    ToolCalled,
    Used,
)
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import SessionDir, SessionInfo, create_session
from agent.state import SessionState
from remote import channels, delivery, notify
from remote.channels import (
    Target,
    add_channel,
    channels_path,
    list_channels,
    prove_channel,
    read_rules,
    read_targets,
    remove_channel,
    set_rules,
)
from remote.errors import SettingsDamaged, SettingsError
from remote.notification import Notification, compose, plain_title
from remote.notify import Notifier
from remote.outbox import read_outbox
from remote.trial import send_code, send_test
from tests.remote.receiver import Receiver, run_receiver
from tests.snapshot.plants import plants
from tests.waiting import until

SECRET = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def session(tmp_path: Path) -> SessionDir:
    return create_session(tmp_path / "state", tmp_path / "shop", "builtin", "Mend the shop")


@asynccontextmanager
async def watched(
    session: SessionDir, epoch: int = 1, pauses: tuple[float, ...] = (0.01, 0.02)
) -> AsyncGenerator[Recorder]:
    """A runner's recorder with a notifier, as `remote.serve` puts them together."""
    async with Notifier(session, pauses=pauses) as notifier:
        recorder = Recorder(session.journal, epoch)
        notifier.watch(recorder)
        try:
            yield recorder
        finally:
            recorder.close()


def go(recorder: Recorder, *phases: Phase) -> None:
    for phase in phases:
        recorder.record(PhaseChanged(phase=phase))


def outcomes(session: SessionDir) -> list[Notified]:
    return [event for event in read_events(session.journal) if isinstance(event, Notified)]


def refused_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"json://127.0.0.1:{free.getsockname()[1]}/{SECRET}"


async def test_each_of_the_four_phases_is_told(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "starting", "idle", "working", "needs-input", "working", "finished")
        go(recorder, "working", "paused", "idle", "working", "failed", "stopped")
        await until(lambda: len(outcomes(session)) == 4)
    verbs = [message["title"].removeprefix("castoff: Mend the shop ") for message in receiver.messages]
    assert verbs == ["needs you", "finished", "paused", "failed"]
    assert [(o.about, o.ok) for o in outcomes(session)] == [
        ("needs-input", True),
        ("finished", True),
        ("paused", True),
        ("failed", True),
    ]
    assert all(session.id in message["message"] for message in receiver.messages)
    assert len({o.notification_id for o in outcomes(session)}) == 4


async def test_what_was_taken_up_after_a_crash_is_told(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working")
        for recovered in ("", "agent", "runner", "reboot"):
            recorder.record(Noted(level="warning", text="In flight: rm -rf /", recovered=recovered))
        await until(lambda: len(outcomes(session)) == 3)
    verbs = [message["title"].removeprefix("castoff: Mend the shop ") for message in receiver.messages]
    assert sorted(verbs) == ["goes on after a crash"] * 2 + ["goes on after its host was restarted"]
    assert not any("rm -rf" in str(message) for message in receiver.messages)


async def test_the_same_phase_is_not_told_twice_without_work_in_between(
    receiver: Receiver, session: SessionDir
) -> None:
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working", "finished", "starting", "finished", "idle", "finished")
        go(recorder, "working", "finished")
        await until(lambda: len(outcomes(session)) == 2)
    async with watched(session) as recorder:
        go(recorder, "starting", "finished", "working", "paused")
        await until(lambda: len(outcomes(session)) == 3)
    assert [o.about for o in outcomes(session)] == ["finished", "finished", "paused"]


async def test_a_receiver_that_fails_twice_gets_it_the_third_time(receiver: Receiver, session: SessionDir) -> None:
    receiver.answers = [500, 500]
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: outcomes(session))
    assert len(receiver.tried) == 3
    assert len(receiver.messages) == 1
    assert [o.ok for o in outcomes(session)] == [True]


async def test_a_channel_that_is_down_for_long_holds_up_no_other_and_gets_it_in_the_end(
    receiver: Receiver, session: SessionDir
) -> None:
    receiver.answers = [500] * 4
    add_channel(receiver.url(), proven=True)
    with run_receiver() as other:
        add_channel(other.url(), proven=True)
        async with watched(session, pauses=(0.01,) * 10) as recorder:
            go(recorder, "working", "finished")
            await until(lambda: any(o.ok for o in outcomes(session)) and other.messages)
            await until(lambda: (left := read_outbox(session)) is not None and not left.pending)
    assert len(receiver.messages) == 1
    told = [(o.ok, "tried again" in o.detail) for o in outcomes(session)]
    assert sorted(told) == [(False, True), (True, False), (True, False)]


async def test_what_waits_for_its_next_try_holds_up_no_later_one(receiver: Receiver, session: SessionDir) -> None:
    receiver.answers = [500]
    add_channel(receiver.url(), proven=True)
    async with watched(session, pauses=(3600.0,)) as recorder:
        go(recorder, "working", "needs-input", "working", "finished")
        await until(lambda: [o.about for o in outcomes(session)] == ["finished"])
    left = read_outbox(session)
    assert left is not None and [p.about for p in left.pending] == ["needs-input"]
    async with watched(session):
        await until(lambda: len(receiver.messages) == 2)


async def test_a_channel_that_was_removed_gets_nothing_more(receiver: Receiver, session: SessionDir) -> None:
    receiver.answers = [500]
    channel = add_channel(receiver.url(), proven=True)
    async with watched(session, pauses=(0.2, 0.2)) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: not receiver.answers)
        remove_channel(channel.id)
        await until(lambda: (left := read_outbox(session)) is not None and not left.pending)
    assert receiver.messages == []


async def test_only_the_channel_that_failed_is_tried_again(receiver: Receiver, session: SessionDir) -> None:
    with run_receiver() as flaky:
        flaky.answers = [500, 500, 500, 500]
        add_channel(receiver.url(), proven=True)
        add_channel(flaky.url(), proven=True)
        async with watched(session) as recorder:
            go(recorder, "working", "finished")
            await until(lambda: len(outcomes(session)) == 2)
    assert len(receiver.tried) == 1
    assert len(flaky.tried) == 3
    assert sorted(o.ok for o in outcomes(session)) == [False, True]
    outbox = read_outbox(session)
    assert outbox is not None and outbox.pending == ()


async def test_a_refused_port_is_recorded_without_the_secret(
    session: SessionDir, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add_channel(refused_url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working", "failed")
        await until(lambda: outcomes(session))
        go(recorder, "working", "idle")
        assert recorder.state.phase == "idle"
    (outcome,) = outcomes(session)
    assert not outcome.ok
    assert outcome.detail
    assert SECRET not in session.journal.read_text()
    assert SECRET not in caplog.text


async def test_what_a_dead_runner_left_is_sent_by_the_next_with_the_same_id(
    receiver: Receiver, session: SessionDir
) -> None:
    add_channel(receiver.url(), proven=True)
    receiver.answers = [500]
    async with watched(session, pauses=(60.0,)) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: receiver.tried)
    assert outcomes(session) == []
    async with watched(session):
        await until(lambda: outcomes(session))
    first, second = receiver.tried
    assert first == second
    assert outcomes(session)[0].notification_id in second["message"]


async def test_a_channel_that_has_it_is_spared_by_the_next_runner(receiver: Receiver, session: SessionDir) -> None:
    with run_receiver() as flaky:
        flaky.answers = [500]
        add_channel(receiver.url(), proven=True)
        add_channel(flaky.url(), proven=True)
        async with watched(session, pauses=(60.0,)) as recorder:
            go(recorder, "working", "finished")
            await until(lambda: outcomes(session) and flaky.tried)
        async with watched(session):
            await until(lambda: len(outcomes(session)) == 2)
        assert (len(receiver.tried), len(flaky.tried)) == (1, 2)


async def test_a_phase_change_that_a_crash_kept_from_the_outbox_is_told(
    receiver: Receiver, session: SessionDir
) -> None:
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working")
    crashed = Recorder(session.journal, 1)
    go(crashed, "finished")
    crashed.close()
    async with watched(session):
        await until(lambda: outcomes(session))
    assert [m["title"] for m in receiver.messages] == ["castoff: Mend the shop finished"]


async def test_what_happened_before_the_session_came_here_is_no_news(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    at_home = Recorder(session.journal, 1)
    go(at_home, "working", "finished")
    at_home.close()
    async with watched(session, epoch=2) as recorder:
        go(recorder, "starting", "idle", "working", "paused")
        await until(lambda: outcomes(session))
    assert [o.about for o in outcomes(session)] == ["paused"]


async def test_a_hanging_receiver_holds_nobody_up(
    receiver: Receiver, session: SessionDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_CLOSE_SECONDS", 0.2)
    add_channel(receiver.url(), proven=True)
    receiver.gate.clear()
    async with watched(session) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: receiver.tried)
        go(recorder, "working")
        assert recorder.state.phase == "working"
    outbox = read_outbox(session)
    assert outbox is not None
    assert [p.about for p in outbox.pending] == ["finished"]


async def test_a_file_that_others_can_read_is_refused(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(SECRET), proven=True)
    assert channels_path().stat().st_mode & 0o777 == 0o600
    channels_path().chmod(0o644)
    with pytest.raises(SettingsDamaged, match="read by others"):
        list_channels()
    async with watched(session) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: outcomes(session))
    assert not outcomes(session)[0].ok
    assert "chmod 600" in outcomes(session)[0].detail
    assert receiver.tried == []


async def test_no_channel_is_no_trouble(session: SessionDir) -> None:
    async with watched(session) as recorder:
        go(recorder, "working", "finished")
        await until(lambda: (box := read_outbox(session)) and box.seen == 2 and not box.pending)
    assert outcomes(session) == []


def test_a_damaged_file_is_refused_without_quoting_it() -> None:
    channels_path().write_text(json.dumps({"channels": f"json://x/{SECRET}"}))
    channels_path().chmod(0o600)
    with pytest.raises(SettingsDamaged) as refusal:
        read_targets()
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("url", ["nonsense", f"foo://{SECRET}", f"tgram://{SECRET}", "", "json://", f"--{SECRET}"])
def test_what_apprise_does_not_accept_is_refused(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError) as refusal:
        add_channel(url)
    assert refusal.value.code == "channel-invalid"
    assert SECRET not in str(refusal.value)
    assert caplog.text == ""  # Apprise's own errors quote short URLs whole
    assert list_channels() == ()


@pytest.mark.parametrize(
    ("url", "service", "address"),
    [
        (f"json://user:{SECRET}@127.0.0.1:8080/{SECRET}?+X-Key={SECRET}", "json", "127.0.0.1"),
        (f"jsons://u@example.org/{SECRET}", "jsons", "example.org"),
        (f"ntfy://{SECRET}", "ntfy", ""),
        (f"ntfys://ntfy.example.org:8443/{SECRET}", "ntfys", "ntfy.example.org"),
        ("tgram://123456789:abcdefg_hijklmnop/lead2gold/", "tgram", ""),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord", ""),
        (f"json://127.0.0.1:8080/a, json://127.0.0.1/{SECRET}", "json", "127.0.0.1"),
    ],
)
def test_a_channel_is_shown_without_its_secrets(url: str, service: str, address: str) -> None:
    added = add_channel(url)
    (shown,) = list_channels()
    assert shown == added
    assert (shown.service, shown.address) == (service, address)
    for text in (repr(shown), shown.label, shown.model_dump_json(), repr(read_targets())):
        assert not any(part in text for part in (SECRET, "4174216298", "123456789", "hijklmnop", "JHMHI8"))
    assert type(shown) is channels.Channel
    assert read_targets()[0].url == url


def test_channels_are_added_once_and_removed_by_id() -> None:
    first = add_channel("json://127.0.0.1:1/a")
    assert add_channel("json://127.0.0.1:1/a") == first
    second = add_channel("json://127.0.0.1:1/b")
    assert remove_channel(first.id) == first
    assert list_channels() == (second,)
    with pytest.raises(SettingsError, match="known: json"):
        remove_channel(first.id)


async def test_a_test_message_tells_for_each_channel_whether_it_went_out(receiver: Receiver) -> None:
    good, bad = add_channel(receiver.url(), proven=True), add_channel(refused_url(), proven=True)
    assert [(d.channel, d.ok) for d in await send_test()] == [(good, True), (bad, False)]
    assert [d.channel for d in await send_test(good.id)] == [good]
    assert [m["title"] for m in receiver.messages] == ["castoff: test"] * 2
    with pytest.raises(SettingsError, match="no notification channel"):
        await send_test("zzz")


async def test_the_text_holds_counts_and_nothing_of_the_work(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    diff = DiffContent(path="/home/me/shop/private.py", old_text="", new_text=SECRET)
    async with watched(session) as recorder:
        recorder.record(Moved(origin="laptop", to="vm", files=3, size=10, seconds=1))
        go(recorder, "working")
        recorder.record(Text(text=f"The agent says {SECRET}"))
        recorder.record(Planned(entries=(PlanEntry(content=SECRET, status="completed"), PlanEntry(content="b"))))
        recorder.record(
            ToolCalled(call_id="1", title=f"rm {SECRET}", tool_kind="edit", status="completed", content=(diff,))
        )
        recorder.record(Used(cost_usd=0.4))
        recorder.record(PhaseChanged(phase="failed", detail=f"/usr/bin/agent said {SECRET}"))
        await until(lambda: receiver.messages)
    (message,) = receiver.messages
    text = f"{message['title']}\n{message['message']}"
    assert "1 of 2 steps done, 1 file touched (+1 −0), $0.40." in text
    assert "after it arrived here" in text
    assert SECRET not in text
    assert "/" not in text
    assert len(text) < 500


def test_a_title_that_holds_code_or_keys_is_cut() -> None:
    assert plain_title("Mend the shop, don't hurry!") == "Mend the shop, don't hurry!"
    assert plain_title("fix /home/me/x.py with sk-ant-api03-xyz and add(1)") == "fix … with … and …"
    assert plain_title("\x1b]0;x\x07 rm -rf $HOME") == "… rm … …"
    info = SessionInfo(id="k" * 12, title="w " * 4000, project="/p", home="/h", agent="builtin", created=0)
    whole = compose(info, SessionState(), "finished", 10**9, 0)
    assert len(whole.title) + len(whole.body) < 500


async def test_no_planted_secret_leaves_in_ten_thousand_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a title or a body is made of; what is left of it is still told."""
    sent: list[tuple[str, str]] = []

    def push(_url: str, title: str, body: str, **_: str) -> bool:
        sent.append((title, body))
        return True

    monkeypatch.setattr(delivery, "push", push)
    corpus = plants(seed=61, rounds=80)
    assert len(corpus) >= 10_000
    target = Target(id="a", service="json", address="", url="json://127.0.0.1:1/a")
    for number, plant in enumerate(corpus):
        words = f"It is {plant.data.decode()}"
        note = Notification(
            id=str(number), title=f"castoff: {words}", body=f"1 of 2 steps done.\n{words}\nrun k3v9. [{number}]"
        )
        assert await delivery.deliver(target, note) == ""
    leaked = [plant.kind for plant, texts in zip(corpus, sent, strict=True) if plant.secret in "".join(texts)]
    assert leaked == []
    assert all(body.startswith("1 of 2 steps done.\n") and body.endswith("]") for _, body in sent)


def test_a_runner_loads_no_rules_before_it_sends() -> None:
    loaded = (
        "import sys, remote.serve; print([name for name in sys.modules if 'secret' in name and 'snapshot' in name])"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-c", loaded], check=True, capture_output=True, text=True, cwd="/"
    ).stdout
    assert out.strip() == "[]"


async def test_a_channel_that_nobody_confirmed_gets_nothing_but_its_code(
    receiver: Receiver, session: SessionDir
) -> None:
    with run_receiver() as proven:
        add_channel(proven.url(), proven=True)
        channel = add_channel(receiver.url())
        assert (await send_code(channel.id, "vm")).ok
        async with watched(session) as recorder:
            go(recorder, "working", "finished")
            await until(lambda: outcomes(session))
        (message,) = receiver.messages
        code = re.search(r"code of vm is (\d{4})\.", message["message"])
        assert code is not None
        with pytest.raises(SettingsError, match="not the code"):
            prove_channel(channel.id, "x")
        assert prove_channel(channel.id, code[1]).proven
        with pytest.raises(SettingsError, match="no code is under way"):
            prove_channel(channel.id, code[1])
        assert all(each.proven for each in list_channels()), "a later slip takes nothing back"
        async with watched(session) as recorder:
            go(recorder, "working", "finished")
            await until(lambda: len(receiver.messages) == 2)


async def test_a_second_channel_is_used_only_when_nobody_came(receiver: Receiver, session: SessionDir) -> None:
    with run_receiver() as second:
        add_channel(receiver.url(), proven=True)
        add_channel(second.url(), proven=True, after=15)
        async with watched(session) as recorder:
            go(recorder, "working", "needs-input")
            await until(lambda: outcomes(session))
            recorder.record(PolicySet(policy="accept-edits"))
            await until(lambda: (left := read_outbox(session)) is not None and not left.pending)
        assert second.messages == []
        late = time.time() + 901
        async with Notifier(session, wall=lambda: late) as notifier:
            recorder = Recorder(session.journal, 1)
            notifier.watch(recorder)
            go(recorder, "working", "paused")
            await until(lambda: second.messages)
            recorder.close()
    assert [m["title"] for m in second.messages] == ["castoff: Mend the shop paused"]


async def test_in_quiet_hours_it_is_kept(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    set_rules({"quiet": "00:00-12:00"})
    noon = 12 * 3600.0
    async with Notifier(session, wall=lambda: noon - 3600) as notifier:
        recorder = Recorder(session.journal, 1)
        notifier.watch(recorder)
        go(recorder, "working", "paused")
        await until(lambda: (box := read_outbox(session)) is not None and box.pending)
        recorder.close()
    assert receiver.tried == []
    async with Notifier(session, wall=lambda: noon + 1) as notifier:
        recorder = Recorder(session.journal, 1)
        notifier.watch(recorder)
        await until(lambda: receiver.messages)
        recorder.close()


async def test_a_flood_is_gathered(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    set_rules({"burst": 2, "gap": 0.3})
    receiver.gate.clear()
    async with watched(session) as recorder:
        for _ in range(20):
            go(recorder, "working", "needs-input")
        receiver.gate.set()
        await until(lambda: len(outcomes(session)) == 20)
    assert len(receiver.messages) <= 3
    told = "".join(m["message"] for m in receiver.messages)
    assert all(o.ok for o in outcomes(session)) and "before." in told


async def test_a_silent_run_and_a_full_host_are_told_once(
    receiver: Receiver, session: SessionDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_channel(receiver.url(), proven=True)
    set_rules({"silent_minutes": 0.001})
    full = [False]
    monkeypatch.setattr(notify, "disk_is_filling", lambda _, told: full[0])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    for look in range(2):
        async with Notifier(session, look=0.02) as notifier:
            recorder = Recorder(session.journal, 1)
            notifier.watch(recorder)
            if look == 0:
                go(recorder, "working")
                await until(lambda: len(outcomes(session)) == 1)
                full[0] = True
            await until(lambda: len(outcomes(session)) == 2)
            recorder.close()
    verbs = [message["title"].removeprefix("castoff: Mend the shop ") for message in receiver.messages]
    assert verbs == ["is at work, but gives no news", "may soon find its host full"]


async def test_details_only_where_they_are_switched_on(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    set_rules({"details": True})
    async with watched(session) as recorder:
        go(recorder, "working")
        recorder.record(Text(text="All tests pass.\x1b]0;x\x07"))
        go(recorder, "finished")
        await until(lambda: receiver.messages)
    (message,) = receiver.messages
    assert "All tests pass." in message["message"] and "\x1b" not in message["message"]


def test_rules_and_channels_are_kept_together() -> None:
    add_channel("json://127.0.0.1:1/a")
    set_rules({"quiet": "22:00-07:00"})
    add_channel("json://127.0.0.1:1/b")
    remove_channel(list_channels()[0].id)
    assert read_rules().quiet == "22:00-07:00" and len(list_channels()) == 1
    with pytest.raises(SettingsError, match="Quiet hours are written"):
        set_rules({"quiet": "always"})


async def test_marks_of_the_budget_and_what_the_watch_found_are_told(receiver: Receiver, session: SessionDir) -> None:
    add_channel(receiver.url(), proven=True)
    async with watched(session) as recorder:
        go(recorder, "working")
        recorder.record(BudgetMarked(limit="max_usd", share=80, text="80 % of the budget of $5.00 are used."))
        recorder.record(Judged(rule="repeats", level="nudge", evidence=f"It ran cat /{SECRET} five times."))
        recorder.record(Judged(rule="repeats", level="pause", evidence="Six times."))
        go(recorder, "paused")
        await until(lambda: len(outcomes(session)) == 3)
    verbs = [message["title"].removeprefix("castoff: Mend the shop ") for message in receiver.messages]
    assert verbs == ["has used much of its budget", "may be going astray", "paused"]
    assert receiver.messages[0]["message"].startswith("80 % of the budget of $5.00 are used.\n")
    assert SECRET not in str(receiver.messages)
