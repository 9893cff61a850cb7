import CountBlocks
import Statistics

/// A type of expression values that t-test and rank-sum test are made for: `Float` or `Double`.
protocol TestedValue: ExpressionValue, RankedValue {
    /// The value in double precision.
    var wide: Double { get }

    /// ``rankKey``, stated here so that it is inlined where the type is known.
    var key: Key { get }

    /// The value with a key.
    init(key: Key)

    /// A number of double precision rounded to this type.
    init(rounding value: Double)

    /// The filter as it compares means of this type.
    static func filter(_ filter: ExpressionFilter) -> ExpressionFilter

    /// Of a mean m: e^m - 1 + 1e-9.
    var foldChangeLevel: Self { get }

    /// log2 of the ratio of two levels.
    static func log2Ratio(_ perturbed: Self, _ control: Self) -> Self
}

extension Float: TestedValue {
    @inline(__always)
    var wide: Double { Double(self) }

    @inline(__always)
    var key: UInt32 { rankKey }

    @inline(__always)
    init(key: UInt32) { self.init(rankKey: key) }

    @inline(__always)
    init(rounding value: Double) { self = Float(value) }

    static func filter(_ filter: ExpressionFilter) -> ExpressionFilter { filter.withSingleMeans }

    @inline(__always)
    var foldChangeLevel: Float { MeanFoldChange.level(ofMean: self) }

    @inline(__always)
    static func log2Ratio(_ perturbed: Float, _ control: Float) -> Float {
        MeanFoldChange.log2Ratio(perturbed, control)
    }
}

extension Double: TestedValue {
    @inline(__always)
    var wide: Double { self }

    @inline(__always)
    var key: UInt64 { rankKey }

    @inline(__always)
    init(key: UInt64) { self.init(rankKey: key) }

    @inline(__always)
    init(rounding value: Double) { self = value }

    static func filter(_ filter: ExpressionFilter) -> ExpressionFilter { filter }

    @inline(__always)
    var foldChangeLevel: Double { MeanFoldChange.level(ofMean: self) }

    @inline(__always)
    static func log2Ratio(_ perturbed: Double, _ control: Double) -> Double {
        MeanFoldChange.log2Ratio(perturbed, control)
    }
}

extension ValueCells {
    /// Where the nonzeros of a range of genes lie in one cell.
    @inline(__always)
    func nonzeros(ofCell cell: Int, in range: Range<Int>) -> Range<Int> {
        let (start, end) = (starts[cell], starts[cell + 1])
        guard start < end else { return start..<start }
        let low =
            Int(genes[start]) >= range.lowerBound
            ? start : firstIndex(from: start, to: end, atOrAbove: range.lowerBound)
        let high =
            Int(genes[end - 1]) < range.upperBound
            ? end : firstIndex(from: low, to: end, atOrAbove: range.upperBound)
        return low..<high
    }

    private func firstIndex(from start: Int, to end: Int, atOrAbove gene: Int) -> Int {
        var (low, high) = (start, end)
        while low < high {
            let middle = (low + high) / 2
            if Int(genes[middle]) < gene { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
