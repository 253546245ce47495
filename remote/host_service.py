"""``castoff-runner host``: answers one connection's requests on standard input and output, one after the other."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from agent.errors import AgentError
from agent.events import Frozen
from remote import host_protocol as protocol
from remote import settings_protocol
from remote.errors import RemoteError
from remote.host_give import keeps_still
from snapshot.errors import SnapshotError

_LINE_LIMIT = 64 << 20
_SILENCE_SECONDS = 15.0
"""Who asks gives a sign of life every 3 s (`remote.host_client`)."""


async def serve_requests() -> None:
    """Answer until standard input ends, or nobody is heard for a while for whom a run is kept still."""
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # Whatever is printed by accident must not end up between the replies.
    out, sys.stdout = sys.stdout, sys.stderr
    while line := await next_line(reader):
        if not line.strip():
            continue
        reply = await answer(line)
        out.write(reply.model_dump_json() + "\n")
        out.flush()


async def next_line(reader: asyncio.StreamReader) -> bytes:
    """The next request, or a sign of life; ``b""`` at the end."""
    try:
        async with asyncio.timeout(_SILENCE_SECONDS if keeps_still() else None):
            return await reader.readline()
    except TimeoutError:
        return b""


async def answer(line: bytes) -> protocol.Reply:
    """The reply to one request; an error of ours becomes a reply that says so."""
    try:
        request = protocol.REQUEST.validate_json(line)
    except ValidationError as error:
        return protocol.Reply(
            ok=False,
            code="protocol",
            sentence=f"The host's castoff does not understand the request: {error.errors()[0]['msg']}.",
            way_out="castoff host setup installs the same version there.",
        )
    try:
        body = await _HANDLERS[type(request)](request)
    except (AgentError, RemoteError, SnapshotError) as error:
        return protocol.Reply(ok=False, code=error.code, sentence=str(error), way_out=error.way_out)
    except OSError as error:
        return protocol.Reply(ok=False, code="host-io", sentence=f"On the host: {error.strerror}: {error.filename}.")
    except ValidationError as error:
        sentence = f"On the host, something could not be understood: {error.title}: {error.errors()[0]['msg']}."
        return protocol.Reply(ok=False, code="host-data", sentence=sentence)
    return protocol.Reply(ok=True, body=body.model_dump(mode="json"))


def _handlers() -> dict[type[Frozen], Callable[[Any], Awaitable[Frozen]]]:
    from remote import (
        host_accept,
        host_beside,
        host_give,
        host_inspect,
        host_look,
        host_settings,
        host_survey,
        waste_there,
    )

    return {
        protocol.Look: host_look.look,
        protocol.Survey: host_survey.survey,
        protocol.Peek: host_survey.peek,
        protocol.Inspect: host_inspect.inspect,
        protocol.ListRuns: host_look.list_rows,
        protocol.AskDiff: host_look.ask_diff,
        protocol.Prepare: host_accept.prepare,
        protocol.PrepareBeside: host_beside.prepare_beside,
        protocol.Patch: host_accept.patch,
        protocol.Verify: host_accept.verify_parcel,
        protocol.Accept: host_accept.accept,
        protocol.Withdraw: host_accept.withdraw,
        protocol.Pack: host_give.pack,
        protocol.Give: host_give.give,
        protocol.Confirm: host_give.confirm_away,
        protocol.Regain: host_give.regain,
        settings_protocol.SetVariable: host_settings.set_variable,
        settings_protocol.ListVariables: host_settings.list_variables,
        settings_protocol.ListAgents: host_settings.list_agents,
        settings_protocol.ForgetMirrors: host_settings.forget_copies,
        settings_protocol.Sweep: waste_there.sweep,
        settings_protocol.AddChannel: host_settings.add,
        settings_protocol.RemoveChannel: host_settings.remove,
        settings_protocol.ListChannels: host_settings.list_all,
        settings_protocol.TestChannels: host_settings.test,
        settings_protocol.SendCode: host_settings.code,
        settings_protocol.ProveChannel: host_settings.prove,
        settings_protocol.SetReplies: host_settings.set_answers,
        settings_protocol.SetRules: host_settings.set_notify_rules,
        settings_protocol.SetDaily: host_settings.set_daily_limit,
    }


_HANDLERS = _handlers()
