"""L-BFGS-B in two variables with lower bounds, written from the papers.

The trend's objective often has two minima, one of them on a bound, and the reference takes the one
that this method's path leads to, stopped where this method stops. Another minimiser agrees to
1e-6 when it ends in the same minimum and not at all when it does not, so the path is part of the
definition.

Sources: Byrd, Lu, Nocedal, Zhu (1995), A limited memory algorithm for bound constrained
optimization, algorithm CP (Cauchy point) and section 5 (subspace minimisation); Morales and
Nocedal (2011), remark on algorithm 778 (projection of the subspace step); More and Thuente (1994),
Line search algorithms with guaranteed sufficient decrease.
"""

import numpy as np

EPSILON = np.finfo(np.float64).eps


def minimise(loss_and_gradient, start, lower, memory=10):
    """Minimises from `start` with both variables at least `lower`.

    Stops when the projected gradient is at most 1e-5 or the loss falls by at most
    2.220446049250313e-9 of max(|old|, |new|, 1). Returns the point and whether it stopped so.
    """
    x = np.maximum(np.asarray(start, np.float64), lower)
    value, gradient = loss_and_gradient(x)
    pairs, theta, iteration, outdated = [], 1.0, 0, False
    if projected_norm(x, gradient, lower) <= 1e-5:
        return x, True
    while iteration < 15000:
        model = quasi_newton_matrix(pairs, theta)
        target, free = cauchy_point(x, gradient, lower, model)
        # After an aim at the corner of both bounds the kept pairs count as outdated: the next
        # iteration with a free variable starts again from the identity.
        if pairs and outdated and free.any():
            pairs, theta, outdated = [], 1.0, False
            continue
        outdated = outdated or (bool(pairs) and not free.any())
        if pairs and free.any():
            target = subspace_minimum(x, gradient, lower, model, target, free)
        direction = target - x
        slope = gradient @ direction
        found = None
        if slope < 0:
            found = line_search(
                loss_and_gradient, x, target, value, slope, lower, first=iteration == 0
            )
        if found is None:
            if not pairs:
                return x, False
            pairs, theta, outdated = [], 1.0, False
            continue
        step, new, new_value, new_gradient = found
        iteration += 1
        moved, change = step * direction, new_gradient - gradient
        curvature = (new_gradient @ direction - slope) * step
        fallen, size = value - new_value, max(abs(value), abs(new_value), 1.0)
        x, value, gradient = new, new_value, new_gradient
        if projected_norm(x, gradient, lower) <= 1e-5 or fallen <= 2.220446049250313e-9 * size:
            return x, True
        if curvature > EPSILON * -slope * step:
            pairs = [*pairs, (moved, change)][-memory:]
            theta = (change @ change) / curvature
    return x, False


def projected_norm(x, gradient, lower):
    """Largest component of the gradient that a step within the bounds could follow."""
    return np.max(np.abs(np.where(gradient > 0, np.minimum(x - lower, gradient), gradient)))


def quasi_newton_matrix(pairs, theta):
    """BFGS matrix built from theta times the identity and the kept pairs, oldest first."""
    matrix = theta * np.eye(2)
    for step, change in pairs:
        image = matrix @ step
        matrix = matrix - np.outer(image, image) / (step @ image)
        matrix = matrix + np.outer(change, change) / (change @ step)
    return matrix


def cauchy_point(x, gradient, lower, model):
    """First minimum of the model along the projected gradient; which variables stay free."""
    leaving = np.full(2, np.inf)
    down = gradient > 0
    leaving[down] = (x[down] - lower) / gradient[down]
    direction = np.where(leaving > 0, -gradient, 0.0)
    point, free, reached = x.copy(), leaving > 0, 0.0
    for index in np.argsort(leaving, kind="stable"):
        if leaving[index] <= 0:
            continue
        away = point - x
        slope = gradient @ direction + direction @ model @ away
        curvature = direction @ model @ direction
        if curvature <= 0:
            break
        wanted = -slope / curvature
        if wanted < leaving[index] - reached or not np.isfinite(leaving[index]):
            return point + max(wanted, 0.0) * direction, free
        point = point + (leaving[index] - reached) * direction
        point[index] = lower
        reached = leaving[index]
        direction[index], free[index] = 0.0, False
    return point, free


def subspace_minimum(x, gradient, lower, model, cauchy, free):
    """Minimum of the model over the free variables, brought back within the bounds."""
    residual = -(model @ (cauchy - x) + gradient)[free]
    step = np.zeros(2)
    step[free] = np.linalg.solve(model[np.ix_(free, free)], residual)
    target = np.maximum(cauchy + step, lower)
    clipped = (cauchy + step < lower).any()
    if not clipped or (target - x) @ gradient <= 0:
        return target
    share = 1.0
    for index in np.flatnonzero(free & (step < 0)):
        share = min(share, (lower - cauchy[index]) / step[index])
    return np.maximum(cauchy + share * step, lower)


def line_search(loss_and_gradient, x, target, value, slope, lower, first):
    """Step to a point with sufficient decrease 1e-3 and curvature 0.9; None after 20 trials."""
    direction = target - x
    longest = 1.0 if first else 1e10
    if not first:
        for index in np.flatnonzero(direction < 0):
            longest = min(longest, (lower - x[index]) / direction[index])
    step = min(1.0 / np.linalg.norm(direction), longest) if first else min(1.0, longest)
    search = LineSearch(value, slope, step, longest)
    for _ in range(20):
        taken = search.step
        # The target itself is taken at a full step, so that a bound is met exactly.
        new = target if taken == 1.0 else np.maximum(x + taken * direction, lower)
        new_value, new_gradient = loss_and_gradient(new)
        if search.ended(new_value, new_gradient @ direction):
            return taken, new, new_value, new_gradient
    return None


class LineSearch:
    """More and Thuente's search along a line, fed with one value and slope at a time."""

    DECREASE, CURVATURE, WIDTH = 1e-3, 0.9, 0.1

    def __init__(self, value, slope, step, longest):
        self.step, self.longest = step, longest
        self.value, self.slope, self.asked = value, slope, self.DECREASE * slope
        self.best = self.other = (0.0, value, slope)
        self.bracketed, self.first_stage = False, True
        self.width, self.earlier_width = longest, 2.0 * longest
        self.low, self.high = 0.0, 5.0 * step

    def ended(self, value, slope):
        """Takes value and slope at `step`; sets the next `step` unless the search has ended."""
        bound = self.value + self.step * self.asked
        if self.first_stage and value <= bound and slope >= 0:
            self.first_stage = False
        if value <= bound and abs(slope) <= self.CURVATURE * -self.slope:
            return True
        if self._exhausted() or (
            self.step == self.longest and value <= bound and slope <= self.asked
        ):
            return True
        ends = (self.best, self.other, (self.step, value, slope))
        if self.first_stage and value <= self.best[1] and value > bound:
            # Until a step decreases enough, the loss less the decrease asked for is searched.
            lifted = self._shrink(*(self._tilted(point, -self.asked) for point in ends))
            self.best, self.other = (self._tilted(point, self.asked) for point in lifted)
        else:
            self.best, self.other = self._shrink(*ends)
        self._limit()
        return False

    def _exhausted(self):
        outside = self.step <= self.low or self.step >= self.high
        return self.bracketed and (outside or self.high - self.low <= self.WIDTH * self.high)

    def _limit(self):
        """Keeps the interval shrinking and the next step within its limits."""
        start, end = self.best[0], self.other[0]
        if self.bracketed:
            if abs(end - start) >= 0.66 * self.earlier_width:
                self.step = start + 0.5 * (end - start)
            self.earlier_width, self.width = self.width, abs(end - start)
            self.low, self.high = min(start, end), max(start, end)
        else:
            self.low = self.step + 1.1 * (self.step - start)
            self.high = self.step + 4.0 * (self.step - start)
        self.step = min(max(self.step, 0.0), self.longest)
        if self._exhausted():
            self.step = start

    @staticmethod
    def _tilted(point, slope):
        return point[0], point[1] + slope * point[0], point[2] + slope

    def _shrink(self, best, other, trial):
        """The four cases of section 4: sets `step`, returns the interval's new ends."""
        (a, fa, da), (t, ft, dt) = best, trial
        secant = t + dt / (dt - da) * (a - t) if dt != da else t
        if ft > fa:
            cubic = a + cubic_share(best, trial) * (t - a)
            quadratic = a + da / ((fa - ft) / (t - a) + da) / 2.0 * (t - a)
            near = abs(cubic - a) < abs(quadratic - a)
            self.step = cubic if near else cubic + (quadratic - cubic) / 2.0
            self.bracketed = True
            return best, trial
        if dt * np.sign(da) < 0:
            cubic = t + cubic_share(trial, best) * (a - t)
            self.step = cubic if abs(cubic - t) > abs(secant - t) else secant
            self.bracketed = True
            return trial, best
        if abs(dt) < abs(da):
            self.step = self._same_sign(best, other, trial, secant)
        elif self.bracketed:
            self.step = t + cubic_share(trial, other) * (other[0] - t)
        else:
            self.step = self.high if t > a else self.low
        return trial, other

    def _same_sign(self, best, other, trial, secant):
        """Third case: the slope keeps its sign and becomes flatter."""
        (a, fa, da), (t, ft, dt) = best, trial
        mean = 3.0 * (fa - ft) / (t - a) + da + dt
        root = signed_root(mean, da, dt, t > a)
        share = ((root - dt) + mean) / ((root + (da - dt)) + root)
        cubic = self.high if t > a else self.low
        if share < 0 and root != 0:
            cubic = t + share * (a - t)
        cubic_is_nearer = abs(cubic - t) < abs(secant - t)
        if not self.bracketed:
            step = secant if cubic_is_nearer else cubic
            return max(min(step, self.high), self.low)
        step, limit = cubic if cubic_is_nearer else secant, t + 0.66 * (other[0] - t)
        return min(limit, step) if t > a else max(limit, step)


def signed_root(mean, first, second, negative):
    """Root of mean^2 - first * second without overflow, with the sign asked for."""
    scale = max(abs(mean), abs(first), abs(second))
    root = scale * np.sqrt(max(0.0, (mean / scale) ** 2 - (first / scale) * (second / scale)))
    return -root if negative else root


def cubic_share(start, end):
    """Where between two points, from 0 to 1, the cubic through values and slopes is lowest."""
    (a, fa, da), (b, fb, db) = start, end
    mean = 3.0 * (fa - fb) / (b - a) + da + db
    root = signed_root(mean, da, db, a > b)
    return ((root - da) + mean) / (((root - da) + root) + db)
