"""Image sets in every layout that people have: read, written, converted, checked; drawn faces.

    open_image_set     folder → ImageSet: `imgs.txt`, `train.rec`, a folder per person
    ImageSet           face crops of one size with their labels
    people_in          folder with a folder per person → who has which pictures
    convert            a set anew in another layout → Conversion
    check              what can't be read, what is there twice, images per person → SetCheck
    draw_face          seed, person, photo → Drawn: a picture of a made-up person, with its landmarks

Importing this package imports nothing else. It needs neither Jittor nor onnx nor onnxruntime.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from .conversion import Conversion as Conversion
    from .conversion import convert as convert
    from .folders import people_in as people_in
    from .image_sets import ImageSet as ImageSet
    from .image_sets import open_image_set as open_image_set
    from .set_check import SetCheck as SetCheck
    from .set_check import check as check
    from .synthetic.faces import Drawn as Drawn
    from .synthetic.faces import draw_face as draw_face

# public name: the module that holds it
_HOMES = {
    "open_image_set": "image_sets",
    "ImageSet": "image_sets",
    "people_in": "folders",
    "convert": "conversion",
    "Conversion": "conversion",
    "check": "set_check",
    "SetCheck": "set_check",
    "draw_face": "synthetic.faces",
    "Drawn": "synthetic.faces",
}

__all__ = [
    "open_image_set",
    "ImageSet",
    "people_in",
    "convert",
    "Conversion",
    "check",
    "SetCheck",
    "draw_face",
    "Drawn",
]

__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
