"""Peak signal-to-noise ratio of images from 0 to 1, in decibels, as a metric of Parefront."""

from torch import Tensor

from parefront import Quality


def psnr(outputs: Tensor, targets: Tensor) -> Tensor:
    """10 log10(1 / mean squared error) of each image, shape ``(n,)``; at most 120 dB."""
    error = (outputs - targets).square().flatten(1).mean(1)
    return -10 * error.clamp_min(1e-12).log10()


PSNR = Quality.per_sample("psnr", psnr, higher_is_better=True, unit="dB", point=0.1)
