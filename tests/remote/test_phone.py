"""A run answered by phone: a real runner and agent, the real Apprise, and a double of an ntfy server."""

from collections.abc import Generator
from pathlib import Path

import pytest

from agent.durable import read_model
from agent.events import Budget, PermissionAnswered, PhaseChanged
from remote import host_settings
from remote.answers import MOST_BAD
from remote.channels import Replies, add_channel, read_targets, set_replies, set_rules
from remote.errors import SettingsError
from remote.phone import Ledger
from remote.replies import open_replies
from remote.settings_protocol import Channels, SetReplies
from tests.agent.running import Place
from tests.remote.answering import answered, make_place, notes
from tests.remote.ntfy_double import NtfyDouble, Published, run_ntfy_double
from tests.waiting import until


@pytest.fixture
def ntfy() -> Generator[NtfyDouble]:
    with run_ntfy_double() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    with make_place(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))


def allow_answers(ntfy: NtfyDouble, *, details: bool = True) -> None:
    ntfy.tokens = {"tk_read"}
    channel = add_channel(ntfy.url("runs", "?token=tk_read&auth=token"), proven=True)
    set_replies(channel.id, Replies(token="tk_write", at=1.0), open_replies)
    set_rules({"details": details, "burst": 1000})


async def message(ntfy: NtfyDouble, words: str, after: int = 0) -> Published:
    def find() -> Published | None:
        return next((each for each in ntfy.published[after:] if words in each.title), None)

    found = await until(find)
    assert found is not None
    return found


async def test_leave_is_given_once_for_a_request_shown_in_full(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.prompt("[[script: twice]]")
        told = await message(ntfy, "needs you")
        assert "execute: echo one > one.txt" in told.message
        button = ntfy.buttons(told)["Allow once"]
        assert list(ntfy.buttons(told)) == ["Allow once", "Deny", "Stop"]
        assert not (place.tree / "one.txt").exists()
        ntfy.press(told, "Allow once")
        second = await message(ntfy, "needs you", after=ntfy.published.index(told) + 1)
        assert "execute: echo two > two.txt" in second.message and (place.tree / "one.txt").exists()
        ntfy.press(told, "Allow once")
        await until(lambda: any("not open" in note for note in notes(place)))
    assert not (place.tree / "two.txt").exists()
    said = next(note for note in notes(place) if "Answered by phone, over ntfy://127.0.0.1" in note)
    assert said.endswith(": allow.")
    journal = place.session.journal.read_text()
    assert button["headers.Authorization"] == "Bearer tk_write"
    assert button["body"].split()[2] not in journal and "tk_read" not in journal and "tk_write" not in journal


async def test_what_is_denied_is_not_done(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.prompt("[[script: run]]")
        ntfy.press(await message(ntfy, "needs you"), "Deny")
        await run.until_phase("finished")
    assert not (place.tree / "ran.txt").exists()
    assert [e.by for e in place.events() if isinstance(e, PermissionAnswered)] == ["user"]


@pytest.mark.parametrize(("script", "details"), [("push", True), ("run", False)])
async def test_leave_cannot_be_given_for_what_is_dangerous_or_not_shown(
    place: Place, ntfy: NtfyDouble, script: str, details: bool
) -> None:
    allow_answers(ntfy, details=details)
    async with answered(place) as run:
        await run.viewer.prompt(f"[[script: {script}]]")
        told = await message(ntfy, "needs you")
        assert list(ntfy.buttons(told)) == ["Deny", "Stop"]
        allow = ntfy.buttons(told)["Deny"]["body"].replace("deny", "allow")
        ntfy.reply(ntfy.buttons(told)["Deny"]["url"], allow)
        await until(lambda: any("does not take" in note for note in notes(place)))
        assert run.state.phase != "finished"


async def test_nothing_is_answered_unless_the_user_says_so(place: Place, ntfy: NtfyDouble) -> None:
    add_channel(ntfy.url("runs"), proven=True)
    set_rules({"details": True})
    async with answered(place) as run:
        await run.viewer.prompt("[[script: run]]")
        told = await message(ntfy, "needs you")
        assert told.actions == "" and not ntfy.polled
        assert not (place.session.path / "answers.json").exists()


async def test_a_budget_is_granted_again(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.set_budget(Budget(max_turns=1))
        await run.viewer.prompt("[[script: run]]")
        await run.until_phase("finished")
        await run.viewer.prompt("[[script: run]]")
        told = await message(ntfy, "paused")
        assert list(ntfy.buttons(told)) == ["Extend budget", "Stop"]
        ntfy.press(told, "Extend budget")
        await run.until(lambda state: state.turns == 2 and state.phase == "finished")


async def test_a_run_is_paused_and_stopped(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.set_budget(Budget(max_turns=2))
        await run.viewer.prompt("[[script: wait]]")
        told = await message(ntfy, "used much of its budget")
        assert list(ntfy.buttons(told)) == ["Pause", "Stop"]
        await until((place.tree / "begun").exists)
        ntfy.press(told, "Pause")
        state = await run.until_phase("paused")
        assert state.detail == "Its user paused it." and state.interrupted_turn
        ntfy.press(await message(ntfy, "paused"), "Stop")
        await run.until_ended()
    assert [e.phase for e in place.events() if isinstance(e, PhaseChanged)][-1] == "stopped"


async def test_many_bad_answers_lock_it_and_the_user_hears_of_it(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.prompt("[[script: run]]")
        told = await message(ntfy, "needs you")
        button = ntfy.buttons(told)["Allow once"]
        for number in range(MOST_BAD):
            ntfy.reply(button["url"], f"allow aaaaaaaa {'a' * 18}{number % 6 + 2}{number % 5 + 2}")
        await message(ntfy, "takes no more answers")
        ntfy.press(told, "Allow once")
        assert run.state.phase != "finished" and not (place.tree / "ran.txt").exists()
        assert sum("token" in n or "not open" in n for n in notes(place)) == MOST_BAD
        assert any("locked" in note for note in notes(place))


async def test_what_was_asked_before_the_runner_ended_is_void(place: Place, ntfy: NtfyDouble) -> None:
    allow_answers(ntfy)
    async with answered(place) as run:
        await run.viewer.prompt("[[script: run]]")
        told = await message(ntfy, "needs you")
    kept = place.session.path / "answers.json"
    async with answered(place):
        ntfy.press(told, "Allow once")
        await until(lambda: not read_model(kept, Ledger).book.asked)
    assert not (place.tree / "ran.txt").exists()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    "url", ["ntfy://runs", "ntfys://ntfy.sh/runs", "ntfy://127.0.0.1:80/a/b", "json://127.0.0.1:80/hook"]
)
def test_channels_that_strangers_can_answer_over_are_refused(url: str) -> None:
    channel = add_channel(url, proven=True)
    with pytest.raises(SettingsError):
        set_replies(channel.id, Replies(at=1.0), open_replies)
    assert read_targets()[0].replies is None


@pytest.mark.usefixtures("settings")
def test_an_unproven_channel_takes_no_answers(ntfy: NtfyDouble) -> None:
    channel = add_channel(ntfy.url("runs"))
    with pytest.raises(SettingsError, match="not believed"):
        set_replies(channel.id, Replies(at=1.0), open_replies)


@pytest.mark.usefixtures("settings")
async def test_a_host_is_told_whether_answers_come(ntfy: NtfyDouble) -> None:
    channel = add_channel(ntfy.url("runs"), proven=True)
    on = await host_settings.set_answers(SetReplies(channel=channel.id, token="tk_write"))
    assert isinstance(on, Channels) and on.channels[0].answers and "tk_write" not in on.model_dump_json()
    target = read_targets()[0]
    assert target.replies is not None and target.replies.token == "tk_write" and "tk_write" not in repr(target)
    off = await host_settings.set_answers(SetReplies(channel=channel.id, on=False))
    assert isinstance(off, Channels) and not off.channels[0].answers and read_targets()[0].replies is None
