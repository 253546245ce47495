"""A channel is believed when a human typed back a code that came over it: services say "sent" of what nobody gets.

Pure. Four digits are enough, because few tries are given: three, within a quarter of an hour.
"""

import hmac
import secrets

from agent.events import Frozen

_TRIES = 3
_SECONDS = 900.0


class Proof(Frozen):
    """A code under way, until the Unix time ``expires`` of the machine that sent it."""

    code: str
    expires: float
    tries: int = _TRIES


def begin_proof(now: float) -> Proof:
    """A new code."""
    return Proof(code=f"{secrets.randbelow(10_000):04}", expires=now + _SECONDS)


def weigh(proof: Proof | None, typed: str, now: float) -> tuple[Proof | None, str]:
    """What is left of the proof after a code was typed, and a sentence on why it is refused, or ""."""
    if proof is None:
        return None, "no code is under way."
    if now > proof.expires:
        return None, "the code is too old."
    if hmac.compare_digest(proof.code.encode(), typed.strip().encode()):
        return None, ""
    left = proof.model_copy(update={"tries": proof.tries - 1})
    return (left, "that is not the code.") if left.tries else (None, "that is not the code, the third time.")
