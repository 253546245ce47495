"""Puts a runner together: with what it observes and how it starts its agent, here or on a host."""

from pathlib import Path

from agent.daybook import spending_dir
from agent.duty import Duty
from agent.profiles import load_profile
from agent.runner import serve
from agent.sessions import open_session
from remote.disk_watch import find_shortage
from remote.furnishing import read_furnishing
from remote.gate_count import Counter
from remote.gatekeeper import Refusals, open_gate
from remote.launch import launch_here, launch_on_host
from remote.notify import Notifier
from remote.pane import print_event
from remote.phone import Phone
from remote.place import read_place
from remote.project import read_attended_rules
from remote.setup import set_up

_LINGER_SECONDS = 900.0
"""How long an idle local runner that nobody watches stays, in seconds."""


async def serve_session(path: Path, held: str = "") -> None:
    """Run the session in the directory ``path`` until it is over here; raises `agent.errors.AgentError`.

    ``held``, a sentence, says why it has to wait for its user first.
    """
    session = open_session(path)
    profile = load_profile(session.info.agent)
    place = read_place(session)
    if place is None:
        rules = read_attended_rules(Path(session.info.project))
        await serve(Duty(session, profile, lambda: launch_here(session, profile), linger=_LINGER_SECONDS, rules=rules))
        return
    refusals, counter = Refusals(), Counter()
    async with (
        Phone(session) as phone,
        Notifier(session, phone=phone) as notifier,
        open_gate(session, profile, place, refusals, counter) as gate,
    ):
        await serve(
            Duty(
                session,
                profile,
                lambda: launch_on_host(session, profile, place, read_furnishing(session).variables, gate),
                host=place.host,
                unattended=True,
                held=held,
                shortage=lambda: find_shortage(Path(place.tree)),
                spending=spending_dir(),
                prepare=lambda recorder: set_up(session, place, recorder, gate=gate),
                watchers=(refusals.watch, lambda recorder: recorder.observe(print_event), phone.watch, notifier.watch),
                deputies=(phone.serve,),
                counters=(counter.lead,),
            )
        )
