/// A line search for a step of sufficient decrease (1e-3) and small enough slope (0.9).
///
/// It is fed with one value and slope at a time and says which step to try next. Source: Moré &
/// Thuente (1994), Line search algorithms with guaranteed sufficient decrease; their function phi
/// is the value along the line, psi is phi less the decrease asked for.
struct MoreThuenteSearch {
    /// Trials after which a search is given up.
    static let trialLimit = 20

    /// The step to try next, as a multiple of the direction.
    private(set) var step: Double

    private struct Trial {
        var step: Double
        var value: Double
        var slope: Double

        /// The same trial of a function that has `slope` times the step added.
        func tilted(by slope: Double) -> Trial {
            Trial(step: step, value: value + slope * step, slope: self.slope + slope)
        }
    }

    private static let sufficientDecrease = 1e-3
    private static let slopeShare = 0.9
    private static let leastRelativeWidth = 0.1
    private static let leastShrinkage = 0.66

    private let start: Trial
    private let longest: Double
    /// Slope of the line below which a value has decreased enough.
    private let askedSlope: Double
    /// The end of the interval with the least value so far.
    private var best: Trial
    /// The other end.
    private var other: Trial
    private var isBracketed = false
    /// Whether no step has decreased psi to 0 or less with phi rising there.
    private var isFirstStage = true
    private var width: Double
    private var earlierWidth: Double
    private var lowest = 0.0
    private var highest: Double

    /// Begins a search.
    ///
    /// - Parameters:
    ///   - value: Value at step 0.
    ///   - slope: Derivative there along the direction, negative.
    ///   - step: First step to try, in (0, `longest`].
    ///   - longest: Largest step allowed.
    init(value: Double, slope: Double, step: Double, longest: Double) {
        self.step = step
        self.longest = longest
        start = Trial(step: 0, value: value, slope: slope)
        askedSlope = Self.sufficientDecrease * slope
        best = start
        other = start
        width = longest
        earlierWidth = 2 * longest
        highest = step + 4 * step
    }

    /// Takes the value and slope at ``step``.
    ///
    /// - Returns: Whether the search ends with this step; otherwise ``step`` is the next to try.
    mutating func accepts(value: Double, slope: Double) -> Bool {
        let bound = start.value + step * askedSlope
        if isFirstStage, value <= bound, slope >= 0 { isFirstStage = false }
        if value <= bound, slope.magnitude <= Self.slopeShare * -start.slope { return true }
        if isExhausted { return true }
        if step == longest, value <= bound, slope <= askedSlope { return true }
        let trial = Trial(step: step, value: value, slope: slope)
        if isFirstStage, value <= best.value, value > bound {
            best = best.tilted(by: -askedSlope)
            other = other.tilted(by: -askedSlope)
            shrink(with: trial.tilted(by: -askedSlope))
            best = best.tilted(by: askedSlope)
            other = other.tilted(by: askedSlope)
        } else {
            shrink(with: trial)
        }
        limit()
        return false
    }

    /// Whether rounding or the interval's width leaves nothing to search.
    private var isExhausted: Bool {
        isBracketed
            && (step <= lowest || step >= highest
                || highest - lowest <= Self.leastRelativeWidth * highest)
    }

    /// Keeps the interval shrinking and the next step within its limits.
    private mutating func limit() {
        if isBracketed {
            let newWidth = (other.step - best.step).magnitude
            if newWidth >= Self.leastShrinkage * earlierWidth {
                step = best.step + 0.5 * (other.step - best.step)
            }
            earlierWidth = width
            width = newWidth
            lowest = min(best.step, other.step)
            highest = max(best.step, other.step)
        } else {
            lowest = step + 1.1 * (step - best.step)
            highest = step + 4 * (step - best.step)
        }
        step = min(max(step, 0), longest)
        if isExhausted { step = best.step }
    }

    /// Chooses the next step and the new interval (section 4, trial value selection).
    private mutating func shrink(with trial: Trial) {
        if trial.value > best.value {
            step = afterHigherValue(trial)
            isBracketed = true
            other = trial
            return
        }
        if trial.slope * (best.slope > 0 ? 1 : -1) < 0 {
            step = afterOppositeSlope(trial)
            isBracketed = true
            other = best
        } else if trial.slope.magnitude < best.slope.magnitude {
            step = afterFlatterSlope(trial)
        } else if isBracketed {
            step = trial.step + Self.cubicShare(trial, other) * (other.step - trial.step)
        } else {
            step = trial.step > best.step ? highest : lowest
        }
        best = trial
    }

    /// Case 1: the cubic's minimum if nearer to the best step, else half way to the parabola's.
    private func afterHigherValue(_ trial: Trial) -> Double {
        let length = trial.step - best.step
        let cubic = best.step + Self.cubicShare(best, trial) * length
        let mean = (best.value - trial.value) / length
        let quadratic = best.step + best.slope / (mean + best.slope) / 2 * length
        return (cubic - best.step).magnitude < (quadratic - best.step).magnitude
            ? cubic : cubic + (quadratic - cubic) / 2
    }

    /// Case 2: the farther of the cubic's minimum and the secant's.
    private func afterOppositeSlope(_ trial: Trial) -> Double {
        let cubic = trial.step + Self.cubicShare(trial, best) * (best.step - trial.step)
        let secant = secantStep(trial)
        return (cubic - trial.step).magnitude > (secant - trial.step).magnitude ? cubic : secant
    }

    /// Case 3: the slope keeps its sign and becomes flatter.
    private func afterFlatterSlope(_ trial: Trial) -> Double {
        let isForward = trial.step > best.step
        let mean = Self.cubicMean(best, trial)
        let root = Self.signedRoot(mean, best.slope, trial.slope, isNegative: isForward)
        let share = (root - trial.slope + mean) / (root + (best.slope - trial.slope) + root)
        var cubic = isForward ? highest : lowest
        if share < 0, root != 0 { cubic = trial.step + share * (best.step - trial.step) }
        let secant = secantStep(trial)
        let cubicDistance = (cubic - trial.step).magnitude
        let secantDistance = (secant - trial.step).magnitude
        guard isBracketed else {
            return max(min(cubicDistance > secantDistance ? cubic : secant, highest), lowest)
        }
        let next = cubicDistance < secantDistance ? cubic : secant
        let limit = trial.step + Self.leastShrinkage * (other.step - trial.step)
        return isForward ? min(limit, next) : max(limit, next)
    }

    /// Where the straight line through the slopes of `trial` and the best step is zero.
    private func secantStep(_ trial: Trial) -> Double {
        trial.step + trial.slope / (trial.slope - best.slope) * (best.step - trial.step)
    }

    /// Where from `a` (0) to `b` (1) the cubic through both values and slopes is lowest.
    private static func cubicShare(_ a: Trial, _ b: Trial) -> Double {
        let mean = cubicMean(a, b)
        let root = signedRoot(mean, a.slope, b.slope, isNegative: a.step > b.step)
        return (root - a.slope + mean) / (root - a.slope + root + b.slope)
    }

    private static func cubicMean(_ a: Trial, _ b: Trial) -> Double {
        3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    }

    /// The root of mean² - a b, scaled against overflow; 0 where that is negative.
    private static func signedRoot(
        _ mean: Double,
        _ a: Double,
        _ b: Double,
        isNegative: Bool
    ) -> Double {
        let scale = max(mean.magnitude, a.magnitude, b.magnitude)
        let scaledMean = mean / scale
        let root =
            scale * max(0, scaledMean * scaledMean - (a / scale) * (b / scale)).squareRoot()
        return isNegative ? -root : root
    }
}
