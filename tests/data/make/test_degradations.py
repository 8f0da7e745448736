import numpy as np
import pytest

from crossimage.data.make.degradations import blurred, noisy, reduced

RNG = np.random.default_rng(0)
PLAIN = np.full((128, 128, 3), 128, np.uint8)


@pytest.mark.parametrize("pixels", [1.0, 2.0, 4.0])
def test_a_blur_has_its_standard_deviation_in_pixels(pixels: float) -> None:
    photo = np.zeros((65, 65, 3), np.uint8)
    photo[:, 32] = 255
    profile = blurred(photo, RNG, blur_px=pixels)[32, :, 0].astype(float)
    places = np.arange(65) - 32
    assert (profile @ places) / profile.sum() == pytest.approx(0, abs=0.01)
    assert np.sqrt((profile @ places**2) / profile.sum()) == pytest.approx(pixels, rel=0.1)


@pytest.mark.parametrize("levels", [5.0, 25.0])
def test_noise_has_its_standard_deviation_in_levels_and_is_independent(levels: float) -> None:
    noise = noisy(PLAIN, np.random.default_rng(1), noise_levels=levels).astype(float) - 128
    assert noise.std() == pytest.approx(levels, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.5)
    between = np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]
    assert abs(between) < 0.03


def test_a_reduced_photo_has_its_size_and_no_detail_finer_than_the_factor() -> None:
    stripes = np.zeros((64, 48, 3), np.uint8)
    stripes[:, ::2] = 255
    low = reduced(stripes, RNG, factor=4)
    assert low.shape == stripes.shape
    assert np.ptp(low[:, 8:-8].astype(int)) <= 4
    wide = np.zeros((64, 64, 3), np.uint8)
    wide[:, 32:] = 255
    assert np.abs(reduced(wide, RNG, factor=4).astype(int) - wide)[:, [5, 60]].max() <= 2


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_a_wrong_strength_is_named_with_its_unit(wrong: float) -> None:
    with pytest.raises(ValueError, match="blur-px must be a number of pixels above 0"):
        blurred(PLAIN, RNG, blur_px=wrong)
    with pytest.raises(ValueError, match="noise-levels must be a number of levels above 0"):
        noisy(PLAIN, RNG, noise_levels=wrong)
    with pytest.raises(ValueError, match="factor must be above 1"):
        reduced(PLAIN, RNG, factor=wrong)
