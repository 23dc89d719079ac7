"""The crops that a proof is done with."""

import numpy as np

from sface.align import align_face
from sface.datasets.synthetic.faces import draw_face
from sface.export.parity.proof_crops import drawn_crops, proof_crops, random_crops


def test_drawn_crops() -> None:
    crops = drawn_crops(4, seed=6)
    assert crops.shape == (4, 112, 112, 3) and crops.dtype == np.uint8
    one = draw_face(6, 3, 0)
    np.testing.assert_array_equal(crops[3], align_face(one.image, one.landmarks))


def test_a_proof_has_noise_and_faces() -> None:
    noise, faces = proof_crops(56)
    assert noise.shape == faces.shape == (7, 56, 56, 3)
    assert noise.dtype == faces.dtype == np.uint8
    np.testing.assert_array_equal(noise, random_crops(7, 56))
    np.testing.assert_array_equal(faces, drawn_crops(7, seed=1, size=56))
