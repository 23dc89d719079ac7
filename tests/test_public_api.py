"""The public names, what they take and give, and that each is explained: a change here is a change for users."""

import importlib
import inspect
from typing import Any

import pytest

PACKAGES = ("sface.align", "sface.datasets", "sface.infer", "sface.export", "sface.models", "sface.train")

API = """
sface.align.load_image(source, *, color='rgb', max_pixels=50000000, name=None)
sface.align.load_detector(name=None, *, threads=None)
sface.align.Detector(*args, **kwargs)
sface.align.Detector.detect(self, image, smallest=20)
sface.align.Detector.refine(self, image, face)
sface.align.Face(box, landmarks, score)
sface.align.find_faces(image, detector, faces='best')
sface.align.align_face(image, landmarks, size=112, *, fit='closed-form')
sface.align.measure_quality(crop, landmarks)
sface.align.Quality(sharpness, brightness, size, yaw, roll)
sface.align.align_folder(photos, output_folder, *, faces='best', detector=None, records=False, output=None)
sface.align.AlignedFolder(path, layout, photos, people, crops, left_out, people_without, detector, seconds)
sface.align.AlignedFolder.to_dict(self)
sface.align.draw_people(folder, *, people=100, photos=20, seed=1337, detector=None, output=None)
sface.align.DrawnPeople(path, people, pictures, missed, detector, seed, seconds)
sface.align.DrawnPeople.crops
sface.align.DrawnPeople.to_dict(self)
sface.datasets.open_image_set(root, *, labelled=True)
sface.datasets.ImageSet(root, num_classes, size)
sface.datasets.ImageSet.image(self, index)
sface.datasets.ImageSet.where(self, index)
sface.datasets.ImageSet.encoded(self, index)
sface.datasets.convert(source, target, to=None, *, output=None)
sface.datasets.Conversion(path, layout, people, images, left_out, seconds)
sface.datasets.Conversion.to_dict(self)
sface.datasets.check(root, *, plot=None, output=None)
sface.datasets.SetCheck(images, class_sizes, unreadable, within, across, plot)
sface.datasets.SetCheck.refused
sface.datasets.SetCheck.to_dict(self)
sface.datasets.draw_face(seed, person, photo, size=224)
sface.datasets.Drawn(image, landmarks)
sface.infer.FaceVerifier(model=None, *, detector=None, threshold=None, preprocess=None, faces='best',\
 aligned=False, flip=False, providers='auto', threads=None)
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
sface.export.export(checkpoint, path, *, network=None, target='onnxruntime', batch=None, unit_output=False,\
 without=(), lowering=None, report=None)
sface.export.check(file, checkpoint, *, network=None, report=None)
sface.export.to_onnx(module, example, path, *, opset=17, input_names=None, output_names=None, dynamic_batch=True,\
 parity=True, rules=None, without=())
sface.export.optimize(source, path, *, target='onnxruntime', preprocess=None, without=(), lowering=None, report=None)
sface.export.repair_detector(source, path)
sface.export.inspect(path)
sface.export.read_metadata(path)
sface.export.write_metadata(path, metadata)
sface.export.Lowering(precision, crops, accuracy=None)
sface.export.read_crops(folder)
sface.export.AccuracyOn(*args, **kwargs)
sface.export.AccuracyOn.name
sface.export.AccuracyOn.size
sface.export.Target(name, without=(), batch=None)
sface.export.Check(path, checkpoint, metadata, parity)
sface.export.Export(path, checkpoint, metadata, parity, precision, nodes, size)
sface.export.ModuleExport(path, parity, nodes, size)
sface.export.Optimized(path, before, after, loads, parity, precision, metadata)
sface.export.Parity(max_difference, min_cosine, input_matters, redrawn=False)
sface.export.Parity.proves
sface.export.Parity.equal
sface.export.Precision(precision, crops, mean_cosine, min_cosine, milliseconds_before, milliseconds_after,\
 set_name=None, accuracy_before=None, accuracy_after=None)
sface.export.Precision.remark
sface.export.Precision.text(self)
sface.export.Summary(file, bytes, sha256, ir_version, opset, producer, inputs, outputs, nodes, operators, parameters,\
 macs, macs_at_least, external_files, metadata)
sface.models.NetworkConfig(name, embedding_size=512, input_size=112, input_scale=0.078125)
sface.models.NetworkConfig.to_dict(self)
sface.models.build_network(config, seed=1337)
sface.models.load_checkpoint(path)
sface.models.open_checkpoint(path)
sface.models.Checkpoint(folder, network, description)
sface.models.load_published(path, config)
sface.models.describe(network, *, loss='', training_set='')
sface.models.describe_checkpoint(checkpoint)
sface.train.train(config, resources, outdir, *, resume=False, output=None)
sface.train.train_with_options(options, outdir, *, resume=False, output=None)
sface.train.TrainConfig(network=<factory>, head=<factory>, augment=<factory>, teacher=None, batch_size=256,\
 accumulate=1, lr=0.1, schedule='stages', stages=(35, 65, 95), warmup_epochs=0.0, clip_norm=None, epochs=125,\
 max_steps=None, save_every=2000, keep=3, eval_every=2000, seed=1337, momentum=0.9, weight_decay=0.0005)
sface.train.TrainConfig.to_dict(self)
sface.train.TrainConfig.from_dict(cls, fields)
sface.train.HeadConfig(name='SFace', s=64.0, k=80.0, a=0.87, b=1.2, margin=0.5, sharded=False)
sface.train.AugmentConfig(crop=0.0, lowres=0.0, color=0.0, move=0.0, grey=0.0, blend=0.0)
sface.train.TeacherConfig(name, sha256)
sface.train.Resources(data_root, eval_root=None, target=None, resume_backbone=None, resume_head=None,\
 teacher=None, preprocess=None, workers_id='cpu', num_workers=0)
sface.train.Resources.to_dict(self)
sface.train.Resources.from_dict(cls, fields)
sface.train.settings_for(given, checkpoint=None)
sface.train.read_settings(path)
sface.train.write_settings(path, config, resources)
sface.train.TrainResult(checkpoint, step, finished, last, unreadable)
sface.train.Measurement(step, epoch, lr, loss, intra, inter, cos_genuine, cos_impostor, top1, images_per_second,\
 data_wait=0.0, seconds_left=0.0)
sface.train.Measurement.text(self)
sface.train.Measurement.speed_text(self)
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
