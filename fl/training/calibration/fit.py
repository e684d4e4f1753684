"""Fits a calibration's numbers to sums over all hospitals, in pinned arithmetic.

Invariant: the result depends only on the totals, so it is the same for every split of the cells among hospitals.

Source: J. Platt, "Probabilistic outputs", 1999, and H.-T. Lin et al., "A note on Platt's probabilistic outputs", 2007
(smoothed targets, halved Newton steps); C. Guo et al., 2017 (temperature).
"""

from __future__ import annotations

import numpy as np

from fl.training.calibration.bins import SCORE_STEP, Ints, score_edges
from fl.training.calibration.pinned import Floats, sigmoid, softplus, total
from fl.training.calibration.sketch import SKETCH, STEP
from fl.training.linear import cholesky, forward

NEWTON_STEPS = 40
HALVINGS = 12
RIDGE = 1e-6
"""Added to the diagonal of the Hessian, so that it can be inverted."""
SLOPE_LEAST, SLOPE_MOST = 0.0625, 16.0
OFFSET_MOST = 16.0
SLOPES = tuple((8 + index % 8) / 8 * 2.0 ** (index // 8 - 4) for index in range(64))
"""The slopes at which each hospital measures its loss for several classes: 1/16 to 15, eight for each doubling."""
LOSS_STEP = 2.0**-12
LOSS_MOST = 16.0
"""The largest loss of one cell; larger ones count as this."""
LEAST_CELLS = 30
"""With fewer cells of a class nothing is fitted: 7 healthy cells of C-NMC made its percentages worse, not better."""
FLATTEST = 1e-4
"""A smaller variance of a sketch is rounding."""


def platt(negative: Ints, positive: Ints) -> tuple[float, float]:
    """Return slope and offset for the log-odds of the second of two classes.

    Both classes weigh the same, however many cells each has: how many of each the hospitals hold back says nothing
    about the next patient. With fewer than LEAST_CELLS of a class the margins stay as they are.

    `negative`, `positive`: int64 [BINS], cells of the first and of the second class by their margin.
    """
    without, with_ = int(negative.sum()), int(positive.sum())
    if min(without, with_) < LEAST_CELLS:
        return 1.0, 0.0
    targets = 1.0 / (without + 2.0), (with_ + 1.0) / (with_ + 2.0)
    margins = score_edges() + SCORE_STEP / 2.0
    half = (without + with_) / 2.0
    shares = negative.astype(np.float64) * (half / without), positive.astype(np.float64) * (half / with_)
    counts, wanted = shares[0] + shares[1], shares[0] * targets[0] + shares[1] * targets[1]
    slope, offset = 1.0, 0.0
    loss = _loss(margins, counts, wanted, slope, offset)
    for _ in range(NEWTON_STEPS):
        change = _newton(margins, counts, wanted, slope, offset)
        for halving in range(HALVINGS):
            trial = _bounded(slope - change[0] * 0.5**halving, offset - change[1] * 0.5**halving)
            better = _loss(margins, counts, wanted, *trial)
            if better < loss:
                (slope, offset), loss = trial, better
                break
        else:
            break
    return slope, offset


def _bounded(slope: float, offset: float) -> tuple[float, float]:
    return min(max(slope, SLOPE_LEAST), SLOPE_MOST), min(max(offset, -OFFSET_MOST), OFFSET_MOST)


def _loss(margins: Floats, counts: Floats, wanted: Floats, slope: float, offset: float) -> float:
    """Return the cross-entropy of all cells."""
    scores = margins * slope + offset
    return total(counts * softplus(scores) - wanted * scores)


def _newton(margins: Floats, counts: Floats, wanted: Floats, slope: float, offset: float) -> tuple[float, float]:
    """Return the Newton step for slope and offset."""
    share = sigmoid(margins * slope + offset)
    error, bend = counts * share - wanted, counts * (share * (1.0 - share))
    first, second = total(error * margins), total(error)
    aa, ab, bb = total(bend * (margins * margins)) + RIDGE, total(bend * margins), total(bend) + RIDGE
    area = aa * bb - ab * ab
    return (bb * first - ab * second) / area, (aa * second - ab * first) / area


def best_slope(samples: Ints, losses: Ints) -> float:
    """Return the slope with the least loss: the vertex of a parabola through the least sum and its neighbours.

    The loss is the mean over the classes of each class's mean loss. With fewer than LEAST_CELLS of a class it is 1.

    `samples`: int64 [classes]; `losses`: int64 [classes * SLOPES], each class's summed losses in steps of LOSS_STEP.
    """
    if int(samples.min()) < LEAST_CELLS:
        return 1.0
    mean = np.zeros(len(SLOPES))
    for count, part in zip(samples, losses.reshape(len(samples), len(SLOPES)), strict=True):
        mean = mean + part.astype(np.float64) / int(count)
    place = int(mean.argmin())  # the first of equal ones
    if place in (0, len(SLOPES) - 1):
        return SLOPES[place]
    low, middle, high = SLOPES[place - 1 : place + 2]
    left, here, right = (float(mean[place + shift]) for shift in (-1, 0, 1))
    rise, fall = (right - here) / (high - middle), (here - left) / (middle - low)
    bend = (rise - fall) / (high - low)
    if bend <= 0.0:
        return middle
    vertex = (low + middle) / 2.0 - fall / (2.0 * bend)
    return min(max(vertex, low), high)


def centres_of(samples: Ints, sums: Ints) -> Floats:
    """Return the mean sketch of each class, float64 [classes, SKETCH]; zeros for a class without cells.

    `samples`: int64 [classes]; `sums`: int64 [classes * SKETCH] in steps of STEP.
    """
    values = sums.reshape(len(samples), SKETCH).astype(np.float64) * STEP
    return np.asarray(values / np.maximum(samples, 1).astype(np.float64)[:, np.newaxis], np.float64)


def whitener_of(samples: Ints, sums: Ints, products: Ints) -> Floats:
    """Return the inverse of the Cholesky factor of the covariance within classes, float64 [SKETCH, SKETCH].

    The covariance is drawn towards its diagonal, with fewer cells more: 32 numbers vary together in 528 ways.

    `products`: int64 [528], sums over all cells of the products of two entries of a sketch, by the lower triangle, in
    steps of STEP².
    """
    cells = int(samples.sum())
    covariance = _within(samples, sums, products) / float(max(cells - int(np.count_nonzero(samples)), 1))
    diagonal = np.maximum(covariance[np.arange(SKETCH), np.arange(SKETCH)], FLATTEST)
    shrink = SKETCH / float(SKETCH + cells)
    covariance = covariance * (1.0 - shrink)
    covariance[np.arange(SKETCH), np.arange(SKETCH)] = diagonal
    return forward(cholesky(covariance, least=FLATTEST * FLATTEST), np.eye(SKETCH))


def _within(samples: Ints, sums: Ints, products: Ints) -> Floats:
    """Return the scatter around the classes' centres, float64 [SKETCH, SKETCH]."""
    scatter = np.zeros((SKETCH, SKETCH))
    rows, columns = np.tril_indices(SKETCH)
    scatter[rows, columns] = scatter[columns, rows] = products.astype(np.float64) * (STEP * STEP)
    for count, part in zip(samples, sums.reshape(len(samples), SKETCH), strict=True):
        if count:
            value = part.astype(np.float64) * STEP
            scatter = scatter - (value[:, np.newaxis] * value[np.newaxis, :]) / float(count)
    return scatter
