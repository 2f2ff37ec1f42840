"""Which papers to cite for a method; needs no torch."""

from __future__ import annotations

_ACTIS = (
    "Rumberger JL, Franzen J, Hirsch P, Albrecht J-P, Kainmueller D. ACTIS: Improving "
    "data efficiency by leveraging semi-supervised Augmentation Consistency Training "
    "for Instance Segmentation. IEEE/CVF International Conference on Computer Vision "
    "Workshops, 2023."
)
CITATIONS: dict[str, tuple[str, ...]] = {
    "actis": (_ACTIS,),
    "co-training": (
        "Kumari S, Singh P. Leveraging Fixed and Dynamic Pseudo-labels for "
        "Semi-supervised Medical Image Segmentation. arXiv:2405.07256, 2024.",
    ),
    "consistency": (
        "Bortsova G, Dubost F, Hogeweg L, Katramados I, de Bruijne M. Semi-supervised "
        "Medical Image Segmentation via Learning Consistency under Transformations. "
        "Medical Image Computing and Computer Assisted Intervention (MICCAI), 810-818, "
        "2019.",
        "Malfliet J, Bakker R. Semi-Supervised Medical Image Segmentation via Learning "
        "Consistency under Transformations. Delft University of Technology, 2021. "
        "(The reproduction whose text is followed here.)",
    ),
    "curriculum": (
        "Kervadec H, Dolz J, Granger É, Ben Ayed I. Curriculum semi-supervised "
        "segmentation. Medical Image Computing and Computer Assisted Intervention "
        "(MICCAI), 2019.",
    ),
    "fixmatch-st": (
        "Luu Q-V, Le K-D, Nguyen T-H, Nguyen T-M, Nguyen T-T, Dinh Q-V. "
        "Semi-supervised Semantic Segmentation using Redesigned Self-Training for "
        "White Blood Cell. arXiv:2401.07278, 2024.",
        "Yang L, Zhuo W, Qi L, Shi Y, Gao Y. ST++: Make Self-training Work Better for "
        "Semi-supervised Semantic Segmentation. IEEE/CVF Conference on Computer Vision "
        "and Pattern Recognition, 4268-4277, 2022.",
        "Sohn K, Berthelot D, Carlini N, Zhang Z, Zhang H, Raffel CA, Cubuk ED, "
        "Kurakin A, Li C-L. FixMatch: Simplifying Semi-Supervised Learning with "
        "Consistency and Confidence. Advances in Neural Information Processing Systems "
        "33, 596-608, 2020.",
    ),
    "supervised": (f"{_ACTIS} (Its supervised baseline.)",),
}
"""The papers of each method, by its name."""


def how_to_cite(method: str, version: str) -> tuple[str, ...]:
    """The papers of a method, and this software, as they are cited.

    Parameters
    ----------
    method
        A name of `learning.methods.METHODS`; of an unknown one the software alone.
    version
        Of napari-semiseg, as it was used.
    """
    software = (
        "The napari-semiseg developers. napari-semiseg: semi-supervised segmentation "
        f"of microscopy images from a few labelled tiles. Version {version or '?'}."
    )
    return (*CITATIONS.get(method, ()), software)
