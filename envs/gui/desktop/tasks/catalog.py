"""All templates, and the ids of their instances: `train/rename_file/17`."""

from __future__ import annotations

from collections.abc import Sequence

from agentrl.envs.gui.desktop.tasks import (
    calculating,
    editor,
    folders,
    infeasible,
    pictures,
    settings,
    sheet,
    terminal,
    web,
)
from agentrl.envs.gui.desktop.tasks.base import Task
from agentrl.envs.gui.desktop.tasks.words import SIZES, Dice
from agentrl.envs.lazy_ids import LazyIds
from agentrl.errors import UnknownNameError

TEMPLATES: dict[str, type[Task]] = {
    kind.template: kind
    for kind in (
        editor.AppendLine,
        folders.RenameFile,
        sheet.SumColumn,
        calculating.Calculate,
        terminal.CountLines,
        web.FillForm,
        settings.SetEditor,
        infeasible.MissingFile,
        editor.ReplaceWord,
        folders.MoveFiles,
        sheet.CorrectCell,
        terminal.MakeExecutable,
        web.LookUp,
        pictures.FindPicture,
        infeasible.MissingProgram,
        editor.DeleteLine,
        folders.FindFile,
        sheet.SortRows,
        terminal.PackFolder,
        editor.WriteFile,
        folders.DeleteFile,
        sheet.CopyIntoSheet,
        editor.SaveCopy,
        folders.MakeFolder,
    )
}
"""By name, in the order in which their instances take turns."""


def task_ids(split: str, templates: Sequence[str] = tuple(TEMPLATES)) -> LazyIds:
    """The first instance of every template, the second, and so on.

    Raises:
        UnknownNameError: there is no such split.
    """
    if split not in SIZES:
        raise UnknownNameError("split", split, SIZES)
    count = len(templates)
    return LazyIds(range(SIZES[split] * count), lambda i: f"{split}/{templates[i % count]}/{i // count}")


def make_task(task_id: str) -> Task:
    """The task with an id.

    Raises:
        UnknownNameError: there is none.
    """
    split, _, rest = task_id.partition("/")
    name, _, number = rest.partition("/")
    known = split in SIZES and name in TEMPLATES and number.isascii() and number.isdecimal() and len(number) < 9
    if not known or str(int(number)) != number or int(number) >= SIZES[split]:
        raise UnknownNameError("task", task_id, [f"{split if split in SIZES else 'train'}/{t}/0" for t in TEMPLATES])
    task = TEMPLATES[name](task_id)
    task.draw(Dice(task_id, split))
    return task
