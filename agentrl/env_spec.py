"""What Gymnasium knows of an environment of ours."""

from __future__ import annotations

import copy
from typing import Any

from gymnasium.envs.registration import EnvSpec

from agentrl.errors import ConfigError

_VECTOR = "agentrl.envs.serving.vector:make_vec"


class ContractSpec(EnvSpec):
    """A registered id, of which `gym.make_vec` makes one vector for a whole server when it is given a `url`
    or a `backend`.

    Gymnasium takes a vector's entry point from the spec, before it looks at the arguments, and refuses one beside
    wrappers, which `gym.make` needs. But `make_vec` works on a deep copy of the spec: it takes the `kwargs` out of
    that copy and merges the caller's into them. So the copy knows them, and answers accordingly.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> ContractSpec:
        twin = copy.copy(self)
        twin.kwargs = twin.__dict__["merged"] = copy.deepcopy(self.kwargs, memo)
        return twin

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in ("entry_point", "additional_wrappers", "vector_entry_point"):
            return value
        merged = self.__dict__.get("merged", {})
        elsewhere = merged.get("url") or merged.get("backend")
        if not elsewhere or merged is self.kwargs:  # played here, or make_vec has not taken them out
            return value
        if name == "entry_point":
            raise ConfigError(
                "leave vectorization_mode out: with url= or backend= all sessions are stepped in one request"
            )
        return () if name == "additional_wrappers" else _VECTOR
