/// The BFGS matrix in two variables, built from the last ten corrections.
///
/// Source: Byrd, Lu, Nocedal & Zhu (1995), sections 2 and 3; the update is their equation (2.1)
/// started from theta times the identity.
struct QuasiNewtonModel {
    private struct Correction {
        /// The step taken.
        let step: SIMD2<Double>
        /// How much it changed the gradient.
        let change: SIMD2<Double>
    }

    private static let memory = 10

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
        direction: SIMD2<Double>,
        length: Double,
        from before: SIMD2<Double>,
        to after: SIMD2<Double>
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
    var matrix: SymmetricMatrix {
        var matrix = SymmetricMatrix(h00: theta, h01: 0, h11: theta)
        for correction in corrections {
            let image = matrix.times(correction.step)
            matrix.addSquare(of: image, dividedBy: -image.dot(correction.step))
            let change = correction.change
            matrix.addSquare(of: change, dividedBy: change.dot(correction.step))
        }
        return matrix
    }
}

/// A symmetric matrix of two rows.
struct SymmetricMatrix {
    /// Element of row 0, column 0.
    var h00: Double
    /// Element off the diagonal.
    var h01: Double
    /// Element of row 1, column 1.
    var h11: Double

    /// The product with a vector.
    func times(_ vector: SIMD2<Double>) -> SIMD2<Double> {
        SIMD2(h00 * vector[0] + h01 * vector[1], h01 * vector[0] + h11 * vector[1])
    }

    /// The vector's product with the matrix and itself.
    func quadraticForm(_ vector: SIMD2<Double>) -> Double {
        vector.dot(times(vector))
    }

    /// Adds v vᵀ / divisor.
    mutating func addSquare(of v: SIMD2<Double>, dividedBy divisor: Double) {
        h00 += v[0] * v[0] / divisor
        h01 += v[0] * v[1] / divisor
        h11 += v[1] * v[1] / divisor
    }

    /// Solves for the free variables, the others being 0; nil unless positive definite in them.
    func solve(
        _ right: SIMD2<Double>,
        over isFree: SIMDMask<SIMD2<Int64>>
    ) -> SIMD2<Double>? {
        switch (isFree[0], isFree[1]) {
        case (false, false): return SIMD2(0, 0)
        case (true, false): return h00 > 0 ? SIMD2(right[0] / h00, 0) : nil
        case (false, true): return h11 > 0 ? SIMD2(0, right[1] / h11) : nil
        case (true, true):
            guard h00 > 0 else { return nil }
            let factor = h01 / h00
            let pivot = h11 - factor * h01
            guard pivot > 0 else { return nil }
            let second = (right[1] - factor * right[0]) / pivot
            return SIMD2((right[0] - h01 * second) / h00, second)
        }
    }
}

extension SIMD2<Double> {
    /// The scalar product.
    func dot(_ other: SIMD2<Double>) -> Double {
        self[0] * other[0] + self[1] * other[1]
    }
}
