"""What values around a point say about a derivative: a slow twin of the core, one output at a time.

Numbers are Python's own and every sum has the core's order, so both agree bit for bit.
"""

import itertools
import math
from typing import NamedTuple

EPSILON = 2.0**-52
RATIO = 9 / 16
CONVERGED, UNSETTLED, NOT_FINITE, KINK, JUMP = 0, -1, -3, -5, -6
NAN = math.nan


class Row(NamedTuple):
    step: float
    quotient: float
    sigma: float
    right: float
    left: float
    noise: float
    odd: float = 0.0
    even: float = 0.0


class Verdict(NamedTuple):
    derivative: float
    error: float
    step: float
    left: float
    right: float
    status: int
    next: tuple = ()


class Window(NamedTuple):
    value: float
    error: float
    is_settled: bool
    wants_finer: bool
    first: int


def noise_of(size, accuracy):
    noise, magnitude, epsilon, smallest = accuracy
    growth = min(max(size / magnitude, 1.0), 8.0) if magnitude > 0 else 1.0
    return max(noise * growth, 0.5 * epsilon * max(size, smallest))


def row_of(sample, side, center, accuracy, rounding):
    up, down, above, below = sample
    if not up > 0 or not math.isfinite(above):
        return None
    right = (above - center) / up
    if side:
        quotient = right if side > 0 else -right
        noise = noise_of(max(abs(above), abs(center)), accuracy) + rounding * abs(quotient)
        return Row(up, quotient, noise / up, quotient, quotient, noise)
    if not down > 0 or not math.isfinite(below):
        return None
    left = (center - below) / down
    if abs(up - down) <= 4 * EPSILON * up:
        quotient = (above - below) / (up + down)
    else:
        quotient = (down * right + up * left) / (up + down)
    noise = noise_of(max(abs(above), abs(below)), accuracy) + rounding * max(abs(right), abs(left))
    sigma = noise * math.sqrt(2) / (up + down)
    step = math.sqrt(up) * math.sqrt(down)
    even = (above - center) - (center - below) - quotient * (up - down)
    return Row(step, quotient, sigma, right, left, noise, above - below, even)


def weights(at):
    found = []
    for i, own in enumerate(at):
        weight = 1.0
        for j, other in enumerate(at):
            if j != i:
                weight *= other / (other - own)
        found.append(weight)
    return found


def entry(rows, side, center_noise):
    steps = [row.step / rows[0].step for row in rows]
    value = variance = share = 0.0
    for w, row in zip(weights(steps if side else [s * s for s in steps]), rows, strict=True):
        value += w * row.quotient
        variance += (w * row.sigma) * (w * row.sigma)
        share += w / row.step
    center = center_noise * share
    return value, math.sqrt(variance + center * center)


def table_of(rows, side, center_noise):
    """Values, noises and changes, ``[k][i]`` of rows ``i`` to ``i + k``."""
    table = []
    for k in range(min(6 if side else 4, len(rows))):
        entries = [entry(rows[i : i + k + 1], side, center_noise) for i in range(len(rows) - k)]
        changes = [math.inf] * len(entries)
        if k:
            last = table[-1][0]
            changes = [
                max(abs(value - last[i]), abs(value - last[i + 1]))
                for i, (value, _) in enumerate(entries)
            ]
        table.append(([value for value, _ in entries], [sigma for _, sigma in entries], changes))
    return table


def ratio(table, k, i):
    before = table[k - 1][2][i + 1]
    return table[k][2][i] / before if before > 0 else 1.0


def correction(table, k, i):
    most = 0.0
    if k + 1 < len(table):
        values, sigmas, _ = table[k + 1]
        for j in range(max(i - 1, 0), min(i + 1, len(values))):
            distance = abs(values[j] - table[k][0][i])
            if distance > 3 * sigmas[j]:
                most = max(most, distance)
    return most


def truncation(table, k, i, side):
    if k == 0:
        pair = min(i, len(table[1][2]) - 1)
        change, noise = table[1][2][pair], table[1][1][pair]
        return change + noise, change <= 6 * noise, change <= 6 * noise
    change = table[k][2][i]
    is_noise = change <= 6 * table[k][1][i]
    falls = ratio(table, k, i)
    if k >= 3:
        before = ratio(table, k - 1, i + 1)
        falls = max(falls, before)
        change = max(change, 0.125 * before * table[k - 1][2][i + 1])
    is_settled = is_noise or (k >= (3 if side else 2) and falls <= 0.25)
    bound = change * min(4 * falls, 1.0) if k >= 2 else change
    return max(bound, correction(table, k, i)), is_settled, is_noise


SQRT_6 = 2.449489742783178


def flattens(rows):
    for wide, narrow in itertools.pairwise(rows):
        height = abs(narrow.right - narrow.left)
        small = 0.05 * max(abs(narrow.right), abs(narrow.left))
        noise = 6 * SQRT_6 * narrow.noise / narrow.step
        if not (height <= small or height <= 0.75 * abs(wide.right - wide.left) or height <= noise):
            return False
    return True


def best_window(rows, side, center_noise):
    count = len(rows)
    table = table_of(rows, side, center_noise)
    best = Window(NAN, math.inf, False, False, 0)
    for k in range(len(table)):
        for i in range(count - k):
            value, noise = table[k][0][i], 3 * table[k][1][i]
            bound, is_settled, is_noise = truncation(table, k, i, side)
            error = bound + noise + 4 * EPSILON * abs(value)
            start = min(i, count - 2) if k == 0 else i
            own, finer = rows[start : start + max(k + 1, 2)], rows[i + k :]
            near = max(abs(finer[0].quotient - value), error)
            is_small = bound <= 0.01 * max(abs(row.quotient) for row in rows[i : i + k + 1])
            is_settled = (
                is_settled
                and (is_noise or is_small)
                and (side != 0 or flattens(own))
                and all(abs(row.quotient - value) <= near + 6 * row.sigma for row in finer[1:])
            )
            wants_finer = not is_noise and bound > noise and i + k + 1 == count
            if (not is_settled, error) < (not best.is_settled, best.error):
                best = Window(value, error, is_settled, wants_finer, i)
    return best


def limit(rows, found, certain):
    steps = [row.step for row in rows]
    three, two = weights(steps), weights(steps[1:])
    values = [value for value, _ in found]
    height = three[0] * values[0] + three[1] * values[1] + three[2] * values[2]
    lower = two[0] * values[1] + two[1] * values[2]
    variance = 0.0
    for w, (_, noise) in zip(three, found, strict=True):
        variance += (w * noise) * (w * noise)
    noise = 3 * math.sqrt(variance)
    size = max(abs(max(values)), abs(min(values)))
    is_certain = (
        abs(height) > 2 * noise + 3 * abs(height - lower)
        and max(values) - min(values) <= certain * size + 2 * noise
    )
    return height, noise, is_certain


def kink(rows):
    return limit(
        rows, [(row.right - row.left, SQRT_6 * row.noise / row.step) for row in rows], 0.25
    )


def jump(rows):
    for name in ("odd", "even"):
        found = [(getattr(row, name), 2.5 * row.noise) for row in rows]
        height, _, is_certain = limit(rows, found, 0.1)
        if is_certain:
            return height
    return 0.0


def groups(rows):
    found = [[rows[0]]]
    for row in rows[1:]:
        if found[-1][-1].step > 5 * row.step:
            found.append([])
        found[-1].append(row)
    return [group[-3:] for group in found if len(group) >= 3]


def agree(one, other):
    return abs(one - other) <= 0.25 * max(abs(one), abs(other))


def corner(rows, window, smallest, is_last):
    finest = rows[-3:]
    height, noise, is_certain = kink(finest)
    step = jump(finest)
    is_kink = is_certain and (not window.is_settled or abs(height) > 4 * window.error)
    if not (is_kink or (step != 0 and not window.is_settled)):
        return None
    before = groups(rows)[-2:-1]
    is_sure = False
    if before and step != 0:
        is_sure = agree(jump(before[0]), step)
    elif before:
        there = kink(before[0])
        is_sure = there[2] and agree(there[0], height)
    nearest = finest[2].step
    halvings = 0
    while (
        halvings < 8
        and (step != 0 or noise * 2.0 ** (halvings + 3) < abs(height))
        and nearest * 2.0 ** (-halvings - 3) >= smallest
    ):
        halvings += 1
    unsettled = Verdict(window.value, math.inf, rows[window.first].step, NAN, NAN, UNSETTLED)
    if not is_sure and not is_last and halvings >= 3:
        nearer = nearest * 2.0**-halvings
        return unsettled._replace(next=narrowed(nearer, 3))
    if step != 0 and is_sure and not is_last and nearest > 16384 * smallest:
        return unsettled._replace(next=narrowed(max(4096 * smallest, nearest / 65536), 3))
    if not is_sure and before:
        return unsettled
    w = weights([row.step for row in finest])
    left = w[0] * finest[0].left + w[1] * finest[1].left + w[2] * finest[2].left
    right = w[0] * finest[0].right + w[1] * finest[1].right + w[2] * finest[2].right
    if step != 0:
        return Verdict(finest[2].quotient, math.inf, nearest, left, right, JUMP)
    error = 0.5 * abs(right - left) + noise
    return Verdict(0.5 * (left + right), error, finest[0].step, left, right, KINK)


def narrowed(step, count):
    """The step and what follows it."""
    found = []
    for _ in range(count):
        found.append(step)
        step *= RATIO
    return tuple(found)


def nearer_steps(samples, side, smallest):
    asked = [sample[0] for sample in samples if sample[0] > 0]
    part = (1 / 32, 1 / 256, 1 / 1024)[min(max(len(asked) // 3, 1), 3) - 1]
    step = min(asked, default=math.inf) * part
    if not math.isfinite(step) or step * 0.125 < smallest:
        return ()
    return narrowed(step, 4 if side else 3)


def unit_of(values):
    """The power of two to divide by: 1 where the largest number is of usual size."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0 or 1e-60 <= largest <= 1e60:
        return 1.0
    return max(2.0 ** (math.frexp(largest)[1] - 1), 2.0**-1022)


def judge(samples, side, center, accuracy, element, is_last):
    """The verdict on one output, whose values are judged in a unit of their own.

    The arguments are those of `judge_in_units`; the distances are of usual size.
    """
    asked = [sample for sample in samples if sample[0] > 0]
    ends = [(value, up) for up, _, value, _ in asked] + [(s[3], s[1]) for s in asked if s[1] > 0]
    ends += [(number, up) for number in (center, max(accuracy[0], accuracy[3])) for up, *_ in asked]
    unit = unit_of([value / step for value, step in ends])
    scaled = [(up, down, above / unit, below / unit) for up, down, above, below in samples]
    noise, magnitude, epsilon, smallest = accuracy
    accuracy = noise / unit, magnitude / unit, epsilon, smallest / unit
    found = judge_in_units(scaled, side, center / unit, accuracy, element, is_last)
    return found._replace(
        derivative=found.derivative * unit,
        error=found.error * unit,
        left=found.left * unit,
        right=found.right * unit,
    )


def judge_in_units(samples, side, center, accuracy, element, is_last):
    """The verdict on one output.

    `samples` are distances up and down and the values there; `accuracy` is the noise, the magnitude
    of values that had it, the spacing at 1 and the smallest normal number; `element` is rounding,
    scale, widest and smallest step.
    """
    rounding, scale, widest, smallest = element
    not_finite = Verdict(NAN, NAN, NAN, NAN, NAN, NOT_FINITE)
    if not math.isfinite(center):
        return not_finite
    rows = [row_of(sample, side, center, accuracy, rounding) for sample in samples]
    by_step = {row.step: row for row in reversed(rows) if row is not None}
    rows = [by_step[step] for step in sorted(by_step, reverse=True)]
    further = () if is_last else nearer_steps(samples, side, smallest)
    if len(rows) < 3:
        if all(
            not s[0] > 0 or (math.isfinite(s[2]) and (side or math.isfinite(s[3]))) for s in samples
        ):
            return not_finite._replace(error=math.inf, status=UNSETTLED, next=further)
        return not_finite._replace(next=further)
    window = best_window(rows, side, noise_of(abs(center), accuracy) if side else 0.0)
    verdict = None if side else corner(rows, window, smallest, is_last)
    if verdict is not None:
        return verdict
    step = rows[window.first].step
    if not window.is_settled:
        return Verdict(window.value, math.inf, step, NAN, NAN, UNSETTLED, further)
    verdict = Verdict(window.value, window.error, step, NAN, NAN, CONVERGED)
    if is_last or window.error <= 1e-10 * abs(window.value):
        return verdict
    if window.wants_finer:
        finer = RATIO * rows[-1].step
        return verdict._replace(next=(finer,) if finer >= smallest and len(rows) < 12 else ())
    change = scale * max(max(abs(row.right), abs(row.left)) for row in rows)
    narrowest = min(sample[0] for sample in samples if sample[0] > 0)
    is_poor = change < 1e-3 * max(abs(center), accuracy[1])
    if is_poor and window.error > 1e-9 * abs(window.value):
        return verdict._replace(next=wider_steps(rows, window, widest, narrowest))
    return verdict


def wider_steps(rows, window, widest, narrowest):
    is_unseen = window.error >= abs(window.value)
    if window.first > 0:
        wide, narrow = rows[window.first - 1].step, rows[window.first].step
        if is_unseen and wide > 1024 * narrow:
            return narrowed(math.sqrt(wide) * math.sqrt(narrow), 3)
        return ()
    start = rows[0].step
    if widest < 8 * start:
        return ()
    wide = start
    while 2 * wide <= widest and wide < 256 * start:
        wide *= 2
    if is_unseen:
        span = start / narrowest
        end = min(start * span * span, widest / 16)
        while 2 * wide <= end:
            wide *= 2
    return narrowed(wide, 3)


def noise_along(values):
    """`ECNoise` of Moré and Wild: the noise; 0 if it is found, 1 and 2 if too close, too far."""
    count = len(values)
    magnitude = max(abs(min(values)), abs(max(values)))
    differences, factor, levels, signs = list(values), 1.0, [], []
    for order in range(1, count):
        differences = [b - a for a, b in itertools.pairwise(differences)]
        if order == 1 and 2 * differences.count(0) >= count:
            return 0.0, 1
        factor *= 0.5 * order / (2 * order - 1)
        squares = 0.0
        for difference in differences:
            squares += difference * difference
        levels.append(math.sqrt(factor * squares / len(differences)))
        signs.append(min(differences) < 0 < max(differences))
    if max(values) - min(values) <= 0.1 * magnitude:
        for k in range(count - 3):
            three = levels[k : k + 3]
            if signs[k] and max(three) <= 4 * min(three):
                return levels[k], 0
    return levels[-1], 2
