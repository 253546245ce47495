"""What every record is made of."""

from pydantic import BaseModel, ConfigDict

LATE = ConfigDict(defer_build=True)
"""For a `pydantic.TypeAdapter` too: what checks a record is made when the first one comes, not while importing."""


class Frozen(BaseModel):
    """Base of every record: immutable, and tolerant of fields that a newer version added."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
