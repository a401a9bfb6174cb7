"""How large a file may be and how long it may take. Holds values only."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from syncd.mapping.scalars import Duration


class TransferLimits(BaseModel):
    """Limits of one file, fetched or sent. Sizes in bytes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    max_bytes: int = Field(default=1 << 30, ge=1, description="Largest file")
    max_unpacked: int = Field(default=4 << 30, ge=1, description="Largest sum of the files in a zip, unpacked")
    max_files: int = Field(default=10_000, ge=1, description="Most files in a zip")
    deadline: Duration = Field(
        default=timedelta(minutes=30), gt=timedelta(0), description="Longest time of one file with its retries"
    )
