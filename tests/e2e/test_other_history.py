"""A host that takes a session must go on from the very history that left."""

from agent.events import Noted
from agent.journal import Journal
from agent.lease import read_lease
from remote.handoff import hand_off
from remote.steps import StillHere
from remote.terms import Terms
from tests.e2e.journey import fill_project
from tests.e2e.scene import Scene
from tests.e2e.test_single import finish, go_to


async def test_a_host_that_goes_on_from_another_history_is_not_believed(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    moving = hand_off(session, scene.links.host("vm"), Terms(), scene.links)
    await go_to("offered", moving)
    Journal(session.journal, 1).append(Noted(text="the host never heard of this"))
    told = await finish(moving)
    assert isinstance(told, StillHere) and told.code == "unsettled" and "another history" in told.reason, told
    assert read_lease(session).state == "offered"
