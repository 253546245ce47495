"""An ACP prompt as the text that the model gets."""

from collections.abc import Sequence

from acp.schema import (
    AudioContentBlock,
    EmbeddedResourceContentBlock,
    ImageContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
)

from agent.builtin.errors import SessionError

Block = TextContentBlock | ImageContentBlock | AudioContentBlock | ResourceContentBlock | EmbeddedResourceContentBlock


def prompt_text(blocks: Sequence[Block]) -> str:
    """Return the blocks of a prompt as one text. Raises `SessionError` for what cannot be text, or if it is empty."""
    text = "\n\n".join(_block_text(block) for block in blocks)
    if not text.strip():
        raise SessionError("The prompt is empty.", "Say what to do.", code="prompt-empty")
    return text


def _block_text(block: Block) -> str:
    match block:
        case TextContentBlock():
            return block.text
        case ResourceContentBlock():
            return f"[{block.name}]({block.uri})"
        case EmbeddedResourceContentBlock(resource=TextResourceContents() as resource):
            return f"{resource.uri}:\n{resource.text}"
        case _:
            sentence = f"This agent takes text and links in a prompt, not {block.type}."
            raise SessionError(sentence, "Put it into a file of the project.", code="prompt-kind")
