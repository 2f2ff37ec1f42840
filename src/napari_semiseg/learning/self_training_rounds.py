"""The two rounds of ST++: what is reliable first, then all images.

Source: ST++ (Yang et al. 2022), as Luu et al. use it. In the first round the student
learns the reliable images alone, see `reliability`; in the second another one learns
all: the reliable ones' pseudo-labels stay those of the first teacher, the others' come
from the first student.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from napari_semiseg.learning.reliability import CHECKPOINTS, assess, ranked
from napari_semiseg.learning.self_training import TEACHER, SelfTrainingStage

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
    from napari_semiseg.learning.report import ImageReliability

# What the first round hands on beside its teacher.
_RELIABLE = "reliable"
# The teacher of the images that were not reliable.
_STUDENT = "student"


class ReliableStage(SelfTrainingStage):
    """The first round of ST++: ranks the images, and learns the reliable ones."""

    def __init__(
        self,
        equipment: Equipment,
        settings: FixMatchStSettings,
        n_steps: int,
        name: str,
    ) -> None:
        super().__init__(equipment, settings, n_steps, name)
        self.reliability: tuple[ImageReliability, ...] = ()

    def prepare(self) -> Iterator[str]:
        """Rank, then label; the second round will need to know of both."""
        found = yield from self._ranked()
        reliable = sorted(number for number, one in found if one.round == 1)
        self.use(reliable)
        yield from super().prepare()
        self.reliability = tuple(one for _, one in found)
        handed_on = self.equipment.handed_on
        handed_on[_RELIABLE] = reliable
        handed_on[TEACHER] = self.teachers[TEACHER].state_dict()
        handed_on.pop(CHECKPOINTS, None)

    def _ranked(
        self,
    ) -> Generator[str, None, list[tuple[int, ImageReliability]]]:
        settings, tools = self.settings.reliability, self.equipment
        kept = tools.handed_on.get(CHECKPOINTS, [])
        networks = [_loaded(self.teachers[TEACHER], state) for state in kept]
        assessed = []
        for number, image in enumerate(self.images, start=1):
            yield f"Comparing unlabelled images: {number} of {len(self.images)}."
            assessed.append(
                assess(
                    networks,
                    image.source,
                    tools.device,
                    tools.n_classes,
                    background=settings.background,
                )
            )
        ids = [image.image_id for image in self.images]
        return ranked(ids, assessed, settings.reliable_fraction)


class AllImagesStage(SelfTrainingStage):
    """The second round of ST++: the first student labels what was not reliable."""

    def __init__(
        self,
        equipment: Equipment,
        settings: FixMatchStSettings,
        n_steps: int,
        name: str,
    ) -> None:
        super().__init__(equipment, settings, n_steps, name)
        handed_on = equipment.handed_on
        if TEACHER not in handed_on:  # No round before: only the time is measured.
            return
        student = self.teachers[TEACHER]
        first = _loaded(student, handed_on[TEACHER])
        self.teachers = {TEACHER: first, _STUDENT: student}
        reliable = set(handed_on[_RELIABLE])
        self.taught_by = [
            TEACHER if number in reliable else _STUDENT
            for number in range(len(self.images))
        ]


def _loaded(like: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    network = copy.deepcopy(like)
    network.load_state_dict(state)
    return network
