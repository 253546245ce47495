"""The questions of a pull: executable configuration file by file, a mass deletion, clashes."""

from remote.findings import Problem
from remote.steps import HandoffStep, Planned, PullStep
from remote.terms import Agreed, Decision
from tui.cli.driving import Decider, confirm
from tui.drawing.words import count


class PullDecider(Decider):
    """A `Decider` that also answers `Planned`. Where nobody is asked, what would be asked about stays as it is here;
    a mass deletion stops the pull."""

    async def decide(self, step: HandoffStep | PullStep) -> Decision:
        """Whether the pull goes on after ``step``, and with what."""
        if not isinstance(step, Planned):
            return await super().decide(step)
        if self.settled is not None:
            return self._decide_unasked(step)
        accept: list[str] = []
        for each in step.executable:
            if await confirm(f"Take {each.path} ({each.why})?"):
                accept.append(each.path)
        deletions = False
        if step.mass_deletion is not None:
            lost, had = step.mass_deletion
            deletions = await confirm(f"Delete {lost} of {count(had, 'file')} here too? No keeps them.")
        if step.clashes and not await confirm(f"{count(len(step.clashes), 'clash', 'clashes')}: bring it home?"):
            return "cancel"
        return Agreed(accept=tuple(accept), deletions=deletions)

    def _decide_unasked(self, step: Planned) -> Decision:
        if step.mass_deletion is None:
            return Agreed()
        lost, had = step.mass_deletion
        self.blocking = Problem(
            code="mass-deletion",
            sentence=f"The run deleted {lost} of {count(had, 'file')}; nothing was changed, the run goes on there.",
            way_out="If that is meant: --allow-mass-deletion.",
        )
        return "cancel"
