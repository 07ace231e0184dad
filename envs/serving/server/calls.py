"""What can be asked of an environment that is being served, and what comes back.

The same structures are read from the bodies of requests and sent to worker processes. The comments of fields are the
documentation in `/openapi.json`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Form = Literal["v1", "openenv"]
"""Which of the two protocols the answers are for."""

RequestId = Annotated[str, Meta(max_length=128, description="New for each call; repeating it repeats the answer.")]


class Call(msgspec.Struct, tag_field="call", forbid_unknown_fields=True, kw_only=True):
    """Base of all calls."""

    session: Annotated[str, Meta(description="The session; in the path where that names it.")] = ""


class Reset(Call, tag="reset"):
    """Begin an episode."""

    seed: Annotated[int, Meta(ge=0, description="Seed of the draw of a task, and of the environment.")] | None = None
    options: Annotated[dict[str, Any], Meta(description="`task` chooses the task.")] | None = None
    turn_limit: Annotated[int, Meta(ge=1, description="Of the client, where it counts the turns.")] | None = None
    request_id: RequestId | None = None


class Step(Call, tag="step"):
    """Carry out one action."""

    action: Annotated[Any, Meta(description="Text, or a value of the action space.")]
    request_id: RequestId | None = None


class Snapshot(Call, tag="snapshot"):
    """Keep the point reached."""


class Restore(Call, tag="restore"):
    """Go back to a snapshot, which stays usable."""

    snapshot: str


class DropSnapshot(Call, tag="drop_snapshot"):
    """Forget a snapshot."""

    snapshot: str


class Fork(Call, tag="fork"):
    """A second environment at the point reached, or at a snapshot."""

    twin: str
    """The new session."""
    snapshot: str | None = None


class Tasks(Call, tag="tasks"):
    """Tasks of a split, from `start` to before `stop`."""

    split: str | None = None
    start: Annotated[int, Meta(ge=0)] = 0
    stop: Annotated[int, Meta(ge=0)] = 100
    kinds: bool = True


class Kind(Call, tag="kind"):
    """The category of a task."""

    task_id: str


class Reference(Call, tag="reference"):
    """What is known of a task's answer: for trainers, never for the policy."""

    task_id: str


class Oracle(Call, tag="oracle"):
    """Actions that solve the rest."""


class Demonstrator(Call, tag="demonstrator"):
    """An expert for the episode that `reset` began."""

    seed: int = 0
    mistakes: Annotated[float, Meta(ge=0, le=1)] = 0.0


class Demonstrate(Call, tag="demonstrate"):
    """What the expert does next."""

    observation: str


class State(Call, tag="state"):
    """OpenEnv's state of the episode."""


class Open(Call, tag="open"):
    """Make an environment."""

    env_id: str
    kwargs: dict[str, Any]
    max_episode_steps: int | None
    form: Form


class Close(Call, tag="close"):
    """Close it."""


AnyCall = (
    Reset
    | Step
    | Snapshot
    | Restore
    | DropSnapshot
    | Fork
    | Tasks
    | Kind
    | Reference
    | Oracle
    | Demonstrator
    | Demonstrate
    | State
    | Open
    | Close
)


class Reply(msgspec.Struct, gc=False):
    """The answer to a call."""

    status: int
    body: bytes
    """JSON; empty with 204."""
    outcome: str = ""
    """Outcome status of a step."""
    seconds: float = 0.0
    """That a step took."""
    task_id: str = ""
    """The task being played, after a call that plays."""
    steps: int = 0
    """Steps of the episode so far, likewise."""
    code: str = ""
    """Of an error."""
    retry_after_s: int | None = None

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def fatal(self) -> bool:
        """Whether the environment's state is unknown now."""
        return self.status in (500, 502)
