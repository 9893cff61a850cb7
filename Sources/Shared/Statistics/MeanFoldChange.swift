/// Fold changes between means of log1p-normalised expression.
///
/// log2((e^m1 - 1 + ε) / (e^m0 - 1 + ε)) with ε = 1e-9; m1 is the perturbation's mean, m0 the
/// control's (docs/numbers.md, E21).
package enum MeanFoldChange {
    /// e^m - 1 + ε of one group's mean, in the precision of the mean.
    @inline(__always)
    package static func level(ofMean mean: Double) -> Double {
        RealFunctions.expm1(mean) + 1e-9
    }

    /// e^m - 1 + ε of one group's mean, every step rounded to single precision.
    @inline(__always)
    package static func level(ofMean mean: Float) -> Float {
        Float(RealFunctions.expm1(Double(mean))) + 1e-9
    }

    /// log2 of the ratio of two levels.
    @inline(__always)
    package static func log2Ratio(_ perturbed: Double, _ control: Double) -> Double {
        RealFunctions.log2(perturbed / control)
    }

    /// log2 of the ratio of two levels, every step rounded to single precision.
    @inline(__always)
    package static func log2Ratio(_ perturbed: Float, _ control: Float) -> Float {
        Float(RealFunctions.log2(Double(perturbed / control)))
    }
}
