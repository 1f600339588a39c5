"""Landmarks end where the template wants them, whatever size and turn the face has."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from perceptkit.arrays import Floats, Picture
from perceptkit.face.align import CROP_SIDE, TEMPLATE, align_faces, scales, similarity, template, warp

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]], np.uint8)


def turned(points: Floats, *, scale: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0, 0)) -> Floats:
    """The points scaled and rotated around the origin, then moved."""
    angle = np.radians(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ matrix.T + shift, np.float32)


def applied(matrices: Floats, points: Floats) -> Floats:
    """(N, 2, 3) transforms of (N, 5, 2) points."""
    return np.asarray(np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2], np.float32)


def dotted(landmarks: Floats, *, width: int, height: int, radius: int) -> Picture:
    """A grey image with a dot of its own colour at each landmark, sharp to a sixteenth of a pixel."""
    image = np.full((height, width, 3), 90, np.uint8)
    for (x, y), colour in zip(landmarks, COLOURS, strict=True):
        centre = (round(float(x) * 16), round(float(y) * 16))
        cv2.circle(image, centre, radius * 16, colour.tolist(), thickness=-1, lineType=cv2.LINE_AA, shift=4)
    return image


def found(image: Picture) -> Floats:
    """The centre of each dot: of the pixels, weighted by how much nearer they are to its colour than to the grey."""
    centres = []
    for colour in COLOURS:
        towards = colour.astype(float) - 90
        share = np.clip((image.astype(float) - 90) @ towards / (towards @ towards), 0, 1)
        # Where another dot's colour is in the pixel, it is not this one's.
        rest = np.abs(image - 90.0 - share[:, :, None] * towards).max(axis=2)
        weight = np.where((rest < 40) & (share > 0.2), share, 0)
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        centres.append(((weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()))
    return np.array(centres, np.float32)


def test_a_scaled_turned_and_moved_template_is_brought_back_exactly() -> None:
    cases = [(1.0, 0.0, (0, 0)), (0.1, 90.0, (3, 4)), (8.0, -135.0, (2000, 1500)), (2.5, 180.0, (-40, 10))]
    landmarks = np.stack([turned(TEMPLATE, scale=scale, degrees=by, shift=shift) for scale, by, shift in cases])
    matrices = similarity(landmarks)
    np.testing.assert_allclose(applied(matrices, landmarks), np.broadcast_to(TEMPLATE, landmarks.shape), atol=2e-3)
    np.testing.assert_allclose(scales(matrices), [1 / scale for scale, _, _ in cases], rtol=1e-5)


def test_it_is_the_least_squares_similarity_of_umeyama() -> None:
    random = np.random.default_rng(7)
    for _ in range(300):
        shift = (random.uniform(-500, 3000), random.uniform(-500, 3000))
        scale = float(np.exp(random.uniform(-2, 3)))
        landmarks = turned(TEMPLATE, scale=scale, degrees=random.uniform(-180, 180), shift=shift)
        landmarks += np.asarray(random.normal(0, 6 * scale, landmarks.shape), np.float32)
        ours = applied(similarity(landmarks[None]), landmarks[None])[0]
        theirs = SimilarityTransform.from_estimate(landmarks.astype(np.float64), TEMPLATE.astype(np.float64))(landmarks)
        np.testing.assert_allclose(ours, theirs, atol=0.05)


def test_many_faces_at_once_are_the_same_as_one_by_one() -> None:
    landmarks = np.random.default_rng(0).uniform(0, 1000, (50, 5, 2)).astype(np.float32)
    together = similarity(landmarks)
    assert together.shape == (50, 2, 3)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, np.concatenate([similarity(face[None]) for face in landmarks]), rtol=1e-6)
    assert similarity(np.empty((0, 5, 2), np.float32)).shape == (0, 2, 3)


def test_landmarks_in_one_point_give_a_finite_transform() -> None:
    assert np.isfinite(similarity(np.full((1, 5, 2), 7, np.float32))).all()


def test_aligned_faces_have_their_landmarks_on_the_template() -> None:
    places = [((900, 200), 4.0, 20.0), ((250, 300), 1.5, -70.0), ((1200, 900), 2.0, 180.0)]
    for shift, scale, degrees in places:
        landmarks = turned(TEMPLATE, scale=scale, degrees=degrees, shift=shift)
        image = dotted(landmarks, width=1600, height=1200, radius=round(6 * scale))
        (crop,) = align_faces(image, landmarks[None])
        assert crop.shape == (CROP_SIDE, CROP_SIDE, 3)
        np.testing.assert_allclose(found(crop), TEMPLATE, atol=0.3)


def test_no_faces_give_no_crops_and_outside_the_image_is_black() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    assert align_faces(image, np.empty((0, 5, 2), np.float32)).shape == (0, CROP_SIDE, CROP_SIDE, 3)
    (outside,) = align_faces(image, turned(TEMPLATE, shift=(5000, 5000))[None])
    assert not outside.any()


def test_template_with_a_margin_keeps_the_face_in_the_middle() -> None:
    np.testing.assert_allclose(template(CROP_SIDE), TEMPLATE, rtol=1e-6)
    np.testing.assert_allclose(template(224), TEMPLATE * 2, rtol=1e-6)
    # 160 pixels with a quarter of them on each side leave 80 for the face.
    np.testing.assert_allclose(template(160, margin=0.25), TEMPLATE * (80 / 112) + 40, rtol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("scale", [1 / 8, 0.5, 1.0, 1.9, 2.0, 3.7, 8.0, 20.0])
def test_headshot_has_its_landmarks_on_the_template(scale: float, degrees: float) -> None:
    """`scale` is the size of the face in the image against that in the headshot: above 1 it shrinks."""
    side, margin = 320, 0.15
    goal = template(side, margin=margin)
    face = turned(goal - side / 2, scale=scale, degrees=degrees)
    width, height = (int(400 * scale) + 101 for _ in range(2))
    landmarks = face + np.array([width / 2 + 0.3, height / 2 - 0.4], np.float32)
    image = dotted(landmarks, width=width, height=height, radius=max(2, round(14 * scale)))
    headshot = warp(image, landmarks, side=side, margin=margin)
    assert headshot.shape == (side, side, 3)
    # In pixels of the coarser of the two.
    np.testing.assert_allclose(found(headshot), goal, atol=0.15 * max(1, 1 / scale))


def test_headshot_of_a_much_larger_face_is_averaged_not_picked() -> None:
    """A fine chessboard becomes an even grey; picking pixels would leave a pattern of black and white."""
    rows, columns = np.mgrid[:1600, :1600]
    image = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    headshot = warp(image, turned(TEMPLATE, scale=10, shift=(200, 200)), side=112, margin=0)
    assert headshot.std() < 12
    assert headshot.mean() == pytest.approx(127.5, abs=2)


def test_headshot_is_grey_where_the_image_ends() -> None:
    image = np.full((120, 120, 3), 180, np.uint8)
    for scale in (0.5, 1.0, 3.0):
        headshot = warp(image, turned(TEMPLATE, scale=scale, shift=(60, -30)), side=160, margin=0.15)
        grey = (headshot == 128).all(axis=2)
        assert grey.any()
        assert (headshot[~grey] >= 128).all(), "between the two, at the border"
    inside = warp(np.full((400, 400, 3), 180, np.uint8), TEMPLATE + 150, side=160, margin=0.15)
    assert (inside == 180).all()


def test_headshot_of_a_face_far_outside_is_still_a_picture() -> None:
    image = np.full((60, 80, 3), 33, np.uint8)
    for scale in (0.01, 1.0, 50.0):
        headshot = warp(image, turned(TEMPLATE, scale=scale, shift=(-9000, 9000)), side=160, margin=0.15)
        assert headshot.shape == (160, 160, 3)
