"""Photo → upright RGB image → faces with five landmarks → aligned crop; folders of photos → training sets.

    load_image         file, bytes, Pillow image or array → uint8 (H, W, 3) RGB, upright
    load_detector      "mtcnn", "yunet" or a YuNet file → Detector
    Detector, Face     what finds faces, and what it gives
    find_faces         image, detector → the faces that the photo is of
    align_face         image, landmarks → crop
    measure_quality    crop, landmarks → Quality: sharpness, brightness, size, yaw, roll
    align_folder       a folder of photos per person → AlignedFolder: a training set of crops
    LeftOut            a photo that gave no crop, and why
    draw_people        a set of made-up people → DrawnPeople: pictures, and a training set of crops
    TEMPLATE           where the five landmarks lie in the crop
    CROP_SIZE          side of the crop, in pixels

Importing this package imports nothing else; only the detectors need onnxruntime.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from .crop import CROP_SIZE as CROP_SIZE
    from .crop import TEMPLATE as TEMPLATE
    from .crop import align_face as align_face
    from .detectors.detector import Detector as Detector
    from .detectors.detector import load_detector as load_detector
    from .detectors.face import Face as Face
    from .detectors.find import find_faces as find_faces
    from .drawn_people import DrawnPeople as DrawnPeople
    from .drawn_people import draw_people as draw_people
    from .folder_alignment import AlignedFolder as AlignedFolder
    from .folder_alignment import align_folder as align_folder
    from .image_file import load_image as load_image
    from .photo_shards import LeftOut as LeftOut
    from .quality import Quality as Quality
    from .quality import measure_quality as measure_quality

# public name: the module that holds it
_HOMES = {
    "load_image": "image_file",
    "load_detector": "detectors.detector",
    "Detector": "detectors.detector",
    "Face": "detectors.face",
    "find_faces": "detectors.find",
    "align_face": "crop",
    "Quality": "quality",
    "measure_quality": "quality",
    "align_folder": "folder_alignment",
    "AlignedFolder": "folder_alignment",
    "LeftOut": "photo_shards",
    "draw_people": "drawn_people",
    "DrawnPeople": "drawn_people",
    "TEMPLATE": "crop",
    "CROP_SIZE": "crop",
}

__all__ = [
    "load_image",
    "load_detector",
    "Detector",
    "Face",
    "find_faces",
    "align_face",
    "measure_quality",
    "Quality",
    "align_folder",
    "AlignedFolder",
    "LeftOut",
    "draw_people",
    "DrawnPeople",
    "TEMPLATE",
    "CROP_SIZE",
]


__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
