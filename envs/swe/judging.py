"""Tests and grades for environments: asked from any thread, answered in the workshop, known answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from agentrl.envs.swe import patches, store
from agentrl.envs.swe.grading import Grade, Grader
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.testbed import Testbed
from agentrl.envs.swe.testing import TestRun
from agentrl.envs.swe.view import View
from agentrl.envs.swe.workshop import Workshop, workshop
from agentrl.envs.swe.workspace import Start

_graders: WeakKeyDictionary[Workshop, dict[tuple[str, str, tuple[str, ...]], Grader]] = WeakKeyDictionary()


@lru_cache(maxsize=256)
def start_of(instance: Instance) -> Start:
    """What an instance starts from.

    Raises:
        ConfigError: its repository is not on this machine.
        CorruptFileError: its bug does not apply to the repository.
    """
    repository = store.find(instance)
    return Start(repository, patches.apply(repository.files, instance.bug_patch), instance.image_name)


def solved(instance: Instance) -> dict[str, bytes]:
    """The files with the fix."""
    return patches.apply(start_of(instance).files, instance.patch)


@lru_cache(maxsize=1024)
def view_of(instance: Instance) -> View:
    """What the surface `lines` shows of it."""
    return View.of(instance, start_of(instance))


def is_sayable(instance: Instance) -> bool:
    """Whether the surface `lines` shows the lines that the fix changes, and its language can say the fix."""
    return not instance.test_patch and view_of(instance).changes(start_of(instance).files, solved(instance)) is not None


def grade(kind: str, instance: Instance, diff: str) -> Grade:
    """Grade what was submitted.

    Args:
        kind: of sandbox, see `workshop.PROVIDERS`.

    Raises:
        SandboxError: the sandboxes fail.
        ConfigError: the instance's own fix does not pass here.
    """
    return workshop().call(_grader(kind, instance).grade(instance, start_of(instance).repository, diff))


def attempt(kind: str, instance: Instance, files: Mapping[str, bytes]) -> TestRun:
    """Run the tests of an instance that an agent may see, on these files.

    Raises:
        SandboxError: the sandboxes fail.
    """
    return workshop().call(_grader(kind, instance).attempt(instance, start_of(instance).repository, files))


def _grader(kind: str, instance: Instance) -> Grader:
    shop = workshop()
    graders = _graders.setdefault(shop, {})
    needs = kind, instance.image_name, start_of(instance).repository.requirements
    if needs not in graders:
        graders[needs] = Grader(Testbed(lambda: shop.acquire(*needs)))
    return graders[needs]
