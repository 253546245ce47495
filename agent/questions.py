"""What became of a permission question, for whoever watched it be settled or answers it too late."""

from agent.blocks import PermissionBlock
from agent.state import SessionState


def find_question(state: SessionState, request_id: str) -> PermissionBlock | None:
    """The newest question of that id, open or settled."""
    asked = (b for b in reversed(state.blocks) if isinstance(b, PermissionBlock) and b.request_id == request_id)
    return next(asked, None)


def answered_elsewhere(state: SessionState, request_id: str) -> str | None:
    """A sentence when a human has answered the question, or ``None``; for whoever did not do it."""
    question = find_question(state, request_id)
    return f"Answered elsewhere: {_chosen(question)}." if question is not None and question.by == "user" else None


def why_closed(state: SessionState, request_id: str) -> str:
    """A sentence for an answer that comes to a question that is not open."""
    question = find_question(state, request_id)
    if question is None:
        return "No such question was asked."
    match question.by:
        case "user":
            return f"That question was answered elsewhere already: {_chosen(question)}."
        case "policy":
            return f"The policy has answered that question: {_chosen(question)}."
        case "cancel":
            return "That question is no longer open: the turn ended before it was answered."
        case None:
            return "That question is being answered elsewhere."


def _chosen(question: PermissionBlock) -> str:
    names = (option.name for option in question.options if option.option_id == question.option_id)
    return next(names, question.option_id or "")
