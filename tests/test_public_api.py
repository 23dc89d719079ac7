"""The public names, what they take and give, and that each is explained: a change here is a change for users."""

import importlib
import inspect
from typing import Any

import pytest

PACKAGES = ("sface.align", "sface.infer", "sface.infer.zoo", "sface.export", "sface.models")

API = """
sface.align.load_image(source, *, color='rgb', max_pixels=50000000, name=None)
sface.align.load_detector(name=None, *, threads=None)
sface.align.Detector(*args, **kwargs)
sface.align.Detector.detect(self, image, smallest=20)
sface.align.Detector.refine(self, image, face)
sface.align.Face(box, landmarks, score)
sface.align.find_faces(image, detector, choice='best')
sface.align.align_face(image, landmarks, size=112)
sface.align.measure_quality(crop, landmarks)
sface.align.Quality(sharpness, brightness, size, yaw, roll)
sface.infer.FaceVerifier(model=None, *, detector=None, threshold=None, preprocess=None, faces='best', aligned=False,\
 flip=False, providers='auto', threads=None)
sface.infer.FaceVerifier.threshold
sface.infer.FaceVerifier.verify(self, a, b, *, names=('first photo', 'second photo'), color='rgb')
sface.infer.FaceVerifier.verify_many(self, pairs, *, color='rgb')
sface.infer.FaceVerifier.embed(self, photos, *, color='rgb')
sface.infer.FaceVerifier.faces(self, photo, *, color='rgb')
sface.infer.FaceVerifier.compare(e1, e2)
sface.infer.Verification(same, similarity, threshold, threshold_source, fmr, fmr_interval, threshold_set, faces,\
 model, model_sha256, detector, provider, timings, notes)
sface.infer.Verification.to_dict(self)
sface.infer.FaceInfo(photo, box, landmarks, score, found, quality)
sface.infer.FaceInfo.to_dict(self)
sface.infer.EmbeddedFace(box, landmarks, score, quality, crop, embedding, length)
sface.infer.FaceEmbedder(model, *, preprocess=None, providers='auto', threads=None)
sface.infer.FaceEmbedder.embed(self, crops, *, flip=False, color='rgb')
sface.infer.Embeddings(unit, lengths)
sface.infer.embed_folder(photos, output_file, *, model=None, detector=None, preprocess=None, faces='best',\
 aligned=False, flip=False, providers='auto', output=None)
sface.infer.FolderEmbeddings(path, photos, faces, embedding_size, left_out, model, model_sha256, detector, provider,\
 seconds)
sface.infer.Gallery(embedder)
sface.infer.Gallery.people
sface.infer.Gallery.enroll(self, people, verifier, *, color='rgb', output=None)
sface.infer.Gallery.identify(self, photos, verifier, *, color='rgb', output=None)
sface.infer.Gallery.add(self, people)
sface.infer.Gallery.remove(self, person)
sface.infer.Gallery.search(self, probes, top=1)
sface.infer.Gallery.identify_embeddings(self, probes, threshold)
sface.infer.Gallery.alike(self, threshold, among=None)
sface.infer.Gallery.save(self, folder)
sface.infer.Gallery.load(cls, folder, embedder=None)
sface.infer.Gallery.check(folder)
sface.infer.Enrollment(*, left_out, threshold, threshold_source, people, photos, model, model_sha256, detector,\
 provider, enrolled, known_photos, people_without, alike)
sface.infer.IdentifiedPhotos(*, left_out, threshold, threshold_source, people, photos, model, model_sha256,\
 detector, provider, faces, fmr, threshold_set, fpir, timings, notes)
sface.infer.IdentifiedPhotos.identified
sface.infer.IdentifiedFace(face, person, similarity, margin)
sface.infer.IdentifiedFace.to_dict(self)
sface.infer.Candidate(person, similarity)
sface.infer.Identification(person, similarity, margin)
sface.infer.enroll(folder, people, verifier, *, color='rgb', output=None)
sface.infer.identify(folder, photos, verifier, *, color='rgb', output=None)
sface.infer.open_gallery(folder, embedder=None)
sface.infer.change_gallery(folder, embedder=None)
sface.infer.write_picture(path, verification, images)
sface.infer.zoo.get(name, *, output=None)
sface.infer.zoo.files()
sface.infer.zoo.state(file)
sface.infer.zoo.folder()
sface.infer.zoo.default_model()
sface.infer.zoo.Got(file, path, source)
sface.infer.zoo.ZooFile(name, file, kind, size, sha256, license, author, page, urls, wheel=None, repaired_as=None)
sface.infer.zoo.ZooFile.kept_as
sface.infer.zoo.ZooFile.sources(self)
sface.infer.zoo.ZooFile.describe(self)
sface.export.to_onnx(module, example, path, *, opset=17, input_names=None, output_names=None, dynamic_batch=True,\
 parity=True, rules=None, without=())
sface.models.NetworkConfig(name, embedding_size=512, input_size=112, input_scale=0.078125)
sface.models.NetworkConfig.to_dict(self)
sface.models.build_network(config, seed=1337)
sface.models.load_checkpoint(path)
"""


def members(name: str, value: Any) -> list[tuple[str, Any]]:
    """A function; or a class and its public methods and properties."""
    if not inspect.isclass(value):
        return [(name, value)] if callable(value) else []
    own = [(key, item) for key, item in vars(value).items() if not key.startswith("_")]
    plain = [(key, getattr(item, "__func__", item)) for key, item in own]
    return [(name, value), *((f"{name}.{key}", item) for key, item in plain if callable(item) or is_property(item))]


def is_property(value: object) -> bool:
    return isinstance(value, property)


def signature(value: Any) -> str:
    """Parameters and defaults; without types, which Python's versions write differently and mypy checks."""
    if is_property(value):
        return ""
    whole = inspect.signature(value)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in whole.parameters.values()]
    return str(whole.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def public() -> list[tuple[str, Any]]:
    found = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            found += members(f"{package}.{name}", getattr(module, name))
    return found


def test_what_the_package_itself_shows() -> None:
    import sface
    import sface.errors
    import sface.infer

    errors = [name for name, value in vars(sface.errors).items() if inspect.isclass(value)]
    names = ["FaceVerifier", "Verification", "FaceEmbedder", "Gallery", "load_image", "load_detector"]
    assert sorted(sface.__all__) == sorted([*names, *errors, "__version__"])
    assert sface.FaceVerifier is sface.infer.FaceVerifier
    assert sface.NoFaceError is sface.errors.NoFaceError
    assert sface.infer.zoo.get is importlib.import_module("sface.infer.zoo").get


def test_the_names_and_what_they_take() -> None:
    assert "\n".join(f"{name}{signature(value)}" for name, value in public()) == API.strip()


@pytest.mark.parametrize(("name", "value"), [pytest.param(*each, id=each[0]) for each in public()])
def test_each_is_explained_and_has_types(name: str, value: Any) -> None:
    text = inspect.getdoc(value)
    assert text is not None and len(text) > 20
    if not text.startswith(f"{name.split('.')[-1]}("):  # what dataclass writes itself
        assert "\n" in text or text.endswith((".", "default."))
    function = value.fget if is_property(value) else value.__init__ if inspect.isclass(value) else value
    for parameter in inspect.signature(function).parameters.values():
        bare = parameter.name in ("self", "cls") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        assert bare or parameter.annotation is not parameter.empty, parameter
    if not inspect.isclass(value):
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_every_error_of_the_tree_is_explained() -> None:
    errors = importlib.import_module("sface.errors")
    for name, value in vars(errors).items():
        if inspect.isclass(value) and value.__module__ == "sface.errors":
            assert inspect.getdoc(value) and issubclass(value, errors.SFaceError), name
