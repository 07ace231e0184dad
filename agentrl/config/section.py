"""What every table of the configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from agentrl.errors import UnknownNameError


class Section(BaseModel):
    """A table of the configuration: immutable, and strict about its keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        """Name the nearest to an unknown key; let a table that is given in part keep the rest of this key's default."""
        if not isinstance(data, Mapping):
            return data
        merged = dict(data)
        fields = {info.alias or name: info for name, info in cls.model_fields.items()}
        for key, value in data.items():
            if key not in fields:
                raise UnknownNameError("configuration key", str(key), fields)
            default = fields[key].default
            if isinstance(default, Section) and isinstance(value, Mapping):
                merged[key] = default.model_dump(exclude_unset=True) | dict(value)
        return merged
