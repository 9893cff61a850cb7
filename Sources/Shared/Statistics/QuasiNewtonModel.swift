/// The BFGS matrix of a few variables, built from the last ten corrections.
///
/// Source: Byrd, Lu, Nocedal & Zhu (1995), sections 2 and 3; the update is their equation (2.1)
/// started from theta times the identity.
struct QuasiNewtonModel<Point: SIMD & Sendable>
where Point.Scalar == Double {
    private struct Correction {
        /// The step taken.
        let step: Point
        /// How much it changed the gradient.
        let change: Point
    }

    private static var memory: Int { 10 }

    private var corrections: [Correction] = []
    private var theta = 1.0

    /// Whether an iteration without a free variable came after the first correction.
    ///
    /// The compact form of the published code is updated only in iterations with a free variable;
    /// after one without, it is found indefinite there and all corrections are forgotten.
    var isOutdated = false

    /// Whether the model is the identity matrix.
    var isEmpty: Bool { corrections.isEmpty }

    /// Adds the correction of one step unless it shows no positive curvature.
    ///
    /// - Parameters:
    ///   - direction: Direction of the step.
    ///   - length: Multiple of the direction that was taken.
    ///   - before: Gradient where the step began.
    ///   - after: Gradient where it ended.
    mutating func learn(
        direction: Point,
        length: Double,
        from before: Point,
        to after: Point
    ) {
        let slope = before.dot(direction)
        let curvature = (after.dot(direction) - slope) * length
        guard curvature > -Double.ulpOfOne * slope * length else { return }
        let change = after - before
        if corrections.count == Self.memory { corrections.removeFirst() }
        corrections.append(Correction(step: length * direction, change: change))
        theta = change.dot(change) / curvature
    }

    /// The matrix, oldest correction applied first.
    var matrix: SymmetricMatrix<Point> {
        var matrix = SymmetricMatrix<Point>(diagonal: theta)
        for correction in corrections {
            let image = matrix.times(correction.step)
            matrix.addSquare(of: image, dividedBy: -image.dot(correction.step))
            let change = correction.change
            matrix.addSquare(of: change, dividedBy: change.dot(correction.step))
        }
        return matrix
    }
}
