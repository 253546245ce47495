"""What every record is made of."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every record: immutable, and tolerant of fields that a newer version added."""

    model_config = ConfigDict(frozen=True, extra="ignore")
