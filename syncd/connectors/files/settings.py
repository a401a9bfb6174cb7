"""What an administrator says about one archive. Opens nothing, and never shows a credential."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Final

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator

from syncd.connectors.files.names import Pattern, is_plain
from syncd.mapping.scalars import Secret

_FOLDER_ENDS: Final = ("file", "local")


class FilesSettings(BaseModel):
    """The settings of ``connector: files``."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    root: str = Field(description="A folder such as /srv/archive, or an object store such as s3://bucket/prefix")
    folders: dict[str, str] = Field(
        min_length=1, description="Resources: sub-folder of the root to name pattern, such as {month}/{name}"
    )
    max_size: ByteSize = Field(
        default=ByteSize(100 << 20), gt=0, description="Largest content of one record, such as 100MiB"
    )
    page_size: int = Field(default=200, ge=1, le=10_000, description="Records of one page")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the object store's fsspec package that are no secret"
    )
    secrets: dict[str, Secret] = Field(
        default_factory=dict, description="Options of it that are secret; without them its usual environment counts"
    )

    @field_validator("root", mode="after")
    @classmethod
    def _root_is_one(cls, root: str) -> str:
        if "::" in root or "\0" in root:
            raise ValueError("one place is needed: a folder such as /srv/archive, or a URL such as s3://bucket/prefix")
        scheme, found, rest = root.partition("://")
        if not found:
            if not PurePosixPath(root).is_absolute():
                raise ValueError("write the whole path of the folder, such as /srv/archive")
            return root
        if scheme in _FOLDER_ENDS:
            raise ValueError("write a folder as a path, such as /srv/archive")
        steps = rest.strip("/")
        if not steps or not is_plain(steps) or "@" in rest:
            raise ValueError("write an object store like s3://bucket/prefix, and credentials under secrets")
        return root.rstrip("/")

    @field_validator("folders", mode="after")
    @classmethod
    def _patterns_name_files(cls, folders: dict[str, str]) -> dict[str, str]:
        for folder, pattern in folders.items():
            if not is_plain(folder) or "/" in folder:
                raise ValueError(f"{folder!r} is no folder right below the root")
            Pattern(pattern)
        return folders

    @property
    def is_url(self) -> bool:
        """True where the root is an object store."""
        return "://" in self.root

    def storage_options(self) -> dict[str, Any]:
        """Everything the object store's package is told, secrets in clear."""
        return {**self.options, **{name: secret.get_secret_value() for name, secret in self.secrets.items()}}
