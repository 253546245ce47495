"""A setup command that fails is news; one that went well, or was stopped by somebody, is none."""

from agent.blocks import SetupBlock
from agent.events import PhaseChanged, SetupEnded
from remote.outbox import Outbox
from tui.drawing.blocks import Look, draw_block


def test_only_a_failure_is_news_and_it_hides_no_later_one() -> None:
    outbox = Outbox()
    told: list[str | None] = []
    for seq, event in enumerate(
        (
            SetupEnded(status=0),
            SetupEnded(status=None, stopped=True),
            SetupEnded(status=2),
            SetupEnded(status=None, detail="It was ended after 60 minutes."),
            PhaseChanged(phase="finished"),
        ),
        1,
    ):
        outbox, about = outbox.judge(event.model_copy(update={"seq": seq}))
        told.append(about)
    assert told == [None, None, "setup-failed", "setup-failed", "finished"] and outbox.seen == 5


def test_its_block_shows_the_end_of_what_it_printed() -> None:
    block = SetupBlock(seq=1, at=1.0, command="npm ci\x1b[2J", number=1, total=2, output="a\nb\nc\nd\ne\nf\n", status=1)
    lines = draw_block(block.model_copy(update={"ended_at": 4.0}), Look(80))
    text = "\n".join("".join(span.text for span in line.spans) for line in lines)
    assert "npm ci␛" in text and "setup 1 of 2 failed 3" in text and "1 line before" in text and "\x1b" not in text
    assert "running" in "".join(span.text for span in draw_block(block, Look(80, now=3.0))[0].spans)
