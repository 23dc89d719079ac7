"""Published face networks that say nothing of their input themselves, known by the sha256 of their bytes."""

from dataclasses import dataclass

from .metadata import ModelMetadata, Preprocess


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is known of a published file: its network, its input (see `ModelMetadata`), and the cosine that its
    publisher takes for the same person, for which no false match rate is stated; None: the publisher names none."""

    network: str
    preprocess: Preprocess
    threshold: float | None = None


_SFACE = KnownFile("OpenCV SFace 2021dec", "raw", 0.363)

KNOWN_FILES: dict[str, KnownFile] = {
    # OpenCV's model zoo: the Git LFS pointers in github.com/opencv/opencv_zoo, models/face_recognition_sface; input and
    # threshold as in OpenCV's face_recognize.cpp and FaceRecognizerSF.
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": _SFACE,  # face_recognition_sface_2021dec.onnx
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee": _SFACE,  # ..._2021dec_int8bq.onnx
    # InsightFace's packages (non-commercial research only): sha256, mean 127.5 and scale 127.5 as in the list of its
    # InsightFace Server; RGB as in insightface/model_zoo/arcface_onnx.py. It states no threshold.
    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43": KnownFile(
        "InsightFace w600k_r50 (buffalo_l, buffalo_m)", "centered"
    ),
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f": KnownFile(
        "InsightFace w600k_mbf (buffalo_s, buffalo_sc)", "centered"
    ),
    "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf": KnownFile(
        "InsightFace glintr100 (antelopev2)", "centered"
    ),
    # huggingface.co/fal/AuraFace-v1 (Apache-2.0), glintr100.onnx: a network of InsightFace's make with its input.
    "a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60": KnownFile("fal AuraFace-v1", "centered"),
}


def known_metadata(sha256: str, input_size: int, embedding_size: int) -> ModelMetadata | None:
    """What is known of the published file with this sha256, whose graph has these sizes; None for any other file."""
    if (known := KNOWN_FILES.get(sha256)) is None:
        return None
    return ModelMetadata(
        known.preprocess,
        input_size,
        embedding_size,
        network=known.network,
        published_threshold=known.threshold,
    )
