/// What the effects of a result are ranked by.
package enum EffectOrder: String, CaseIterable, Sendable {
    /// |z|, largest first.
    case score
    /// The p-value, smallest first.
    case pvalue
    /// |log fold change|, largest first.
    case lfc
    /// The order of the file.
    case file

    /// The layer that ranks; nil for the order of the file.
    package var layer: String? {
        switch self {
        case .score: "z_score"
        case .pvalue: "pvalue"
        case .lfc: "logfoldchanges"
        case .file: nil
        }
    }

    /// How strong an effect is: larger comes first, NaN stands for a pair that was not tested.
    ///
    /// - Parameters:
    ///   - scores: z of each pair; NaN where nothing was tested.
    ///   - values: Values of ``layer`` for the same pairs.
    /// - Returns: One strength for each pair.
    func strengths(scores: [Double], values: [Double]) -> [Double] {
        zip(scores, values).map { score, value in
            if score.isNaN { return .nan }
            switch self {
            case .score, .lfc: return value.magnitude
            case .pvalue: return -value
            case .file: return 0
            }
        }
    }
}

/// Puts effects in order without sorting more than is shown.
package enum EffectRanking {
    /// Above this many, everything is sorted and cut.
    private static let largestSelection = 1000

    /// Positions of the strongest effects, ties in their order.
    ///
    /// - Parameters:
    ///   - strengths: Larger comes first; NaN was not tested.
    ///   - top: How many tested ones at most; nil for all, those that were not tested last.
    /// - Returns: Positions in `strengths`, strongest first.
    package static func positions(_ strengths: [Double], top: Int?) -> [Int] {
        guard let top, top <= largestSelection else {
            let tested = strengths.indices.filter { !strengths[$0].isNaN }
            let sorted = tested.sorted {
                strengths[$0] != strengths[$1] ? strengths[$0] > strengths[$1] : $0 < $1
            }
            if let top { return Array(sorted.prefix(top)) }
            return sorted + strengths.indices.filter { strengths[$0].isNaN }
        }
        guard top > 0 else { return [] }
        var best: [Int] = []
        best.reserveCapacity(top + 1)
        for (position, strength) in strengths.enumerated() where !strength.isNaN {
            if best.count == top {
                guard strength > strengths[best[top - 1]] else { continue }
                best.removeLast()
            }
            var (low, high) = (0, best.count)
            while low < high {
                let middle = (low + high) / 2
                if strengths[best[middle]] >= strength { low = middle + 1 } else { high = middle }
            }
            best.insert(position, at: low)
        }
        return best
    }

    /// Positions in the order of the file; with a limit, of the first that were tested.
    package static func inFileOrder(_ strengths: [Double], top: Int?) -> [Int] {
        guard let top else { return Array(strengths.indices) }
        return Array(strengths.indices.lazy.filter { !strengths[$0].isNaN }.prefix(top))
    }
}
